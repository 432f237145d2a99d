import { assert, assertNever } from "../platform/assert.ts";
import type { MonoMs } from "../platform/units.ts";
import { identify, show, stay, stopSales, to } from "./checkout-moves.ts";
import type { Checkout, DisputeOutcome, Identity, InputOf, Offer, Step } from "./checkout-types.ts";

/** Names to choose from, and "that's not me": the two ways in which the camera's word is not the last one. */

export function onChoices(checkout: Checkout, { choices }: InputOf<"choices">): Step {
  const { phase } = checkout;
  assert(phase.kind === "asking", `names to choose from came while ${phase.kind}`);
  return to(checkout, { ...phase, choices });
}

export function onChoose(checkout: Checkout, { personId, operatorId }: InputOf<"choose">): Step {
  const { phase } = checkout;
  const isOffered = phase.kind === "asking" && phase.choices?.some((choice) => choice.personId === personId);
  if (phase.kind !== "asking" || isOffered !== true) return stay(checkout);
  const { matchedPersonId, lookAlikeIds, decision } = phase.question;
  return identify(checkout, phase.offer, {
    personId,
    method: "face",
    activation: "touch",
    decision,
    question: { matchedPersonId, lookAlikeIds, answeredBy: "choice", operatorId },
  });
}

/** Only of a face, and only as long as the screen says whom it took them for. */
export function onNotMe(checkout: Checkout, { chargeId, disputeId }: InputOf<"not-me">): Step {
  const { phase } = checkout;
  if (phase.kind === "confirming" && phase.identity.method === "face")
    return phase.payable.chargeId === chargeId
      ? dispute(checkout, phase, chargeId, disputeId)
      : stay(checkout);
  if (phase.kind === "shown" && phase.view.kind === "paid" && phase.followUp?.kind === "may-dispute")
    return phase.view.receipt.chargeId === chargeId
      ? dispute(checkout, phase.followUp, chargeId, disputeId)
      : stay(checkout);
  return stay(checkout);
}

function dispute(
  checkout: Checkout,
  { offer, identity }: { readonly offer: Offer; readonly identity: Identity },
  chargeId: string,
  disputeId: string,
): Step {
  return to(
    checkout,
    { kind: "disputing", offer, disputeId, personId: identity.personId },
    { kind: "dispute", disputeId, chargeId, identity, offer },
  );
}

export function onDisputed(checkout: Checkout, outcome: DisputeOutcome, atMono: MonoMs): Step {
  const { phase } = checkout;
  assert(phase.kind === "disputing", `a dispute was answered while ${phase.kind}`);
  const { offer, disputeId, personId } = phase;
  const awaitsPayer = { kind: "awaits-payer", offer, disputeId } as const;
  switch (outcome.kind) {
    case "not-charged":
    case "voided": {
      const amountFen = outcome.kind === "voided" ? outcome.amountFen : null;
      const view = { kind: "not-me", outcome: outcome.kind, amountFen } as const;
      return show(checkout, view, personId, atMono, awaitsPayer);
    }
    case "refused":
      return show(checkout, { kind: "not-me", outcome: "refused", amountFen: null }, personId, atMono);
    case "failed":
      return stopSales(checkout, atMono);
    default:
      return assertNever(outcome);
  }
}
