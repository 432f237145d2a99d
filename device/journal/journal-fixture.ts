import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { onTestFinished } from "vitest";
import { type IdSource, idSource, seededEntropy } from "../platform/entropy.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { type MigrationSet, openDatabase } from "./database.ts";
import type { Journal, JournalEntry, Projection, TimeTrust } from "./journal-port.ts";
import { journalMigrations } from "./journal-tables.ts";
import { prepared } from "./prepared.ts";
import { openJournal } from "./sqlite-journal.ts";

/** A folder that is removed when the test ends. For tests only. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "canteen-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface JournalFixture {
  readonly file: string;
  readonly folder: string;
  readonly db: Database;
  readonly journal: Journal;
  readonly clock: VirtualClock;
  readonly ids: IdSource;
  /** Closes the database and opens it again, as a restart does. */
  reopen(): JournalFixture;
}

export interface FixtureOptions {
  readonly projections?: readonly Projection[];
  readonly migrations?: readonly MigrationSet[];
  readonly timeTrust?: TimeTrust;
  readonly folder?: string;
  readonly clock?: VirtualClock;
  readonly ids?: IdSource;
}

/** A journal on a real database file with a virtual clock and seeded ids. For tests only. */
export function journalFixture(options: FixtureOptions = {}): JournalFixture {
  const folder = options.folder ?? temporaryFolder();
  const clock = options.clock ?? new VirtualClock();
  const ids = options.ids ?? idSource(clock, seededEntropy(1));
  const file = join(folder, "canteen.db");
  const migrations = [journalMigrations, ...(options.migrations ?? [])];
  const db = openDatabase({ file, clock, migrations });
  onTestFinished(() => void db.close());
  const timeTrust = { current: () => options.timeTrust ?? "synced" };
  const journal = openJournal({ db, clock, timeTrust, projections: options.projections ?? [] });
  return {
    file,
    folder,
    db,
    journal,
    clock,
    ids,
    reopen() {
      db.close();
      return journalFixture({ ...options, folder, clock, ids });
    },
  };
}

/** Counts tallies by name, each name at most nine times: a projection with a constraint that can say no. */
export const tallyProjection: Projection = {
  name: "tally",
  schema: `CREATE TABLE IF NOT EXISTS tally (
    name TEXT PRIMARY KEY,
    total INTEGER NOT NULL CHECK (total <= 9),
    last_seq INTEGER NOT NULL
  ) STRICT;`,
  tables: ["tally"],
  apply(db: Database, entry: JournalEntry) {
    if (entry.kind !== "tally.counted") return;
    prepared(
      db,
      `INSERT INTO tally (name, total, last_seq) VALUES (?, 1, ?)
       ON CONFLICT (name) DO UPDATE SET total = total + 1, last_seq = excluded.last_seq`,
    ).run(entry.body["name"], entry.seq);
  },
};
