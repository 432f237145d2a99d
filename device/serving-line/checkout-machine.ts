import { assert, assertNever } from "../platform/assert.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";
import { onFrame } from "./checkout-frames.ts";
import {
  closed,
  closedBehind,
  commit,
  identify,
  refuse,
  reopen,
  rest,
  show,
  stay,
  stopSales,
  to,
  wait,
} from "./checkout-moves.ts";
import { onChoices, onChoose, onDisputed, onNotMe } from "./checkout-questions.ts";
import { onCard, onPinChecked, onPinEntered } from "./checkout-second-factor.ts";
import type {
  Assessment,
  Bystander,
  ChargeOutcome,
  Checkout,
  CheckoutInput,
  CheckoutSettings,
  FollowUp,
  InputOf,
  Offer,
  PhaseOf,
  Step,
} from "./checkout-types.ts";
import { lookFailureOf, noEvidence, sawSomeone } from "./identity-decision.ts";
import { challengeEndMono } from "./liveness-check.ts";
import { EMPTY_ORDER } from "./order-price.ts";

/** Closed until the loop has looked at the clock, the plan and the disk. */
export const INITIAL_CHECKOUT: Checkout = {
  phase: { kind: "closed", reason: "till-closed", bystander: null },
  order: { ...EMPTY_ORDER, revision: 0 },
  cameraLost: null,
  closedReason: "till-closed",
  pinAttempts: 0,
};

/**
 * The checkout of one serving line: idle → looking → (asking) → identified → confirming → committing → shown →
 * (disputing → shown) → cooling down.
 *
 * Pure: no clock, no ids, no database. It never decides about money (the cashier does, in one transaction) and never
 * shows a payment that the cashier has not answered for. What each input does in each phase is listed, pair by pair,
 * in checkout-table.test.ts.
 */
export function step(checkout: Checkout, input: CheckoutInput, settings: CheckoutSettings): Step {
  switch (input.kind) {
    case "activate":
      return onActivate(checkout, input);
    case "confirm":
      return onConfirm(checkout, input);
    case "cancel":
      return onCancel(checkout, input, settings);
    case "not-me":
      return onNotMe(checkout, input);
    case "choose":
      return onChoose(checkout, input);
    case "choices":
      return onChoices(checkout, input);
    case "set-order":
      return stay({ ...checkout, order: { ...input.order, revision: checkout.order.revision + 1 } });
    case "frame":
      return onFrame(checkout, input, settings);
    case "card":
      return onCard(checkout, input);
    case "pin-entered":
      return onPinEntered(checkout, input);
    case "pin-checked":
      return onPinChecked(checkout, input);
    case "assessed":
      return onAssessed(checkout, input.assessment, input.atMono, settings);
    case "charged":
      return onCharged(checkout, input.outcome, input.atMono);
    case "disputed":
      return onDisputed(checkout, input.outcome, input.atMono);
    case "camera":
      return onCamera({ ...checkout, cameraLost: input.lost }, input);
    case "till":
      return onTill({ ...checkout, closedReason: input.closedReason }, input, settings);
    case "time-passed":
      return onTimePassed(checkout, input.atMono, settings);
    default:
      return assertNever(input);
  }
}

/** When `time-passed` must come at the latest; null while the phase may last for ever. */
export function deadlineOf({ phase }: Checkout, settings: CheckoutSettings): MonoMs | null {
  switch (phase.kind) {
    case "looking":
      return lookDeadline(phase, settings);
    case "asking":
      return monoMs(phase.startedMono + settings.questionMsMax);
    case "checking-pin":
      return monoMs(phase.startedMono + settings.pinMsMax);
    case "confirming":
      return monoMs(phase.startedMono + settings.confirmMsMax);
    case "shown":
      return monoMs(phase.startedMono + shownMs(phase, settings));
    case "closed":
    case "idle":
    case "identified":
    case "committing":
    case "disputing":
    case "cooling-down":
      return null;
    default:
      return assertNever(phase);
  }
}

