import { z } from "zod";

/** Photos that the cloud has lost, asked for again; the rules of messages.ts hold here too. */

/** A request's hashes, and what a terminal sends again in one go: some 10 MB. */
export const PHOTOS_ASKED_MAX = 64;

const v1 = z.literal(1).describe("Schema version of this message.");
const ask = z.string().min(1).max(64);
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe("The photo, by the SHA-256 of its bytes.");
const epochMs = z.int().min(0).max(8_640_000_000_000_000);

export const photoRequestSchema = z
  .strictObject({
    v: v1,
    ask: ask.describe("Echoed in the answer."),
    hashes: z.array(sha256).min(1).max(PHOTOS_ASKED_MAX),
  })
  .describe(
    "Photos that entries quote and the cloud does not have: lost with its disk, or with its newest changes. The " +
      "terminal sends what it still has, by the photo lane.",
  );

const whyGone = z
  .enum(["unknown", "deleted", "missing", "changed"])
  .describe(
    "deleted: by the rules, after the cloud's receipt. missing, changed: the file is gone or is another. unknown: no " +
      "photo of an entry here, or not any more since so long that nothing is on record.",
  );

export const photoAnswerSchema = z
  .strictObject({
    v: v1,
    ask,
    sending: z.array(sha256).max(PHOTOS_ASKED_MAX).describe("These come, or come again."),
    gone: z
      .array(
        z.strictObject({
          sha256,
          why: whyGone,
          ackedAtMs: epochMs.nullable().describe("When the cloud had confirmed it, by the terminal's clock."),
          deletedAtMs: epochMs.nullable(),
        }),
      )
      .max(PHOTOS_ASKED_MAX)
      .describe("These do not come."),
  })
  .describe(
    "What becomes of the photos that were asked for. One in neither list may be asked for again later.",
  );

export type PhotoRequestMessage = z.infer<typeof photoRequestSchema>;
export type PhotoAnswerMessage = z.infer<typeof photoAnswerSchema>;
/** The answer without its envelope. */
export type PhotosAsked = Pick<PhotoAnswerMessage, "sending" | "gone">;
