import type { ChainHead, ChainWalk } from "./chain.ts";
import {
  CHECKPOINT_KIND,
  type Checkpoint,
  checkpointOfBody,
  DIGEST_BYTES,
  DIGESTS_MAX,
  digestOfRow,
  isSigned,
} from "./checkpoint.ts";
import { type EntryDifference, entryDifferences, type ListedEntry } from "./entry-differences.ts";
import type { JournalRow } from "./journal-tables.ts";

/** What a checkpoint said and the entries do not. */
export interface CheckpointProblem {
  /** The entry that the checkpoint signed. */
  readonly seq: number;
  /**
   * `entries-differ`: it was signed with other entries; `between` holds them and `differences` names them.
   * `signature-wrong`: what calls itself a checkpoint is not signed by its key. `other-key`: signed, but not by the
   * device's key. `not-there`: the journal ends before the checkpoint. `no-longer-held`: the journal, or the export,
   * begins behind it, so nothing can be said here; the cloud's copy has those entries.
   */
  readonly problem: "entries-differ" | "signature-wrong" | "other-key" | "not-there" | "no-longer-held";
  readonly between: { readonly fromSeq: number; readonly toSeq: number } | null;
  /** Empty where the signed list is not at hand, or where the difference lies before its first entry. */
  readonly differences: readonly EntryDifference[];
}

export interface CheckpointFindings {
  /** Those in the journal whose signature and entries are right. */
  readonly goodCount: number;
  /** Everything up to here is as it was when it was signed. */
  readonly provenSeq: number;
  /** The key that signed; null before the first checkpoint. */
  readonly publicKey: string | null;
  /** About the checkpoint that was given: null when none was. */
  readonly given: { readonly seq: number; readonly hash: string; readonly proven: boolean } | null;
  /** At most `PROBLEMS_MAX`, the first ones. */
  readonly problems: readonly CheckpointProblem[];
}

const PROBLEMS_MAX = 20;
/** A forged journal may hold no good checkpoint for ever; more than this is not kept for naming what was done. */
const LISTED_MAX = 50 * DIGESTS_MAX;

/** Follows a walk along the chain and holds the entries against the checkpoints among them and a given one. */
export class CheckpointWalk {
  readonly #chain: ChainWalk;
  readonly #given: Checkpoint | null;
  readonly #problems: CheckpointProblem[] = [];
  /** The entries since the last good checkpoint. */
  #listed: ListedEntry[] = [];
  /** The number with which they began when they were signed. */
  #listedFrom: number;
  #publicKey: string | null;
  #goodCount = 0;
  #provenSeq: number;
  #previous: { readonly seq: number; readonly hash: string } | null = null;
  #givenProven = false;
  #givenSeen = false;

