import { type CommandOf, matched, photograph, type WeighingPlace } from "./act-parts.ts";
import { hasTaken, lineRecord, receivedOf } from "./delivery-facts.ts";
import type { RecordedPhoto } from "./entries.ts";
import { closedBody, lineFinishedBody, type Settled } from "./entry-bodies.ts";
import { isInPart, lineMismatches } from "./order-match.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import { verdictOf } from "./quantity.ts";
import type { Act, CommandEvent, Doing, Facts, ReceivingState, Step } from "./receiving-types.ts";
import { at, deliveryOf, NONE, record, refuse } from "./step-parts.ts";

/** What becomes of a line, and of a delivery that goes back as a whole. */

export function finishLine(
  state: ReceivingState,
  event: CommandEvent,
  command: CommandOf<"finish-line">,
  facts: Facts,
): Step {
  const { place } = state;
  const { token } = event;
  if (place.kind !== "weighing") return refuse(state, token, "not-now");
  const found = matched(state, place, facts, token);
  if (found.kind === "refused") return found.step;
  const { order, line } = found;
  if (line === null) return refuse(state, token, "line-unknown");
  const { decision, reasonId } = command;
  if (decision !== "accept" && (reasonId === null || !facts.reasons.reject.has(reasonId)))
    return refuse(state, token, "reason-unknown");
  if (decision === "reject" || decision === "missing") {
    if (hasTaken(facts, place.delivery, line.lineId)) return refuse(state, token, "goods-already-taken");
    if (decision === "reject")
      return photograph(
        state,
        event,
        { kind: "finish-line", decision, reasonId, mismatches: [] },
        null,
        line.product,
      );
    return finished(state, token, place, order, line, facts, {
      id: event.id,
      operatorId: event.operatorId,
      decision,
      reasonId,
      settled: null,
    });
  }
  return acceptLine(state, event, place, order, line, { decision, reasonId }, facts);
}

function acceptLine(
  state: ReceivingState,
  event: CommandEvent,
  place: WeighingPlace,
  order: PurchaseOrder,
  line: OrderLine,
  made: { readonly decision: "accept" | "accept-in-part"; readonly reasonId: string | null },
  facts: Facts,
): Step {
  const received = receivedOf(facts, order.orderId, line.lineId);
  const { rejected } = lineRecord(facts, place.delivery, line.lineId);
  const verdict = verdictOf(received, line);
  if (verdict === "missing") return refuse(state, event.token, "nothing-received");
  if (made.decision === "accept-in-part" && !isInPart(verdict, rejected))
    return refuse(state, event.token, "nothing-in-part");
  const isOverAllowed = facts.ledger
    .weighIns(place.delivery.deliveryId)
    .some(({ lineId, isOver, isStruck }) => lineId === line.lineId && isOver && !isStruck);
  const mismatches = lineMismatches(line, made.decision, received, rejected, isOverAllowed);
  if (made.decision === "accept" && mismatches.length === 0)
    return finished(state, event.token, place, order, line, facts, {
      id: event.id,
      operatorId: event.operatorId,
      decision: "accept",
      reasonId: null,
      settled: null,
    });
  return photograph(state, event, { kind: "finish-line", ...made, mismatches }, null, line.product);
}

export function finished(
  state: ReceivingState,
  token: number,
  { delivery }: WeighingPlace,
  order: PurchaseOrder,
  line: OrderLine,
  facts: Facts,
  made: {
    readonly id: string;
    readonly operatorId: string;
    readonly decision: "accept" | "accept-in-part" | "reject" | "missing";
    readonly reasonId: string | null;
    readonly settled: Settled | null;
  },
): Step {
  const { id, operatorId, reasonId, settled: under } = made;
  const entry = lineFinishedBody(facts, delivery, order, line, {
    decision: DECISIONS[made.decision],
    reasonId,
    operatorId,
    photo: under?.photo ?? null,
    mismatches: under?.mismatches ?? [],
    override: under?.override ?? null,
  });
  const after = at(state, { kind: "delivery", delivery });
  return record(state, token, { id, record: entry }, { after, answer: { kind: "done" } });
}

const DECISIONS = {
  accept: "accepted",
  "accept-in-part": "accepted-in-part",
  reject: "rejected",
  missing: "missing",
} as const;

export function refusedDelivery(
  state: ReceivingState,
  token: number,
  { id, operatorId }: Doing,
  { reasonId, signature }: Extract<Act, { readonly kind: "refuse-delivery" }>,
  photo: RecordedPhoto,
  facts: Facts,
): Step {
  const delivery = deliveryOf(state.place);
  const order = delivery === null ? undefined : facts.orders.find(delivery.orderId, delivery.orderVersion);
  if (delivery === null || order === undefined) return refuse({ ...state, pending: NONE }, token, "not-now");
  const closing = { operatorId, signature, refusal: { reasonId, photo } };
  const { record: entry, outcome } = closedBody(facts, delivery, order, closing);
  const after = at(state, { kind: "choosing" });
  return record(state, token, { id, record: entry }, { after, answer: { kind: "closed", outcome } });
}
