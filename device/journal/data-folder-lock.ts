import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { CanteenError, systemCode } from "../platform/errors.ts";
import { withDatabaseFaults } from "./database-fault.ts";

export interface DataFolderLock {
  /** Gives the folder free; idempotent. */
  release(): void;
}

/**
 * Claims the data folder for this process.
 * The claim is an open EXCLUSIVE transaction on an empty database: the kernel drops it with the process, so
 * `kill -9` leaves nothing to clean up, unlike a file with a process id in it.
 * @throws CanteenError `data-folder-in-use`, or the disk's fault.
 */
export function lockDataFolder(folder: string): DataFolderLock {
  return withDatabaseFaults(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, "terminal.lock");
    closeSync(openSync(file, "a", 0o600));
    chmodSync(file, 0o600);
    const db = new Sqlite(file, { timeout: 0 });
    try {
      db.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      db.close();
      if (systemCode(error)?.startsWith("SQLITE_BUSY")) throw inUse(folder, error);
      throw error;
    }
    return { release: () => void db.close() };
  });
}

function inUse(folder: string, cause: unknown): CanteenError {
  return new CanteenError(`another process uses the data folder ${folder}`, {
    code: "data-folder-in-use",
    retry: "after-operator",
    hint: {
      zh: "另一个 canteen-edge 正在使用此数据文件夹。请先停止它，或在 dataFolder 中指定其他文件夹。",
      en: "Another canteen-edge uses this data folder. Stop it first, or name another dataFolder.",
    },
    cause,
  });
}
