import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { type JournalBase, readBase } from "./carried-state.ts";
import { type BadEntry, type ChainHead, ChainWalk } from "./chain.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type CheckpointFindings, CheckpointWalk } from "./checkpoint-walk.ts";
import { databaseFault } from "./database-fault.ts";
import type { Projection } from "./journal-port.ts";
import { ENTRY_COLUMNS, type JournalRow, journalMigrations } from "./journal-tables.ts";
import { type BaseProblem, BaseWalk } from "./pruned-journal.ts";
import { compareProjections, type ProjectionDifference } from "./verify-projections.ts";

export interface JournalVerification {
  readonly ok: boolean;
  /** Rows in the table, good and bad. */
  readonly entries: number;
  /** Where a pruned journal begins; null while all entries are held. */
  readonly base: VerifiedBase | null;
  /** The last entry of the unbroken chain. */
  readonly head: ChainHead;
  readonly firstBad: BadEntry | null;
  /** What the signed checkpoints in the journal, and the given one, say about the entries. */
  readonly checkpoints: CheckpointFindings;
  /** At most `DIFFERENCES_MAX`, the first ones. */
  readonly projectionDifferences: readonly ProjectionDifference[];
  /** What SQLite's integrity check says, a missing trigger, a file that does not open. */
  readonly databaseProblems: readonly string[];
}

export interface VerifiedBase extends ChainHead {
  readonly carriedSha256: string;
  readonly problem: BaseProblem | null;
}

export interface VerifyAgainst {
  /** A checkpoint from elsewhere: a code on paper, the cloud's copy. */
  readonly checkpoint?: Checkpoint | null;
  /** The device's registered key; without it the first checkpoint's own is believed. */
  readonly publicKey?: string | null;
}

/** Enough to see what happened; a ruined database would list every row. */
const PROBLEMS_MAX = 20;

/**
 * Computes the chain, the sequence, the ids and every projection again, from the entries alone, and compares.
 * Reads one snapshot and may run beside the terminal. Needs little memory: entries are streamed.
 * Never throws on damaged data: what it finds is in the result. Entries cut off at the end are found only where
 * the cloud's receipt or a projection knows of them; beyond that the cloud's copy is the witness.
 */
export function verifyJournal(
  dbFile: string,
  projections: readonly Projection[],
  against: VerifyAgainst = {},
): JournalVerification {
  let db: Database | undefined;
  try {
    db = openSnapshot(dbFile);
    return verifySnapshot(db, projections, against);
  } catch (error) {
    const walk = new ChainWalk();
    return {
      ok: false,
      entries: 0,
      base: null,
      head: walk.head,
      firstBad: null,
      checkpoints: new CheckpointWalk(walk, against.checkpoint ?? null, null).findings(),
      projectionDifferences: [],
      databaseProblems: [problemText(error)],
    };
  } finally {
    closeQuietly(db);
  }
}

function verifySnapshot(
  db: Database,
  projections: readonly Projection[],
  { checkpoint = null, publicKey = null }: VerifyAgainst,
): JournalVerification {
  const base = readBase(db);
  const walk = new ChainWalk(base ?? undefined);
  const signed = new CheckpointWalk(walk, checkpoint, publicKey);
  const begun = base === null ? null : new BaseWalk(base);
  const entries = walkEntries(db, base?.seq ?? 0, [walk, signed, ...(begun === null ? [] : [begun])], walk);
  const baseProblem = begun?.problem() ?? null;
  const checkpoints = signed.findings();
  checkReceipt(db, walk);
  const firstBad = earlier(walk.firstBad, repeatedId(db));
  const databaseProblems = [...integrityProblems(db), ...schemaProblems(db)];
  const projectionDifferences = compareProjections(db, projections, base);
  return {
    ok:
      firstBad === null &&
      baseProblem === null &&
      checkpoints.problems.length === 0 &&
      databaseProblems.length === 0 &&
      projectionDifferences.length === 0,
    entries,
    base: verifiedBase(base, baseProblem),
    head: walk.head,
    firstBad,
    checkpoints,
    projectionDifferences,
    databaseProblems,
  };
}

