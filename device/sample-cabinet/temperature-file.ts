import { chmodSync, closeSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { CanteenError, isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";

const SCHEMA_VERSION = 2;
const WAL_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Time is kept twice: `log_ms` is an axis that only grows with the running process, so that no step of the wall clock
 * can overwrite or prune anything; a `run` says which wall time a stretch of that axis had.
 * `raw_milli_c` is null where the probe has no offset: it is `milli_c` then.
 * Both tables are ordered by time, not by probe: what comes within ten seconds lies on a page or two, where each probe's
 * own place would cost a page of each probe and table for every write, 2 GB a day of a flash disk with 32 probes.
 */
const ROWS_BY_TIME = `
  CREATE TABLE reading (
    probe_no INTEGER NOT NULL,
    log_ms INTEGER NOT NULL,
    milli_c INTEGER,
    raw_milli_c INTEGER,
    fault TEXT,
    PRIMARY KEY (log_ms, probe_no),
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
    PRIMARY KEY (log_ms, probe_no)
  ) STRICT, WITHOUT ROWID;`;

const SCHEMA = `
  CREATE TABLE probe (
    probe_no INTEGER PRIMARY KEY,
    probe_id TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE run (
    log_start_ms INTEGER PRIMARY KEY,
    wall_start_ms INTEGER NOT NULL
  ) STRICT;
  ${ROWS_BY_TIME}`;

/** Version 1 had the same rows ordered by probe. */
const FROM_VERSION_1 = `
  ALTER TABLE reading RENAME TO reading_by_probe;
  ALTER TABLE minute RENAME TO minute_by_probe;
  ${ROWS_BY_TIME}
  INSERT INTO reading SELECT * FROM reading_by_probe ORDER BY log_ms, probe_no;
  INSERT INTO minute SELECT * FROM minute_by_probe ORDER BY log_ms, probe_no;
  DROP TABLE reading_by_probe;
  DROP TABLE minute_by_probe;`;

const LAID_ASIDE: Readonly<Record<string, string>> = {
  "database-damaged": "damaged",
  "database-newer": "newer",
};

/**
 * Opens the file of temperatures; one that is damaged or of a later release is laid aside, because no reading is worth a
 * terminal that does not start.
 * @throws CanteenError of the disk.
 */
export function openTemperatureFile(file: string, logger: Logger): Database {
  try {
    return open(file);
  } catch (error) {
    const suffix = isFault(error) ? LAID_ASIDE[error.code] : undefined;
    if (!isFault(error) || suffix === undefined) throw error;
    logger.error({ code: error.code }, "the file of temperatures cannot be used and was laid aside");
    renameSync(file, `${file}.${suffix}`);
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
      bringUpToDate(db);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function bringUpToDate(db: Database): void {
  const version = Number(db.pragma("user_version", { simple: true }));
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION)
    throw new CanteenError(`the file of temperatures has version ${version}`, {
      code: "database-newer",
      retry: "after-operator",
      hint: {
        zh: "温度文件由更新的版本写入，已保留在一旁，重新开始记录。",
        en: "A newer release wrote the file of temperatures; it was laid aside and recording begins anew.",
      },
    });
  db.transaction(() => {
    db.exec(version === 0 ? SCHEMA : FROM_VERSION_1);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}
