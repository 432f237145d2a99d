import { assertNever, present } from "../platform/assert.ts";
import { type CommandOf, matched, photograph, type Shown, type WeighingPlace } from "./act-parts.ts";
import { lineOfTarget, receivedOf } from "./delivery-facts.ts";
import type { RecordedOverride, RecordedPhoto } from "./entries.ts";
import { acceptedBody, issuedBody, plus, receivedIn, rejectedBody, type Settled } from "./entry-bodies.ts";
import { panMismatches } from "./order-match.ts";
import type { OrderLine } from "./order-port.ts";
import { finished, refusedDelivery } from "./receiving-lines.ts";
import type { Mismatch, PackTare, TareRecord } from "./receiving-port.ts";
import {
  type Act,
  type Asked,
  type CommandEvent,
  type Doing,
  type Facts,
  type FrozenWeight,
  NO_GOODS,
  type PlaceOf,
  type ReceivingState,
  type Step,
} from "./receiving-types.ts";
import { answer, deliveryOf, NONE, record, refuse } from "./step-parts.ts";
import type { SoftwareTare } from "./weight-gate.ts";

/**
 * Acts that end in a record: a pan taken or sent back, a line finished, goods weighed out, a delivery refused.
 * Each goes the same way: may it be done now, the weight frozen, the photo, what does not match, the record.
 */

type Frozen =
  | { readonly kind: "frozen"; readonly weight: FrozenWeight }
  | { readonly kind: "refused"; readonly step: Step };

/** What the chosen scale says now, if it may be taken. */
function frozen(state: ReceivingState, packs: PackTare | null, facts: Facts, token: number): Frozen {
  const { scaleId } = state;
  const scale = scaleId === null ? undefined : facts.scale(scaleId);
  if (scaleId === null || scale === undefined)
    return { kind: "refused", step: refuse(state, token, "scale-unknown") };
  const verdict = facts.gate(scaleId, softwareTare(state, packs, facts));
  if (verdict.kind === "waiting")
    return { kind: "refused", step: refuse(state, token, "weight-not-ready", verdict.reason) };
  const { weight } = verdict;
  const tare = chosenTare(state, facts) ?? weight.scaleTare;
  return { kind: "frozen", weight: { weight, scale, tare, packs } };
}

export function softwareTare(
  { tare }: Pick<ReceivingState, "tare">,
  packs: PackTare | null,
  { containers }: Pick<Facts, "containers">,
): SoftwareTare {
  const containerG =
    tare.kind === "keyed"
      ? tare.tareG
      : tare.kind === "container"
        ? (containers.get(tare.containerId)?.tareG ?? 0)
        : 0;
  return { containerG, packsG: packs === null ? 0 : packs.count * packs.tareG };
}

function chosenTare({ tare }: ReceivingState, { containers }: Facts): TareRecord | null {
  switch (tare.kind) {
    case "none":
      return null;
    case "keyed":
      return { kind: "keyed", tareG: tare.tareG };
    case "container":
      return {
        kind: "container",
        containerId: tare.containerId,
        tareG: present(containers.get(tare.containerId), "a chosen container").tareG,
      };
  }
}

export function packsOf(line: OrderLine | null, count: number | null): PackTare | null {
  return count === null ? null : { count, tareG: line?.packTareG ?? 0 };
}

/** "One button takes it." */
export function take(state: ReceivingState, event: CommandEvent, facts: Facts): Step {
  const { place } = state;
  if (place.kind === "issuing") return takeOut(state, place, event, facts);
  if (place.kind !== "weighing") return refuse(state, event.token, "not-now");
  const found = matched(state, place, facts, event.token);
  if (found.kind === "refused") return found.step;
  const { packCount } = place.goods;
  if (found.line?.unit === "piece" && (packCount ?? 0) === 0)
    return refuse(state, event.token, "packs-missing");
  const weight = frozen(state, packsOf(found.line, packCount), facts, event.token);
  if (weight.kind === "refused") return weight.step;
  return photograph(state, event, { kind: "take" }, weight.weight, goodsAt(place, found.line));
}

function takeOut(state: ReceivingState, place: PlaceOf<"issuing">, event: CommandEvent, facts: Facts): Step {
  const weight = frozen(state, packsOf(null, place.goods.packCount), facts, event.token);
  if (weight.kind === "refused") return weight.step;
  return photograph(state, event, { kind: "issue" }, weight.weight, place.product);
}

function goodsAt({ target }: WeighingPlace, line: OrderLine | null): Shown {
  if (target.kind === "not-ordered") return target.product;
  return line?.product ?? { name: target.lineId, productId: null };
}

export function reject(
  state: ReceivingState,
  event: CommandEvent,
  command: CommandOf<"reject-goods">,
  facts: Facts,
): Step {
  const { place, pending } = state;
  if (place.kind !== "weighing") return refuse(state, event.token, "not-now");
  if (!facts.reasons.reject.has(command.reasonId)) return refuse(state, event.token, "reason-unknown");
  const act: Act = { kind: "reject", reasonId: command.reasonId };
  if (pending.kind === "asking") {
    // What was asked about goes back instead: it has been weighed and photographed already.
    const doing = { ...pending.asked.doing, act, operatorId: event.operatorId };
    return settle(state, event.token, doing, pending.asked.photo, facts);
  }
  const found = matched(state, place, facts, event.token);
  if (found.kind === "refused") return found.step;
  const what = goodsAt(place, found.line);
  if (!command.weighed) return photograph(state, event, act, null, what);
  const weight = frozen(state, packsOf(found.line, place.goods.packCount), facts, event.token);
  return weight.kind === "refused" ? weight.step : photograph(state, event, act, weight.weight, what);
}