function verifiedBase(base: JournalBase | null, problem: BaseProblem | null): VerifiedBase | null {
  if (base === null) return null;
  const { seq, hash, carriedSha256 } = base;
  return { seq, hash, carriedSha256, problem };
}

/** Rows that are still being removed behind the prune point count for nothing. */
function walkEntries(
  db: Database,
  baseSeq: number,
  visitors: readonly { visit(row: JournalRow): void }[],
  walk: ChainWalk,
): number {
  let entries = 0;
  try {
    // An entry with a number below 1 is wrong also where nothing was pruned.
    const rows = db.prepare<[number], JournalRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq`,
    );
    for (const row of rows.iterate(baseSeq === 0 ? Number.MIN_SAFE_INTEGER : baseSeq)) {
      entries += 1;
      for (const visitor of visitors) visitor.visit(row);
    }
  } catch {
    walk.fail("unreadable");
  }
  return entries;
}

/** The cloud confirmed entries that are no longer here: the end was cut off. */
function checkReceipt(db: Database, walk: ChainWalk): void {
  const ackedSeq = quietly(() =>
    db.prepare<[], number>("SELECT acked_seq FROM journal_receipt").pluck().get(),
  );
  if (ackedSeq !== undefined && ackedSeq > walk.head.seq) walk.fail("missing");
}

function repeatedId(db: Database): BadEntry | null {
  const seq = quietly(() => {
    const distinct = db
      .prepare<[], number>("SELECT count(*) = count(DISTINCT id) FROM journal")
      .pluck()
      .get();
    if (distinct === 1) return undefined;
    // Without the help of an index that may be the very thing that is damaged.
    return db
      .prepare<[], number>(
        "SELECT max(seq) AS seq FROM journal NOT INDEXED GROUP BY id HAVING count(*) > 1 ORDER BY seq LIMIT 1",
      )
      .pluck()
      .get();
  });
  return seq === undefined ? null : { seq, problem: "id-repeated" };
}

function earlier(a: BadEntry | null, b: BadEntry | null): BadEntry | null {
  if (a === null || b === null) return a ?? b;
  return a.seq <= b.seq ? a : b;
}

function integrityProblems(db: Database): string[] {
  try {
    const lines = db.prepare<[], string>(`PRAGMA integrity_check(${PROBLEMS_MAX})`).pluck().all();
    return lines.length === 1 && lines[0] === "ok" ? [] : lines.map((line) => `integrity check: ${line}`);
  } catch (error) {
    return [problemText(error)];
  }
}

/** The journal's tables and triggers must be those that the recorded migrations make. */
function schemaProblems(db: Database): string[] {
  const select = "SELECT name, sql FROM sqlite_schema WHERE tbl_name LIKE 'journal%' AND sql IS NOT NULL";
  const fresh = new Sqlite(":memory:");
  try {
    for (const { sql } of journalMigrations.migrations.slice(0, migrationCount(db))) fresh.exec(sql);
    const actual = new Map(
      db
        .prepare<[], { name: string; sql: string }>(select)
        .all()
        .map(({ name, sql }) => [name, sql]),
    );
    return fresh
      .prepare<[], { name: string; sql: string }>(select)
      .all()
      .filter(({ name, sql }) => actual.get(name) !== sql)
      .map(({ name }) => `schema: ${name} is ${actual.has(name) ? "changed" : "missing"}`);
  } catch (error) {
    return [problemText(error)];
  } finally {
    fresh.close();
  }
}

/** How far an earlier release got, when this one has not opened the database yet. */
function migrationCount(db: Database): number {
  const select = "SELECT count(*) FROM migration WHERE folder = 'journal'";
  return Math.max(1, db.prepare<[], number>(select).pluck().get() ?? 0);
}

/** A read-only connection inside one read transaction: the terminal may go on writing meanwhile. */
export function openSnapshot(dbFile: string): Database {
  const db = new Sqlite(dbFile, { readonly: true, fileMustExist: true });
  try {
    db.exec("BEGIN");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function problemText(error: unknown): string {
  const fault = databaseFault(error);
  return fault?.message ?? (error instanceof Error ? error.message : String(error));
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined; // The same damage is reported by the walk and the integrity check.
  }
}

function closeQuietly(db: Database | undefined): void {
  quietly(() => db?.close());
}
