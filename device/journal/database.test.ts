import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { lockDataFolder } from "./data-folder-lock.ts";
import { backupFileOf, type MigrationSet, openDatabase } from "./database.ts";
import { databaseFault } from "./database-fault.ts";
import { temporaryFolder } from "./journal-fixture.ts";

const clock = new VirtualClock();

const first: MigrationSet = {
  folder: "pantry",
  migrations: [{ name: "jars", sql: "CREATE TABLE jar (jar_id TEXT PRIMARY KEY) STRICT" }],
};
const second: MigrationSet = {
  folder: "pantry",
  notInBackup: ["seal"],
  migrations: [
    ...first.migrations,
    { name: "seals", sql: "CREATE TABLE seal (jar_id TEXT PRIMARY KEY, secret BLOB NOT NULL) STRICT" },
  ],
};
const third: MigrationSet = {
  ...second,
  migrations: [...second.migrations, { name: "labels", sql: "ALTER TABLE jar ADD COLUMN label TEXT" }],
};

function faultOf(work: () => unknown): CanteenError {
  try {
    work();
  } catch (error) {
    if (error instanceof CanteenError) return error;
    throw error;
  }
  throw new Error("expected a fault");
}

describe("openDatabase", () => {
  it("sets what durability and deletion rest on", () => {
    const file = join(temporaryFolder(), "canteen.db");
    const db = openDatabase({ file, clock, migrations: [first] });
    const settings = [
      "journal_mode",
      "synchronous",
      "foreign_keys",
      "recursive_triggers",
      "secure_delete",
    ].map((name) => db.pragma(name, { simple: true }));
    expect(settings).toEqual(["wal", 2, 1, 1, 1]);
    expect(db.pragma("busy_timeout", { simple: true })).toBe(2000);
    db.close();
  });

  it("keeps the file and its write-ahead log readable by their owner only, also where it was not so", () => {
    const file = join(temporaryFolder(), "canteen.db");
    writeFileSync(file, "", { mode: 0o644 });
    const db = openDatabase({ file, clock, migrations: [first] });
    db.exec("INSERT INTO jar VALUES ('plum')");
    expect([file, `${file}-wal`, `${file}-shm`].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600,
    ]);
    db.close();
  });

  it("runs each migration once and keeps what was there", () => {
    const file = join(temporaryFolder(), "canteen.db");
    const old = openDatabase({ file, clock, migrations: [first] });
    old.exec("INSERT INTO jar VALUES ('plum')");
    old.close();
    for (const migrations of [[second], [second], [third]]) {
      openDatabase({ file, clock, migrations }).close();
    }
    const db = openDatabase({ file, clock, migrations: [third] });
    expect(db.prepare("SELECT jar_id, label FROM jar").all()).toEqual([{ jar_id: "plum", label: null }]);
    expect(db.prepare("SELECT position, name FROM migration").all()).toEqual([
      { position: 1, name: "jars" },
      { position: 2, name: "seals" },
      { position: 3, name: "labels" },
    ]);
    db.close();
  });

  it("backs an old database up before it migrates, without the tables that must not outlive a deletion", () => {
    const file = join(temporaryFolder(), "canteen.db");
    const old = openDatabase({ file, clock, migrations: [second] });
    expect(existsSync(backupFileOf(file))).toBe(false);
    old.exec("INSERT INTO jar VALUES ('plum'); INSERT INTO seal VALUES ('plum', x'5ec2e7')");
    old.close();
    openDatabase({ file, clock, migrations: [third] }).close();
    const backup = new Sqlite(backupFileOf(file), { readonly: true });
    expect(backup.prepare("SELECT * FROM jar").all()).toEqual([{ jar_id: "plum" }]);
    expect(backup.prepare("SELECT * FROM seal").all()).toEqual([]);
    backup.close();
    expect(statSync(backupFileOf(file)).mode & 0o777).toBe(0o600);
  });

  it("changes nothing when a migration fails", () => {
    const file = join(temporaryFolder(), "canteen.db");
    openDatabase({ file, clock, migrations: [first] }).close();
    const broken: MigrationSet = {
      ...second,
      migrations: [...second.migrations, { name: "broken", sql: "CREATE TABLE jar (x TEXT) STRICT" }],
    };
    expect(() => openDatabase({ file, clock, migrations: [broken] })).toThrow(/already exists/);
    const db = openDatabase({ file, clock, migrations: [first] });
    expect(db.prepare("SELECT name FROM sqlite_schema WHERE name = 'seal'").all()).toEqual([]);
    db.close();
  });

  it("refuses a database that a newer release wrote", () => {
    const file = join(temporaryFolder(), "canteen.db");
    openDatabase({ file, clock, migrations: [second] }).close();
    const fault = faultOf(() => openDatabase({ file, clock, migrations: [first] }));
    expect(fault).toMatchObject({ code: "database-newer", retry: "after-operator" });
    expect(faultOf(() => openDatabase({ file, clock, migrations: [] })).code).toBe("database-newer");
  });

  it("names a file that is no database, or lies where none can be", () => {
    const folder = temporaryFolder();
    const file = join(folder, "canteen.db");
    writeFileSync(file, "this is a shopping list, not a database; ".repeat(100));
    expect(faultOf(() => openDatabase({ file, clock, migrations: [first] })).code).toBe("database-damaged");
    const inside = join(file, "canteen.db");
    expect(faultOf(() => openDatabase({ file: inside, clock, migrations: [first] })).code).toBe(
      "database-cannot-open",
    );
  });
});

