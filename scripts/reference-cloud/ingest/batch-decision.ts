import type { JournalBatchMessage } from "../../../device/sync/messages.ts";

export type Entry = JournalBatchMessage["entries"][number];

/** What is stored at one number. */
export interface StoredLink {
  readonly hash: string;
  readonly prevHash: string;
}

export interface BatchDecision {
  readonly store: readonly Entry[];
  readonly conflicts: readonly {
    readonly seq: number;
    readonly storedHash: string;
    readonly receivedHash: string;
    readonly entry: Entry;
  }[];
}

const ZERO_HASH = "0".repeat(64);

/**
 * Which entries of a batch are stored: those whose number is free and which join their neighbours' hashes. The same
 * rule as `JournalIntake`, apart from any database.
 *
 * @param entries that are whole.
 * @param stored  what is there at each number of the batch and beside it; not changed.
 */
export function decideBatch(
  entries: readonly Entry[],
  stored: ReadonlyMap<number, StoredLink>,
): BatchDecision {
  const links = new Map(stored);
  const store: Entry[] = [];
  const conflicts: BatchDecision["conflicts"][number][] = [];
  for (const entry of entries) {
    const { seq, hash, prevHash } = entry;
    const there = links.get(seq)?.hash;
    if (there === hash) continue;
    const before = seq === 1 ? ZERO_HASH : links.get(seq - 1)?.hash;
    const after = links.get(seq + 1)?.prevHash;
    if (there !== undefined) {
      conflicts.push({ seq, storedHash: there, receivedHash: hash, entry });
    } else if (before !== undefined && before !== prevHash) {
      conflicts.push({ seq: seq - 1, storedHash: before, receivedHash: prevHash, entry });
    } else if (after !== undefined && after !== hash) {
      conflicts.push({ seq, storedHash: after, receivedHash: hash, entry });
    } else {
      links.set(seq, { hash, prevHash });
      store.push(entry);
    }
  }
  return { store, conflicts };
}
