import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { backupFolder, backupsIn } from "../../device/backup/backup-files.ts";
import { backupKeyOf, openSealedFile } from "../../device/backup/sealed-file.ts";
import { readBase } from "../../device/journal/carried-state.ts";
import { verifyJournal } from "../../device/journal/verify.ts";
import { loadDeviceKey } from "../../device/security/key-file.ts";
import { TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";

/** What `storage.*` lets a terminal keep. */
const BACKUPS_MAX = 2;
/** Names of what is made beside its place, and is nothing until it is renamed. */
const UNFINISHED = /^making\.|\.new(-journal|-wal|-shm)?$|\.restoring/;

/** Each file that is named as a backup must be a whole one: it opens, and its journal verifies up to its name. */
export async function wrongBackups(dataFolder: string): Promise<string[]> {
  const backups = backupsIn(backupFolder(dataFolder));
  const problems = backups.length > BACKUPS_MAX ? [`${backups.length} backups are kept`] : [];
  const key = backupKeyOf(loadDeviceKey(join(dataFolder, "device.key")));
  const folder = mkdtempSync(join(dataFolder, "..", "opened-"));
  try {
    for (const { file, headSeq } of backups) {
      const opened = join(folder, `${headSeq}.db`);
      try {
        await openSealedFile(key, file, opened);
        const found = verifyJournal(opened, TERMINAL_PROJECTIONS);
        if (!found.ok || found.head.seq !== headSeq)
          problems.push(`backup ${headSeq}: ${JSON.stringify(found)}`);
      } catch (error) {
        problems.push(`backup ${headSeq}: ${String(error)}`);
      }
    }
    return problems;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** After a life that nobody ended early nothing unfinished lies about, whatever was killed before it. */
export function leftOver(dataFolder: string): string[] {
  return readdirSync(dataFolder, { recursive: true, encoding: "utf8" })
    .filter((name) => UNFINISHED.test(name.split("/").at(-1) ?? ""))
    .map((name) => `${name} is left over`);
}

/** Pieces of a carried state that no list names: of a pruning that was killed, or of the one before. */
export function strayPieces(file: string): number {
  const db = new Sqlite(file, { readonly: true });
  try {
    const tables = readBase(db)?.carried.flatMap((carried) => carried.tables) ?? [];
    const named = new Set(tables.flatMap(({ pieces }) => pieces));
    const all = db.prepare<[], string>("SELECT sha256 FROM journal_carried").pluck().all();
    return all.filter((sha256) => !named.has(sha256)).length;
  } finally {
    db.close();
  }
}
