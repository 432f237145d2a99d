import type { GoodsRecord } from "./entries.ts";
import type { GateReason, ReceivingRefusal } from "./receiving-port.ts";
import type {
  InnerAnswer,
  OpenDelivery,
  Place,
  ReceivingEffect,
  ReceivingState,
  Step,
} from "./receiving-types.ts";

/** The few steps that everything else is made of. */

export const NONE = { kind: "none" } as const;

export function stay(state: ReceivingState): Step {
  return { state, effects: [] };
}

export function answer(state: ReceivingState, token: number, inner: InnerAnswer): Step {
  return { state, effects: [{ kind: "answer", token, answer: inner }] };
}

export function done(state: ReceivingState, token: number): Step {
  return answer(state, token, { kind: "done" });
}

export function refuse(
  state: ReceivingState,
  token: number,
  reason: ReceivingRefusal,
  gate?: GateReason,
): Step {
  return answer(state, token, { kind: "refused", reason, ...(gate === undefined ? {} : { gate }) });
}

/** Writes, and only then is what follows: a screen never shows what is not on the disk. */
export function record(
  state: ReceivingState,
  token: number,
  entry: { readonly id: string; readonly record: GoodsRecord; readonly disarm?: string | null },
  next: { readonly after: ReceivingState; readonly answer: InnerAnswer },
): Step {
  const effect: ReceivingEffect = {
    kind: "record",
    token,
    id: entry.id,
    record: entry.record,
    disarm: entry.disarm ?? null,
  };
  return { state: { ...state, pending: { kind: "recording", token, ...next } }, effects: [effect] };
}

export function at(state: ReceivingState, place: Place): ReceivingState {
  return { ...state, place, pending: NONE, shown: null };
}

export function deliveryOf(place: Place): OpenDelivery | null {
  return place.kind === "delivery" || place.kind === "weighing" ? place.delivery : null;
}

export function withDelivery(place: Place, delivery: OpenDelivery): Place {
  return place.kind === "delivery" || place.kind === "weighing" ? { ...place, delivery } : place;
}
