import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { CanteenError } from "../platform/errors.ts";
import { withDatabaseFaults } from "./database-fault.ts";

/** One step of a folder's schema. Once released it is never edited: a change is a new migration. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export interface MigrationSet {
  /** The folder of device/ that owns these tables. */
  readonly folder: string;
  /** In order; only ever appended to. */
  readonly migrations: readonly Migration[];
  /** Tables left empty in the backup made before a migration: a withdrawn consent must not live on in a copy. */
  readonly notInBackup?: readonly string[];
}

export interface DatabaseOptions {
  readonly file: string;
  readonly clock: Pick<Clock, "now">;
  /** Every folder's migrations, in the order in which they run. */
  readonly migrations: readonly MigrationSet[];
  /** How long a statement waits for another process's lock. */
  readonly busyWaitMsMax?: number;
}

const BUSY_WAIT_MS_MAX = 2000;
/** The write-ahead log is cut back to this after a checkpoint, so that one burst does not keep the space. */
const WAL_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Opens the terminal's one database and brings its schema up to date.
 * @throws CanteenError `disk-full`, `disk-failed`, `disk-read-only`, `database-damaged`, `database-cannot-open`,
 *         `database-newer` (a later release wrote it).
 */
export function openDatabase(options: DatabaseOptions): Database {
  return withDatabaseFaults(() => {
    makePrivateFile(options.file);
    const db = new Sqlite(options.file, { timeout: options.busyWaitMsMax ?? BUSY_WAIT_MS_MAX });
    try {
      configure(db);
      migrate(db, options);
      // What the last run left in the log goes into the main file now, while nobody waits for it.
      db.pragma("wal_checkpoint(TRUNCATE)");
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function configure(db: Database): void {
  db.pragma("journal_mode = WAL");
  // better-sqlite3 is built with NORMAL for WAL, with which the last commits can vanish on power loss.
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  // INSERT OR REPLACE deletes without firing the append-only triggers unless this is on.
  db.pragma("recursive_triggers = ON");
  // A destroyed key is overwritten with zeros, not only unlinked.
  db.pragma("secure_delete = ON");
  db.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`);
}

/** SQLite would create the file with the umask's mode; its -wal and -shm files take over the mode of the main file. */
function makePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
}

function migrate(db: Database, options: DatabaseOptions): void {
  db.exec(`CREATE TABLE IF NOT EXISTS migration (
    folder TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 1),
    name TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    PRIMARY KEY (folder, position)
  ) STRICT`);
  const applied = db
    .prepare<[], { folder: string; position: number; name: string }>(
      "SELECT folder, position, name FROM migration ORDER BY folder, position",
    )
    .all();
  refuseNewer(applied, options.migrations);
  const known = new Set(applied.map(({ folder, position }) => `${folder} ${position}`));
  const pending = options.migrations.flatMap(({ folder, migrations }) =>
    migrations
      .map(({ name, sql }, index) => ({ folder, position: index + 1, name, sql }))
      .filter(({ position }) => !known.has(`${folder} ${position}`)),
  );
  if (pending.length === 0) return;
  if (applied.length > 0) backUp(db, options);
  const record = db.prepare(
    "INSERT INTO migration (folder, position, name, applied_at_ms) VALUES (?, ?, ?, ?)",
  );
  db.transaction(() => {
    for (const { folder, position, name, sql } of pending) {
      db.exec(sql);
      record.run(folder, position, name, options.clock.now());
    }
  }).immediate();
}

function refuseNewer(
  applied: readonly { folder: string; position: number; name: string }[],
  sets: readonly MigrationSet[],
): void {
  for (const { folder, position, name } of applied) {
    const migrations = sets.find((set) => set.folder === folder)?.migrations ?? [];
    if (migrations[position - 1]?.name === name) continue;
    throw new CanteenError(`the database has migration ${folder}/${name}, which this release does not know`, {
      code: "database-newer",
      retry: "after-operator",
      hint: {
        zh: "数据库由更新的版本写入。请安装该版本或更新的版本。",
        en: "A newer release wrote this database. Install that release or a later one.",
      },
    });
  }
}

/** Where the copy made before the last migration lies. */
export const backupFileOf = (file: string): string => `${file}.backup`;

/** One copy, replaced whole: a crash in the middle leaves the former one. */
function backUp(db: Database, options: DatabaseOptions): void {
  const fresh = `${backupFileOf(options.file)}.new`;
  rmSync(fresh, { force: true });
  // VACUUM INTO writes into an existing file only if that is empty; so it has the right mode from the start.
  closeSync(openSync(fresh, "wx", 0o600));
  db.prepare("VACUUM INTO ?").run(fresh);
  emptySecretTables(fresh, options.migrations);
  syncToDisk(fresh);
  renameSync(fresh, backupFileOf(options.file));
  syncToDisk(dirname(options.file));
}

function emptySecretTables(file: string, sets: readonly MigrationSet[]): void {
  const copy = new Sqlite(file);
  try {
    copy.pragma("secure_delete = ON");
    const tables = new Set(
      copy.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all(),
    );
    for (const table of sets.flatMap((set) => set.notInBackup ?? [])) {
      assert(/^[a-z_]+$/.test(table), `table name ${table}`);
      if (tables.has(table)) copy.exec(`DELETE FROM ${table}`);
    }
  } finally {
    copy.close();
  }
}

/** Forces a file or a folder's list of names to the disk. */
function syncToDisk(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
