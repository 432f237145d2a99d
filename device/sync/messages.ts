import { z } from "zod";

/**
 * Every message of the sync contract, as the schemas that both sides parse with. The AsyncAPI document, the
 * TypeScript types and the checks all come from here.
 *
 * Rules that hold for each message:
 * - One JSON object in UTF-8 with its schema version in `v`. MQTT 5 properties carry nothing.
 * - Unknown fields are refused, in both directions: a field that only one side understands would make the two
 *   sides agree on different things. A new field is a new `v`; the terminal names the versions that it reads in
 *   `state/online`, and the cloud sends no other.
 * - Every text, list and number has a bound; the whole message has `MESSAGE_BYTES_MAX`.
 */

/** Larger messages are refused before they are parsed. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** A batch is packed up to here. One entry that is larger travels alone, so that it cannot block the queue. */
export const BATCH_BYTES_MAX = 128 * 1024;
export const BATCH_ENTRIES_MAX = 512;
/** Contract versions that this terminal reads. */
export const CONTRACT_VERSIONS = [1] as const;

const RANGES_MAX = 64;

const v1 = z.literal(1).describe("Schema version of this message.");
const safeSeq = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const sequence = safeSeq.describe("Journal sequence number; 0 stands before the first entry.");
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe("SHA-256 in 64 lower-case hex digits; 64 zeros before the first entry.");
const epochMs = z
  .int()
  .min(0)
  .max(8_640_000_000_000_000)
  .describe("Milliseconds since 1970-01-01T00:00Z by the sender's clock.");
const id = z.string().min(1).max(64);
const code = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/)
  .describe("Stable code in kebab-case.");
const kind = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z-]*(\.[a-z][a-z-]*)+$/);
const timeTrust = z.enum(["synced", "held", "unknown"]);
const scalar = z.union([z.number(), z.boolean(), z.string().max(256), z.null()]);
const facts = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/), scalar);
const version = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const fen = z.int().min(0).max(100_000_00);
const bilingual = z.strictObject({ zh: z.string().min(1).max(80), en: z.string().min(1).max(160) });

export const journalEntrySchema = z.strictObject({
  seq: safeSeq.min(1),
  id: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    .describe("UUID, version 7 unless it is derived from the content (8)."),
  kind,
  atMs: epochMs,
  timeTrust,
  body: z.record(z.string(), z.json()),
  prevHash: hash,
  hash: hash.describe("SHA-256 over the other fields of the entry in canonical JSON (RFC 8785)."),
});

export const journalBatchSchema = z
  .strictObject({
    v: v1,
    ask: id.describe("Echoed in the receipt that this batch causes."),
    from: safeSeq.min(1),
    to: sequence.describe("Last seq in the batch; from - 1 when `entries` is empty."),
    prevHash: hash.describe("Hash of entry from - 1."),
    entries: z.array(journalEntrySchema).max(BATCH_ENTRIES_MAX),
  })
  .describe("Consecutive journal entries. With no entries it only asks for a receipt.");

export const receiptSchema = z
  .strictObject({
    v: v1,
    ask: id.nullable().describe("The batch that this answers; null when the cloud speaks first."),
    ackedSeq: sequence.describe("The cloud has stored every entry up to here, in an unbroken chain."),
    headHash: hash.describe("Hash of entry `ackedSeq` as the cloud has it."),
    missing: z
      .array(z.tuple([safeSeq.min(1), safeSeq.min(1)]))
      .max(RANGES_MAX)
      .describe("Gaps below the highest seq that the cloud has, lowest first, ends included."),
    conflicts: z
      .array(z.strictObject({ seq: safeSeq.min(1), storedHash: hash, receivedHash: hash }))
      .max(RANGES_MAX)
      .describe(
        "Entries that came with another content than the stored one; both are kept, a person decides.",
      ),
    refused: z
      .array(z.strictObject({ seq: safeSeq.min(1), code }))
      .max(RANGES_MAX)
      .exactOptional()
      .describe("Entries of the answered batch that were not stored and will not be, and why. Absent: none."),
    cloudNowMs: epochMs,
  })
  .describe("What the cloud has stored. The only thing that closes a journal entry.");

export const journalRequestSchema = z
  .strictObject({
    v: v1,
    ask: id.describe("Echoed in the answer."),
    after: sequence.describe("The last entry that the terminal has."),
  })
  .describe("A terminal whose database was restored asks for its own entries, before it sells again.");

export const journalPageSchema = z
  .strictObject({
    v: v1,
    ask: id,
    ackedSeq: sequence.describe("How far the cloud's unbroken chain reaches."),
    headHash: hash.describe("Hash of entry `ackedSeq`."),
    entries: z
      .array(journalEntrySchema)
      .max(BATCH_ENTRIES_MAX)
      .describe("From `after` + 1 on, as they came."),
  })
  .describe("Entries of the terminal's own journal, given back. Empty when it has them all.");

