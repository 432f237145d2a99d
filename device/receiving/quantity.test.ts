import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OrderUnit } from "./order-port.ts";
import { amountFenOf, gramsOfQuantity, quantityOf, verdictOf } from "./quantity.ts";

const MASS_UNITS = ["kg", "g", "jin"] as const;
const tolerance = { underBp: 500, overBp: 500 };
const received = (netG: number, pieces = 0) => ({ netG, pieces });

describe("units", () => {
  test("kilograms, grams and jin are whole grams where they are", () => {
    expect(gramsOfQuantity("12.5", "kg")).toBe(12_500);
    expect(gramsOfQuantity("750", "g")).toBe(750);
    expect(gramsOfQuantity("3.5", "jin")).toBe(1750);
    expect(gramsOfQuantity("0.001", "jin")).toBeNull();
    expect(gramsOfQuantity("0.1", "g")).toBeNull();
    for (const text of ["", "-1", "1e3", "01", "1.", ".5", "1,5", "１"])
      expect(gramsOfQuantity(text, "kg")).toBeNull();
  });

  test("grams are told in the order's unit, without zeros at the end", () => {
    expect(quantityOf(received(12_340), "kg")).toBe("12.34");
    expect(quantityOf(received(1), "kg")).toBe("0.001");
    expect(quantityOf(received(1), "jin")).toBe("0.002");
    expect(quantityOf(received(12_000), "jin")).toBe("24");
    expect(quantityOf(received(0), "g")).toBe("0");
    expect(quantityOf(received(-250), "kg")).toBe("-0.25");
    expect(quantityOf(received(9000, 12), "piece")).toBe("12");
  });

  test("any whole number of grams survives the way into any unit and back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.constantFrom(...MASS_UNITS), (netG, unit) => {
        expect(gramsOfQuantity(quantityOf(received(netG), unit), unit)).toBe(netG);
      }),
    );
  });

  test("the same goods are the same verdict in whichever unit they were ordered", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 0, max: 2e8 }), (orderedG, netG) => {
        const verdicts = MASS_UNITS.map((unit) =>
          verdictOf(received(netG), { unit, tolerance, quantity: quantityOf(received(orderedG), unit) }),
        );
        expect(new Set(verdicts).size).toBe(1);
      }),
    );
  });
});

describe("tolerance", () => {
  const ordered = { unit: "kg" as const, quantity: "100", tolerance };

  test.each([
    [0, "missing"],
    [94_999, "under"],
    [95_000, "within"],
    [99_999, "within"],
    [100_000, "exact"],
    [105_000, "within"],
    [105_001, "over"],
    [92_000, "under"],
  ])("%i g of 100 kg is %s", (netG, verdict) => {
    expect(verdictOf(received(netG), ordered)).toBe(verdict);
  });

  test("pieces are counted, whatever they weigh", () => {
    const boxes = { unit: "piece" as const, quantity: "20", tolerance };
    expect(verdictOf(received(1, 20), boxes)).toBe("exact");
    expect(verdictOf(received(1, 19), boxes)).toBe("within");
    expect(verdictOf(received(1, 18), boxes)).toBe("under");
    expect(verdictOf(received(1, 22), boxes)).toBe("over");
  });

  test("nothing ordered and nothing received is exact", () => {
    expect(verdictOf(received(0), { ...ordered, quantity: "0" })).toBe("exact");
    expect(verdictOf(received(1), { ...ordered, quantity: "0" })).toBe("over");
  });

  test("a verdict is what the inequality of whole numbers says", () => {
    const bp = fc.integer({ min: 0, max: 10_000 });
    const grams = fc.integer({ min: 1, max: 1e9 });
    fc.assert(
      fc.property(grams, grams, bp, bp, (want, have, underBp, overBp) => {
        const verdict = verdictOf(received(have), {
          unit: "g",
          quantity: String(want),
          tolerance: { underBp, overBp },
        });
        const low = BigInt(want) * BigInt(10_000 - underBp);
        const high = BigInt(want) * BigInt(10_000 + overBp);
        const scaled = BigInt(have) * 10_000n;
        const expected = have === want ? "exact" : scaled < low ? "under" : scaled > high ? "over" : "within";
        expect(verdict).toBe(expected);
      }),
    );
  });

  test("more goods never turn a verdict back", () => {
    const rank = ["missing", "under", "within", "exact", "over"];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2e6 }), fc.integer({ min: 0, max: 1000 }), (netG, more) => {
        const before = verdictOf(received(netG), ordered);
        const after = verdictOf(received(netG + more), ordered);
        // Within lies on both sides of exact.
        if (before !== "exact") expect(rank.indexOf(after)).toBeGreaterThanOrEqual(rank.indexOf(before));
      }),
    );
  });
});

describe("amounts", () => {
  test("price times quantity, rounded half up to the fen", () => {
    expect(amountFenOf(received(12_500), "kg", 320)).toBe(4000);
    expect(amountFenOf(received(1), "kg", 500)).toBe(1);
    expect(amountFenOf(received(1), "kg", 499)).toBe(0);
    expect(amountFenOf(received(250), "jin", 3)).toBe(2);
    expect(amountFenOf(received(0, 12), "piece", 450)).toBe(5400);
  });

  test("it is off by at most half a fen", () => {
    const units: readonly OrderUnit[] = MASS_UNITS;
    const perUnit: Readonly<Record<string, number>> = { kg: 1000, g: 1, jin: 500 };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e8 }),
        fc.integer({ min: 0, max: 1e5 }),
        fc.constantFrom(...units),
        (netG, priceFen, unit) => {
          const divisor = BigInt(perUnit[unit] ?? 1);
          const twice = 2n * BigInt(amountFenOf(received(netG), unit, priceFen)) * divisor;
          const exact = 2n * BigInt(netG) * BigInt(priceFen);
          const off = twice > exact ? twice - exact : exact - twice;
          expect(off <= divisor).toBe(true);
        },
      ),
    );
  });
});
