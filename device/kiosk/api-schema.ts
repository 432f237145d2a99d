import { z } from "zod";
import { epochMs, fen } from "../platform/units.ts";
import {
  cameraKindSchema,
  cameraShownSchema,
  receiptSchema,
  syncStatusSchema,
  terminalNameSchema,
} from "./protocol.ts";

/** Requests and answers of the HTTP API under `/api`: one source for the server, the operator's page and the tests. */

/** A photo for enrolment: what a phone takes. */
export const SHOT_BYTES_MAX = 12 * 1024 * 1024;
/** Every other body. */
export const BODY_BYTES_MAX = 64 * 1024;

const id = z.string().min(1).max(64);
const reason = z.string().trim().min(1).max(200);
const fenAmount = z.int().transform(fen);
const epoch = z.int().transform(epochMs);

export const idParamsSchema = z.strictObject({ id });
export const signInBodySchema = z.strictObject({ operatorId: id, pin: z.string().min(1).max(64) });
export const peopleQuerySchema = z.strictObject({
  text: z.string().trim().max(64).default(""),
  countMax: z.coerce.number().int().min(1).max(100).default(30),
});
export const chargesQuerySchema = z.strictObject({
  countMax: z.coerce.number().int().min(1).max(500).default(100),
});
export const reasonBodySchema = z.strictObject({ reason });
export const chargeAgainBodySchema = z.strictObject({
  reason,
  /** Made by the page at the press: the same request sent again is the same meal. */
  chargeId: z.uuid(),
});
export const consentScopeSchema = z.enum(["face", "share-template"]);
export const grantedBySchema = z.enum(["self", "guardian"]);
export const consentBodySchema = z.strictObject({
  scopes: z.array(consentScopeSchema).min(1).max(2),
  grantedBy: grantedBySchema,
});
export const enrolmentBodySchema = z.strictObject({ personId: id });
export const completeBodySchema = z.strictObject({
  /** Null where the consent was recorded before. */
  consent: consentBodySchema.nullable(),
  duplicateConfirmed: z.boolean().default(false),
});
export const cameraBodySchema = z.strictObject({ kind: cameraKindSchema });
export const networkBodySchema = z.strictObject({ online: z.boolean() });
/** The time that the page showed when the operator said that it is right. */
export const clockBodySchema = z.strictObject({ shownMs: z.int().min(0) });
export const emptyBodySchema = z.strictObject({ empty: z.boolean() });

export const operatorSchema = z.object({
  operatorId: z.string(),
  displayName: z.string(),
  role: z.enum(["cashier", "keeper", "manager"]),
});
export type OperatorShown = z.output<typeof operatorSchema>;
export const operatorsAnswerSchema = z.object({ operators: z.array(operatorSchema).readonly() });
export const sessionAnswerSchema = z.object({
  operator: operatorSchema.nullable(),
  terminal: terminalNameSchema,
});
export const signInAnswerSchema = z.object({ operator: operatorSchema, expiresInMs: z.number() });

export const personSchema = z.object({
  personId: z.string(),
  number: z.string(),
  displayName: z.string(),
  groupName: z.string(),
  kind: z.enum(["student", "staff", "guest"]),
  active: z.boolean(),
  hasFaceConsent: z.boolean(),
});
export type PersonShown = z.output<typeof personSchema>;
export const peopleAnswerSchema = z.object({ people: z.array(personSchema) });
export const personAnswerSchema = z.object({
  person: personSchema,
  allergens: z.array(z.string()).readonly(),
  /** The cloud's balance and the journal entry it contains; null before the first one came. */
  account: z.object({ balanceFen: fenAmount, throughSeq: z.int() }).nullable(),
  consents: z
    .array(
      z.object({
        scope: consentScopeSchema,
        grantedBy: grantedBySchema,
        grantedAtMs: epoch,
        withdrawnAtMs: epoch.nullable(),
      }),
    )
    .readonly(),
  /** Null where the terminal cannot tell without opening the templates. */
  templateCount: z.int().nullable(),
});
export type PersonDetail = z.output<typeof personAnswerSchema>;

export const shotProblemSchema = z.enum([
  "image-unreadable",
  "no-face",
  "several-faces",
  "face-too-small",
  "turned-away",
  "too-dark",
  "too-bright",
  "blurred",
  "low-quality",
  "not-live",
  "other-person-than-first-shot",
]);
export type ShotProblemShown = z.output<typeof shotProblemSchema>;
export const enrolmentProgressSchema = z.object({
  sessionId: z.string(),
  personId: z.string(),
  acceptedCount: z.int(),
  shotCountMin: z.int(),
  shotCountMax: z.int(),
  lastShot: z
    .object({
      accepted: z.boolean(),
      problem: shotProblemSchema.nullable(),
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]).readonly().nullable(),
      widthPx: z.number(),
      heightPx: z.number(),
      quality: z.object({ overall: z.number() }).nullable(),
    })
    .nullable(),
  duplicateOf: z.object({ personId: z.string(), similarity: z.number() }).nullable(),
});
export type EnrolmentProgressShown = z.output<typeof enrolmentProgressSchema>;
export const enrolmentResultSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("enrolled"),
    personId: z.string(),
    templateCount: z.int(),
    seq: z.int(),
  }),
  z.object({
    kind: z.literal("refused"),
    reason: z.enum([
      "session-unknown",
      "person-unknown",
      "too-few-shots",
      "duplicate-not-confirmed",
      "consent-missing",
      "consent-needs-guardian",
    ]),
  }),
]);
export type EnrolmentResultShown = z.output<typeof enrolmentResultSchema>;

export const chargesAnswerSchema = z.object({
  charges: z.array(receiptSchema.extend({ voided: z.boolean(), disputed: z.boolean() })).readonly(),
});
export type ChargeShown = z.output<typeof chargesAnswerSchema>["charges"][number];
export const voidAnswerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("voided"), seq: z.int(), balanceFen: fenAmount }),
  z.object({
    kind: z.literal("refused"),
    reason: z.enum(["charge-unknown", "already-voided", "meal-period-over"]),
  }),
]);
export const chargeAgainAnswerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("paid"), receipt: receiptSchema }),
  z.object({ kind: z.literal("refused"), reason: z.string() }),
]);
export const doneAnswerSchema = z.object({ kind: z.literal("done") });

export const terminalAnswerSchema = z.object({
  clock: z.object({ nowMs: epoch, trust: z.enum(["synced", "held", "unknown"]) }),
  sync: syncStatusSchema,
  camera: cameraShownSchema.extend({ browserTrouble: z.string().nullable() }),
  roster: z.object({ version: z.int(), people: z.int(), withTemplate: z.int() }),
  engine: z.object({
    model: z.string(),
    embeddingLength: z.int(),
    qualityMin: z.number(),
    enrolQualityMin: z.number(),
    liveness: z.enum(["off", "assist", "strict"]),
    framesToAgree: z.int(),
  }),
  terminal: z.object({ site: z.string(), device: z.string(), zone: z.string() }),
  versions: z.object({ app: z.string(), node: z.string() }),
});
export type TerminalShown = z.output<typeof terminalAnswerSchema>;

/** The QR code's text and drawing; null before the first checkpoint. */
export const checkpointAnswerSchema = z.object({ code: z.string().nullable(), svg: z.string().nullable() });
export type CheckpointShown = z.output<typeof checkpointAnswerSchema>;

export const healthAnswerSchema = z.object({
  status: z.enum(["ok", "degraded", "failed"]),
  parts: z.record(
    z.string(),
    z.object({ status: z.enum(["ok", "degraded", "failed"]), reason: z.string().nullable() }),
  ),
});
