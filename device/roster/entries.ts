import { z } from "zod";

/** Bodies of the journal entries of this folder: ids, counts and model ids; never a name, never a template. */

const id = z.string().min(1).max(64);
const scopes = z
  .array(z.enum(["face", "share-template"]))
  .min(1)
  .max(2);

export const personEnrolledSchema = z.strictObject({
  personId: id,
  modelId: z.string().min(1).max(128),
  templateIds: z.array(id).min(1).max(20),
  /** Null where no operator took part: a template from a visit. */
  operatorId: id.nullable(),
  /** The paid visit that one of the templates is from, without any picture; null for an enrolment with shots. */
  visitChargeId: z.uuid().nullable().default(null),
});

/** Templates of a model pack that the person no longer needs: enough were enrolled with the newer one. */
export const templatesRetiredSchema = z.strictObject({
  personId: id,
  modelId: z.string().min(1).max(128),
  templateCount: z.int().min(1),
  /** The pack that recognises them from now on. */
  replacedBy: z.string().min(1).max(128),
});

export const personWithdrawnSchema = z.strictObject({
  personId: id,
  /** `face`: the key and every template were destroyed. `share-template` alone: what other terminals sent was. */
  scopes,
  templateCount: z.int().min(0),
  /** null: the withdrawal came from the cloud. */
  operatorId: id.nullable(),
  reason: z.string().min(1).max(200),
  /** The moment that counts for the consent, never before its grant even when the clock was wrong. */
  withdrawnAtMs: z.int().min(0),
});

export const consentRecordedSchema = z.strictObject({
  personId: id,
  scopes,
  grantedBy: z.enum(["self", "guardian"]),
  operatorId: id,
  grantedAtMs: z.int().min(0),
});

/**
 * Somebody was taken for this person and said so at the screen. The charge that was made is voided by an entry of its
 * own, in the same transaction.
 */
export const identityDisputedSchema = z.strictObject({
  disputeId: z.uuid(),
  /** The charge that was made, or the one that would have been. */
  chargeId: z.uuid(),
  /** Whether there was a charge to take back. */
  charged: z.boolean(),
  /** Who was matched. */
  personId: z.string().min(1).max(128),
  model: z.string().min(1).max(200),
  similarity: z.number().min(-1).max(1),
  businessDate: z.iso.date(),
});

/** Who it was, as their card or PIN said right after. The matched person again: the match was right after all. */
export const identityDisputeNamedSchema = z.strictObject({
  disputeId: z.uuid(),
  personId: z.string().min(1).max(128),
  otherPersonId: z.string().min(1).max(128),
});

export type IdentityDisputed = z.infer<typeof identityDisputedSchema>;
export type IdentityDisputeNamed = z.infer<typeof identityDisputeNamedSchema>;

export const ROSTER_ENTRY_SCHEMAS = {
  "person.enrolled": personEnrolledSchema,
  "person.templates-retired": templatesRetiredSchema,
  "person.withdrawn": personWithdrawnSchema,
  "consent.recorded": consentRecordedSchema,
  "identity.disputed": identityDisputedSchema,
  "identity.dispute-named": identityDisputeNamedSchema,
} as const;
