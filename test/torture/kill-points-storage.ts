import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import Sqlite from "better-sqlite3";
import type { KillPoint } from "./kill-point.ts";
import { at, soonAfter, wasAt } from "./reached.ts";

/** Points inside backups, pruning, migrations and recovery: known by the file's name or by the statement's words. */

interface Around {
  readonly before?: KillPoint;
  readonly after?: KillPoint;
}

const matches = <T>(text: string, rules: readonly (readonly [RegExp, T])[]): T | undefined =>
  rules.find(([pattern]) => pattern.test(text))?.[1];

const RENAMED: readonly (readonly [RegExp, Around])[] = [
  [/making\.sealed$/, { before: "backup-before-naming", after: "backup-after-naming" }],
  [/terminal\.db\.backup\.new$/, { before: "migrate-before-naming", after: "migrate-after-naming" }],
  [/recovery\.json\.new$/, { before: "recover-before-note", after: "recover-after-note" }],
  [/terminal\.db\.restoring$/, { before: "recover-before-naming", after: "recover-after-naming" }],
  // The main file goes first, its log after it.
  [/terminal\.db$/, { after: "recover-inside-setting-aside" }],
];
const REMOVED: readonly (readonly [RegExp, Around])[] = [
  [/terminal-\d+-\d+\.sealed$/, { before: "backup-before-clearing", after: "backup-after-clearing" }],
  [/recovery\.json$/, { before: "recover-before-end", after: "recover-after-end" }],
];
const STREAMED: readonly (readonly [RegExp, KillPoint])[] = [
  [/making\.sealed$/, "backup-inside-sealing"],
  [/terminal\.db\.restoring$/, "recover-inside-opening"],
];
/** Statements that write, by their words; `inside` is between the statement and the commit around it. */
const WRITTEN: readonly (readonly [RegExp, Around])[] = [
  [/^INSERT INTO journal_carried/, { after: "prune-inside-piece" }],
  [/^(INSERT INTO|UPDATE) journal_base/, { after: "prune-inside-move" }],
  [/^DELETE FROM journal WHERE/, { before: "prune-after-move", after: "prune-inside-removal" }],
  [/^DELETE FROM journal_carried/, { before: "prune-before-old-pieces", after: "prune-inside-old-pieces" }],
  [/^INSERT INTO migration/, { after: "migrate-inside-tables" }],
];
const COPIED: readonly (readonly [
  RegExp,
  readonly [before: KillPoint, inside: KillPoint, after: KillPoint],
])[] = [
  [/making\.db$/, ["backup-before-copy", "backup-inside-copy", "backup-after-copy"]],
  [/terminal\.db\.backup\.new$/, ["migrate-before-copy", "migrate-inside-copy", "migrate-after-copy"]],
];
/** By the kind of the entry. */
const APPENDED: Readonly<Record<string, KillPoint>> = {
  "journal.pruned": "prune-inside-record",
  "device.restored": "recover-inside-record",
};

function around<T>({ before, after }: Around, work: () => T): T {
  if (before !== undefined) at(before);
  const result = work();
  if (after !== undefined) at(after);
  return result;
}

function watchFiles(): void {
  const { renameSync, rmSync, existsSync, createWriteStream } = fs;
  Object.assign(fs, {
    renameSync: (from: string, to: string) =>
      around(matches(from, RENAMED) ?? {}, () => renameSync(from, to)),
    rmSync: (path: string, options?: fs.RmOptions) =>
      around(existsSync(path) ? (matches(path, REMOVED) ?? {}) : {}, () => rmSync(path, options)),
    createWriteStream: (path: string, options?: { flags: string; mode: number }) => {
      const stream = createWriteStream(path, options);
      const point = matches(path, STREAMED);
      // The first piece is the file's head, or 64 KiB of more.
      if (point !== undefined) onSecondPiece(stream, () => at(point));
      return stream;
    },
  });
  syncBuiltinESMExports();
}

function onSecondPiece(stream: fs.WriteStream, task: () => void): void {
  const write = stream._write.bind(stream);
  let pieces = 0;
  stream._write = (chunk, encoding, done) =>
    write(chunk, encoding, (error) => {
      pieces += 1;
      if (pieces === 2) task();
      done(error);
    });
  // Or pieces that waited would go past it, all at once.
  Object.assign(stream, { _writev: null });
}

type Run = (...of: unknown[]) => Sqlite.RunResult;

function watchStatements(): void {
  const prototype = Sqlite.prototype as { prepare: (sql: string) => { run: Run } };
  const prepare = prototype.prepare;
  prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql);
    const watched = watchedRun(sql.trim(), statement.run.bind(statement));
    if (watched !== null) statement.run = watched;
    return statement;
  };
}

function watchedRun(sql: string, run: Run): Run | null {
  if (sql === "VACUUM INTO ?") {
    return (file) => {
      const points = matches(String(file), COPIED);
      if (points === undefined) return run(file);
      const [before, inside, after] = points;
      at(before);
      soonAfter(inside);
      const result = run(file);
      at(after);
      return result;
    };
  }
  if (/^INSERT INTO journal \(/.test(sql)) {
    return (...of) => {
      const result = run(...of);
      const point = APPENDED[String(of[2])];
      if (point !== undefined) at(point);
      // Until the recovery is on record nothing else is written: these are the entries that the cloud gave back.
      else if (wasAt("recover-after-question")) at("recover-inside-import");
      return result;
    };
  }
  const points = matches(sql, WRITTEN);
  return points === undefined ? null : (...of) => around(points, () => run(...of));
}

/** The one transaction of a migration runs before anything else of the process writes. */
function watchMigration(): void {
  const prototype = Sqlite.prototype as {
    pragma: (text: string, options?: Sqlite.PragmaOptions) => unknown;
  };
  const pragma = prototype.pragma;
  prototype.pragma = function (text, options) {
    if (text === "wal_checkpoint(TRUNCATE)") at("migrate-after-commit");
    return pragma.call(this, text, options);
  };
}

watchFiles();
watchStatements();
watchMigration();
