import type { Database, Statement } from "better-sqlite3";
import type { MigrationSet } from "../journal/database.ts";
import type { Journal } from "../journal/journal-port.ts";
import type { EpochMs } from "../platform/units.ts";
import type { CommandResultMessage } from "./messages.ts";

export type CommandOutcome = Pick<CommandResultMessage, "status" | "code" | "facts">;

/** Remembers commands by id, so that each is applied once however often it comes. */
export interface CommandLog {
  outcomeOf(id: string): CommandOutcome | undefined;
  /**
   * Runs `work` and records its outcome in one transaction: applied and recorded, or neither.
   * @throws what `work` threw; nothing is recorded then.
   */
  applyOnce(id: string, atMs: EpochMs, work: () => CommandOutcome): CommandOutcome;
}

export const syncMigrations: MigrationSet = {
  folder: "sync",
  migrations: [
    {
      name: "commands applied",
      sql: `CREATE TABLE sync_command (
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL
      ) STRICT`,
    },
  ],
};

/** Commands expire within days; an id this far back cannot come again. */
const COMMANDS_KEPT_MAX = 10_000;

export class SqliteCommandLog implements CommandLog {
  readonly #journal: Journal;
  readonly #find: Statement<[string], { outcome: string }>;
  readonly #insert: Statement<[string, number, string]>;
  readonly #prune: Statement<[number]>;

  /** @param db opened with `syncMigrations`; the journal's own database, so that one transaction covers both. */
  constructor(db: Database, journal: Journal) {
    this.#journal = journal;
    this.#find = db.prepare("SELECT outcome FROM sync_command WHERE id = ?");
    this.#insert = db.prepare("INSERT INTO sync_command (id, at_ms, outcome) VALUES (?, ?, ?)");
    this.#prune = db.prepare(
      "DELETE FROM sync_command WHERE rowid <= (SELECT max(rowid) FROM sync_command) - ?",
    );
  }

  outcomeOf(id: string): CommandOutcome | undefined {
    const row = this.#find.get(id);
    return row === undefined ? undefined : (JSON.parse(row.outcome) as CommandOutcome);
  }

  applyOnce(id: string, atMs: EpochMs, work: () => CommandOutcome): CommandOutcome {
    return this.#journal.transact(() => {
      const known = this.outcomeOf(id);
      if (known !== undefined) return known;
      const outcome = work();
      this.#insert.run(id, atMs, JSON.stringify(outcome));
      this.#prune.run(COMMANDS_KEPT_MAX);
      return outcome;
    });
  }
}
