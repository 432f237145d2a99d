import { assertNever } from "../platform/assert.ts";
import type { SignatureRequest, SignOutcome } from "../signatures/signature-port.ts";
import { type CommandOf, photograph } from "./act-parts.ts";
import { hasTaken, lineRecord, workableOrder } from "./delivery-facts.ts";
import type { RecordedOverride } from "./entries.ts";
import { closedBody } from "./entry-bodies.ts";
import { overridden } from "./receiving-acts.ts";
import type { Signer } from "./receiving-port.ts";
import type {
  CommandEvent,
  Facts,
  OpenDelivery,
  Pending,
  ReceivingState,
  SignedAct,
  Step,
} from "./receiving-types.ts";
import { answer, at, deliveryOf, done, NONE, record, refuse, withDelivery } from "./step-parts.ts";

/**
 * Acts that need a name under them. Overrides are by anybody with the right, also by whoever weighed: the second
 * person, who never weighed, signs for the delivery with every override in it.
 */

function sign(
  state: ReceivingState,
  { token, id, operatorId }: CommandEvent,
  signed: SignedAct,
  request: SignatureRequest,
  signer: Signer,
): Step {
  return {
    state: { ...state, pending: { kind: "signing", token, signed, id, operatorId } },
    effects: [{ kind: "sign", token, request, signer }],
  };
}

const OVERRIDE: SignatureRequest = { right: "override", notOperatorIds: [] };

/** The second person: whoever weighed or decided cannot be it, nor whoever closes. */
export function secondPerson(
  facts: Pick<Facts, "ledger">,
  deliveryId: string,
  operatorId: string,
): SignatureRequest {
  const first = new Set([...facts.ledger.operatorsOf(deliveryId), operatorId]);
  return { right: "keep", notOperatorIds: [...first] };
}

export function askOverride(
  state: ReceivingState,
  event: CommandEvent,
  { reasonId, signer }: CommandOf<"override">,
  facts: Facts,
): Step {
  const { pending } = state;
  if (pending.kind !== "asking") return refuse(state, event.token, "not-now");
  if (!facts.reasons.override.has(reasonId)) return refuse(state, event.token, "reason-unknown");
  return sign(state, event, { kind: "override", reasonId, asked: pending.asked }, OVERRIDE, signer);
}

export function waivePhotos(
  state: ReceivingState,
  event: CommandEvent,
  { reasonId, signer }: CommandOf<"waive-photos">,
  facts: Facts,
): Step {
  if (deliveryOf(state.place) === null) return refuse(state, event.token, "not-now");
  if (!facts.reasons.override.has(reasonId)) return refuse(state, event.token, "reason-unknown");
  return sign(state, event, { kind: "photo-waiver", reasonId }, OVERRIDE, signer);
}

export function strike(
  state: ReceivingState,
  event: CommandEvent,
  { weighInId, reasonId, signer }: CommandOf<"strike">,
  facts: Facts,
): Step {
  const weighIn = facts.ledger.weighIn(weighInId);
  if (weighIn === undefined) return refuse(state, event.token, "weigh-in-unknown");
  if (weighIn.isStruck) return refuse(state, event.token, "already-struck");
  if (!facts.reasons.strike.has(reasonId)) return refuse(state, event.token, "reason-unknown");
  const delivery = weighIn.deliveryId === null ? undefined : facts.ledger.delivery(weighIn.deliveryId);
  const isSigned = delivery !== undefined && delivery.outcome !== null;
  const signed: SignedAct = { kind: "strike", weighInId, reasonId };
  if (signer !== null) return sign(state, event, signed, OVERRIDE, signer);
  // Two people have put their names under a closed delivery: taking something out of it needs a name too.
  if (isSigned) return refuse(state, event.token, "no-right");
  return struck(state, event.token, event.id, event.operatorId, signed, null, facts);
}

function struck(
  state: ReceivingState,
  token: number,
  id: string,
  operatorId: string,
  { weighInId, reasonId }: Extract<SignedAct, { readonly kind: "strike" }>,
  signature: { readonly operatorId: string; readonly by: "pin" | "face" } | null,
  facts: Facts,
): Step {
  const weighIn = facts.ledger.weighIn(weighInId);
  if (weighIn === undefined || weighIn.isStruck)
    return refuse({ ...state, pending: NONE }, token, "already-struck");
  const { kind, deliveryId } = weighIn;
  const body = { weighInId, kind, deliveryId, reasonId, operatorId, signature };
  const after = { ...state, pending: NONE, shown: null };
  return record(
    state,
    token,
    { id, record: { kind: "weighin.reversed", body } },
    { after, answer: { kind: "done" } },
  );
}

