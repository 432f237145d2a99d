import { CanteenError, type CanteenErrorOptions, systemCode } from "../platform/errors.ts";

type FaultCode =
  | "disk-full"
  | "disk-failed"
  | "disk-read-only"
  | "database-damaged"
  | "database-busy"
  | "database-cannot-open";

const FAULTS: Record<FaultCode, Pick<CanteenErrorOptions, "retry" | "hint">> = {
  "disk-full": {
    retry: "after-operator",
    hint: {
      zh: "磁盘已满，暂停收款。请清理磁盘空间；已完成的收款不受影响。",
      en: "The disk is full and no charge is made. Free some space; charges already shown are safe.",
    },
  },
  "disk-failed": {
    retry: "after-operator",
    hint: {
      zh: "磁盘读写失败，暂停收款。请重启终端，如再次出现请更换存储卡。",
      en: "The disk failed and no charge is made. Restart the terminal; replace the disk if this comes again.",
    },
  },
  "disk-read-only": {
    retry: "after-operator",
    hint: {
      zh: "数据文件夹不可写。请检查磁盘是否只读，以及文件夹的所有者和权限。",
      en: "The data folder cannot be written. Check for a read-only disk, and the folder's owner and mode.",
    },
  },
  "database-damaged": {
    retry: "after-operator",
    hint: {
      zh: "数据库已损坏，暂停收款。请勿删除任何文件，重启终端：它会保留损坏的文件，并从备份和云端恢复。",
      en: "The database is damaged and no charge is made. Delete nothing and restart the terminal: it keeps the damaged files and recovers from its backup and the cloud.",
    },
  },
  "database-busy": {
    retry: "backoff",
    hint: {
      zh: "数据库被其他程序占用，请关闭打开它的工具。",
      en: "Another program holds the database; close the tool that has it open.",
    },
  },
  "database-cannot-open": {
    retry: "after-operator",
    hint: {
      zh: "无法打开数据库文件。请检查 dataFolder 的路径和权限。",
      en: "The database file cannot be opened. Check the path and mode of dataFolder.",
    },
  },
};

/**
 * The fault behind an error of SQLite or of the file system.
 * A failed constraint, a bug and everything else is `undefined`: that is not the disk's doing.
 */
export function databaseFault(error: unknown): CanteenError | undefined {
  if (error instanceof CanteenError) return error;
  const code = faultCode(systemCode(error) ?? "");
  if (code === undefined) return undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new CanteenError(`${code}: ${message}`, { code, ...FAULTS[code], cause: error });
}

export function databaseDamaged(message: string, cause: unknown): CanteenError {
  return new CanteenError(message, { code: "database-damaged", ...FAULTS["database-damaged"], cause });
}

/** Runs `work`; an error of the disk leaves as a `CanteenError`, any other unchanged. */
export function withDatabaseFaults<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}

/** After these the state of the file is not known; nothing more may be written until it was opened again. */
export function endsTheConnection(fault: CanteenError): boolean {
  return fault.code === "disk-failed" || fault.code === "database-damaged";
}

/** Source: https://www.sqlite.org/rescode.html; extended codes begin with their primary code. */
function faultCode(code: string): FaultCode | undefined {
  // The shared-memory file could not grow: SQLite reports the full disk in this way.
  if (code === "SQLITE_IOERR_SHMSIZE") return "disk-full";
  if (code.startsWith("SQLITE_IOERR")) return "disk-failed";
  if (code.startsWith("SQLITE_READONLY")) return "disk-read-only";
  if (code.startsWith("SQLITE_CORRUPT")) return "database-damaged";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "database-busy";
  if (code.startsWith("SQLITE_CANTOPEN")) return "database-cannot-open";
  switch (code) {
    case "SQLITE_FULL":
    case "ENOSPC":
    case "EDQUOT":
      return "disk-full";
    case "EIO":
      return "disk-failed";
    case "EROFS":
    case "EACCES":
    case "EPERM":
    case "SQLITE_PERM":
      return "disk-read-only";
    case "SQLITE_NOTADB":
      return "database-damaged";
    case "EEXIST":
    case "ENOTDIR":
    case "EISDIR":
    case "ENOENT":
      return "database-cannot-open";
    default:
      return undefined;
  }
}
