import { hasGs1CheckDigit } from "../firmware-bridge/protocol/checks.ts";
import { readAim } from "../firmware-bridge/protocol/gs1-ai/aim.ts";
import { parseDigitalLink } from "../firmware-bridge/protocol/gs1-ai/digital-link.ts";
import {
  dateOf,
  type Element,
  type ElementRefusal,
  parseElementString,
} from "../firmware-bridge/protocol/gs1-ai/element-string.ts";
import type { GoodsCode, ScannedCode } from "./receiving/goods-code.ts";

const EAN_LENGTHS: ReadonlySet<number> = new Set([8, 12, 13, 14]);
const WITH_GTIN = /^0[12]\d{14}/;
/** FNC1 as scanners pass it on. */
const SEPARATOR = "\x1d";
/** As printed under the bars, and as a person types it: "(01)06901234567892(3103)012340". */
const IN_BRACKETS = /^(\(\d{2,4}\)[^()]+)+$/;

/**
 * Reads a code on goods by the firmware bridge's rules, whichever way it came: with an AIM identifier, as elements, as
 * a bare EAN, typed, or as a GS1 Digital Link.
 * @param thisYear centre of the hundred years in which a two-digit year lies.
 */
export function readGoodsCode({ text, ais }: ScannedCode, thisYear: number): GoodsCode {
  if (ais !== null) return goodsOf(ais, text, thisYear);
  const code = text.trim();
  if (code.startsWith("]")) return readIdentified(code, thisYear);
  if (EAN_LENGTHS.has(code.length) && /^\d+$/.test(code))
    return hasGs1CheckDigit(code) ? bareGtin(code) : { kind: "refused", reason: "code-check-digit" };
  if (IN_BRACKETS.test(code))
    return readElements(code.replaceAll("(", SEPARATOR).replaceAll(")", ""), thisYear);
  if (WITH_GTIN.test(code) || code.includes(SEPARATOR)) return readElements(code, thisYear);
  const link = parseDigitalLink(code);
  return link === null ? { kind: "text", text: code } : goodsOf(link, code, thisYear);
}

function readIdentified(code: string, thisYear: number): GoodsCode {
  const reading = readAim(code, thisYear);
  if (reading.type === "invalid") return refusalOf(reading.reason);
  if (reading.type !== "scan") return { kind: "refused", reason: "code-unreadable" };
  if (reading.ais !== undefined) return goodsOf(reading.ais, reading.data ?? code, thisYear);
  const data = reading.data ?? "";
  return EAN_LENGTHS.has(data.length) && hasGs1CheckDigit(data)
    ? bareGtin(data)
    : { kind: "text", text: data };
}

function readElements(data: string, thisYear: number): GoodsCode {
  const parsed = parseElementString(data);
  return parsed.kind === "refused" ? refusalOf(parsed.reason) : goodsOf(parsed.elements, data, thisYear);
}

function refusalOf(reason: ElementRefusal | string): GoodsCode {
  return { kind: "refused", reason: reason === "check-digit" ? "code-check-digit" : "code-unreadable" };
}

function bareGtin(digits: string): GoodsCode {
  return { kind: "goods", gtin: digits.padStart(14, "0"), netG: null, lot: null, expiry: null };
}

function gtinIn(text: string): string | null {
  return EAN_LENGTHS.has(text.length) && hasGs1CheckDigit(text) ? text.padStart(14, "0") : null;
}

function goodsOf(elements: readonly Element[], text: string, thisYear: number): GoodsCode {
  const elementOf = (...ais: string[]): string | null =>
    ais.map((ai) => elements.find(([known]) => known === ai)?.[1]).find((value) => value !== undefined) ??
    null;
  // A composite symbol says the GTIN in its EAN part.
  const gtin = elementOf("01", "02") ?? gtinIn(text);
  if (gtin === null) return { kind: "text", text };
  const weight = elements.find(([ai]) => /^310\d$/.test(ai));
  const expiry = elementOf("17", "15");
  return {
    kind: "goods",
    gtin,
    netG: weight === undefined ? null : wholeGrams(weight[1], Number(weight[0].charAt(3))),
    lot: elementOf("10"),
    expiry: expiry === null ? null : dateOf(expiry, thisYear),
  };
}

/** A hundred tonnes: as much as an entry holds. A label that claims more must not stop the weighing of what is there. */
const LABEL_G_MAX = 100_000_000n;

/** AI 310n: kilograms with n decimals. Null where that is no whole number of grams, or more than anything here weighs. */
function wholeGrams(digits: string, decimals: number): number | null {
  const value = BigInt(digits) * 1000n;
  const divisor = 10n ** BigInt(decimals);
  const grams = value / divisor;
  return value % divisor === 0n && grams <= LABEL_G_MAX ? Number(grams) : null;
}
