import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fen } from "../platform/units.ts";
import { EMPTY_ORDER, ORDER_ITEMS_MAX, priceOrder, shareOfPrice } from "./order-price.ts";
import { FIXED, plan } from "./serving-line-fixture.ts";
import type { Pricing } from "./serving-line-port.ts";

const { menu } = plan();
const KEYED: Pricing = { kind: "keyed", amountFenMax: fen(3000) };

describe("the price of an order", () => {
  it("is the fixed price whatever staff entered", () => {
    const order = { itemIds: ["rice"], keyedFen: fen(99) };
    expect(priceOrder(FIXED, menu, order)).toEqual({ kind: "priced", priceFen: 1200, items: [] });
  });

  it("is the sum of the dishes, the same dish counted as often as it was taken", () => {
    const priced = priceOrder({ kind: "menu" }, menu, {
      itemIds: ["rice", "peanut-chicken", "rice"],
      keyedFen: null,
    });
    expect(priced).toMatchObject({ kind: "priced", priceFen: 1000 });
    expect(priced.kind === "priced" && priced.items.map(({ id }) => id)).toEqual([
      "rice",
      "peanut-chicken",
      "rice",
    ]);
  });

  it("is missing until a dish or an amount was entered", () => {
    const missing = { kind: "unpriced", reason: "amount-missing" };
    expect(priceOrder({ kind: "menu" }, menu, EMPTY_ORDER)).toEqual(missing);
    expect(priceOrder(KEYED, menu, EMPTY_ORDER)).toEqual(missing);
  });

  it.each([0, -1, 3001, Number.NaN, 1.5, Number.POSITIVE_INFINITY])(
    "does not take %s fen as keyed",
    (keyed) => {
      // What comes over the wire may claim to be fen.
      const keyedFen = keyed as ReturnType<typeof fen>;
      expect(priceOrder(KEYED, menu, { itemIds: [], keyedFen })).toEqual({
        kind: "unpriced",
        reason: "amount-out-of-range",
      });
    },
  );

  it("takes the largest keyed amount that is allowed", () => {
    expect(priceOrder(KEYED, menu, { itemIds: [], keyedFen: fen(3000) })).toMatchObject({ priceFen: 3000 });
  });

  it("is out of range for a dish that is not on the menu and for more dishes than fit on a tray", () => {
    const outOfRange = { kind: "unpriced", reason: "amount-out-of-range" };
    expect(priceOrder({ kind: "menu" }, menu, { itemIds: ["rice", "gone"], keyedFen: null })).toEqual(
      outOfRange,
    );
    const many = Array.from({ length: ORDER_ITEMS_MAX + 1 }, () => "rice");
    expect(priceOrder({ kind: "menu" }, menu, { itemIds: many, keyedFen: null })).toEqual(outOfRange);
    expect(priceOrder({ kind: "menu" }, menu, { itemIds: many.slice(1), keyedFen: null })).toMatchObject({
      kind: "priced",
    });
  });

  it("is shared so that nobody's part is below zero and both parts are the whole", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: -10, max: 1_000_000 }), (price, subsidy) => {
        const { subsidyFen, amountFen } = shareOfPrice(fen(price), fen(subsidy));
        expect(subsidyFen + amountFen).toBe(price);
        expect(Math.min(subsidyFen, amountFen)).toBeGreaterThanOrEqual(0);
        expect(subsidyFen).toBeLessThanOrEqual(Math.max(0, subsidy));
      }),
    );
  });
});
