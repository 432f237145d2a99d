import type { Database } from "better-sqlite3";
import {
  type DeliveryClosed,
  type DeliveryLineFinished,
  type DeliveryOpened,
  GOODS_ENTRY_SCHEMAS,
  type GoodsRecord,
  type RecordedPhoto,
  type WeighInAccepted,
  type WeighInRejected,
} from "../../device/receiving/entries.ts";
import { ENTRIES_MAX, type EntryRow, newestEntries } from "./newest-entries.ts";

/** Deliveries as the terminals have told them: what was weighed, by whom, with which photos, and who contradicts whom. */

export interface DeliveredWeighIn {
  readonly weighInId: string;
  readonly seq: number;
  readonly kind: "accepted" | "rejected";
  readonly lineId: string | null;
  readonly productName: string;
  readonly netG: number | null;
  readonly quantity: string | null;
  readonly orderedQuantity: string | null;
  readonly unit: string;
  readonly atMs: number;
  readonly timeTrust: string;
  readonly operatorId: string;
  readonly overriddenBy: string | null;
  readonly overrideReasonId: string | null;
  /** Why the goods went back. */
  readonly reasonId: string | null;
  readonly mismatches: readonly string[];
  readonly photoSha256: string | null;
  readonly thumbnailSha256: string | null;
  struck: boolean;
}

/** What was decided about a line, and who let it be so. */
export interface FinishedLine {
  readonly lineId: string;
  readonly productName: string;
  readonly decision: string;
  readonly verdict: string;
  readonly mismatches: readonly string[];
  readonly receivedG: number;
  readonly operatorId: string;
  readonly overriddenBy: string | null;
  readonly overrideReasonId: string | null;
  readonly reasonId: string | null;
  readonly photoSha256: string | null;
  readonly thumbnailSha256: string | null;
  readonly atMs: number;
  /** What it rested on was struck, or ordered otherwise: it was decided anew, or waits for it. */
  isReopened: boolean;
}

/** Somebody let goods in without photos, for the whole delivery. */
export interface PhotoWaiver {
  readonly overriddenBy: string;
  readonly overrideReasonId: string;
  readonly atMs: number;
}

/** The whole delivery went back. */
export interface Refusal {
  readonly reasonId: string;
  readonly photoSha256: string | null;
  readonly thumbnailSha256: string | null;
}

/**
 * Two terminals that took goods for one order: both records are whole and both are kept.
 * `same-version`: neither could know of the other. `other-version`: the order was changed in between.
 */
export interface DeliveryConflict {
  readonly kind: "same-version" | "other-version";
  readonly withDevice: string;
  readonly withDeliveryId: string;
  /** Lines that both took goods for. */
  readonly lineIds: readonly string[];
}

export interface CloudDelivery {
  readonly site: string;
  readonly device: string;
  readonly deliveryId: string;
  readonly orderId: string;
  orderVersion: number;
  readonly supplierName: string;
  readonly openedAtMs: number;
  readonly openedBy: string;
  outcome: DeliveryClosed["outcome"] | null;
  signedBy: string | null;
  readonly weighIns: DeliveredWeighIn[];
  readonly decisions: Record<string, string>;
  readonly finishedLines: FinishedLine[];
  readonly waivers: PhotoWaiver[];
  refusal: Refusal | null;
  readonly conflicts: DeliveryConflict[];
}

type GoodsRow = EntryRow<GoodsRecord["kind"]>;

export interface CloudDeliveries {
  /** Newest first. */
  readonly deliveries: readonly CloudDelivery[];
  /** There are older entries than the page reads: what they say is not shown. */
  readonly isOlderLeftOut: boolean;
  /** Entries in words that this page does not know; it says that they are there. */
  readonly unknownCount: number;
}

const KINDS = [
  "delivery.opened",
  "delivery.order-chosen",
  "delivery.line-finished",
  "delivery.closed",
  "delivery.photos-waived",
  "weighin.accepted",
  "weighin.rejected",
  "weighin.reversed",
] as const;

export function deliveriesOf(db: Database, entriesMax = ENTRIES_MAX): CloudDeliveries {
  const { rows, isOlderLeftOut } = newestEntries(db, KINDS, entriesMax);
  const found = new Map<string, CloudDelivery>();
  let unknownCount = 0;
  for (const row of rows) {
    const record = recordOf(row);
    if (record === null) unknownCount++;
    else addRecord(found, row, record);
  }
  const deliveries = [...found.values()].reverse();
  for (const delivery of deliveries) delivery.conflicts.push(...conflictsOf(delivery, deliveries));
  return { deliveries, isOlderLeftOut, unknownCount };
}

/** A terminal of a later release may say more than this page knows: null. */
function recordOf({ kind, body }: GoodsRow): GoodsRecord | null {
  const parsed = GOODS_ENTRY_SCHEMAS[kind].safeParse(JSON.parse(body));
  return parsed.success ? ({ kind, body: parsed.data } as GoodsRecord) : null;
}

