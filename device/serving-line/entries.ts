import { z } from "zod";
import type { JsonObject } from "../journal/journal-port.ts";
import { type PaymentMethod, REFUSAL_REASONS } from "./serving-line-port.ts";

/**
 * Bodies of the journal's entries about charges. The cloud reads the same schemas, so a field is only ever added,
 * and with a default, never renamed. People are ids; a name is never written here.
 */

const id = z.string().min(1).max(128);
const amountFen = z.int().min(0);
export const REASON_LENGTH_MAX = 200;
/** Meals of one person in one period; beyond this an operator's finger slipped. */
export const CLAIMS_MAX = 99;
/** The nearest; more than these would not fit an entry, nor a screen. */
export const LOOK_ALIKES_MAX = 20;
/** Reason of a void by the diner: "that's not me", with `identity.disputed` beside it. */
export const NOT_ME = "not-me";
const reasonText = z.string().trim().min(1).max(REASON_LENGTH_MAX);
const bilingual = z.strictObject({ zh: z.string().min(1).max(80), en: z.string().min(1).max(160) });
const planVersion = z.string().min(1).max(64);

/** What a plan's ids, names and version must satisfy, so that a charge under it can be written down. */
export const fitsEntry = {
  id: (value: unknown): boolean => id.safeParse(value).success,
  name: (value: unknown): boolean => bilingual.safeParse(value).success,
  planVersion: (value: unknown): boolean => planVersion.safeParse(value).success,
};
const paymentMethod = z.enum(["face", "card", "pin", "staff"] satisfies PaymentMethod[]);

/** The evidence that named the person; the mean over the frames that agreed (the least of them in entries of before). */
const faceDecision = z.strictObject({
  model: z.string().min(1).max(200),
  similarity: z.number().min(-1).max(1),
  /** Lead over the second-best person; null when nobody else is enrolled. */
  margin: z.number().min(0).max(2).nullable(),
  frames: z.int().min(1),
});

/** The camera could not tell this person from others: who was asked about, and what said which of them it is. */
const answeredQuestion = z.strictObject({
  matchedPersonId: id,
  lookAlikeIds: z.array(id).min(1).max(LOOK_ALIKES_MAX),
  answeredBy: z.enum(["card", "pin", "choice"]),
  /** Who watched the name being pressed; null for card and PIN. */
  operatorId: id.nullable(),
});

export const chargeMadeSchema = z
  .strictObject({
    /** Also the entry's own id: made at the moment of intent, so that a retry cannot charge twice. */
    chargeId: z.uuid(),
    personId: id,
    businessDate: z.iso.date(),
    periodId: id,
    periodName: bilingual,
    /** 1 for the meal; 2 and up for further meals that an operator allowed. */
    claimNo: z.int().min(1).max(CLAIMS_MAX),
    priceFen: amountFen,
    subsidyFen: amountFen,
    amountFen,
    items: z.array(z.strictObject({ id, name: bilingual, priceFen: amountFen })).max(50),
    /** Allergens of these dishes that this person must avoid, shown and confirmed before the charge. */
    allergensConfirmed: z.array(id).max(100),
    method: paymentMethod,
    activation: z.enum(["touch", "presence"]),
    operatorId: id.nullable(),
    overrideReason: reasonText.nullable(),
    decision: faceDecision.nullable(),
    /** Null where nobody had to be asked; entries of before do not have it. */
    question: answeredQuestion.nullable().default(null),
    mealPlanVersion: planVersion,
  })
  .check(({ value, issues }) => {
    const broken = (message: string, input: unknown): void => {
      issues.push({ code: "custom", message, input });
    };
    if (value.amountFen !== value.priceFen - value.subsidyFen)
      broken("amountFen must be priceFen − subsidyFen", value.amountFen);
    if (value.claimNo > 1 && (value.operatorId === null || value.overrideReason === null))
      broken("a further meal needs an operator and a reason", value.claimNo);
    if ((value.method === "face") !== (value.decision !== null))
      broken("a face decision belongs to a charge by face, and to no other", value.decision);
    if (
      (value.question?.answeredBy === "choice") !==
      (value.question !== null && value.question.operatorId !== null)
    )
      broken("a name is chosen under an operator's eye, and nothing else is", value.question);
  });

export const chargeVoidedSchema = z
  .strictObject({
    chargeId: z.uuid(),
    personId: id,
    businessDate: z.iso.date(),
    periodId: id,
    claimNo: z.int().min(1).max(CLAIMS_MAX),
    /** Given back to the account; equals the charge's. */
    amountFen,
    /** Null when the diner said that it was not them; the reason is then `not-me`. */
    operatorId: id.nullable(),
    reason: reasonText,
  })
  .check(({ value, issues }) => {
    if (value.operatorId === null && value.reason !== NOT_ME)
      issues.push({ code: "custom", message: "a void needs an operator", input: value.operatorId });
  });

/** A known person was told no: at most once per person, reason, meal period and day. Unknown faces are never written. */
export const chargeRefusedSchema = z.strictObject({
  personId: id,
  reason: z.enum(REFUSAL_REASONS),
  businessDate: z.iso.date(),
  periodId: id,
  method: paymentMethod,
  amountFen: amountFen.nullable(),
  operatorId: id.nullable(),
});

export type ChargeMade = z.output<typeof chargeMadeSchema>;
export type ChargeVoided = z.infer<typeof chargeVoidedSchema>;
export type ChargeRefused = z.infer<typeof chargeRefusedSchema>;

/** Schemas by kind, for the contract's description and for whoever reads the journal. */
export const CHARGE_ENTRY_SCHEMAS = {
  "charge.made": chargeMadeSchema,
  "charge.voided": chargeVoidedSchema,
  "charge.refused": chargeRefusedSchema,
} as const;

/** The types say so already; this states it once, so that no cast is needed where an entry is written. */
export function bodyOf(body: ChargeMade | ChargeVoided | ChargeRefused): JsonObject {
  return body;
}
