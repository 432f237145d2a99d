import { addFen, type Fen, fen, subtractFen } from "../platform/units.ts";
import type { Bilingual, MenuItem, Pricing } from "./serving-line-port.ts";

/** Dishes on one tray; more is a slip of the finger. */
export const ORDER_ITEMS_MAX = 50;

/** What staff entered for the next diner. Fixed prices need none. */
export interface Order {
  readonly itemIds: readonly string[];
  readonly keyedFen: Fen | null;
}

export const EMPTY_ORDER: Order = { itemIds: [], keyedFen: null };

/** A dish as it was sold: name and price are copied, because the menu changes and the record does not. */
export interface PricedItem {
  readonly id: string;
  readonly name: Bilingual;
  readonly priceFen: Fen;
  readonly allergens: readonly string[];
}

export type PricedOrder =
  | { readonly kind: "priced"; readonly priceFen: Fen; readonly items: readonly PricedItem[] }
  | { readonly kind: "unpriced"; readonly reason: "amount-missing" | "amount-out-of-range" };

/** What the order costs before any subsidy. The same dish twice is two dishes. */
export function priceOrder(pricing: Pricing, menu: readonly MenuItem[], order: Order): PricedOrder {
  switch (pricing.kind) {
    case "fixed":
      return { kind: "priced", priceFen: pricing.priceFen, items: [] };
    case "menu":
      return priceItems(menu, order.itemIds);
    case "keyed": {
      const { keyedFen } = order;
      if (keyedFen === null) return { kind: "unpriced", reason: "amount-missing" };
      const inRange = Number.isSafeInteger(keyedFen) && keyedFen > 0 && keyedFen <= pricing.amountFenMax;
      return inRange
        ? { kind: "priced", priceFen: keyedFen, items: [] }
        : { kind: "unpriced", reason: "amount-out-of-range" };
    }
  }
}

function priceItems(menu: readonly MenuItem[], itemIds: readonly string[]): PricedOrder {
  if (itemIds.length === 0) return { kind: "unpriced", reason: "amount-missing" };
  if (itemIds.length > ORDER_ITEMS_MAX) return { kind: "unpriced", reason: "amount-out-of-range" };
  const items: PricedItem[] = [];
  let priceFen = fen(0);
  for (const itemId of itemIds) {
    const item = menu.find(({ id }) => id === itemId);
    if (item === undefined) return { kind: "unpriced", reason: "amount-out-of-range" };
    items.push(item);
    priceFen = addFen(priceFen, item.priceFen);
  }
  return { kind: "priced", priceFen, items };
}

/** The school pays up to its subsidy, the person the rest; neither is ever below zero. */
export function shareOfPrice(
  priceFen: Fen,
  subsidyFenMax: Fen,
): { readonly subsidyFen: Fen; readonly amountFen: Fen } {
  const subsidyFen = fen(Math.max(0, Math.min(priceFen, subsidyFenMax)));
  return { subsidyFen, amountFen: subtractFen(priceFen, subsidyFen) };
}
