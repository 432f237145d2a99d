import type { Database } from "better-sqlite3";
import type { JournalEntry } from "../journal/journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "../journal/journal-tables.ts";

/** Reads of a snapshot of the terminal's database, for commands that run beside it. */

export function entryById(db: Database, id: string): JournalEntry | undefined {
  const row = db.prepare<[string], JournalRow>(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE id = ?`).get(id);
  return row && entryOfRow(row);
}

export function entryBySeq(db: Database, seq: number): JournalEntry | undefined {
  const row = db.prepare<[number], JournalRow>(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq = ?`).get(seq);
  return row && entryOfRow(row);
}

/** Names of those who run the terminal, by their ids. */
export function operatorNames(db: Database): (operatorId: string) => string | null {
  const names = new Map(
    db
      .prepare<[], { id: string; name: string }>(
        "SELECT operator_id AS id, display_name AS name FROM operator",
      )
      .all()
      .map(({ id, name }) => [id, name] as const),
  );
  return (operatorId) => names.get(operatorId) ?? null;
}
