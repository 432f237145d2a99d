import { chmodSync, closeSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";

const SCHEMA_VERSION = 1;
const WAL_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Time is kept twice: `log_ms` is an axis that only grows with the running process, so that no step of the wall clock
 * can overwrite or prune anything; a `run` says which wall time a stretch of that axis had.
 * `raw_milli_c` is null where the probe has no offset: it is `milli_c` then.
 */
const SCHEMA = `
  CREATE TABLE probe (
    probe_no INTEGER PRIMARY KEY,
    probe_id TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE run (
    log_start_ms INTEGER PRIMARY KEY,
    wall_start_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE reading (
    probe_no INTEGER NOT NULL,
    log_ms INTEGER NOT NULL,
    milli_c INTEGER,
    raw_milli_c INTEGER,
    fault TEXT,
    PRIMARY KEY (probe_no, log_ms),
    CHECK ((milli_c IS NULL) <> (fault IS NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE minute (
    probe_no INTEGER NOT NULL,
    log_ms INTEGER NOT NULL,
    min_milli_c INTEGER,
    max_milli_c INTEGER,
    sum_milli_c INTEGER NOT NULL,
    value_count INTEGER NOT NULL,
    fault_count INTEGER NOT NULL,
    known_ms INTEGER NOT NULL,
    above_ms INTEGER NOT NULL,
    above_milli_c_s INTEGER NOT NULL,
    PRIMARY KEY (probe_no, log_ms)
  ) STRICT, WITHOUT ROWID;`;

/**
 * Opens the file of temperatures; a damaged one is laid aside, because no reading is worth a terminal that does not start.
 * @throws CanteenError of the disk.
 */
export function openTemperatureFile(file: string, logger: Logger): Database {
  try {
    return open(file);
  } catch (error) {
    if (!isFault(error) || error.code !== "database-damaged") throw error;
    logger.error({ code: error.code }, "the file of temperatures is damaged and was laid aside");
    renameSync(file, `${file}.damaged`);
    for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
    return open(file);
  }
}

function open(file: string): Database {
  return withDatabaseFaults(() => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
    chmodSync(file, 0o600);
    const db = new Sqlite(file);
    try {
      db.pragma("journal_mode = WAL");
      // A loss of power may cost the last seconds of readings, never the file: no fsync for each write.
      db.pragma("synchronous = NORMAL");
      db.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`);
      if (db.pragma("user_version", { simple: true }) !== SCHEMA_VERSION)
        db.transaction(() => {
          db.exec(SCHEMA);
          db.pragma(`user_version = ${SCHEMA_VERSION}`);
        }).immediate();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}
