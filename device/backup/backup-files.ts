import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** A sealed copy of the database; its name says how far its journal reaches and when it was made. */
export interface BackupFile {
  readonly file: string;
  readonly headSeq: number;
  readonly atMs: number;
  readonly bytes: number;
}

const NAME = /^terminal-(\d{16})-(\d{13,16})\.sealed$/;

export const backupFolder = (dataFolder: string): string => join(dataFolder, "backups");

export function backupName(headSeq: number, atMs: number): string {
  return `terminal-${String(headSeq).padStart(16, "0")}-${String(Math.max(0, atMs)).padStart(13, "0")}.sealed`;
}

/** The plain copy and the sealed one while they are made; neither is a backup under such a name. */
export function unfinishedIn(folder: string): { readonly plain: string; readonly sealed: string } {
  return { plain: join(folder, "making.db"), sealed: join(folder, "making.sealed") };
}

/** @param folder may not exist yet. */
export function removeUnfinished(folder: string): void {
  const { plain, sealed } = unfinishedIn(folder);
  // SQLite's own file beside the copy that it makes.
  for (const left of [plain, `${plain}-journal`, sealed]) rmSync(left, { force: true });
}

/** Newest first: by the journal, not by the clock, which may have been wrong. */
export function backupsIn(folder: string): BackupFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => {
      const [, headSeq, atMs] = NAME.exec(name) ?? [];
      if (headSeq === undefined) return [];
      const file = join(folder, name);
      return [{ file, headSeq: Number(headSeq), atMs: Number(atMs), bytes: statSync(file).size }];
    })
    .sort((a, b) => b.headSeq - a.headSeq || b.atMs - a.atMs);
}