/** The photo is there, or none could be taken: record, or ask somebody with the right. */
export function settle(
  state: ReceivingState,
  token: number,
  doing: Doing,
  photo: RecordedPhoto,
  facts: Facts,
): Step {
  const delivery = deliveryOf(state.place);
  const found = [
    ...actMismatches(state, doing, facts),
    ...(photo.kind === "none" ? (["photo-missing"] as const) : []),
  ];
  const waiver = delivery?.waiver ?? null;
  if (doing.act.kind === "refuse-delivery") {
    if (photo.kind === "none" && waiver === null)
      return refuse({ ...state, pending: NONE }, token, whyRefused(photo));
    return settled(state, token, doing, { photo, mismatches: found, override: null }, facts);
  }
  if (found.length === 0)
    return settled(state, token, doing, { photo, mismatches: [], override: null }, facts);
  if (waiver !== null && found.every((mismatch) => mismatch === "photo-missing"))
    return settled(state, token, doing, { photo, mismatches: found, override: waiver }, facts);
  const asked: Asked = { doing, photo, mismatches: found };
  return answer({ ...state, pending: { kind: "asking", asked } }, token, {
    kind: "asked",
    mismatches: found,
  });
}

function whyRefused(photo: Extract<RecordedPhoto, { readonly kind: "none" }>) {
  return photo.why === "no-frame" || photo.why === "photo-space-full" ? photo.why : "camera-lost";
}

function actMismatches({ place }: ReceivingState, { act, weight }: Doing, facts: Facts): readonly Mismatch[] {
  switch (act.kind) {
    case "take": {
      if (place.kind !== "weighing") return [];
      // Of the version that the goods were frozen under: a newer one may have come while the photo was taken.
      const order = facts.orders.find(place.delivery.orderId, place.delivery.orderVersion);
      const line = order === undefined ? null : (lineOfTarget(order, place.target) ?? null);
      const before =
        line === null ? { netG: 0, pieces: 0 } : receivedOf(facts, place.delivery.orderId, line.lineId);
      const goods = { ...place.goods, temperatureMilliC: place.goods.temperature?.milliC ?? null };
      return panMismatches(line, goods, plus(before, receivedIn(line, weight)), facts.day);
    }
    case "issue": {
      if (place.kind !== "issuing" || weight === null) return [];
      const balanceG = facts.ledger.stockOf(place.product.productId)?.balanceG ?? 0;
      return weight.weight.netG > balanceG ? ["more-than-stock"] : [];
    }
    case "finish-line":
      return act.mismatches;
    case "reject":
    case "refuse-delivery":
      return [];
    default:
      return assertNever(act);
  }
}

/** Everything is said: the record, and what holds after it. */
export function settled(
  state: ReceivingState,
  token: number,
  doing: Doing,
  made: Settled,
  facts: Facts,
): Step {
  const { place } = state;
  const { act, weight, id, operatorId } = doing;
  if (act.kind === "issue") {
    if (place.kind !== "issuing" || weight === null)
      return refuse({ ...state, pending: NONE }, token, "not-now");
    return tookPan(state, token, { ...doing, weight }, issuedBody(facts, place, { ...doing, weight }, made));
  }
  if (act.kind === "refuse-delivery") return refusedDelivery(state, token, doing, act, made.photo, facts);
  if (place.kind !== "weighing") return refuse({ ...state, pending: NONE }, token, "not-now");
  // An order that changes while the photo is taken does not undo the weighing: the person chooses before the next.
  const order = facts.orders.find(place.delivery.orderId, place.delivery.orderVersion);
  const line = order === undefined ? undefined : lineOfTarget(order, place.target);
  if (order === undefined || line === undefined)
    return refuse({ ...state, pending: NONE }, token, "order-unknown");
  if (act.kind === "finish-line") {
    if (line === null) return refuse({ ...state, pending: NONE }, token, "line-unknown");
    return finished(state, token, place, order, line, facts, { ...act, id, operatorId, settled: made });
  }
  if (act.kind === "reject")
    return tookPan(state, token, doing, rejectedBody(facts, place, order, line, doing, act.reasonId, made));
  if (weight === null) return refuse({ ...state, pending: NONE }, token, "not-now");
  const weighed = { ...doing, weight };
  return tookPan(state, token, weighed, acceptedBody(facts, place, order, line, weighed, made));
}

/** The pan is on record; lot and expiry stay for the next one of the same goods, the count does not. */
function tookPan(
  state: ReceivingState,
  token: number,
  { id, weight }: Doing,
  made: Parameters<typeof record>[2]["record"],
): Step {
  const { place } = state;
  const goods = place.kind === "weighing" || place.kind === "issuing" ? place.goods : NO_GOODS;
  const next = { ...goods, packCount: null, labelNetG: null };
  const after: ReceivingState = {
    ...state,
    place: place.kind === "weighing" || place.kind === "issuing" ? { ...place, goods: next } : place,
    pending: NONE,
    shown: id,
  };
  const disarm = weight?.scale.scaleId ?? null;
  return record(
    state,
    token,
    { id, record: made, disarm },
    { after, answer: { kind: "taken", weighInId: id } },
  );
}

/** Somebody with the right let in what was asked about. */
export function overridden(
  state: ReceivingState,
  token: number,
  asked: Asked,
  override: RecordedOverride,
  facts: Facts,
): Step {
  const { doing, photo, mismatches } = asked;
  return settled(state, token, doing, { photo, mismatches, override }, facts);
}
