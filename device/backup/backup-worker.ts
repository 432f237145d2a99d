/** The worker thread that makes one backup and ends: the main thread's line never waits for its pages or its fsync. */

import type { KeyObject } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import Sqlite from "better-sqlite3";
import { systemCode } from "../platform/errors.ts";
import { backupName, removeUnfinished, unfinishedIn } from "./backup-files.ts";
import { sealFile } from "./sealed-file.ts";

export interface BackupJob {
  readonly dbFile: string;
  readonly folder: string;
  readonly key: KeyObject;
  readonly atMs: number;
}

export type BackupOutcome =
  | { readonly kind: "made"; readonly file: string; readonly headSeq: number }
  /** `database-damaged`: the copy of what is there does not pass SQLite's check, so it is no good copy. */
  | { readonly kind: "failed"; readonly code: string };

async function make({ dbFile, folder, key, atMs }: BackupJob): Promise<BackupOutcome> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { plain, sealed } = unfinishedIn(folder);
  removeUnfinished(folder);
  try {
    const headSeq = copy(dbFile, plain);
    if (headSeq === null) return { kind: "failed", code: "database-damaged" };
    await sealFile(key, plain, sealed);
    const file = join(folder, backupName(headSeq, atMs));
    renameSync(sealed, file);
    syncFolder(folder);
    return { kind: "made", file, headSeq };
  } catch (error) {
    return { kind: "failed", code: systemCode(error) ?? "unknown" };
  } finally {
    removeUnfinished(folder);
  }
}

/** One snapshot, while the terminal writes on. @returns the journal's head in it; null when the copy is not sound. */
function copy(dbFile: string, plain: string): number | null {
  closeSync(openSync(plain, "wx", 0o600));
  const db = new Sqlite(dbFile, { readonly: true, fileMustExist: true });
  try {
    db.prepare("VACUUM INTO ?").run(plain);
  } finally {
    db.close();
  }
  const made = new Sqlite(plain, { readonly: true });
  try {
    if (made.pragma("quick_check(1)", { simple: true }) !== "ok") return null;
    return made.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM journal").pluck().get() ?? 0;
  } finally {
    made.close();
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

parentPort?.postMessage(await make(workerData as BackupJob));
