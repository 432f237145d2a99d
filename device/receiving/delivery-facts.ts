import type { RecordedOrder } from "./entries.ts";
import type { LineRecord } from "./goods-ledger.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import type { Received } from "./quantity.ts";
import type { ReceivingRefusal } from "./receiving-port.ts";
import type { Facts, LineTarget, OpenDelivery } from "./receiving-types.ts";

/** Look-ups that several actions share: the order of a delivery, its lines, what was received. */

export const NOTHING: Received = { netG: 0, pieces: 0 };

export interface OrderInUse {
  readonly inUse: PurchaseOrder;
  readonly newest: PurchaseOrder;
  /** The cloud sent a version that nobody has chosen about. */
  readonly isChanged: boolean;
}

export function orderInUse(facts: Facts, delivery: OpenDelivery): OrderInUse | undefined {
  const newest = facts.orders.find(delivery.orderId);
  const inUse = facts.orders.find(delivery.orderId, delivery.orderVersion);
  if (newest === undefined || inUse === undefined) return undefined;
  return { inUse, newest, isChanged: newest.version > delivery.seenVersion };
}

export type Workable =
  | { readonly kind: "order"; readonly order: PurchaseOrder }
  | { readonly kind: "refused"; readonly reason: ReceivingRefusal };

/** The order that goods may be matched against now. */
export function workableOrder(facts: Facts, delivery: OpenDelivery): Workable {
  const found = orderInUse(facts, delivery);
  if (found === undefined) return { kind: "refused", reason: "order-unknown" };
  if (found.isChanged) return { kind: "refused", reason: "order-changed" };
  if (found.inUse.status !== "open") return { kind: "refused", reason: "order-closed" };
  return { kind: "order", order: found.inUse };
}

export function lineOfTarget(order: PurchaseOrder, target: LineTarget): OrderLine | null | undefined {
  if (target.kind === "not-ordered") return null;
  return order.lines.find(({ lineId }) => lineId === target.lineId);
}

export function lineRecord(facts: Facts, delivery: OpenDelivery, lineId: string): LineRecord {
  return (
    facts.ledger.lines(delivery.deliveryId).get(lineId) ?? {
      received: NOTHING,
      rejected: NOTHING,
      decision: null,
    }
  );
}

export function receivedOf(facts: Facts, orderId: string, lineId: string): Received {
  return facts.ledger.receivedOf(orderId).get(lineId) ?? NOTHING;
}

export function recordedOrder({ orderId, version, supplier }: PurchaseOrder): RecordedOrder {
  return { orderId, version, supplierId: supplier.supplierId, supplierName: supplier.name };
}

/** Whether something of the delivery, or of one of its lines, was taken and not struck. */
export function hasTaken(facts: Facts, delivery: OpenDelivery, lineId?: string): boolean {
  return facts.ledger
    .weighIns(delivery.deliveryId)
    .some(
      (weighIn) =>
        weighIn.kind === "accepted" &&
        !weighIn.isStruck &&
        (lineId === undefined || weighIn.lineId === lineId),
    );
}
