import { z } from "zod";
import { CanteenError } from "../platform/errors.ts";
import type { JournalBase } from "./carried-state.ts";
import { checkpointOfBody, isSigned } from "./checkpoint.ts";
import type { JsonObject } from "./journal-port.ts";
import type { JournalRow } from "./journal-tables.ts";

/** Written in the transaction that moves the journal's beginning, so that it is under the next signature. */
export const PRUNED_KIND = "journal.pruned";

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** Body of a `journal.pruned` entry. */
export const prunedBodySchema = z.strictObject({
  fromSeq: z.int().min(1),
  /** The last entry that is no longer held; the one behind it is the checkpoint that signed it. */
  toSeq: z.int().min(1),
  /** Hash of entry `toSeq`. */
  rootHash: sha256Hex,
  /** Hash of the list of what the tables held at `toSeq`. */
  carriedSha256: sha256Hex,
  why: z.enum(["age", "budget"]),
});

export function prunedBody(body: z.infer<typeof prunedBodySchema>): JsonObject {
  return prunedBodySchema.parse(body);
}

/**
 * Why the beginning of a pruned journal is not to be believed.
 * `no-checkpoint`: its first entry is not a signed checkpoint of what was before. `not-recorded`: no entry says that
 * it was pruned there, with this carried state.
 */
export type BaseProblem = "no-checkpoint" | "not-recorded";

/** Follows a walk along the entries and looks for what vouches for the place where they begin. */
export class BaseWalk {
  readonly #base: JournalBase;
  #isFirst = true;
  #hasCheckpoint = false;
  #isRecorded = false;

  constructor(base: JournalBase) {
    this.#base = base;
  }

  visit(row: JournalRow): void {
    if (this.#isFirst) this.#hasCheckpoint = signs(row, this.#base);
    this.#isFirst = false;
    // A database that was put back from a backup may hold the entries of a later pruning than its own.
    if (row.kind === PRUNED_KIND) this.#isRecorded ||= records(row, this.#base);
  }

  problem(): BaseProblem | null {
    if (!this.#hasCheckpoint) return "no-checkpoint";
    return this.#isRecorded ? null : "not-recorded";
  }
}

function signs(row: JournalRow, { seq, hash }: JournalBase): boolean {
  const checkpoint = checkpointOfBody(jsonOf(row.body));
  return (
    checkpoint !== undefined && checkpoint.seq === seq && checkpoint.hash === hash && isSigned(checkpoint)
  );
}

function records({ body }: JournalRow, { seq, hash, carriedSha256 }: JournalBase): boolean {
  const pruned = prunedBodySchema.safeParse(jsonOf(body));
  if (!pruned.success) return false;
  const { toSeq, rootHash, carriedSha256: recorded } = pruned.data;
  return toSeq === seq && rootHash === hash && recorded === carriedSha256;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For whoever asks for an entry from before `heldFrom`. */
export function noLongerHeld(heldFrom: number): CanteenError {
  return new CanteenError(`entries up to ${heldFrom - 1} were pruned and are no longer held here`, {
    code: "journal-no-longer-held",
    retry: "never",
    hint: {
      zh: `第 ${heldFrom - 1} 条及以前的流水已按保存期清理，本机不再保存；云端仍有。本机从第 ${heldFrom} 条开始。`,
      en: `Entries up to ${heldFrom - 1} were pruned after their retention and are with the cloud; this terminal holds them from ${heldFrom} on.`,
    },
  });
}