export function closeDelivery(
  state: ReceivingState,
  event: CommandEvent,
  { signer }: CommandOf<"close-delivery">,
  facts: Facts,
): Step {
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refuse(state, event.token, "not-now");
  const found = workableOrder(facts, delivery);
  // A cancelled order can still be closed once its lines are decided.
  if (found.kind === "refused" && found.reason !== "order-closed")
    return refuse(state, event.token, found.reason);
  const order = facts.orders.find(delivery.orderId, delivery.orderVersion);
  const isOpen = order?.lines.some(({ lineId }) => lineRecord(facts, delivery, lineId).decision === null);
  if (isOpen !== false) return refuse(state, event.token, "lines-open");
  const second = secondPerson(facts, delivery.deliveryId, event.operatorId);
  return sign(state, event, { kind: "delivery" }, second, signer);
}

export function refuseDelivery(
  state: ReceivingState,
  event: CommandEvent,
  { reasonId, signer }: CommandOf<"refuse-delivery">,
  facts: Facts,
): Step {
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refuse(state, event.token, "not-now");
  if (!facts.reasons.reject.has(reasonId)) return refuse(state, event.token, "reason-unknown");
  if (hasTaken(facts, delivery)) return refuse(state, event.token, "goods-already-taken");
  const second = secondPerson(facts, delivery.deliveryId, event.operatorId);
  return sign(state, event, { kind: "refusal", reasonId }, second, signer);
}

/** Drops the question; a face that is being looked for is let go. */
export function stopAsking(state: ReceivingState, token: number): Step {
  if (state.pending.kind === "asking") return done({ ...state, pending: NONE }, token);
  if (state.pending.kind !== "signing") return refuse(state, token, "not-now");
  // The desk answers `cancelled`, and that ends the signing: one way out, not two.
  return { state, effects: [{ kind: "stop-signing" }, { kind: "answer", token, answer: { kind: "done" } }] };
}

/** Nobody has signed: the question waits on, everything else is as if it had not been begun. */
export function beforeSigning(
  state: ReceivingState,
  { signed }: Extract<Pending, { readonly kind: "signing" }>,
): ReceivingState {
  const back: Pending = signed.kind === "override" ? { kind: "asking", asked: signed.asked } : NONE;
  return { ...state, pending: back };
}

export function onSigned(
  state: ReceivingState,
  pending: Extract<Pending, { readonly kind: "signing" }>,
  outcome: SignOutcome,
  facts: Facts,
): Step {
  const { token, signed, id, operatorId } = pending;
  const before = beforeSigning(state, pending);
  if (outcome.kind !== "signed") return answer(before, token, { kind: "not-signed", outcome });
  const { signature } = outcome;
  const name = { operatorId: signature.operatorId, by: signature.by };
  switch (signed.kind) {
    case "override":
      return overridden(before, token, signed.asked, { ...name, reasonId: signed.reasonId }, facts);
    case "strike":
      return struck(before, token, id, operatorId, signed, name, facts);
    case "photo-waiver":
      return waived(before, token, id, operatorId, { ...name, reasonId: signed.reasonId });
    case "refusal":
      return photograph(
        before,
        { token, id, operatorId },
        { kind: "refuse-delivery", reasonId: signed.reasonId, signature },
        null,
        { name: supplierOf(before, facts), productId: null },
      );
    case "delivery":
      return closed(before, pending, name, facts);
    default:
      return assertNever(signed);
  }
}

function supplierOf({ place }: ReceivingState, { orders }: Facts): string {
  const delivery = deliveryOf(place);
  return delivery === null ? "" : (orders.find(delivery.orderId)?.supplier.name ?? "");
}

function waived(
  state: ReceivingState,
  token: number,
  id: string,
  operatorId: string,
  override: RecordedOverride,
): Step {
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refuse(state, token, "not-now");
  const after = { ...state, place: withDelivery(state.place, { ...delivery, waiver: override }) };
  const body = { deliveryId: delivery.deliveryId, override, operatorId };
  return record(
    state,
    token,
    { id, record: { kind: "delivery.photos-waived", body } },
    { after, answer: { kind: "done" } },
  );
}

function closed(
  state: ReceivingState,
  { token, id, operatorId }: Extract<Pending, { readonly kind: "signing" }>,
  signature: { readonly operatorId: string; readonly by: "pin" | "face" },
  facts: Facts,
): Step {
  const delivery: OpenDelivery | null = deliveryOf(state.place);
  const order = delivery === null ? undefined : facts.orders.find(delivery.orderId, delivery.orderVersion);
  if (delivery === null || order === undefined) return refuse(state, token, "not-now");
  const closing = { operatorId, signature: { ...signature, displayName: "" }, refusal: null };
  const { record: entry, outcome } = closedBody(facts, delivery, order, closing);
  const after = at(state, { kind: "choosing" });
  return record(state, token, { id, record: entry }, { after, answer: { kind: "closed", outcome } });
}
