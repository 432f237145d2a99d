/** Purchase orders as the terminal has them: what may be let in, by whom it comes, and how it is measured. */

/** `jin` is 市斤, 500 g. */
export type OrderUnit = "kg" | "g" | "jin" | "piece";

export interface OrderLine {
  readonly lineId: string;
  readonly product: { readonly productId: string; readonly name: string };
  readonly unit: OrderUnit;
  /** A decimal in `unit`, as ordered: "12.5". */
  readonly quantity: string;
  /** What the empty box or wrapping of one piece weighs; null where nothing is known. */
  readonly packTareG: number | null;
  /** How far the received quantity may stay under and go over the ordered one, in hundredths of a per cent. */
  readonly tolerance: { readonly underBp: number; readonly overBp: number };
  /** For one `unit`; null where the canteen keeps money and goods apart, and the terminal must not know it. */
  readonly priceFen: number | null;
  /** GTINs under which the goods may be scanned in. */
  readonly gtins: readonly string[];
  /** Chilled goods: the warmest that is let in; null where nobody measures. */
  readonly temperatureMilliCMax: number | null;
  readonly lotRequired: boolean;
  /** Days that must be left until the expiry date on arrival; null where the goods carry none. */
  readonly shelfDaysMin: number | null;
}

export interface PurchaseOrder {
  readonly orderId: string;
  /** Grows with each change of this order; a weigh-in quotes the one that it was matched against. */
  readonly version: number;
  readonly supplier: { readonly supplierId: string; readonly name: string };
  /** The day of the delivery, YYYY-MM-DD. */
  readonly dueDate: string;
  readonly status: "open" | "closed" | "cancelled";
  readonly lines: readonly OrderLine[];
}

/** What came in `down/orders`: every order that changed after `after`, whole. */
export interface OrderChange {
  readonly after: number;
  readonly revision: number;
  readonly orders: readonly PurchaseOrder[];
}

export type OrdersApplied =
  | { readonly kind: "applied"; readonly revision: number }
  | { readonly kind: "stale" }
  /** A change is missing in between. */
  | { readonly kind: "gap"; readonly have: number };

export interface OrderBook {
  /** Whether orders are asked for, and kept, without prices. */
  readonly priceFree: boolean;
  /** The last change that was applied; 0 before the first. */
  revision(): number;
  /** Saved when this returns. @throws CanteenError of the disk: nothing was applied. */
  apply(change: OrderChange): OrdersApplied;
  /** Orders due on that day that are not cancelled, by supplier. */
  dueOn(date: string): readonly PurchaseOrder[];
  /** The newest version, or the one named; older ones stay as long as an entry may quote them. */
  find(orderId: string, version?: number): PurchaseOrder | undefined;
  /** Called after a change was applied; must not throw. */
  onChanged(listener: () => void): () => void;
}
