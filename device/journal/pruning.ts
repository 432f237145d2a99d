import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { CanteenError, isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import {
  type CarriedProjection,
  carriedText,
  dumpTables,
  fillCarried,
  type JournalBase,
  readBase,
  sha256Of,
} from "./carried-state.ts";
import { ChainWalk } from "./chain.ts";
import { databaseDamaged, databaseFault } from "./database-fault.ts";
import { GENESIS_HASH } from "./entry-hash.ts";
import type { Journal, Projection, TimeTrust } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { findPrunePoint, type PrunePoint } from "./prune-point.ts";
import { PRUNED_KIND, prunedBody } from "./pruned-journal.ts";

export interface PruningOptions {
  readonly db: Database;
  readonly journal: Journal;
  readonly projections: readonly Projection[];
  readonly site: string;
  readonly device: string;
  /** Of the key that signs this device's checkpoints. */
  readonly publicKey: string;
  readonly clock: Clock;
  readonly timeTrust: { current(): TimeTrust };
  readonly ids: IdSource;
  readonly logger: Logger;
  /** How long entries stay here. */
  readonly keptMs: number;
  /** Size of the database at which the oldest entries go before their time. */
  readonly bytesMax: number;
  /** False while the disk is full or fails: pruning writes before it frees anything. */
  readonly mayWrite: () => boolean;
  /** Fewer are not worth carrying the tables over again. */
  readonly prunedCountMin?: number;
}

export interface Pruning {
  /** Looks now, without waiting for the hour. @returns false while it is at work already. */
  look(): boolean;
  isAtWork(): boolean;
  close(): void;
}

const LOOK_PERIOD_MS = 3_600_000;
/** Between two steps: a charge gets in. */
const STEP_WAIT_MS = 25;
/** Entries computed again, or removed, in one step: some milliseconds on a slow disk. */
const STEP_ENTRIES = 100;
const STEP_PIECES = 4;
const PRUNED_COUNT_MIN = 5000;
const MS_PER_DAY = 86_400_000;
/** Also with a database over its budget. */
const KEPT_MS_MIN = 7 * MS_PER_DAY;
/** Over budget, at most this part of the entries goes at one look. */
const EARLY_PART = 0.1;

/**
 * Removes entries that are older than their retention, up to a signed checkpoint and never beyond the cloud's receipt.
 *
 * In steps of a few milliseconds: the tables as they were at that checkpoint are computed in a temporary database and
 * laid down piece by piece; one transaction then moves the journal's beginning and writes down that it did; only then
 * rows are removed, some at a time. A crash before that transaction leaves pieces that nobody names, one after it
 * leaves rows that nobody counts; both go at the next look.
 */
export function startPruning(options: PruningOptions): Pruning {
  return new JournalPruning(options);
}

class JournalPruning implements Pruning {
  readonly #options: PruningOptions;
  readonly #looking: Timer;
  #steps: Generator<void, void, void> | null = null;
  #timer: Timer | null = null;

  constructor(options: PruningOptions) {
    this.#options = options;
    this.#looking = options.clock.every(LOOK_PERIOD_MS, () => void this.look());
  }

  look(): boolean {
    if (this.#steps !== null) return false;
    if (!this.#options.mayWrite()) return true;
    this.#steps = pruneSteps(this.#options);
    this.#step();
    return true;
  }

  isAtWork(): boolean {
    return this.#steps !== null;
  }

  close(): void {
    this.#looking.cancel();
    this.#end();
  }

  #step(): void {
    const { clock, mayWrite, logger } = this.#options;
    this.#timer = null;
    try {
      if (!mayWrite() || this.#steps?.next().done !== false) {
        this.#end();
        return;
      }
    } catch (error) {
      this.#end();
      const fault = isFault(error) ? error : databaseFault(error);
      if (fault === undefined) throw error;
      logger.error({ code: fault.code }, "the journal could not be pruned; nothing is lost by that");
      return;
    }
    this.#timer = clock.after(STEP_WAIT_MS, () => this.#step());
  }

  #end(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#steps?.return();
    this.#steps = null;
  }
}

/** All of one pruning, a bounded piece of work at each step. */
function* pruneSteps(options: PruningOptions): Generator<void, void, void> {
  const { db, journal, logger } = options;
  yield* removeRows(db, journal);
  const point = yield* duePoint(options);
  if (point !== null) {
    const before = readBase(db);
    const carried = yield* carryOver(options, before, point);
    // A cloud that was put back meanwhile asks for them again.
    if (point.seq < journal.ackedSeq()) {
      moveBase(options, before, point, carried);
      logger.info({ toSeq: point.seq, why: point.why }, "the journal was pruned behind a checkpoint");
      yield;
      yield* removeRows(db, journal);
    }
  }
  yield* removePieces(db, journal);
}

function* duePoint(options: PruningOptions): Generator<void, PrunePoint | null, void> {
  const { db, journal, clock, timeTrust, keptMs, bytesMax, publicKey, site, device } = options;
  const { prunedCountMin = PRUNED_COUNT_MIN } = options;
  // By a clock that nobody vouches for everything may look old.
  if (timeTrust.current() === "unknown") return null;
  const base = journal.base();
  const heldCount = journal.head().seq - base.seq;
  const point = yield* findPrunePoint(db, base, {
    ...{ publicKey, site, device, keptMs },
    nowMs: clock.now(),
    keptMsMin: Math.min(keptMs, KEPT_MS_MIN),
    earlyCountMax: usedBytes(db) > bytesMax ? Math.ceil(heldCount * EARLY_PART) : 0,
  });
  return point === null || point.seq - base.seq < prunedCountMin ? null : point;
}

/** Pages that hold something: what was pruned leaves free ones in the file, which the next entries fill. */
function usedBytes(db: Database): number {
  const number = (name: string): number => Number(db.pragma(name, { simple: true }));
  return (number("page_count") - number("freelist_count")) * number("page_size");
}

/** The tables as they were at the prune point, laid down. */
function* carryOver(
  { db, journal, projections }: PruningOptions,
  before: JournalBase | null,
  point: PrunePoint,
): Generator<void, readonly CarriedProjection[], void> {
  // A temporary file of SQLite's own: half a year of a busy line need not fit in memory.
  const tables = new Sqlite("");
  try {
    tables.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF");
    for (const projection of projections) tables.exec(projection.schema);
    yield* computeUpTo(db, tables, projections, before, point);
    const keep = keeper(db, journal);
    return yield* dumpTables(tables, projections, keep);
  } finally {
    tables.close();
  }
}

function* computeUpTo(
  db: Database,
  tables: Database,
  projections: readonly Projection[],
  before: JournalBase | null,
  point: PrunePoint,
): Generator<void, void, void> {
  if (before !== null)
    for (const projection of projections) yield* fillCarried(db, tables, before, projection);
  const page = db.prepare<[number, number, number], JournalRow>(
    `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
  );
  const walk = new ChainWalk(before ?? { seq: 0, hash: GENESIS_HASH });
  while (walk.head.seq < point.seq) {
    for (const row of page.all(walk.head.seq, point.seq, STEP_ENTRIES)) {
      walk.visit(row);
      if (walk.firstBad === null) applyAll(tables, projections, row);
    }
    // Pruning damaged entries would make of their damage the truth.
    if (walk.firstBad !== null)
      throw databaseDamaged(`entry ${walk.firstBad.seq} is damaged: ${walk.firstBad.problem}`, null);
    yield;
  }
  if (walk.head.hash !== point.hash)
    throw databaseDamaged(`entry ${point.seq} is not as it was signed`, null);
}

function applyAll(tables: Database, projections: readonly Projection[], row: JournalRow): void {
  const entry = entryOfRow(row);
  for (const projection of projections) {
    try {
      projection.apply(tables, entry);
    } catch (cause) {
      throw new CanteenError(`${projection.name} cannot be computed from the entries at ${row.seq}`, {
        code: "projection-not-replayable",
        retry: "after-operator",
        hint: {
          zh: "流水与账表不符，未清理。请运行 canteen-edge journal verify 并联系技术人员。",
          en: "Entries and tables disagree; nothing was pruned. Run canteen-edge journal verify and call support.",
        },
        cause,
      });
    }
  }
}

/** Each piece in a transaction of its own; most of those of the pruning before are there already. */
function keeper(
  db: Database,
  journal: Journal,
): (piece: { readonly sha256: string; readonly bytes: Buffer }) => void {
  const known = db.prepare<[string], number>("SELECT 1 FROM journal_carried WHERE sha256 = ?").pluck();
  const insert = db.prepare<[string, Buffer]>("INSERT INTO journal_carried (sha256, bytes) VALUES (?, ?)");
  return ({ sha256, bytes }) => {
    if (known.get(sha256) === undefined) journal.transact(() => insert.run(sha256, bytes));
  };
}

/** The one transaction that counts: where the journal begins, and the entry that says so. */
function moveBase(
  { db, journal, ids }: PruningOptions,
  before: JournalBase | null,
  point: PrunePoint,
  carried: readonly CarriedProjection[],
): void {
  const text = carriedText(carried);
  const carriedSha256 = sha256Of(text);
  const sql =
    before === null
      ? "INSERT INTO journal_base (seq, hash, carried, carried_sha256, only) VALUES (?, ?, ?, ?, 1)"
      : "UPDATE journal_base SET seq = ?, hash = ?, carried = ?, carried_sha256 = ?";
  journal.transact(() => {
    db.prepare<[number, string, string, string]>(sql).run(point.seq, point.hash, text, carriedSha256);
    const body = prunedBody({
      fromSeq: (before?.seq ?? 0) + 1,
      toSeq: point.seq,
      rootHash: point.hash,
      carriedSha256,
      why: point.why,
    });
    journal.append({ id: ids.next(), kind: PRUNED_KIND, body });
  });
}

/** The rows behind the beginning, oldest first. */
function* removeRows(db: Database, journal: Journal): Generator<void, void, void> {
  const { seq: baseSeq } = journal.base();
  const remove = db.prepare<[number, number]>("DELETE FROM journal WHERE seq <= ? AND seq < ?");
  const oldest = db.prepare<[], number | null>("SELECT min(seq) FROM journal").pluck();
  for (;;) {
    const first = oldest.get() ?? null;
    if (first === null || first > baseSeq) return;
    journal.transact(() => remove.run(baseSeq, first + STEP_ENTRIES));
    yield;
  }
}

/** Pieces of an earlier carried state, and of a pruning that a crash ended. */
function* removePieces(db: Database, journal: Journal): Generator<void, void, void> {
  const carried = readBase(db)?.carried ?? [];
  const named = new Set(carried.flatMap(({ tables }) => tables.flatMap(({ pieces }) => pieces)));
  const all = db.prepare<[], string>("SELECT sha256 FROM journal_carried").pluck().all();
  const strays = all.filter((sha256) => !named.has(sha256));
  const remove = db.prepare<[string]>("DELETE FROM journal_carried WHERE sha256 = ?");
  while (strays.length > 0) {
    const some = strays.splice(0, STEP_PIECES);
    journal.transact(() => {
      for (const sha256 of some) remove.run(sha256);
    });
    yield;
  }
}
