import type { Signature } from "../signatures/signature-port.ts";
import { hasTaken, lineRecord, NOTHING, receivedOf, recordedOrder } from "./delivery-facts.ts";
import type {
  DeliveryClosed,
  GoodsRecord,
  RecordedOverride,
  RecordedPhoto,
  RecordedWeight,
  WeighInAccepted,
} from "./entries.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import { quantityOf, type Received, verdictOf } from "./quantity.ts";
import { framedReadings, framesSha256 } from "./raw-frames.ts";
import type { LineDecision, Mismatch } from "./receiving-port.ts";
import type { Doing, Facts, FrozenWeight, Goods, OpenDelivery, PlaceOf } from "./receiving-types.ts";

/** What is written down. Each function makes one entry from what was seen; none looks anywhere else. */

/** What stands under a record: its photo, and what was let in by whom. */
export interface Settled {
  readonly photo: RecordedPhoto;
  readonly mismatches: readonly Mismatch[];
  readonly override: RecordedOverride | null;
}

export function recordedWeight({ weight, scale, tare, packs }: FrozenWeight): RecordedWeight {
  const readings = framedReadings(weight.window);
  return {
    scale,
    shownG: weight.shownG,
    tare,
    packs,
    netG: weight.netG,
    readings,
    framesSha256: framesSha256(readings.map(({ frame }) => frame)),
  };
}

/** What a pan holds, counted as its line counts it. */
export function receivedIn(line: OrderLine | null, weight: FrozenWeight | null): Received {
  if (weight === null) return NOTHING;
  const pieces = line?.unit === "piece" ? (weight.packs?.count ?? 0) : 0;
  return { netG: weight.weight.netG, pieces };
}

export function plus(a: Received, b: Received): Received {
  return { netG: a.netG + b.netG, pieces: a.pieces + b.pieces };
}

export function acceptedBody(
  facts: Facts,
  place: PlaceOf<"weighing">,
  order: PurchaseOrder,
  line: OrderLine | null,
  doing: Doing & { readonly weight: FrozenWeight },
  settled: Settled,
): GoodsRecord {
  const received = receivedIn(line, doing.weight);
  const total = line === null ? received : plus(receivedOf(facts, order.orderId, line.lineId), received);
  return {
    kind: "weighin.accepted",
    body: {
      ...weighInPart(facts, place.goods, doing, received.pieces, settled),
      ...deliveredPart(place, order, line),
      weight: recordedWeight(doing.weight),
      quantity: quantityOf(received, line?.unit ?? "kg"),
      verdict: line === null ? "not-ordered" : verdictOf(total, line),
    },
  };
}

export function rejectedBody(
  facts: Facts,
  place: PlaceOf<"weighing">,
  order: PurchaseOrder,
  line: OrderLine | null,
  doing: Doing,
  reasonId: string,
  settled: Settled,
): GoodsRecord {
  const received = receivedIn(line, doing.weight);
  return {
    kind: "weighin.rejected",
    body: {
      ...weighInPart(facts, place.goods, doing, received.pieces, settled),
      ...deliveredPart(place, order, line),
      weight: doing.weight === null ? null : recordedWeight(doing.weight),
      quantity: doing.weight === null ? null : quantityOf(received, line?.unit ?? "kg"),
      reasonId,
    },
  };
}

export function issuedBody(
  facts: Facts,
  { goods, product, target }: PlaceOf<"issuing">,
  doing: Doing & { readonly weight: FrozenWeight },
  settled: Settled,
): GoodsRecord {
  return {
    kind: "weighin.issued",
    body: {
      ...weighInPart(facts, goods, doing, doing.weight.packs?.count ?? 0, settled),
      product,
      weight: recordedWeight(doing.weight),
      target,
    },
  };
}

/** What every weighing says: who, when, which goods, the photo and what was let in. */
function weighInPart(
  { day }: Facts,
  { packCount: _, ...goods }: Goods,
  { id, operatorId }: Doing,
  pieces: number,
  { photo, mismatches, override }: Settled,
): Pick<
  WeighInAccepted,
  "weighInId" | "operatorId" | "day" | "pieces" | "goods" | "photo" | "mismatches" | "override"
> {
  return { weighInId: id, operatorId, day, pieces, goods, photo, mismatches: [...mismatches], override };
}

/** What a weighing of a delivery says of it. */
function deliveredPart(
  { delivery, target }: PlaceOf<"weighing">,
  order: PurchaseOrder,
  line: OrderLine | null,
): Pick<WeighInAccepted, "deliveryId" | "order" | "line" | "product"> {
  return {
    deliveryId: delivery.deliveryId,
    order: recordedOrder(order),
    line: line === null ? null : recordedLine(line),
    product: target.kind === "not-ordered" ? target.product : productOf(line),
  };
}

export function lineFinishedBody(
  facts: Facts,
  delivery: OpenDelivery,
  order: PurchaseOrder,
  line: OrderLine,
  made: {
    readonly decision: LineDecision;
    readonly reasonId: string | null;
    readonly operatorId: string;
    readonly photo: RecordedPhoto | null;
    readonly mismatches: readonly Mismatch[];
    readonly override: RecordedOverride | null;
  },
): GoodsRecord {
  const received = receivedOf(facts, order.orderId, line.lineId);
  return {
    kind: "delivery.line-finished",
    body: {
      deliveryId: delivery.deliveryId,
      order: recordedOrder(order),
      line: recordedLine(line),
      received,
      rejected: lineRecord(facts, delivery, line.lineId).rejected,
      verdict: verdictOf(received, line),
      ...made,
      mismatches: [...made.mismatches],
    },
  };
}

export function closedBody(
  facts: Facts,
  delivery: OpenDelivery,
  order: PurchaseOrder,
  made: {
    readonly operatorId: string;
    readonly signature: Signature;
    /** The whole of it goes back. */
    readonly refusal: { readonly reasonId: string; readonly photo: RecordedPhoto } | null;
  },
): { readonly record: GoodsRecord; readonly outcome: DeliveryClosed["outcome"] } {
  const { refusal, operatorId, signature } = made;
  const lines = order.lines.map((line) => {
    const received = receivedOf(facts, order.orderId, line.lineId);
    const decision = lineRecord(facts, delivery, line.lineId).decision ?? "rejected";
    return {
      lineId: line.lineId,
      decision,
      received,
      quantity: quantityOf(received, line.unit),
      verdict: verdictOf(received, line),
    };
  });
  const outcome = outcomeOf(
    lines.map(({ decision }) => decision),
    hasTaken(facts, delivery),
  );
  return {
    outcome,
    record: {
      kind: "delivery.closed",
      body: {
        deliveryId: delivery.deliveryId,
        order: recordedOrder(order),
        outcome,
        lines,
        reasonId: refusal?.reasonId ?? null,
        photo: refusal?.photo ?? null,
        weighedBy: [...facts.ledger.operatorsOf(delivery.deliveryId)],
        operatorId,
        signature: { operatorId: signature.operatorId, by: signature.by },
      },
    },
  };
}

function outcomeOf(decisions: readonly LineDecision[], anythingTaken: boolean): DeliveryClosed["outcome"] {
  if (decisions.every((decision) => decision === "accepted")) return "accepted";
  return anythingTaken ? "accepted-in-part" : "refused";
}

function recordedLine(line: OrderLine): NonNullable<WeighInAccepted["line"]> {
  return { ...line, product: { ...line.product }, tolerance: { ...line.tolerance }, gtins: [...line.gtins] };
}

function productOf(line: OrderLine | null): { productId: string; name: string } {
  return line === null ? { productId: "", name: "" } : { ...line.product };
}
