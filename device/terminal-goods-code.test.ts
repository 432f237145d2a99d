import { describe, expect, test } from "vitest";
import { readGoodsCode } from "./terminal-goods-code.ts";

const read = (text: string, ais: readonly (readonly [string, string])[] | null = null) =>
  readGoodsCode({ text, ais }, 2026);

const BEEF = { kind: "goods", gtin: "06901234567892", netG: null, lot: null, expiry: null };
const WHOLE = { ...BEEF, netG: 12_340, lot: "L7", expiry: "2026-12-31" };

describe("codes on goods", () => {
  test("an EAN is its GTIN", () => {
    expect(read("6901234567892")).toEqual(BEEF);
    expect(read(" 6901234567892\r")).toEqual(BEEF);
    expect(read("]E06901234567892")).toEqual(BEEF);
  });

  test("a GS1-128 gives weight, lot and expiry, however it comes", () => {
    expect(read("]C1010690123456789231030123401726123110L7")).toEqual(WHOLE);
    expect(read("010690123456789231030123401726123110L7")).toEqual(WHOLE);
    expect(read("(01)06901234567892(3103)012340(17)261231(10)L7")).toEqual(WHOLE);
    expect(
      read("", [
        ["01", "06901234567892"],
        ["3103", "012340"],
        ["17", "261231"],
        ["10", "L7"],
      ]),
    ).toEqual(WHOLE);
  });

  test("the EAN of a composite symbol is its GTIN, and the part above it gives the rest", () => {
    const elements = "17261231310301234010L7";
    expect(read(`]E06901234567892|]e0${elements}`)).toEqual(WHOLE);
    expect(
      read("6901234567892", [
        ["17", "261231"],
        ["3103", "012340"],
        ["10", "L7"],
      ]),
    ).toEqual(WHOLE);
  });

  test("a wrong check digit is refused by name", () => {
    const wrong = { kind: "refused", reason: "code-check-digit" };
    expect(read("6901234567893")).toEqual(wrong);
    expect(read("0106901234567893310301234017261231")).toEqual(wrong);
    expect(read("]C10106901234567893")).toEqual(wrong);
    expect(read("(01)06901234567893(3103)012340")).toEqual(wrong);
  });

  test("a day that does not exist, or an unknown part, is unreadable", () => {
    expect(read("010690123456789217261331")).toEqual({ kind: "refused", reason: "code-unreadable" });
    expect(read("010690123456789205123")).toEqual({ kind: "refused", reason: "code-unreadable" });
  });

  test("a weight that is no whole number of grams is left out", () => {
    expect(read("(01)06901234567892(3105)000123")).toMatchObject({ netG: null });
    expect(read("(01)06901234567892(3104)000120")).toMatchObject({ netG: 12 });
    expect(read("(01)06901234567892(3100)000012")).toMatchObject({ netG: 12_000 });
  });

  test("a weight that no record can hold is left out: no lorry brings 999,999 kg in one box", () => {
    expect(read("(01)06901234567892(3100)099999")).toMatchObject({ netG: 99_999_000 });
    expect(read("(01)06901234567892(3100)999999")).toMatchObject({ netG: null });
  });

  test("anything else is text: an order's QR", () => {
    expect(read("PO-2026-0041")).toEqual({ kind: "text", text: "PO-2026-0041" });
    expect(read("]Q0PO-2026-0041")).toEqual({ kind: "text", text: "PO-2026-0041" });
  });
});
