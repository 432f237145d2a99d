import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  asideDatabase,
  endRecovery,
  noteHole,
  type Recovery,
  type RecoveryHole,
  recoveryUnderWay,
  restoreNewest,
  setAllAside,
  setAside,
  soundnessOf,
} from "./backup/recovery.ts";
import { backupKeyOf } from "./backup/sealed-file.ts";
import type { Config } from "./config/schema.ts";
import { lockDataFolder } from "./journal/data-folder-lock.ts";
import { openDatabase } from "./journal/database.ts";
import { JournalImport, journalParted } from "./journal/journal-import.ts";
import { openJournal } from "./journal/sqlite-journal.ts";
import { openWaitingPage } from "./kiosk/waiting-page.ts";
import type { Clock } from "./platform/clock.ts";
import { type Entropy, idSource } from "./platform/entropy.ts";
import type { Hint } from "./platform/errors.ts";
import type { Logger } from "./platform/logger.ts";
import { Teardown } from "./platform/teardown.ts";
import { loadOrCreateDeviceKey } from "./security/key-file.ts";
import { type RecallState, recallJournal } from "./sync/journal-recall.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "./terminal-database.ts";

export interface RecoveryOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly answerWaitMs?: number;
}

/** What a recovery came to; also the body of its `device.restored` entry. */
export interface RecoveryReport {
  /** Head of the backup that was used; null for none. */
  readonly backupSeq: number | null;
  /** Entries read out of the damaged file, each proved by its hash. */
  readonly salvagedCount: number;
  readonly fetchedCount: number;
  readonly cloudSeq: number;
  /** Numbers of which the damaged file knew and whose entries nobody has; null when there are none. */
  readonly lostFrom: number | null;
  readonly lostTo: number | null;
  /** Whose numbers those are, where the terminal had to begin anew under another name. */
  readonly formerDevice?: string;
}

/**
 * Checks the database before anything is built on it, and puts it back when it is damaged or gone: the newest good
 * backup, then what the damaged file still gives, then what only the cloud has. Until the cloud has answered, nothing
 * is sold and nothing is appended: only the cloud knows which numbers are taken and who has paid.
 * @returns null when there was nothing to do.
 */
export async function recoverTerminal(options: RecoveryOptions): Promise<RecoveryReport | null> {
  const { config, clock, logger } = options;
  const lock = lockDataFolder(config.dataFolder);
  try {
    const dbFile = databaseFile(config.dataFolder);
    const soundness = soundnessOf(dbFile);
    let recovery = recoveryUnderWay(config.dataFolder);
    if (soundness === "damaged" || (soundness === "missing" && recovery === null)) {
      logger.error({ soundness }, "the database is set aside and a backup opened");
      recovery = setAside(dbFile, clock.now());
    }
    if (recovery === null) return null;
    const { hole } = recovery;
    if (hole !== null && hole.device !== config.device) return beginAnew(options, dbFile, hole);
    return await recover(options, dbFile, recovery);
  } finally {
    lock.release();
  }
}

async function recover(
  options: RecoveryOptions,
  dbFile: string,
  recovery: Recovery,
): Promise<RecoveryReport> {
  const { config, clock, entropy, logger } = options;
  const teardown = new Teardown();
  const deviceKeyFile = config.security.deviceKeyFile ?? join(config.dataFolder, "device.key");
  const key = backupKeyOf(loadOrCreateDeviceKey(deviceKeyFile, entropy));
  const page = await openWaitingPage(config.kiosk);
  teardown.add("waiting page", () => page.close());
  try {
    page.show(waitingText(null));
    const backupSeq = existsSync(dbFile) ? null : await restoreNewest(dbFile, recovery, key, logger);
    const db = openDatabase({ file: dbFile, clock, migrations: TERMINAL_MIGRATIONS });
    teardown.add("database", () => void db.close());
    const journal = new JournalImport(db, TERMINAL_PROJECTIONS);
    const damaged = asideDatabase(recovery);
    const before = salvage(journal, damaged);
    const haveSeq = journal.head().seq;
    let holeNoted: RecoveryHole | null = null;
    const cloudSeq = await recallJournal({
      ...options,
      address: config,
      broker: config.mqtt,
      journal,
      ids: idSource(clock, entropy),
      parted: journalParted,
      onState: (state) => {
        if (state.hole !== null && holeNoted === null) {
          holeNoted = { device: config.device, ...state.hole, cloudSeq: state.cloudSeq ?? 0 };
          noteHole(config.dataFolder, recovery, holeNoted);
          logger.error(
            { code: "journal-hole", ...holeNoted },
            "neither cloud nor terminal has these entries",
          );
        }
        page.show(waitingText(state), state.hole === null ? undefined : "journal-hole");
      },
    });
    const fetchedCount = journal.head().seq - haveSeq;
    // Behind what only the cloud had, the damaged file may go on.
    const after = salvage(journal, damaged);
    // What was pruned had its receipt, also where the cloud was put back from before it.
    journal.acknowledge(Math.max(journal.base().seq, Math.min(cloudSeq, journal.head().seq)));
    const { seq: headSeq } = journal.head();
    const knownSeq = Math.max(before.lastSeq ?? 0, after.lastSeq ?? 0);
    const report: RecoveryReport = {
      backupSeq,
      salvagedCount: before.count + after.count,
      fetchedCount,
      cloudSeq,
      lostFrom: knownSeq > headSeq ? headSeq + 1 : null,
      lostTo: knownSeq > headSeq ? knownSeq : null,
    };
    record(db, recovery, report, clock);
    endRecovery(config.dataFolder);
    logger.warn({ ...report }, "the database was restored; sales may begin");
    return report;
  } finally {
    await teardown.run();
  }
}

