import type { Database } from "better-sqlite3";
import { assert } from "../platform/assert.ts";
import { fillCarried, type JournalBase, readBase } from "./carried-state.ts";
import type { Projection } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { quoted, schemaHash } from "./projection-schema.ts";

/** Entries read at once while rebuilding: bounds the memory, not the work. */
const REBUILD_ENTRIES_MAX = 1000;

/**
 * Makes the projections' tables agree with the entries before the first append.
 * A projection that is new, or whose schema text changed (a comment in it suffices, when only `apply` changed), is
 * emptied and replayed, from what was carried over where entries were pruned. One that this release does not have is forgotten, so that it is rebuilt should it return.
 * Runs inside the caller's transaction.
 * @returns the names of those that were rebuilt.
 */
export function prepareProjections(db: Database, projections: readonly Projection[]): string[] {
  checkNames(projections);
  const recorded = db
    .prepare<[], { name: string; schema_sha256: string; tables: string }>(
      "SELECT name, schema_sha256, tables FROM journal_projection",
    )
    .all();
  const forget = db.prepare("DELETE FROM journal_projection WHERE name = ?");
  const current = new Map(projections.map((projection) => [projection.name, schemaHash(projection)]));
  for (const { name, schema_sha256, tables } of recorded) {
    if (current.get(name) === schema_sha256) continue;
    for (const table of JSON.parse(tables) as string[]) db.exec(`DROP TABLE IF EXISTS ${quoted(table)}`);
    forget.run(name);
  }
  const upToDate = new Set(
    recorded.filter(({ name, schema_sha256 }) => current.get(name) === schema_sha256).map(({ name }) => name),
  );
  const stale = projections.filter(({ name }) => !upToDate.has(name));
  const record = db.prepare("INSERT INTO journal_projection (name, schema_sha256, tables) VALUES (?, ?, ?)");
  for (const projection of stale) {
    db.exec(projection.schema);
    record.run(projection.name, schemaHash(projection), JSON.stringify(projection.tables));
  }
  if (stale.length > 0) replay(db, stale, readBase(db));
  return stale.map(({ name }) => name);
}

function replay(db: Database, projections: readonly Projection[], base: JournalBase | null): void {
  if (base !== null) for (const projection of projections) runAll(fillCarried(db, db, base, projection));
  const page = db.prepare<[number], JournalRow>(
    `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ${REBUILD_ENTRIES_MAX}`,
  );
  let afterSeq = base?.seq ?? 0;
  for (let rows = page.all(afterSeq); rows.length > 0; rows = page.all(afterSeq)) {
    for (const row of rows) {
      const entry = entryOfRow(row);
      for (const projection of projections) projection.apply(db, entry);
      afterSeq = row.seq;
    }
  }
}

function runAll(steps: Iterable<void>): void {
  for (const _ of steps);
}

function checkNames(projections: readonly Projection[]): void {
  const names = new Set<string>();
  const tables = new Set<string>();
  for (const projection of projections) {
    assert(!names.has(projection.name), `two projections are named ${projection.name}`);
    names.add(projection.name);
    for (const table of projection.tables) {
      assert(
        /^[a-z][a-z0-9_]*$/.test(table),
        `projection table ${table}: small letters, digits, underscores`,
      );
      assert(!tables.has(table), `two projections own the table ${table}`);
      tables.add(table);
    }
  }
}
