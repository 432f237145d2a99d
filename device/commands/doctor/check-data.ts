import { existsSync, statSync } from "node:fs";
import { mkdir, open, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ChainHead, ChainWalk } from "../../journal/chain.ts";
import { databaseFault } from "../../journal/database-fault.ts";
import { GENESIS_HASH } from "../../journal/entry-hash.ts";
import { ENTRY_COLUMNS, type JournalRow } from "../../journal/journal-tables.ts";
import { openSnapshot } from "../../journal/verify.ts";
import type { Clock } from "../../platform/clock.ts";
import { CanteenError, systemCode } from "../../platform/errors.ts";
import { loadSiteKey } from "../../security/key-file.ts";
import { databaseFile, TERMINAL_MIGRATIONS } from "../../terminal-database.ts";
import { type Check, type Finding, failed, ok, skipped } from "./check.ts";

/** The newest entries are walked; `journal verify` walks them all. */
const ENTRIES_WALKED_MAX = 1000;

/** Opens the database for reading only, so that it may run beside the terminal. */
export const databaseCheck: Check = {
  id: "database",
  title: { zh: "数据库", en: "database" },
  async run({ config }) {
    const file = databaseFile(config.dataFolder);
    if (!existsSync(file)) return skipped("尚未创建，首次运行时创建", "not made yet: the first run makes it");
    try {
      return readDatabase(file);
    } catch (error) {
      throw databaseFault(error) ?? error;
    }
  },
};

function readDatabase(file: string): Finding {
  const db = openSnapshot(file);
  try {
    const [integrity] = db.prepare<[], { quick_check: string }>("PRAGMA quick_check(1)").all();
    if (integrity?.quick_check !== "ok") return damaged(integrity?.quick_check ?? "no answer");
    const pending = pendingMigrations(
      db.prepare<[], { folder: string; position: number }>("SELECT folder, position FROM migration").all(),
    );
    const rows = db
      .prepare<[number], JournalRow>(`SELECT ${ENTRY_COLUMNS} FROM journal ORDER BY seq DESC LIMIT ?`)
      .all(ENTRIES_WALKED_MAX)
      .reverse();
    const walk = new ChainWalk(startBefore(rows[0]));
    for (const row of rows) walk.visit(row);
    if (walk.firstBad !== null) return damaged(`entry ${walk.firstBad.seq}: ${walk.firstBad.problem}`);
    const acked =
      db.prepare<[], { acked_seq: number }>("SELECT acked_seq FROM journal_receipt").get()?.acked_seq ?? 0;
    const { seq, hash } = walk.head;
    const after =
      pending === 0
        ? { zh: "", en: "" }
        : { zh: `，待升级 ${pending} 步`, en: `, ${pending} migrations to come` };
    return ok(
      `${seq} 条记录，链头 ${hash.slice(0, 12)}…，待上传 ${seq - acked} 条${after.zh}`,
      `${seq} entries, head ${hash.slice(0, 12)}…, ${seq - acked} waiting for the cloud${after.en}`,
    );
  } finally {
    db.close();
  }
}

function startBefore(first: JournalRow | undefined): ChainHead {
  return first === undefined || first.seq <= 1
    ? { seq: 0, hash: GENESIS_HASH }
    : { seq: first.seq - 1, hash: first.prev_hash };
}

function pendingMigrations(
  applied: readonly { readonly folder: string; readonly position: number }[],
): number {
  const known = new Set(applied.map(({ folder, position }) => `${folder} ${position}`));
  return TERMINAL_MIGRATIONS.flatMap(({ folder, migrations }) =>
    migrations.filter((_, index) => !known.has(`${folder} ${index + 1}`)),
  ).length;
}

function damaged(what: string): Finding {
  return failed(
    { zh: `已损坏：${what}`, en: `damaged: ${what}` },
    {
      zh: "停止终端，备份数据目录，再运行 canteen-edge journal verify 查看全部问题",
      en: "Stop the terminal, copy the data folder, then canteen-edge journal verify shows everything.",
    },
  );
}

