import { CanteenError } from "../platform/errors.ts";
import type { ChargeIntent } from "./cashier.ts";
import type { Price } from "./charge-rules.ts";
import type { FaceDecision, Offer } from "./checkout-types.ts";
import { type ChargeMade, LOOK_ALIKES_MAX, REASON_LENGTH_MAX } from "./entries.ts";

/** What is written down about a charge. */

export function madeBody(
  intent: ChargeIntent,
  period: NonNullable<Offer["period"]>,
  price: Price,
  claimNo: number,
  allergensConfirmed: string[],
): ChargeMade {
  const { chargeId, identity, offer, furtherMeal } = intent;
  const items = offer.priced.kind === "priced" ? offer.priced.items : [];
  return {
    chargeId,
    personId: identity.personId,
    businessDate: offer.businessDate,
    periodId: period.id,
    periodName: { zh: period.name.zh, en: period.name.en },
    claimNo,
    priceFen: price.priceFen,
    subsidyFen: price.subsidyFen,
    amountFen: price.amountFen,
    items: items.map(({ id, name, priceFen }) => ({ id, name: { zh: name.zh, en: name.en }, priceFen })),
    allergensConfirmed,
    method: identity.method,
    activation: identity.activation,
    operatorId: furtherMeal?.operatorId ?? null,
    overrideReason: furtherMeal === null ? null : reasonOf(furtherMeal.reason),
    decision: identity.decision === null ? null : recordedDecision(identity.decision),
    question: recordedQuestion(identity.question),
    mealPlanVersion: offer.mealPlanVersion,
  };
}

function recordedQuestion(question: ChargeIntent["identity"]["question"]): ChargeMade["question"] {
  if (question === null) return null;
  return { ...question, lookAlikeIds: question.lookAlikeIds.slice(0, LOOK_ALIKES_MAX) };
}

/** Four decimals are what the threshold was calibrated to; more would only look exact. */
export function recordedDecision({
  model,
  similarity,
  margin,
  frames,
}: FaceDecision): NonNullable<ChargeMade["decision"]> {
  const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
  return {
    model,
    similarity: rounded(Math.max(-1, Math.min(1, similarity))),
    margin: margin === null ? null : rounded(Math.max(0, Math.min(2, margin))),
    frames,
  };
}

/** @throws CanteenError `reason-missing`. */
export function reasonOf(written: string): string {
  const reason = written.trim().slice(0, REASON_LENGTH_MAX).trim();
  if (reason !== "") return reason;
  throw new CanteenError("an operator's reason is empty", {
    code: "reason-missing",
    retry: "after-operator",
    hint: { zh: "请填写原因。", en: "Please give a reason." },
  });
}