export const onlineSchema = z
  .discriminatedUnion("online", [
    z.strictObject({
      v: v1,
      online: z.literal(true),
      connectionId: id,
      contract: z.array(z.int().min(1).max(1000)).min(1).max(16),
      software: z.string().max(64),
      atMs: epochMs,
      headSeq: sequence,
      ackedSeq: sequence,
      rosterVersion: version,
      mealPlanVersion: z.string().max(64).nullable(),
      ordersRevision: version,
      priceFree: z
        .literal(true)
        .exactOptional()
        .describe("Money and goods are kept apart here: orders come down without prices. Absent: with them."),
    }),
    z.strictObject({
      v: v1,
      online: z.literal(false),
      connectionId: id.describe("A death of another connection than the newest birth's is a late one."),
    }),
  ])
  .describe("Birth and death; retained. The death is also the will. Repeated with the health.");

export const healthSchema = z
  .strictObject({
    v: v1,
    connectionId: id,
    atMs: epochMs,
    uptimeMs: z.int().min(0),
    headSeq: sequence,
    ackedSeq: sequence,
    waitingCount: z.int().min(0),
    rosterVersion: version,
    conflict: z.boolean().describe("The cloud holds other content under one of this journal's numbers."),
    malformedCount: z.int().min(0).describe("Messages refused since start."),
    facts,
  })
  .describe("Current state once a minute; retained.");

export const rosterRequestSchema = z
  .strictObject({
    v: v1,
    have: version,
    reason: z.enum(["start", "gap", "not-saved"]),
  })
  .describe("Asks for deltas after `have`; the cloud answers with a snapshot where it cannot.");

const shareFields = {
  v: v1,
  shareId: id.describe("Made at the moment of enrolment; a repetition carries the same one."),
  personId: id,
  modelId: z.string().min(1).max(128),
  sealed: z
    .string()
    .regex(/^[A-Za-z0-9+/_-]*={0,2}$/)
    .min(1)
    .max(700_000)
    .describe("Templates under the site's key, base64. The cloud cannot open it."),
};

export const templateUpSchema = z
  .strictObject(shareFields)
  .describe("One person's templates for the site's other terminals. Off by default; needs consent.");

export const templateDownSchema = z
  .strictObject({ ...shareFields, fromDevice: z.string().min(1).max(63) })
  .describe("To every terminal of the site; for the one that sent it this is the confirmation.");

export const mealPlanSchema = z
  .strictObject({
    v: v1,
    version: z.string().min(1).max(64),
    zone: z.string().min(1).max(64).describe("IANA time zone."),
    periods: z
      .array(
        z.strictObject({
          id: code,
          name: bilingual,
          fromMinute: z.int().min(0).max(1440),
          toMinute: z.int().min(0).max(1440),
          pricing: z.discriminatedUnion("kind", [
            z.strictObject({ kind: z.literal("fixed"), priceFen: fen }),
            z.strictObject({ kind: z.literal("menu") }),
            z.strictObject({ kind: z.literal("keyed"), amountFenMax: fen }),
          ]),
          subsidyFen: z.strictObject({ student: fen, staff: fen, guest: fen }),
          expected: z
            .discriminatedUnion("kind", [
              z.strictObject({ kind: z.literal("people"), personIds: z.array(id).min(1).max(2000) }),
              z.strictObject({
                kind: z.literal("groups"),
                groupNames: z.array(z.string().min(1).max(128)).min(1).max(200),
              }),
            ])
            .exactOptional()
            .describe("Who eats at this meal; absent: everybody."),
          dishes: z
            .array(
              z.strictObject({
                id: code,
                name: bilingual,
                dates: z.array(z.iso.date()).max(62).exactOptional().describe("Absent: by the weekdays."),
                weekdays: z
                  .array(z.int().min(1).max(7))
                  .max(7)
                  .exactOptional()
                  .describe("1 Monday to 7 Sunday; absent: each day."),
              }),
            )
            .max(1000)
            .exactOptional()
            .describe("What is cooked for this meal: each dish leaves a sample. Absent: not known."),
        }),
      )
      .min(1)
      .max(24),
    menu: z
      .array(z.strictObject({ id: code, name: bilingual, priceFen: fen, allergens: z.array(code).max(20) }))
      .max(500),
  })
  .describe("Desired meal plan; answered in up/reported.");

export const photoReceiptSchema = z
  .strictObject({
    v: v1,
    sha256: hash.describe("The photo, by the SHA-256 of its bytes."),
    haveBytes: z
      .int()
      .min(0)
      .max(1024 * 1024)
      .describe("Stored from the beginning, without a hole."),
    complete: z.boolean().describe("What is stored has this hash: the terminal may let it go."),
    refused: code.nullable().describe("The cloud will not take it now."),
  })
  .describe(
    "How much of a photo the cloud has; the answer to each chunk, and to an empty one that only asks.",
  );

