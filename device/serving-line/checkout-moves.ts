import type { MonoMs } from "../platform/units.ts";
import type {
  Agreed,
  Bystander,
  Checkout,
  CheckoutEffect,
  CheckoutSettings,
  FollowUp,
  Identity,
  Offer,
  Pending,
  Phase,
  Question,
  ShownView,
  Step,
} from "./checkout-types.ts";
import { noEvidence } from "./identity-decision.ts";
import type { RefusalReason } from "./serving-line-port.ts";

/** The transitions that the checkout machine is made of. */

export function identify(checkout: Checkout, offer: Offer, identity: Identity): Step {
  return to(checkout, { kind: "identified", offer, identity }, { kind: "assess", identity, offer });
}

/** Only a card, a PIN or an operator's press can say which of those who look alike it is. */
export function ask(
  checkout: Checkout,
  look: { readonly offer: Offer; readonly pressed: boolean },
  question: Question,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  const { offer, pressed } = look;
  const personIds = [question.matchedPersonId, ...question.lookAlikeIds];
  return to(
    checkout,
    {
      kind: "asking",
      offer,
      pressed,
      question,
      choices: null,
      evidence: noEvidence(atMono),
      startedMono: atMono,
      absentFrames: 0,
    },
    ...(settings.lookAlikes === "choose" ? [{ kind: "find-choices", personIds } as const] : []),
  );
}

/** A card or a PIN says who it is: the answer to whatever was open. */
export function identifyBySecondFactor(
  checkout: Checkout,
  offer: Offer,
  factor: { readonly personId: string; readonly method: "card" | "pin" },
  pending: Pending | null,
): Step {
  const identity: Identity = {
    ...factor,
    activation: "touch",
    decision: null,
    question: pending?.kind === "question" ? answered(pending.question, factor) : null,
  };
  const { checkout: next, effects } = identify(checkout, offer, identity);
  if (pending?.kind !== "dispute") return { checkout: next, effects };
  const { disputeId } = pending;
  return {
    checkout: next,
    effects: [{ kind: "name-payer", disputeId, personId: factor.personId }, ...effects],
  };
}

/** Null when somebody pays who was not asked about: a card of their own is no answer to it. */
function answered(
  { matchedPersonId, lookAlikeIds }: Question,
  { personId, method }: { readonly personId: string; readonly method: "card" | "pin" },
): Identity["question"] {
  if (personId !== matchedPersonId && !lookAlikeIds.includes(personId)) return null;
  return { matchedPersonId, lookAlikeIds, answeredBy: method, operatorId: null };
}

export function commit(
  checkout: Checkout,
  { offer, identity }: { readonly offer: Offer; readonly identity: Identity },
  chargeId: string,
  agreed: Agreed,
): Step {
  const intent = { chargeId, identity, offer, agreed };
  return to(checkout, { kind: "committing", ...intent }, { kind: "commit", ...intent });
}

/** Stops selling until the loop has found the disk to be well; see `till`. */
export function stopSales(checkout: Checkout, atMono: MonoMs): Step {
  return refuse({ ...checkout, closedReason: "disk-unsafe" }, "disk-unsafe", atMono);
}

export function refuse(
  checkout: Checkout,
  reason: RefusalReason,
  atMono: MonoMs,
  followUp: FollowUp | null = null,
): Step {
  return show(checkout, refusedView(reason), null, atMono, followUp);
}

export function refusedView(reason: RefusalReason): Extract<ShownView, { kind: "refused" }> {
  return { kind: "refused", reason, displayName: null, amountFen: null, balanceFen: null, earlier: null };
}

export function show(
  checkout: Checkout,
  view: ShownView,
  personId: string | null,
  atMono: MonoMs,
  followUp: FollowUp | null = null,
): Step {
  return to(checkout, { kind: "shown", view, personId, followUp, startedMono: atMono });
}

/** After a diner: in presence mode they must leave first, in touch mode the next press begins anew. */
export function rest(
  checkout: Checkout,
  personId: string | null,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  if (settings.activation === "touch") return wait(checkout, atMono);
  if (checkout.closedReason !== null)
    return closedBehind(checkout, checkout.closedReason, { personId, emptyFirst: false });
  return coolDown(checkout, { personId, emptyFirst: false }, atMono);
}

/** The till opens after somebody used its camera to sign: unless they press, they are no diner. */
export function reopen(
  checkout: Checkout,
  { personId }: Bystander,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  if (settings.activation === "touch") return wait(checkout, atMono);
  return coolDown(checkout, { personId, emptyFirst: personId === null }, atMono);
}

function coolDown(
  checkout: Checkout,
  left: { readonly personId: string | null; readonly emptyFirst: boolean },
  atMono: MonoMs,
): Step {
  return to(checkout, {
    kind: "cooling-down",
    ...left,
    evidence: noEvidence(atMono),
    absentFrames: 0,
    strangerFrames: 0,
  });
}

export function wait(checkout: Checkout, atMono: MonoMs): Step {
  if (checkout.closedReason !== null) return closed(checkout, checkout.closedReason);
  return to(checkout, { kind: "idle", evidence: noEvidence(atMono) });
}

/** Who may still stand there is no diner when it opens again, unless that is for another meal. */
export function closedBehind(
  checkout: Checkout,
  reason: RefusalReason,
  { personId, emptyFirst }: { readonly personId: string | null; readonly emptyFirst: boolean },
): Step {
  const isWaitedFor = (personId !== null || emptyFirst) && reason !== "no-meal-now";
  return closed(checkout, reason, isWaitedFor ? { personId } : null);
}

export function closed(checkout: Checkout, reason: RefusalReason, bystander: Bystander | null = null): Step {
  return to(checkout, { kind: "closed", reason, bystander });
}

export function to(checkout: Checkout, phase: Phase, ...effects: CheckoutEffect[]): Step {
  return { checkout: { ...checkout, phase }, effects };
}

export function stay(checkout: Checkout): Step {
  return { checkout, effects: [] };
}