/** Whoever has not come near enough yet gets longer than whoever was looked at in vain. */
function lookDeadline({ evidence, startedMono }: PhaseOf<"looking">, settings: CheckoutSettings): MonoMs {
  const { firstUsableMono, run, liveness } = evidence;
  if (firstUsableMono === null) return monoMs(startedMono + settings.faceWaitMsMax);
  const lookEndMono = firstUsableMono + settings.lookMsMax;
  // Who is named and asked to blink or turn gets the time for it.
  const askedEndMono = run === null ? null : challengeEndMono(liveness, settings.identity.liveness);
  return monoMs(Math.max(lookEndMono, askedEndMono ?? lookEndMono));
}

/** As long as it takes to read, or to do what it asks for. */
function shownMs({ view, followUp }: PhaseOf<"shown">, settings: CheckoutSettings): number {
  if (followUp?.kind === "awaits-payer") return settings.questionMsMax;
  return view.kind === "other-way" || view.kind === "not-me" ? settings.otherWayMsMin : settings.shownMsMin;
}

function onActivate(checkout: Checkout, { offer, atMono }: InputOf<"activate">): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "idle":
    case "cooling-down":
      return beginLooking(checkout, offer, atMono);
    case "shown":
      // A second press by an eager finger must not replace "paid" with "already paid".
      return phase.view.kind === "paid" ? stay(checkout) : beginLooking(checkout, offer, atMono);
    case "closed":
    case "looking":
    case "asking":
    case "checking-pin":
    case "identified":
    case "confirming":
    case "committing":
    case "disputing":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function beginLooking(checkout: Checkout, offer: Offer, atMono: MonoMs): Step {
  if (checkout.closedReason !== null) return closed(checkout, checkout.closedReason);
  // Said before anyone looks: staff can put it right while the diner stays.
  if (offer.period === null) return refuse(checkout, "no-meal-now", atMono);
  if (offer.priced.kind === "unpriced") return refuse(checkout, offer.priced.reason, atMono);
  const { cameraLost: reason } = checkout;
  if (reason !== null) return show(checkout, { kind: "other-way", reason }, null, atMono);
  return to(checkout, {
    kind: "looking",
    offer,
    pressed: true,
    evidence: noEvidence(atMono),
    startedMono: atMono,
    hint: null,
    absentFrames: 0,
  });
}

/** A press for what stood on the screen before is nobody's answer to what stands there now. */
function onConfirm(checkout: Checkout, { chargeId }: InputOf<"confirm">): Step {
  const { phase } = checkout;
  if (phase.kind !== "confirming" || phase.payable.chargeId !== chargeId) return stay(checkout);
  const { amountFen, allergyWarning } = phase.payable;
  return commit(checkout, phase, chargeId, { amountFen, allergens: allergyWarning });
}

function onCancel(checkout: Checkout, { atMono }: InputOf<"cancel">, settings: CheckoutSettings): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "looking":
    case "checking-pin":
      return rest(checkout, null, atMono, settings);
    case "asking":
      return rest(checkout, phase.question.matchedPersonId, atMono, settings);
    case "confirming":
      return rest(checkout, phase.identity.personId, atMono, settings);
    case "shown":
      return phase.view.kind === "paid" ? stay(checkout) : rest(checkout, phase.personId, atMono, settings);
    case "closed":
    case "idle":
    case "identified":
    case "committing":
    case "disputing":
    case "cooling-down":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function onAssessed(
  checkout: Checkout,
  assessment: Assessment,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  const { phase } = checkout;
  assert(phase.kind === "identified", `an assessment came while ${phase.kind}`);
  const { offer, identity } = phase;
  switch (assessment.kind) {
    case "refused":
      return show(checkout, assessment, identity.personId, atMono);
    case "failed":
      return stopSales(checkout, atMono);
    case "payable": {
      const { payable } = assessment;
      // Whoever pressed their name has confirmed it by that.
      const byFaceAlone = identity.method === "face" && identity.question === null;
      // Where a press begins everything, nobody pays who only stepped in front of the one who pressed.
      const unpressed = settings.activation === "touch" && identity.activation === "presence";
      const asks = payable.allergyWarning.length > 0 || (byFaceAlone && (settings.confirmFace || unpressed));
      if (!asks)
        return commit(checkout, phase, payable.chargeId, { amountFen: payable.amountFen, allergens: [] });
      const began = { evidence: noEvidence(atMono), startedMono: atMono, strangerFrames: 0 };
      return to(checkout, { kind: "confirming", offer, identity, payable, ...began });
    }
    default:
      return assertNever(assessment);
  }
}

