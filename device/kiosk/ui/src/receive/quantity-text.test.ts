import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayOfDigits, degrees, jin, kilograms, percentOf, remainingOf, weightText } from "./quantity-text.ts";

describe("quantities as text", () => {
  it("tells what is still missing, or how much is over, without a float", () => {
    expect(remainingOf("12.5", "7")).toEqual({ isOver: false, quantity: "5.5" });
    expect(remainingOf("0.3", "0.1")).toEqual({ isOver: false, quantity: "0.2" });
    expect(remainingOf("4", "5")).toEqual({ isOver: true, quantity: "1" });
    expect(remainingOf("4", "4.000")).toEqual({ isOver: false, quantity: "0" });
  });

  it("shows a share of the order between nothing and all of it", () => {
    expect([
      percentOf("50", "0"),
      percentOf("50", "12.5"),
      percentOf("50", "80"),
      percentOf("0", "1"),
    ]).toEqual([0, 25, 100, 0]);
  });

  it("writes grams as kilograms, jin and degrees with all their digits", () => {
    expect([kilograms(7520), kilograms(5), kilograms(-60)]).toEqual(["7.520", "0.005", "-0.060"]);
    expect([jin(7520), jin(1)]).toEqual(["15.04", "0.002"]);
    expect([weightText(7520, "kg"), weightText(7520, "g"), weightText(7520, "jin")]).toEqual([
      "7.520",
      "7520",
      "15.04",
    ]);
    expect([degrees(4500), degrees(-18_049), degrees(60)]).toEqual(["4.5", "-18.0", "0.1"]);
  });

  it("takes eight digits for a day that exists and nothing else", () => {
    expect(dayOfDigits("20260228")).toBe("2026-02-28");
    expect([dayOfDigits("20260229"), dayOfDigits("20261301"), dayOfDigits("2026")]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("loses no gram between what is ordered, received and missing", () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), fc.nat(10_000_000), (ordered, received) => {
        const { isOver, quantity } = remainingOf(kilograms(ordered), kilograms(received));
        const missing = ordered - received;
        expect(isOver).toBe(missing < 0);
        expect(remainingOf(kilograms(Math.abs(missing)), quantity).quantity).toBe("0");
      }),
    );
  });
});