/** The device key is made at the first run; afterwards its loss would make every template unreadable. */
export const keyCheck: Check = {
  id: "device-key",
  title: { zh: "设备密钥", en: "device key" },
  async run({ config }) {
    const { deviceKeyFile, siteKeyFile } = config.security;
    const file = deviceKeyFile ?? join(config.dataFolder, "device.key");
    if (!existsSync(file)) {
      if (!existsSync(databaseFile(config.dataFolder))) {
        return skipped("尚未创建，首次运行时创建", "not made yet: the first run makes it");
      }
      return failed(
        { zh: `${file} 不存在，而数据库存在`, en: `there is no ${file}, but there is a database` },
        {
          zh: "若有备份请放回；否则已录入的人脸无法读取，需要重新录入",
          en: "Put it back from a backup; without it enrolled faces cannot be read and must be enrolled again.",
        },
      );
    }
    // Read the same way as at start: length, mode and owner are judged in one place.
    loadSiteKey(file);
    if (siteKeyFile !== undefined) loadSiteKey(siteKeyFile);
    const mode = (statSync(file).mode & 0o777).toString(8).padStart(4, "0");
    return ok(`权限 ${mode}`, `mode ${mode}`);
  },
};

const SYNC_COUNT = 20;
const SYNC_BYTES = 4096;
/** A commit waits for one of these; beyond it the line feels the disk. */
const SYNC_MS_SLOW = 100;

/** Space, and whether and how fast a write reaches the disk. */
export const diskCheck: Check = {
  id: "disk",
  title: { zh: "磁盘", en: "disk" },
  async run({ config, clock }, signal) {
    const folder = nearestFolder(config.dataFolder);
    try {
      if (folder === config.dataFolder) await mkdir(folder, { recursive: true });
      const { bavail, bsize } = await statfs(folder);
      const freeMb = Math.floor((bavail * bsize) / 1_000_000);
      const minMb = Math.ceil(config.storage.freeBytesMin / 1_000_000);
      if (bavail * bsize < config.storage.freeBytesMin) return tooFull(freeMb, minMb);
      const waits = await syncWaitsMs(folder, clock, signal);
      const p50Ms = waits[Math.floor(waits.length / 2)] ?? 0;
      const maxMs = waits.at(-1) ?? 0;
      const text = `fsync p50 ${tenths(p50Ms)} ms, max ${tenths(maxMs)} ms`;
      const found = ok(`可写，剩余 ${freeMb} MB，${text}`, `writable, ${freeMb} MB free, ${text}`);
      return p50Ms < SYNC_MS_SLOW ? found : { ...found, hint: slowHint() };
    } catch (cause) {
      throw notWritable(folder, cause);
    }
  },
};

async function syncWaitsMs(folder: string, clock: Clock, signal: AbortSignal): Promise<number[]> {
  const file = join(folder, `.doctor-${process.pid}`);
  const handle = await open(file, "wx", 0o600);
  try {
    const waits: number[] = [];
    for (let count = 0; count < SYNC_COUNT && !signal.aborted; count++) {
      const startMs = clock.mono();
      await handle.write(Buffer.alloc(SYNC_BYTES, count));
      await handle.sync();
      waits.push(clock.mono() - startMs);
    }
    return waits.sort((a, b) => a - b);
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

/** The data folder may not exist yet: then its nearest parent is where it will be made. */
function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

function tenths(ms: number): string {
  const rounded = Math.round(ms * 10);
  return `${Math.floor(rounded / 10)}.${rounded % 10}`;
}

function tooFull(freeMb: number, minMb: number): Finding {
  return failed(
    { zh: `只剩 ${freeMb} MB，少于 ${minMb} MB`, en: `${freeMb} MB free, under ${minMb} MB` },
    {
      zh: "低于此值终端停止收款，请清理磁盘",
      en: "Below this the terminal stops selling: free some space.",
    },
  );
}

function slowHint(): { readonly zh: string; readonly en: string } {
  return {
    zh: "磁盘同步很慢，每笔收款都要等它；请换用更快的存储",
    en: "The disk is slow to sync and every payment waits for it: use faster storage.",
  };
}

function notWritable(folder: string, cause: unknown): CanteenError {
  const code = systemCode(cause) ?? "?";
  return new CanteenError(`${folder} cannot be written (${code})`, {
    code: "disk-not-writable",
    retry: "after-operator",
    hint: {
      zh: `检查 ${folder} 的权限、只读挂载和剩余空间`,
      en: `Check ${folder}: permissions, a read-only mount, free space.`,
    },
    cause,
  });
}