function addRecord(found: Map<string, CloudDelivery>, row: GoodsRow, record: GoodsRecord): void {
  if (record.kind === "delivery.opened") {
    found.set(keyOf(row, record.body.deliveryId), opened(row, record.body));
    return;
  }
  const delivery =
    "deliveryId" in record.body ? found.get(keyOf(row, record.body.deliveryId ?? "")) : undefined;
  if (delivery === undefined) return;
  switch (record.kind) {
    case "delivery.order-chosen":
      delivery.orderVersion = record.body.chosenVersion;
      for (const lineId of record.body.reopenedLineIds) reopen(delivery, lineId);
      break;
    case "weighin.accepted":
      delivery.weighIns.push(weighInOf(row, "accepted", record.body));
      break;
    case "weighin.rejected":
      delivery.weighIns.push(weighInOf(row, "rejected", record.body));
      break;
    case "weighin.reversed": {
      const { weighInId } = record.body;
      const struck = delivery.weighIns.find((weighIn) => weighIn.weighInId === weighInId);
      if (struck === undefined) break;
      struck.struck = true;
      // Once two people have signed, their decision stays as it was.
      if (struck.lineId !== null && delivery.outcome === null) reopen(delivery, struck.lineId);
      break;
    }
    case "delivery.line-finished":
      delivery.decisions[record.body.line.lineId] = record.body.decision;
      delivery.finishedLines.push(finishedLineOf(row, record.body));
      break;
    case "delivery.photos-waived": {
      const { operatorId, reasonId } = record.body.override;
      delivery.waivers.push({ overriddenBy: operatorId, overrideReasonId: reasonId, atMs: row.at_ms });
      break;
    }
    case "delivery.closed":
      if (record.body.reasonId !== null)
        delivery.refusal = { reasonId: record.body.reasonId, ...hashesOf(record.body.photo) };
      delivery.outcome = record.body.outcome;
      delivery.signedBy = record.body.signature.operatorId;
      break;
  }
}

function reopen({ decisions, finishedLines }: CloudDelivery, lineId: string): void {
  delete decisions[lineId];
  for (const line of finishedLines) if (line.lineId === lineId) line.isReopened = true;
}

/** An id is a terminal's own word: what another terminal says under it is another delivery. */
function keyOf({ site, device }: GoodsRow, deliveryId: string): string {
  return `${site}/${device}/${deliveryId}`;
}

function opened({ site, device, at_ms }: GoodsRow, body: DeliveryOpened): CloudDelivery {
  const { deliveryId, order, operatorId } = body;
  return {
    site,
    device,
    deliveryId,
    orderId: order.orderId,
    orderVersion: order.version,
    supplierName: order.supplierName,
    openedAtMs: at_ms,
    openedBy: operatorId,
    outcome: null,
    signedBy: null,
    weighIns: [],
    decisions: {},
    finishedLines: [],
    waivers: [],
    refusal: null,
    conflicts: [],
  };
}

function weighInOf(
  row: GoodsRow,
  kind: "accepted" | "rejected",
  body: WeighInAccepted | WeighInRejected,
): DeliveredWeighIn {
  return {
    weighInId: body.weighInId,
    seq: row.seq,
    kind,
    lineId: body.line?.lineId ?? null,
    productName: body.product.name,
    netG: body.weight?.netG ?? null,
    quantity: body.quantity,
    orderedQuantity: body.line?.quantity ?? null,
    unit: body.line?.unit ?? "kg",
    atMs: row.at_ms,
    timeTrust: row.time_trust,
    operatorId: body.operatorId,
    overriddenBy: body.override?.operatorId ?? null,
    overrideReasonId: body.override?.reasonId ?? null,
    reasonId: "reasonId" in body ? body.reasonId : null,
    mismatches: body.mismatches,
    ...hashesOf(body.photo),
    struck: false,
  };
}

function finishedLineOf({ at_ms }: GoodsRow, body: DeliveryLineFinished): FinishedLine {
  const { line, decision, verdict, mismatches, received, operatorId, override, reasonId, photo } = body;
  return {
    lineId: line.lineId,
    productName: line.product.name,
    ...{ decision, verdict, mismatches, operatorId, reasonId },
    receivedG: received.netG,
    overriddenBy: override?.operatorId ?? null,
    overrideReasonId: override?.reasonId ?? null,
    ...hashesOf(photo),
    atMs: at_ms,
    isReopened: false,
  };
}

function hashesOf(photo: RecordedPhoto | null): {
  readonly photoSha256: string | null;
  readonly thumbnailSha256: string | null;
} {
  if (photo?.kind !== "taken") return { photoSha256: null, thumbnailSha256: null };
  return { photoSha256: photo.photoSha256, thumbnailSha256: photo.thumbnailSha256 };
}

function conflictsOf(delivery: CloudDelivery, all: readonly CloudDelivery[]): DeliveryConflict[] {
  const own = takenLines(delivery);
  return all.flatMap((other): DeliveryConflict[] => {
    if (
      other.orderId !== delivery.orderId ||
      other.site !== delivery.site ||
      other.device === delivery.device
    )
      return [];
    const lineIds = [...takenLines(other)].filter((lineId) => own.has(lineId));
    if (lineIds.length === 0) return [];
    const kind = other.orderVersion === delivery.orderVersion ? "same-version" : "other-version";
    return [{ kind, withDevice: other.device, withDeliveryId: other.deliveryId, lineIds }];
  });
}

function takenLines({ weighIns }: CloudDelivery): Set<string> {
  return new Set(
    weighIns.flatMap(({ kind, struck, lineId }) =>
      kind === "accepted" && !struck && lineId !== null ? [lineId] : [],
    ),
  );
}
