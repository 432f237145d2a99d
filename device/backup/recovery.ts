import type { KeyObject } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import Sqlite from "better-sqlite3";
import { z } from "zod";
import { databaseFault } from "../journal/database-fault.ts";
import { CanteenError, isFault, systemCode } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { backupFolder, backupsIn } from "./backup-files.ts";
import { openSealedFile } from "./sealed-file.ts";

/** A recovery under way. While its file is there, nothing is sold and nothing is appended: no number is given twice. */
export interface Recovery {
  readonly atMs: number;
  /** Where the damaged files lie; null when the database was gone. */
  readonly asideFolder: string | null;
  /** Set once the cloud has said that it cannot close a gap that is here. */
  readonly hole: RecoveryHole | null;
}

/** Entries of which neither the cloud nor this terminal has a copy, so that the journal cannot go on from here. */
export interface RecoveryHole {
  /** Whose numbers these are: the terminal's name then. */
  readonly device: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  /** How far the cloud's journal reaches behind the hole. */
  readonly cloudSeq: number;
}

const recoverySchema = z.strictObject({
  v: z.literal(1),
  atMs: z.int(),
  asideFolder: z.string().nullable(),
  hole: z
    .strictObject({ device: z.string(), fromSeq: z.int(), toSeq: z.int(), cloudSeq: z.int() })
    .nullable()
    .default(null),
});
/** The database's own files; the log may hold commits that the main file lacks. */
const SUFFIXES = ["", "-wal", "-shm"];

const recoveryFile = (dataFolder: string): string => join(dataFolder, "recovery.json");

/** @returns null when none is under way. @throws CanteenError `recovery-unreadable`. */
export function recoveryUnderWay(dataFolder: string): Recovery | null {
  const file = recoveryFile(dataFolder);
  if (!existsSync(file)) return null;
  try {
    const { v: _, ...recovery } = recoverySchema.parse(JSON.parse(readFileSync(file, "utf8")));
    return recovery;
  } catch (cause) {
    throw new CanteenError(`${file} cannot be read`, {
      code: "recovery-unreadable",
      retry: "after-operator",
      hint: {
        zh: `${file} 无法读取，恢复中断。请联系技术人员。`,
        en: `${file} cannot be read, so the recovery cannot go on. Call support.`,
      },
      cause,
    });
  }
}

export type Soundness = "sound" | "damaged" | "missing" | "new";

/**
 * Whether the database may be opened as it is. SQLite's quick check reads every page, about a second for 200 MB.
 * `missing`: there is none, and yet there are backups of one. `new`: this terminal never had one.
 * @throws CanteenError of the disk: a disk that fails is not repaired by writing more to it.
 */
export function soundnessOf(dbFile: string): Soundness {
  if (!existsSync(dbFile)) {
    return backupsIn(backupFolder(dirname(dbFile))).length > 0 ? "missing" : "new";
  }
  try {
    const db = new Sqlite(dbFile);
    try {
      return db.pragma("quick_check(1)", { simple: true }) === "ok" ? "sound" : "damaged";
    } finally {
      db.close();
    }
  } catch (error) {
    const fault = databaseFault(error);
    if (fault?.code === "database-damaged") return "damaged";
    throw fault ?? error;
  }
}

/**
 * Writes down that a recovery begins, then moves the damaged files aside; they are never deleted.
 * Safe against a crash at any point: the next start finds the note and goes on.
 */
export function setAside(dbFile: string, atMs: number): Recovery {
  const dataFolder = dirname(dbFile);
  const before = recoveryUnderWay(dataFolder);
  const asideFolder = existsSync(dbFile) ? freeAside(dataFolder, atMs) : (before?.asideFolder ?? null);
  const recovery = { atMs, asideFolder, hole: before?.hole ?? null };
  write(dataFolder, recovery);
  moveAside(dbFile, asideFolder, SUFFIXES);
  return recovery;
}

function write(dataFolder: string, recovery: Recovery): void {
  writeDurably(recoveryFile(dataFolder), JSON.stringify({ v: 1, ...recovery }));
}

/** Writes down what the cloud cannot give: whoever starts the terminal under another name begins anew. */
export function noteHole(dataFolder: string, recovery: Recovery, hole: RecoveryHole): void {
  write(dataFolder, { ...recovery, hole });
}

/**
 * Moves what is left of the former name's database and its backups aside, for a journal of a new name must never join
 * them; they are never deleted.
 */
export function setAllAside(dbFile: string, atMs: number): Recovery {
  const recovery = setAside(dbFile, atMs);
  const dataFolder = dirname(dbFile);
  const backups = backupFolder(dataFolder);
  if (!existsSync(backups)) return recovery;
  const folder = freeAside(dataFolder, atMs);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  renameSync(backups, join(folder, "backups"));
  syncPath(folder);
  syncPath(dataFolder);
  return recovery;
}

/** The main file first: without it the next start knows that its log, which must never meet another file, is to follow. */
function moveAside(dbFile: string, asideFolder: string | null, suffixes: readonly string[]): void {
  const there = suffixes.filter((suffix) => existsSync(`${dbFile}${suffix}`));
  if (asideFolder === null || there.length === 0) return;
  mkdirSync(asideFolder, { recursive: true, mode: 0o700 });
  for (const suffix of there) renameSync(`${dbFile}${suffix}`, join(asideFolder, `terminal.db${suffix}`));
  syncPath(asideFolder);
  syncPath(dirname(dbFile));
}

function freeAside(dataFolder: string, atMs: number): string {
  for (let number = 1; ; number++) {
    const folder = join(dataFolder, "damaged", `${atMs}-${number}`);
    if (!existsSync(folder)) return folder;
  }
}

/**
 * Puts the newest backup that opens and passes SQLite's check in the database's place.
 * @returns its head; null when there is none: the database then begins empty and the cloud has the rest.
 */
export async function restoreNewest(
  dbFile: string,
  { asideFolder }: Recovery,
  key: KeyObject,
  logger: Logger,
): Promise<number | null> {
  moveAside(dbFile, asideFolder ?? freeAside(dirname(dbFile), 0), SUFFIXES.slice(1));
  const fresh = `${dbFile}.restoring`;
  for (const { file, headSeq } of backupsIn(backupFolder(dirname(dbFile)))) {
    for (const suffix of SUFFIXES) rmSync(`${fresh}${suffix}`, { force: true });
    try {
      await openSealedFile(key, file, fresh);
      if (soundnessOf(fresh) !== "sound") throw new Error("the copy is not sound");
    } catch (error) {
      const code = isFault(error) ? error.code : (systemCode(error) ?? "backup-not-sound");
      logger.error({ code, headSeq }, "a backup could not be used");
      continue;
    }
    for (const suffix of SUFFIXES.slice(1)) rmSync(`${fresh}${suffix}`, { force: true });
    renameSync(fresh, dbFile);
    syncPath(dirname(dbFile));
    return headSeq;
  }
  return null;
}

/** What was set aside can be read again where it lies. */
export const asideDatabase = ({ asideFolder }: Recovery): string | null =>
  asideFolder === null ? null : join(asideFolder, "terminal.db");

/** The journal has everything that can be had: sales may begin. */
export function endRecovery(dataFolder: string): void {
  rmSync(recoveryFile(dataFolder), { force: true });
  syncPath(dataFolder);
}

function writeDurably(file: string, text: string): void {
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  const handle = openSync(fresh, "wx", 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
  syncPath(dirname(file));
}

function syncPath(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