/**
 * A person has given the terminal another name, because nobody has the entries that its journal would go on from: a new
 * journal begins, whose first entry names what the old one lacks. The old files lie aside, and the cloud keeps what it has
 * of the old name.
 */
function beginAnew(
  { config, clock, logger }: RecoveryOptions,
  dbFile: string,
  hole: RecoveryHole,
): RecoveryReport {
  const recovery = setAllAside(dbFile, clock.now());
  const report: RecoveryReport = {
    ...{ backupSeq: null, salvagedCount: 0, fetchedCount: 0, cloudSeq: hole.cloudSeq },
    ...{ lostFrom: hole.fromSeq, lostTo: hole.toSeq, formerDevice: hole.device },
  };
  const db = openDatabase({ file: dbFile, clock, migrations: TERMINAL_MIGRATIONS });
  try {
    record(db, recovery, report, clock);
  } finally {
    db.close();
  }
  endRecovery(config.dataFolder);
  logger.warn({ ...report }, "a new journal begins under a new name");
  return report;
}

function salvage(journal: JournalImport, damaged: string | null): ReturnType<JournalImport["salvage"]> {
  if (damaged === null || !existsSync(damaged)) return { count: 0, lastSeq: null };
  return journal.salvage(damaged);
}

/** Once for each recovery, also when the power goes between the entry and the end of it. */
function record(
  db: ReturnType<typeof openDatabase>,
  { atMs, asideFolder }: Recovery,
  report: RecoveryReport,
  clock: Clock,
): void {
  const timeTrust = { current: () => "unknown" as const };
  const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
  const hex = createHash("sha256")
    .update(JSON.stringify(["device.restored", atMs, asideFolder]))
    .digest("hex");
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  if (journal.entryById(id) === undefined)
    journal.append({ id, kind: "device.restored", body: { ...report } });
}

function waitingText(state: RecallState | null): Hint {
  const why = {
    zh: "数据库损坏，已从备份恢复，暂停收款：正在向云端核对缺少的记录。",
    en: "The database was damaged and is restored from a backup. No sales until the cloud has said what is missing.",
  };
  if (state === null) return why;
  if (state.connection !== "connected") {
    return {
      zh: `${why.zh}没有网络，请恢复网络；在此之前请用其他方式就餐登记。`,
      en: `${why.en} There is no network: please restore it, and write meals down by hand until then.`,
    };
  }
  if (state.hole !== null) {
    const { fromSeq, toSeq } = state.hole;
    return {
      zh: `暂停收款。本机的数据库和备份都没有第 ${fromSeq} 至 ${toSeq} 条流水，云端也没有，流水接不上。请联系技术人员：云端找回这些流水后会自动继续；若确认找不回，请在两餐之间把 canteen.yaml 中的 device 改成一个新名称再启动，新流水的第一条会记下缺少的号码。`,
      en: `No sales. Neither this terminal's database and backups nor the cloud have entries ${fromSeq} to ${toSeq}, so the journal cannot go on. Call support: it goes on by itself once the cloud has them again. If they are lost for good, give the terminal a new name (device in canteen.yaml) between two meals and start it: the first entry of the new journal names the missing numbers.`,
    };
  }
  if (state.cloudSeq === null)
    return { zh: `${why.zh}等待云端回答。`, en: `${why.en} Waiting for its answer.` };
  return {
    zh: `${why.zh}${state.haveSeq} / ${state.cloudSeq}`,
    en: `${why.en} ${state.haveSeq} of ${state.cloudSeq}.`,
  };
}
