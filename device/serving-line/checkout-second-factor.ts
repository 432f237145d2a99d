import { assertNever } from "../platform/assert.ts";
import type { MonoMs } from "../platform/units.ts";
import {
  closed,
  identifyBySecondFactor,
  refuse,
  refusedView,
  show,
  stay,
  stopSales,
} from "./checkout-moves.ts";
import type {
  Checkout,
  FollowUp,
  InputOf,
  Offer,
  Pending,
  Phase,
  PinOutcome,
  Step,
} from "./checkout-types.ts";

/** What a card or a number with PIN means in each phase: who it is, and the answer to what was open. */

export function onCard(checkout: Checkout, input: InputOf<"card">): Step {
  const { phase } = checkout;
  const { personId, offer, atMono } = input;
  switch (phase.kind) {
    case "idle":
    case "cooling-down":
      return readCard(checkout, personId, offer, atMono);
    case "looking":
    case "asking":
    case "confirming":
      // The same diner chose the card instead: the amount stays as it was when they began.
      return readCard(checkout, personId, phase.offer, atMono);
    case "shown": {
      // Readers repeat a card that is held too long, and a torn repetition is nobody's.
      const repeated = phase.view.kind === "paid" && (personId === null || personId === phase.personId);
      return repeated ? stay(checkout) : readCard(checkout, personId, offerAfter(phase, offer), atMono);
    }
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
    case "disputing":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function readCard(checkout: Checkout, personId: string | null, offer: Offer, atMono: MonoMs): Step {
  const { phase, closedReason } = checkout;
  if (closedReason !== null && phase.kind === "shown") return closed(checkout, closedReason);
  const pending = pendingOf(phase);
  if (personId === null) return refuse(checkout, "person-unknown", atMono, stillAwaited(offer, pending));
  return identifyBySecondFactor(checkout, offer, { personId, method: "card" }, pending);
}

export function onPinEntered(checkout: Checkout, { offer, atMono }: InputOf<"pin-entered">): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "idle":
    case "cooling-down":
      return checkPin(checkout, offer, atMono);
    case "looking":
    case "asking":
    case "confirming":
      return checkPin(checkout, phase.offer, atMono);
    case "shown":
      return checkout.closedReason === null
        ? checkPin(checkout, offerAfter(phase, offer), atMono)
        : closed(checkout, checkout.closedReason);
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
    case "disputing":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function checkPin(checkout: Checkout, offer: Offer, atMono: MonoMs): Step {
  const attempt = checkout.pinAttempts + 1;
  const pending = pendingOf(checkout.phase);
  return {
    checkout: {
      ...checkout,
      pinAttempts: attempt,
      phase: { kind: "checking-pin", offer, pending, attempt, startedMono: atMono },
    },
    effects: [{ kind: "check-pin", attempt }],
  };
}

export function onPinChecked(checkout: Checkout, { attempt, outcome, atMono }: InputOf<"pin-checked">): Step {
  const { phase } = checkout;
  // Cancelled, timed out or closed meanwhile: the answer is nobody's any more.
  if (phase.kind !== "checking-pin" || phase.attempt !== attempt) return stay(checkout);
  return answerPin(checkout, phase, outcome, atMono);
}

function answerPin(
  checkout: Checkout,
  { offer, pending }: { readonly offer: Offer; readonly pending: Pending | null },
  outcome: PinOutcome,
  atMono: MonoMs,
): Step {
  switch (outcome.kind) {
    case "ok":
      return identifyBySecondFactor(checkout, offer, { personId: outcome.personId, method: "pin" }, pending);
    case "wrong":
    case "locked": {
      const view = { ...refusedView("person-unknown"), pin: outcome };
      return show(checkout, view, null, atMono, stillAwaited(offer, pending));
    }
    case "failed":
      return stopSales(checkout, atMono);
    default:
      return assertNever(outcome);
  }
}

function pendingOf(phase: Phase): Pending | null {
  if (phase.kind === "asking") return { kind: "question", question: phase.question };
  const awaited = phase.kind === "shown" ? phase.followUp : null;
  return awaited?.kind === "awaits-payer" ? { kind: "dispute", disputeId: awaited.disputeId } : null;
}

/** A card that could not be read or a mistyped PIN does not end the wait for who it was. */
function stillAwaited(offer: Offer, pending: Pending | null): FollowUp | null {
  return pending?.kind === "dispute" ? { kind: "awaits-payer", offer, disputeId: pending.disputeId } : null;
}

/** Whoever was charged wrongly made way for the one whose tray it is: at its price, though it was sold once. */
function offerAfter({ followUp }: Extract<Phase, { kind: "shown" }>, now: Offer): Offer {
  return followUp?.kind === "awaits-payer" ? followUp.offer : now;
}