function onCharged(checkout: Checkout, outcome: ChargeOutcome, atMono: MonoMs): Step {
  const { phase } = checkout;
  assert(phase.kind === "committing", `a charge was answered while ${phase.kind}`);
  const { offer, identity } = phase;
  const { personId } = identity;
  switch (outcome.kind) {
    case "paid": {
      const byFace = identity.method === "face";
      const followUp: FollowUp | null = byFace ? { kind: "may-dispute", offer, identity } : null;
      return show(soldOrder(checkout, offer), outcome, personId, atMono, followUp);
    }
    case "changed":
      // A roster that came while the question stood: what the press was for is no longer so, and is asked anew.
      return identify(checkout, offer, identity);
    case "refused":
      return show(checkout, outcome, personId, atMono);
    case "failed":
      return stopSales(checkout, atMono);
    default:
      return assertNever(outcome);
  }
}

/** The next diner must not pay for this tray; but an order that staff began meanwhile is the next diner's. */
function soldOrder(checkout: Checkout, { orderRevision }: Offer): Checkout {
  if (checkout.order.revision !== orderRevision) return checkout;
  return { ...checkout, order: { ...EMPTY_ORDER, revision: orderRevision + 1 } };
}

function onCamera(checkout: Checkout, { lost, atMono }: InputOf<"camera">): Step {
  const { phase } = checkout;
  if (lost === null || phase.kind !== "looking") return stay(checkout);
  if (!phase.pressed && !sawSomeone(phase.evidence)) return wait(checkout, atMono);
  return show(checkout, { kind: "other-way", reason: lost }, null, atMono);
}

function onTill(checkout: Checkout, input: InputOf<"till">, settings: CheckoutSettings): Step {
  const { phase } = checkout;
  const { closedReason, bystander, atMono } = input;
  switch (phase.kind) {
    case "closed": {
      const left = eitherOf(phase.bystander, bystander ?? null);
      if (closedReason !== null) return closed(checkout, closedReason, left);
      return left === null ? wait(checkout, atMono) : reopen(checkout, left, atMono, settings);
    }
    case "idle":
      return closedReason === null ? stay(checkout) : closed(checkout, closedReason);
    case "cooling-down":
      return closedReason === null ? stay(checkout) : closedBehind(checkout, closedReason, phase);
    case "looking":
    case "asking":
    case "checking-pin":
    case "confirming":
      // Who began before the meal ended is still served at the price that was frozen then.
      return closedReason === null || closedReason === "no-meal-now"
        ? stay(checkout)
        : closed(checkout, closedReason);
    case "identified":
    case "committing":
    case "disputing":
    case "shown":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

/** Two who stood there may both stand there still. */
function eitherOf(one: Bystander | null, other: Bystander | null): Bystander | null {
  if (one === null || other === null) return one ?? other;
  return one.personId === other.personId ? one : { personId: null };
}

function onTimePassed(checkout: Checkout, atMono: MonoMs, settings: CheckoutSettings): Step {
  const deadline = deadlineOf(checkout, settings);
  if (deadline === null || atMono < deadline) return stay(checkout);
  const { phase } = checkout;
  switch (phase.kind) {
    case "looking":
      return lookedInVain(checkout, phase, atMono);
    case "checking-pin":
      return rest(checkout, null, atMono, settings);
    case "asking":
      return rest(checkout, phase.question.matchedPersonId, atMono, settings);
    case "confirming":
      return rest(checkout, phase.identity.personId, atMono, settings);
    case "shown":
      return rest(checkout, phase.personId, atMono, settings);
    default:
      return stay(checkout);
  }
}

function lookedInVain(checkout: Checkout, { pressed, evidence }: PhaseOf<"looking">, atMono: MonoMs): Step {
  if (!pressed && !sawSomeone(evidence)) return wait(checkout, atMono);
  const reason = evidence.frameCount === 0 ? "camera-lost" : lookFailureOf(evidence);
  return show(checkout, { kind: "other-way", reason }, null, atMono);
}