describe("databaseFault", () => {
  it.each([
    ["SQLITE_FULL", "disk-full"],
    ["SQLITE_IOERR_SHMSIZE", "disk-full"],
    ["ENOSPC", "disk-full"],
    ["SQLITE_IOERR_FSYNC", "disk-failed"],
    ["EIO", "disk-failed"],
    ["SQLITE_READONLY_DIRECTORY", "disk-read-only"],
    ["EROFS", "disk-read-only"],
    ["SQLITE_CORRUPT_INDEX", "database-damaged"],
    ["SQLITE_NOTADB", "database-damaged"],
    ["SQLITE_BUSY_SNAPSHOT", "database-busy"],
    ["SQLITE_CANTOPEN_ISDIR", "database-cannot-open"],
  ])("calls %s %s, with a hint in two languages", (code, expected) => {
    const fault = databaseFault(Object.assign(new Error("from below"), { code }));
    expect(fault?.code).toBe(expected);
    expect(fault?.hint.zh).not.toBe("");
    expect(fault?.hint.en).not.toBe("");
  });

  it("leaves a failed constraint and a bug alone", () => {
    expect(databaseFault(new Sqlite.SqliteError("UNIQUE", "SQLITE_CONSTRAINT_UNIQUE"))).toBeUndefined();
    expect(databaseFault(new TypeError("bug"))).toBeUndefined();
  });
});

describe("lockDataFolder", () => {
  it("lets one holder in, and the next one after the release", () => {
    const folder = join(temporaryFolder(), "new");
    const lock = lockDataFolder(folder);
    expect(faultOf(() => lockDataFolder(folder)).code).toBe("data-folder-in-use");
    lock.release();
    lock.release();
    lockDataFolder(folder).release();
  });

  it("is free again after its holder was killed", () => {
    const folder = temporaryFolder();
    const module = new URL("./data-folder-lock.ts", import.meta.url).href;
    const script = `
      const { lockDataFolder } = await import(${JSON.stringify(module)});
      lockDataFolder(${JSON.stringify(folder)});
      process.kill(process.pid, "SIGKILL");`;
    const held = lockDataFolder(folder);
    const refused = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(refused.stderr).toContain("data-folder-in-use");
    held.release();
    const killed = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(killed.signal).toBe("SIGKILL");
    lockDataFolder(folder).release();
  });
});