const reportedCommon = { v: v1, atMs: epochMs };

export const reportedSchema = z
  .discriminatedUnion("what", [
    z.strictObject({
      ...reportedCommon,
      what: z.literal("roster"),
      version,
      status: z.enum(["applied", "stale", "gap", "not-saved"]),
      code: code.nullable(),
    }),
    z.strictObject({
      ...reportedCommon,
      what: z.literal("meal-plan"),
      version: z.string().max(64),
      status: z.enum(["applied", "stale", "refused", "not-saved"]),
      code: code.nullable(),
    }),
    z.strictObject({
      ...reportedCommon,
      what: z.literal("orders"),
      version: version.describe("The revision that the terminal has now."),
      status: z.enum(["applied", "stale", "gap", "refused", "not-saved"]),
      code: code.nullable(),
    }),
    z.strictObject({
      ...reportedCommon,
      what: z.literal("template"),
      shareId: id,
      status: z.enum(["accepted", "refused", "not-saved"]),
      code: code.nullable(),
    }),
    z.strictObject({
      ...reportedCommon,
      what: z.literal("malformed"),
      topic: z.string().max(64).describe("The topic below the terminal's root."),
      code,
      count: z.int().min(1).describe("Of this topic and code since start."),
    }),
  ])
  .describe("What became of a message from the cloud, after it was saved.");

export const commandSchema = z
  .strictObject({
    v: v1,
    id: id.describe("Applied once by id; a repetition is answered with the first result."),
    name: code,
    args: facts,
    issuedAtMs: epochMs,
    expiresAtMs: epochMs.describe("Not applied after this."),
  })
  .describe("Something to do now.");

export const commandResultSchema = z
  .strictObject({
    v: v1,
    id,
    status: z.enum(["done", "failed", "expired", "unknown"]),
    code: code.nullable(),
    facts,
  })
  .describe("What became of a command.");

export type JournalBatchMessage = z.infer<typeof journalBatchSchema>;
export type ReceiptMessage = z.infer<typeof receiptSchema>;
export type JournalRequestMessage = z.infer<typeof journalRequestSchema>;
export type JournalPageMessage = z.infer<typeof journalPageSchema>;
export type OnlineMessage = z.infer<typeof onlineSchema>;
export type HealthMessage = z.infer<typeof healthSchema>;
export type RosterRequestMessage = z.infer<typeof rosterRequestSchema>;
export type TemplateUpMessage = z.infer<typeof templateUpSchema>;
export type TemplateDownMessage = z.infer<typeof templateDownSchema>;
export type PhotoReceiptMessage = z.infer<typeof photoReceiptSchema>;
export type MealPlanMessage = z.infer<typeof mealPlanSchema>;
export type ReportedMessage = z.infer<typeof reportedSchema>;
export type CommandMessage = z.infer<typeof commandSchema>;
export type CommandResultMessage = z.infer<typeof commandResultSchema>;

/** Why a payload was refused, without a word of its content. */
export type MalformedCode =
  | "message-too-large"
  | "message-not-utf8"
  | "message-not-json"
  | "message-version-unknown"
  | "message-not-valid";

export type Parsed<T> =
  | { readonly kind: "ok"; readonly message: T }
  | { readonly kind: "malformed"; readonly code: MalformedCode; readonly at: string };

/**
 * Parses one payload from the network. Never throws on what came from outside.
 *
 * @returns `at` names the field by its path (schema names only), for the log.
 */
export function parseMessage<T>(schema: z.ZodType<T>, payload: Uint8Array): Parsed<T> {
  if (payload.byteLength > MESSAGE_BYTES_MAX) {
    return { kind: "malformed", code: "message-too-large", at: "" };
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
  } catch {
    return { kind: "malformed", code: "message-not-utf8", at: "" };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "malformed", code: "message-not-json", at: "" };
  }
  return checkMessage(schema, json);
}

function checkMessage<T>(schema: z.ZodType<T>, json: unknown): Parsed<T> {
  let checked: z.ZodSafeParseResult<T>;
  try {
    checked = schema.safeParse(json);
  } catch (error) {
    // A body nested thousands deep overflows the stack of a recursive check; anything else is a bug of ours.
    if (!(error instanceof RangeError)) throw error;
    return { kind: "malformed", code: "message-not-valid", at: "" };
  }
  if (checked.success) return { kind: "ok", message: checked.data };
  const path = checked.error.issues[0]?.path ?? [];
  const code = path[0] === "v" ? "message-version-unknown" : "message-not-valid";
  return { kind: "malformed", code, at: path.filter(isFieldName).slice(0, 6).join(".") };
}

/** Keys of free records could be anything a sender likes: only what looks like a field of ours is named. */
function isFieldName(part: PropertyKey): boolean {
  return typeof part === "number" || (typeof part === "string" && /^[a-z][A-Za-z]{0,23}$/.test(part));
}
