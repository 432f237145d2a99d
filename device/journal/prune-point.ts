import type { Database } from "better-sqlite3";
import type { EpochMs } from "../platform/units.ts";
import type { ChainHead } from "./chain.ts";
import { CHECKPOINT_KIND, checkpointOfBody, isSigned } from "./checkpoint.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";

export interface PruneRules {
  /** The device's own key: a checkpoint that another one signed is none. */
  readonly publicKey: string;
  readonly site: string;
  readonly device: string;
  /** By a clock that may be believed. */
  readonly nowMs: EpochMs;
  /** Entries stay here for so long after they were written. */
  readonly keptMs: number;
  /** How many entries may go before their time because the database is over its budget. */
  readonly earlyCountMax: number;
  /** Nothing younger goes, whatever the budget says. */
  readonly keptMsMin: number;
}

export interface PrunePoint {
  /** The last entry that goes, and its hash: the root from which the chain goes on. */
  readonly seq: number;
  readonly hash: string;
  readonly why: "age" | "budget";
}

/**
 * Looks from the oldest entry on for the newest checkpoint up to which everything may go: signed by this device,
 * receipted with its own entry by the cloud, and old enough by a stamp that can be believed. The first believable
 * one that is too young ends the search, so a stamp from a dead clock behind it lets nothing young go.
 * A checkpoint whose signature does not stand ends it too: what is wrong there must not be pruned away.
 * One step looks at no more entries than lie between two checkpoints.
 */
export function* findPrunePoint(
  db: Database,
  base: ChainHead,
  rules: PruneRules,
): Generator<void, PrunePoint | null, void> {
  const next = db.prepare<[number, number, string], JournalRow>(
    `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? AND seq <= ? AND kind = ? ORDER BY seq LIMIT 1`,
  );
  const ackedSeq = db.prepare<[], number>("SELECT acked_seq FROM journal_receipt").pluck().get() ?? 0;
  let found: PrunePoint | null = null;
  // The checkpoint with which a pruned journal begins has nothing before it.
  for (let afterSeq = base.seq + 1; ; ) {
    const row = next.get(afterSeq, ackedSeq, CHECKPOINT_KIND);
    if (row === undefined || !signsWhatIsBefore(row, rules)) return found;
    afterSeq = row.seq;
    const why = row.time_trust === "unknown" ? "unknown" : whyOld(row, base, rules);
    if (why === null) return found;
    if (why !== "unknown") found = { seq: row.seq - 1, hash: row.prev_hash, why };
    yield;
  }
}

function whyOld(row: JournalRow, base: ChainHead, rules: PruneRules): PrunePoint["why"] | null {
  const ageMs = rules.nowMs - row.at_ms;
  if (ageMs >= rules.keptMs) return "age";
  const isEarly = ageMs >= rules.keptMsMin && row.seq - 1 - base.seq <= rules.earlyCountMax;
  return isEarly ? "budget" : null;
}

function signsWhatIsBefore(row: JournalRow, { publicKey, site, device }: PruneRules): boolean {
  const checkpoint = checkpointOfBody(entryOfRow(row).body);
  return (
    checkpoint !== undefined &&
    checkpoint.seq === row.seq - 1 &&
    checkpoint.hash === row.prev_hash &&
    checkpoint.publicKey === publicKey &&
    checkpoint.site === site &&
    checkpoint.device === device &&
    isSigned(checkpoint)
  );
}
