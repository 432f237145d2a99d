import type { Database, Statement } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { fillCarried, type JournalBase } from "./carried-state.ts";
import type { JournalEntry, Projection } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { quoted } from "./projection-schema.ts";

export interface ProjectionDifference {
  readonly projection: string;
  readonly table: string | null;
  /** The row's primary key as JSON; null when the whole projection is meant. */
  readonly key: string | null;
  /**
   * `changed`, `missing` (the entries call for the row) and `unexpected` (no entry does) name a row;
   * `table-unreadable` a table; `not-replayable` a projection that refused an entry; `carried-damaged` one whose
   * state at the prune point is not the recorded one.
   */
  readonly problem:
    | "changed"
    | "missing"
    | "unexpected"
    | "table-unreadable"
    | "not-replayable"
    | "carried-damaged";
}

const DIFFERENCES_MAX = 20;

/**
 * Replays the entries into tables of a temporary database, which are empty or hold what was carried over the prune
 * point, and compares both, row by row.
 */
export function compareProjections(
  db: Database,
  projections: readonly Projection[],
  base: JournalBase | null,
): readonly ProjectionDifference[] {
  const differences: ProjectionDifference[] = [];
  // A temporary file of SQLite's own, removed with the connection: a million entries need not fit in memory.
  const expected = new Sqlite("");
  try {
    expected.exec("PRAGMA synchronous = OFF; BEGIN");
    const refused = replayAll(db, expected, projections, base);
    for (const projection of projections) {
      const problem = refused.get(projection);
      if (problem !== undefined) {
        differences.push({ projection: projection.name, table: null, key: null, problem });
        continue;
      }
      for (const table of projection.tables) {
        compareTable(db, expected, projection.name, table, differences);
      }
    }
    return differences.slice(0, DIFFERENCES_MAX);
  } finally {
    expected.close();
  }
}

type Refusal = Extract<ProjectionDifference["problem"], "not-replayable" | "carried-damaged">;

function replayAll(
  db: Database,
  into: Database,
  projections: readonly Projection[],
  base: JournalBase | null,
): Map<Projection, Refusal> {
  const refused = new Map<Projection, Refusal>();
  for (const projection of projections) {
    into.exec(projection.schema);
    if (base !== null && !filled(db, into, base, projection)) refused.set(projection, "carried-damaged");
  }
  try {
    const rows = db.prepare<[number], JournalRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq`,
    );
    for (const row of rows.iterate(base?.seq ?? 0)) {
      const entry = entryOrNone(row);
      // An entry that cannot be parsed is the chain's finding; what it should have done shows as differences.
      if (entry === undefined) continue;
      for (const projection of projections) {
        if (!refused.has(projection) && !applied(projection, into, entry))
          refused.set(projection, "not-replayable");
      }
    }
  } catch {
    // The journal is unreadable from here on: reported by the chain. What came before is compared.
  }
  return refused;
}

function entryOrNone(row: JournalRow): JournalEntry | undefined {
  try {
    return entryOfRow(row);
  } catch {
    return undefined;
  }
}

function filled(from: Database, into: Database, base: JournalBase, projection: Projection): boolean {
  try {
    for (const _ of fillCarried(from, into, base, projection));
    return true;
  } catch {
    return false;
  }
}

function applied(projection: Projection, db: Database, entry: JournalEntry): boolean {
  try {
    projection.apply(db, entry);
    return true;
  } catch {
    return false;
  }
}

type Row = readonly unknown[];

function compareTable(
  actual: Database,
  expected: Database,
  projection: string,
  table: string,
  differences: ProjectionDifference[],
): void {
  const { columns, keys } = shapeOf(expected, table);
  const all = `SELECT ${columns.map(quoted).join(", ")} FROM ${quoted(table)}`;
  const one = `${all} WHERE ${keys.map(({ name }) => `${quoted(name)} IS ?`).join(" AND ")}`;
  const report = (row: Row | null, problem: ProjectionDifference["problem"]): boolean => {
    const key = row === null ? null : JSON.stringify(keys.map(({ index }) => row[index]));
    differences.push({ projection, table, key, problem });
    return differences.length >= DIFFERENCES_MAX;
  };
  try {
    const actualRow = actual.prepare<unknown[], Row>(one).raw();
    for (const row of expected.prepare<[], Row>(all).raw().iterate()) {
      const found = lookUp(actualRow, row, keys);
      if (found !== undefined && sameRow(row, found)) continue;
      if (report(row, found === undefined ? "missing" : "changed")) return;
    }
    const expectedRow = expected.prepare<unknown[], Row>(one).raw();
    for (const row of actual.prepare<[], Row>(all).raw().iterate()) {
      if (lookUp(expectedRow, row, keys) === undefined && report(row, "unexpected")) return;
    }
  } catch {
    report(null, "table-unreadable");
  }
}

interface KeyColumn {
  readonly name: string;
  readonly index: number;
}

function shapeOf(db: Database, table: string): { columns: string[]; keys: KeyColumn[] } {
  const info = db
    .prepare<[string], { name: string; pk: number }>("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid")
    .all(table);
  const keys = info.flatMap(({ name, pk }, index) => (pk > 0 ? [{ name, index }] : []));
  return { columns: info.map(({ name }) => name), keys };
}

function lookUp(statement: Statement<unknown[], Row>, row: Row, keys: readonly KeyColumn[]): Row | undefined {
  return statement.get(...keys.map(({ index }) => row[index]));
}

function sameRow(a: Row, b: Row): boolean {
  return (
    a.length === b.length &&
    a.every((value, index) => {
      const other = b[index];
      return Buffer.isBuffer(value) && Buffer.isBuffer(other) ? value.equals(other) : value === other;
    })
  );
}
