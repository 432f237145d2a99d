import { assert, assertNever } from "../platform/assert.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";
import { onFrame } from "./checkout-frames.ts";
import {
  closed,
  commit,
  identify,
  refuse,
  refusedView,
  rest,
  show,
  stay,
  stopSales,
  to,
  wait,
} from "./checkout-moves.ts";
import type {
  Assessment,
  ChargeOutcome,
  Checkout,
  CheckoutInput,
  CheckoutSettings,
  InputOf,
  Offer,
  PhaseOf,
  PinOutcome,
  Step,
} from "./checkout-types.ts";
import { lookFailureOf, noEvidence, sawSomeone } from "./identity-decision.ts";
import { EMPTY_ORDER } from "./order-price.ts";

/** Closed until the loop has looked at the clock, the plan and the disk. */
export const INITIAL_CHECKOUT: Checkout = {
  phase: { kind: "closed", reason: "till-closed" },
  order: { ...EMPTY_ORDER, revision: 0 },
  cameraLost: false,
  closedReason: "till-closed",
  pinAttempts: 0,
};

/**
 * The checkout of one serving line: idle → looking → identified → confirming → committing → shown → cooling down.
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
      return onConfirm(checkout);
    case "cancel":
      return onCancel(checkout, input, settings);
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
    case "camera":
      return onCamera({ ...checkout, cameraLost: input.lost }, input);
    case "till":
      return onTill({ ...checkout, closedReason: input.closedReason }, input);
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
      return monoMs(phase.startedMono + settings.lookMsMax);
    case "checking-pin":
      return monoMs(phase.startedMono + settings.pinMsMax);
    case "confirming":
      return monoMs(phase.startedMono + settings.confirmMsMax);
    case "shown": {
      const offersOtherWay = phase.view.kind === "other-way";
      return monoMs(phase.startedMono + (offersOtherWay ? settings.otherWayMsMin : settings.shownMsMin));
    }
    case "closed":
    case "idle":
    case "identified":
    case "committing":
    case "cooling-down":
      return null;
    default:
      return assertNever(phase);
  }
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
    case "checking-pin":
    case "identified":
    case "confirming":
    case "committing":
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
  if (checkout.cameraLost) return show(checkout, { kind: "other-way", reason: "camera-lost" }, null, atMono);
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

function onConfirm(checkout: Checkout): Step {
  const { phase } = checkout;
  if (phase.kind !== "confirming") return stay(checkout);
  return commit(checkout, phase, phase.payable.chargeId, phase.payable.allergyWarning.length > 0);
}

function onCancel(checkout: Checkout, { atMono }: InputOf<"cancel">, settings: CheckoutSettings): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "looking":
    case "checking-pin":
      return rest(checkout, null, atMono, settings);
    case "confirming":
      return rest(checkout, phase.identity.personId, atMono, settings);
    case "shown":
      return phase.view.kind === "paid" ? stay(checkout) : rest(checkout, phase.personId, atMono, settings);
    case "closed":
    case "idle":
    case "identified":
    case "committing":
    case "cooling-down":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function onCard(checkout: Checkout, input: InputOf<"card">): Step {
  const { phase } = checkout;
  const { personId, offer, atMono } = input;
  switch (phase.kind) {
    case "idle":
    case "cooling-down":
      return readCard(checkout, personId, offer, atMono);
    case "looking":
    case "confirming":
      // The same diner chose the card instead: the amount stays as it was when they began.
      return readCard(checkout, personId, phase.offer, atMono);
    case "shown": {
      // Readers repeat a card that is held too long, and a torn repetition is nobody's.
      const repeated = phase.view.kind === "paid" && (personId === null || personId === phase.personId);
      return repeated ? stay(checkout) : readCard(checkout, personId, offer, atMono);
    }
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function readCard(checkout: Checkout, personId: string | null, offer: Offer, atMono: MonoMs): Step {
  if (checkout.closedReason !== null && checkout.phase.kind === "shown")
    return closed(checkout, checkout.closedReason);
  if (personId === null) return refuse(checkout, "person-unknown", atMono);
  return identify(checkout, offer, { personId, method: "card", activation: "touch", decision: null });
}

function onPinEntered(checkout: Checkout, { offer, atMono }: InputOf<"pin-entered">): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "idle":
    case "cooling-down":
      return checkPin(checkout, offer, atMono);
    case "looking":
    case "confirming":
      return checkPin(checkout, phase.offer, atMono);
    case "shown":
      return checkout.closedReason === null
        ? checkPin(checkout, offer, atMono)
        : closed(checkout, checkout.closedReason);
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function checkPin(checkout: Checkout, offer: Offer, atMono: MonoMs): Step {
  const attempt = checkout.pinAttempts + 1;
  return {
    checkout: {
      ...checkout,
      pinAttempts: attempt,
      phase: { kind: "checking-pin", offer, attempt, startedMono: atMono },
    },
    effects: [{ kind: "check-pin", attempt }],
  };
}

function onPinChecked(checkout: Checkout, { attempt, outcome, atMono }: InputOf<"pin-checked">): Step {
  const { phase } = checkout;
  // Cancelled, timed out or closed meanwhile: the answer is nobody's any more.
  if (phase.kind !== "checking-pin" || phase.attempt !== attempt) return stay(checkout);
  return answerPin(checkout, phase.offer, outcome, atMono);
}

function answerPin(checkout: Checkout, offer: Offer, outcome: PinOutcome, atMono: MonoMs): Step {
  switch (outcome.kind) {
    case "ok":
      return identify(checkout, offer, {
        personId: outcome.personId,
        method: "pin",
        activation: "touch",
        decision: null,
      });
    case "wrong":
    case "locked":
      return show(checkout, { ...refusedView("person-unknown"), pin: outcome }, null, atMono);
    case "failed":
      return stopSales(checkout, atMono);
    default:
      return assertNever(outcome);
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
      const asks = payable.allergyWarning.length > 0 || (identity.method === "face" && settings.confirmFace);
      if (!asks) return commit(checkout, phase, payable.chargeId, false);
      const evidence = noEvidence(atMono);
      return to(checkout, { kind: "confirming", offer, identity, payable, evidence, startedMono: atMono });
    }
    default:
      return assertNever(assessment);
  }
}

function onCharged(checkout: Checkout, outcome: ChargeOutcome, atMono: MonoMs): Step {
  const { phase } = checkout;
  assert(phase.kind === "committing", `a charge was answered while ${phase.kind}`);
  const { personId } = phase.identity;
  switch (outcome.kind) {
    case "paid":
      return show(soldOrder(checkout, phase.offer), outcome, personId, atMono);
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
  if (!lost || phase.kind !== "looking") return stay(checkout);
  if (!phase.pressed && !sawSomeone(phase.evidence)) return wait(checkout, atMono);
  return show(checkout, { kind: "other-way", reason: "camera-lost" }, null, atMono);
}

function onTill(checkout: Checkout, { closedReason, atMono }: InputOf<"till">): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "closed":
      return closedReason === null ? wait(checkout, atMono) : closed(checkout, closedReason);
    case "idle":
    case "cooling-down":
      return closedReason === null ? stay(checkout) : closed(checkout, closedReason);
    case "looking":
    case "checking-pin":
    case "confirming":
      // Who began before the meal ended is still served at the price that was frozen then.
      return closedReason === null || closedReason === "no-meal-now"
        ? stay(checkout)
        : closed(checkout, closedReason);
    case "identified":
    case "committing":
    case "shown":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
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
