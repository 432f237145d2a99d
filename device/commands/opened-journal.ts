import type { Database } from "better-sqlite3";
import { openDatabase } from "../journal/database.ts";
import type { Journal } from "../journal/journal-port.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import type { Clock } from "../platform/clock.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";

/** Opens the journal of a terminal's data folder as the running terminal does. For tests only. */
export function openTerminalJournal(
  dataFolder: string,
  clock: Pick<Clock, "now">,
): { readonly db: Database; readonly journal: Journal } {
  const db = openDatabase({ file: databaseFile(dataFolder), clock, migrations: TERMINAL_MIGRATIONS });
  const timeTrust = { current: () => "synced" as const };
  return { db, journal: openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS }) };
}