  /** @param publicKey the device's registered one; without it the first checkpoint's is believed. */
  constructor(chain: ChainWalk, given: Checkpoint | null, publicKey: string | null) {
    this.#chain = chain;
    this.#given = given;
    this.#publicKey = publicKey ?? given?.publicKey ?? null;
    this.#provenSeq = chain.head.seq;
    this.#listedFrom = chain.head.seq + 1;
    // What the first entry follows: a checkpoint of it, in that entry or on paper, can be held against it.
    if (chain.head.seq > 0) this.#previous = chain.head;
    if (given !== null && !isSigned(given)) this.#report(given, "signature-wrong", null, []);
    else if (given !== null && given.publicKey !== this.#publicKey)
      this.#report(given, "other-key", null, []);
    else if (given !== null && given.seq <= chain.head.seq) this.#compareBefore(given, chain.head);
  }

  /** After the chain has visited the same row. */
  visit(row: JournalRow): void {
    if (row.kind === CHECKPOINT_KIND) this.#checkpoint(row);
    this.#list(row);
    this.#previous = { seq: row.seq, hash: row.hash };
    if (this.#given !== null && !this.#givenSeen && row.seq === this.#given.seq)
      this.#compareGiven(this.#given);
  }

  findings(): CheckpointFindings {
    const given = this.#given;
    if (given !== null && !this.#givenSeen) {
      const before = this.#previous?.seq ?? 0;
      this.#report(given, "not-there", { fromSeq: before + 1, toSeq: given.seq }, []);
      this.#givenSeen = true;
    }
    return {
      goodCount: this.#goodCount,
      provenSeq: this.#provenSeq,
      publicKey: this.#publicKey,
      given: given === null ? null : { seq: given.seq, hash: given.hash, proven: this.#givenProven },
      problems: this.#problems.slice(0, PROBLEMS_MAX),
    };
  }

  #checkpoint(row: JournalRow): void {
    const checkpoint = checkpointOfBody(bodyOf(row));
    if (checkpoint === undefined || !isSigned(checkpoint)) {
      this.#problem({ seq: row.seq - 1, problem: "signature-wrong", between: null, differences: [] });
      return;
    }
    this.#publicKey ??= checkpoint.publicKey;
    if (checkpoint.publicKey !== this.#publicKey) {
      this.#report(checkpoint, "other-key", null, []);
    } else if (this.#stands(checkpoint)) {
      this.#goodCount += 1;
      this.#prove(checkpoint.seq);
    } else {
      this.#differ(checkpoint);
      this.#listed = [];
      this.#listedFrom = checkpoint.seq + 1;
    }
  }

  /** It signed what the first entry here follows, or something before that. */
  #compareBefore(given: Checkpoint, start: ChainHead): void {
    this.#givenSeen = true;
    this.#givenProven = given.seq === start.seq && given.hash === start.hash;
    const problem = given.seq === start.seq ? "entries-differ" : "no-longer-held";
    if (!this.#givenProven) this.#report(given, problem, { fromSeq: 1, toSeq: start.seq }, []);
  }

  #compareGiven(given: Checkpoint): void {
    this.#givenSeen = true;
    if (given.publicKey !== this.#publicKey || !isSigned(given)) return;
    this.#givenProven = this.#stands(given);
    if (this.#givenProven) this.#prove(given.seq);
    else this.#differ(given);
  }

  /** The signed entry is the one just before, and its hash follows from everything before it. */
  #stands({ seq, hash }: Checkpoint): boolean {
    return this.#chain.firstBad === null && this.#previous?.seq === seq && this.#previous.hash === hash;
  }

  #prove(seq: number): void {
    this.#provenSeq = seq;
    this.#listed = [];
    this.#listedFrom = seq + 1;
  }

  #differ(checkpoint: Checkpoint): void {
    const fromSeq = this.#provenSeq + 1;
    const signed = signedEntries(checkpoint);
    // Where both lists begin after the same checkpoint, numbers that were shifted do not matter.
    const isWhole = checkpoint.digestsFrom === this.#listedFrom;
    const actual = this.#listed.filter(({ seq }) => isWhole || seq >= checkpoint.digestsFrom);
    const differences = signed === null ? [] : entryDifferences(signed, actual);
    // A chain that was computed anew contradicts every later checkpoint; the first window that differs says it all.
    const isEcho =
      differences.length === 0 && this.#problems.some(({ problem }) => problem === "entries-differ");
    if (isEcho) return;
    this.#report(checkpoint, "entries-differ", { fromSeq, toSeq: checkpoint.seq }, differences);
  }

  #list(row: JournalRow): void {
    if (this.#listed.length >= LISTED_MAX) this.#listed = this.#listed.slice(LISTED_MAX >> 1);
    this.#listed.push({ seq: row.seq, digest: digestOfRow(row).toString("hex") });
  }

  #report(
    { seq }: Checkpoint,
    problem: CheckpointProblem["problem"],
    between: CheckpointProblem["between"],
    differences: readonly EntryDifference[],
  ): void {
    this.#problem({ seq, problem, between, differences });
  }

  #problem(problem: CheckpointProblem): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem);
  }
}

function bodyOf({ body }: JournalRow): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function signedEntries({ digests, digestsFrom }: Checkpoint): ListedEntry[] | null {
  if (digests === null) return null;
  const bytes = Buffer.from(digests, "base64");
  const entries: ListedEntry[] = [];
  for (let at = 0; at + DIGEST_BYTES <= bytes.length; at += DIGEST_BYTES) {
    const digest = bytes.subarray(at, at + DIGEST_BYTES).toString("hex");
    entries.push({ seq: digestsFrom + entries.length, digest });
  }
  return entries;
}
