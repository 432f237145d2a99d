import { z } from "zod";
import { journalEntrySchema } from "./messages.ts";

/**
 * The answer to a cloud that asks again for what this terminal has pruned: an old backup of it was put back. The
 * checkpoint is the proof that those entries were there, and what the chain goes on from; the terminal sends nothing
 * until the cloud has taken it.
 */
export const journalGoneSchema = z
  .strictObject({
    v: z.literal(1).describe("Schema version of this message."),
    toSeq: z
      .int()
      .min(1)
      .describe("Entries up to here are no longer held: they were receipted once, and pruned."),
    checkpoint: journalEntrySchema.describe(
      "Entry `toSeq` + 1: the device's signature over the hash of `toSeq`.",
    ),
  })
  .describe("What the terminal no longer holds, as the answer to a receipt that lies before it.");

export type JournalGoneMessage = z.infer<typeof journalGoneSchema>;
