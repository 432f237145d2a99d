import type { EpochMs } from "../platform/units.ts";
import { canonicalJson, GENESIS_HASH, hashOverBody } from "./entry-hash.ts";
import type { Json, TimeTrust } from "./journal-port.ts";
import type { JournalRow } from "./journal-tables.ts";

/**
 * What is wrong with an entry, the first that applies, in this order.
 * `chain-broken`: its prevHash is not the hash of the entry before; one of the two was changed with its hash.
 * `hash-wrong`: its own content does not give its own hash.
 */
export type EntryProblem =
  | "missing"
  | "out-of-order"
  | "unreadable"
  | "malformed"
  | "not-canonical"
  | "chain-broken"
  | "hash-wrong"
  | "id-repeated";

export interface BadEntry {
  readonly seq: number;
  readonly problem: EntryProblem;
}

export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

const HASH_PATTERN = /^[0-9a-f]{64}$/;

/** Walks a chain entry by entry and remembers the first that is wrong. It believes nothing about its input. */
export class ChainWalk {
  #head: ChainHead;
  #firstBad: BadEntry | null = null;

  /** @param start what the first entry must follow; the default is the empty journal. */
  constructor(start: ChainHead = { seq: 0, hash: GENESIS_HASH }) {
    this.#head = start;
  }

  /** The last entry of the unbroken part. */
  get head(): ChainHead {
    return this.#head;
  }

  get firstBad(): BadEntry | null {
    return this.#firstBad;
  }

  /** After the first bad entry the rest hangs in the air and is not judged. */
  visit(row: JournalRow): void {
    if (this.#firstBad !== null) return;
    const seq = this.#head.seq + 1;
    const problem = problemOf(row, seq, this.#head.hash);
    if (problem === null) this.#head = { seq: row.seq, hash: row.hash };
    else this.#firstBad = { seq, problem };
  }

  /** The entry after the last one visited could not be read at all. */
  fail(problem: EntryProblem): void {
    this.#firstBad ??= { seq: this.#head.seq + 1, problem };
  }
}

function problemOf(row: JournalRow, seq: number, prevHash: string): EntryProblem | null {
  if (!isWellFormed(row)) return "malformed";
  if (row.seq !== seq) return row.seq > seq ? "missing" : "out-of-order";
  const body = canonicalOrNull(row.body);
  if (body === null) return "malformed";
  if (body !== row.body) return "not-canonical";
  if (row.prev_hash !== prevHash) return "chain-broken";
  return hashOfRow(row) === row.hash ? null : "hash-wrong";
}

/** The types of a row are not to be trusted: the table may have been replaced by one without constraints. */
function isWellFormed(row: JournalRow): boolean {
  return (
    Number.isSafeInteger(row.seq) &&
    Number.isSafeInteger(row.at_ms) &&
    [row.id, row.kind, row.time_trust, row.body].every((text: unknown) => typeof text === "string") &&
    [row.id, row.kind, row.time_trust].every((text) => text.isWellFormed()) &&
    [row.prev_hash, row.hash].every((hash: unknown) => typeof hash === "string" && HASH_PATTERN.test(hash))
  );
}

function canonicalOrNull(body: string): string | null {
  try {
    return canonicalJson(JSON.parse(body) as Json);
  } catch {
    return null;
  }
}

/** The casts only name the columns: a wrong stamp or trust is part of the hashed text like any other. */
function hashOfRow(row: JournalRow): string {
  return hashOverBody(
    {
      seq: row.seq,
      id: row.id,
      kind: row.kind,
      atMs: row.at_ms as EpochMs,
      timeTrust: row.time_trust as TimeTrust,
      prevHash: row.prev_hash,
    },
    row.body,
  );
}
