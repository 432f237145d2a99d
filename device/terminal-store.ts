import { existsSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Database } from "better-sqlite3";
import { readManifest } from "../models/manifest.ts";
import { backupFolder } from "./backup/backup-files.ts";
import { type Backups, startBackups } from "./backup/backups.ts";
import { recoveryUnderWay } from "./backup/recovery.ts";
import { backupKeyOf } from "./backup/sealed-file.ts";
import { minuteOfDay } from "./config/contradictions.ts";
import type { Config } from "./config/schema.ts";
import { type Checkpoints, startCheckpoints } from "./journal/checkpoint-writer.ts";
import { lockDataFolder } from "./journal/data-folder-lock.ts";
import { openDatabase } from "./journal/database.ts";
import type { Journal } from "./journal/journal-port.ts";
import { startPruning } from "./journal/pruning.ts";
import { openJournal } from "./journal/sqlite-journal.ts";
import type { PhotoStore } from "./photos/photo-port.ts";
import { openPhotoStore } from "./photos/photo-store.ts";
import type { Clock } from "./platform/clock.ts";
import { type Entropy, type IdSource, idSource } from "./platform/entropy.ts";
import { CanteenError, isFault } from "./platform/errors.ts";
import type { Logger } from "./platform/logger.ts";
import { Teardown } from "./platform/teardown.ts";
import { TimeTrustTracker } from "./platform/time-trust.ts";
import { createGoodsLedger, type GoodsLedger } from "./receiving/goods-ledger.ts";
import { SqliteOrderBook } from "./receiving/order-book.ts";
import type { OrderBook } from "./receiving/order-port.ts";
import { openDisputeBook, type TerminalDisputeBook } from "./roster/disputes.ts";
import { openPinVerifier } from "./roster/pin-verifier.ts";
import type { PinVerifier } from "./roster/roster-port.ts";
import { openRosterStore, type RosterStore } from "./roster/roster-store.ts";
import { openTemplateRenewalStore, type TemplateRenewalStore } from "./roster/template-renewal-store.ts";
import { openTemplateSharing, type TemplateSharing } from "./roster/template-sharing.ts";
import { openTemplateStore, type SqliteTemplateStore } from "./roster/template-store.ts";
import { loadOrCreateDeviceKey, loadSiteKey } from "./security/key-file.ts";
import { openOperators } from "./security/operators.ts";
import type { OperatorSigners, Operators } from "./security/operators-port.ts";
import { createPinHasher } from "./security/pin-hash.ts";
import { loadOrCreateSigningKey } from "./security/signing-key.ts";
import { SiteSealing } from "./security/site-key.ts";
import { createLedger, type Ledger } from "./serving-line/ledger.ts";
import { MealPlanStore, mealPlanOf } from "./serving-line/meal-plan-store.ts";
import type { MealPlan } from "./serving-line/serving-line-port.ts";
import { type CommandLog, SqliteCommandLog } from "./sync/command-log.ts";
import { recordClockSteps } from "./terminal-clock-steps.ts";
import { databaseFile, photoFolder, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "./terminal-database.ts";

export interface TerminalStoreOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** Exists when NTP has set the clock; a test names one that does not. */
  readonly ntpSynchronizedFile?: string;
  /** For the simulation: puts something between the journal and everything that uses it. */
  readonly wrapJournal?: (journal: Journal, db: Database) => Journal;
  /** For the simulation: a worker's thread keeps no simulated time. */
  readonly makeBackups?: typeof startBackups;
  /** For tests: how few entries are worth pruning. */
  readonly prunedCountMin?: number;
}

/** Everything of a terminal that is on its disk; needs no camera, engine or network. */
export interface TerminalStore {
  /** The one database, for parts that read their own projections. */
  readonly db: Database;
  readonly ids: IdSource;
  readonly timeTrust: TimeTrustTracker;
  readonly journal: Journal;
  readonly checkpoints: Checkpoints;
  readonly backups: Backups;
  readonly ledger: Ledger;
  readonly disputes: TerminalDisputeBook;
  readonly roster: RosterStore;
  readonly templates: SqliteTemplateStore;
  readonly operators: Operators & OperatorSigners;
  readonly pinVerifier: PinVerifier;
  readonly mealPlans: MealPlanStore;
  readonly commandLog: CommandLog;
  readonly photos: PhotoStore;
  readonly orders: OrderBook;
  /** What was weighed in and out, and the stock that follows. */
  readonly goods: GoodsLedger;
  /** Null where sharing between terminals is off. */
  readonly templateExchange: TemplateSharing | null;
  /** Steps from older model packs to the engine's. */
  templateRenewals(
    options: Pick<
      Parameters<typeof openTemplateRenewalStore>[0],
      "primaryModel" | "sideModels" | "templateCountWanted" | "lookAlikesOf" | "dateOf"
    >,
  ): TemplateRenewalStore;
  /** The cloud's last usable plan, else the configured one. */
  mealPlan(): MealPlan;
  templateCount(personId: string): number;
  /**
   * The configured side packs, and each pack that people here are enrolled with and that is no longer the default: a
   * release with another default must not make the terminal forget everybody.
   */
  sidePacks(configured: readonly string[]): readonly string[];
  /** The cloud's clock came with a receipt. */
  takeCloudTime(time: { readonly cloudNowMs: number; readonly roundTripMs: number }): void;
  /** An operator read the clock and says that it is right. On record before it counts. */
  confirmClock(operatorId: string): void;
  close(): Promise<void>;
}

/** Sessions of one data folder are stamped by a clock that may have run on for this long while it was off. */
const OFF_MS_MAX = 120 * 86_400_000;
const MS_PER_DAY = 86_400_000;
/** Entries looked back at the start for one whose time can be believed. */
const LOOK_BACK_MAX = 1000;
/** systemd-timesyncd touches this when NTP has set the clock since boot. Source: systemd-timesyncd.service(8). */
const NTP_SYNCHRONIZED_FILE = "/run/systemd/timesync/synchronized";

/**
 * Claims the data folder and opens what is in it.
 * @throws CanteenError `data-folder-in-use`, `database-newer`, `database-damaged`, `key-file-…`, or of the disk.
 */
export async function openTerminalStore(options: TerminalStoreOptions): Promise<TerminalStore> {
  const { packs, defaultPack } = await readManifest();
  const embeddingLengths = new Map(packs.map(({ id, embeddingLength }) => [id, embeddingLength]));
  const teardown = new Teardown();
  try {
    return open(options, { embeddingLengths, defaultPack }, teardown);
  } catch (error) {
    await teardown.run().catch(() => {});
    throw error;
  }
}

function open(
  {
    config,
    clock,
    entropy,
    logger,
    ntpSynchronizedFile = NTP_SYNCHRONIZED_FILE,
    wrapJournal = (journal) => journal,
    makeBackups = startBackups,
    prunedCountMin,
  }: TerminalStoreOptions,
  {
    embeddingLengths,
    defaultPack,
  }: { readonly embeddingLengths: ReadonlyMap<string, number>; readonly defaultPack: string },
  teardown: Teardown,
): TerminalStore {
  const lock = lockDataFolder(config.dataFolder);
  teardown.add("data folder's lock", () => lock.release());
  if (recoveryUnderWay(config.dataFolder) !== null) throw journalRecovering();
  const db = openDatabase({ file: databaseFile(config.dataFolder), clock, migrations: TERMINAL_MIGRATIONS });
  teardown.add("database", () => void db.close());
  const ids = idSource(clock, entropy);
  const clockSteps = recordClockSteps({ journal: () => journal, ids, clock, logger });
  teardown.add("clock steps", () => clockSteps.close());
  const timeTrust = new TimeTrustTracker({ clock, onStepped: (step) => clockSteps.stepped(step) });
  const journal = wrapJournal(openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS }), db);
  resumeClock(timeTrust, journal, clock, ntpSynchronizedFile);
  const steps = timeTrust.start();
  teardown.add("clock watch", () => steps.cancel());

  /** An entry with a believable stamp: a restart without network resumes from it, also when nothing was sold. */
  const recordTrust = (source: "cloud" | "operator"): void => {
    if (timeTrust.current() === "unknown") return;
    try {
      journal.append({ id: ids.next(), kind: "device.clock-trusted", body: { source } });
    } catch (error) {
      // The clock is right all the same; the disk's fault stops the sales by itself.
      if (!isFault(error)) throw error;
      logger.error({ code: error.code }, "the clock's trust could not be recorded");
    }
  };

  const { security, servingLine } = config;
  const attempts = { attemptsMax: security.pinAttemptsMax, lockMs: security.pinLockMs };
  const hasher = createPinHasher({ entropy });
  const deviceKeyFile = security.deviceKeyFile ?? join(config.dataFolder, "device.key");
  const deviceKey = loadOrCreateDeviceKey(deviceKeyFile, entropy);
  const signer = loadOrCreateSigningKey(join(dirname(deviceKeyFile), "signing.key"), deviceKey, entropy);
  const recording = { journal, site: config.site, device: config.device, clock, ids, logger };
  const checkpoints = startCheckpoints({ ...recording, signer });
  teardown.add("checkpoints", () => checkpoints.close());
  const pruning = startPruning({
    ...recording,
    ...{ db, timeTrust, projections: TERMINAL_PROJECTIONS, publicKey: signer.publicKey },
    keptMs: config.storage.journalDaysMin * MS_PER_DAY,
    bytesMax: config.storage.journalBytesMax,
    mayWrite: () => freeBytes(config.dataFolder) > config.storage.freeBytesMin,
    ...(prunedCountMin === undefined ? {} : { prunedCountMin }),
  });
  teardown.add("pruning", () => pruning.close());
  const backups = makeBackups({
    dbFile: databaseFile(config.dataFolder),
    folder: backupFolder(config.dataFolder),
    key: backupKeyOf(deviceKey),
    bytesMax: config.storage.backupBytesMax,
    freeBytesMin: config.storage.freeBytesMin,
    ...{ journal, clock, logger },
  });
  teardown.add("backups", () => backups.close());
  const templates = openTemplateStore({
    db,
    journal,
    clock,
    ids,
    entropy,
    deviceKey,
    embeddingLengths,
    sharing: security.shareTemplates,
  });
  teardown.add("template store", () => templates.close());
  const mealPlans = new MealPlanStore({ db, journal, ids, activation: servingLine.activation });
  const configured = configuredMealPlan(servingLine.mealPlan);
  return {
    db,
    ids,
    timeTrust,
    journal,
    checkpoints,
    backups,
    ledger: createLedger(db),
    disputes: openDisputeBook(db),
    roster: openRosterStore({ db, journal, templates }),
    templates,
    operators: openOperators({
      db,
      journal,
      clock,
      ids,
      entropy,
      hasher,
      limits: { ...attempts, sessionIdleMsMax: security.sessionIdleMsMax },
    }),
    pinVerifier: openPinVerifier({ db, clock, hasher, limits: attempts }),
    mealPlans,
    commandLog: new SqliteCommandLog(db, journal),
    goods: createGoodsLedger(db),
    orders: new SqliteOrderBook({ db, journal, clock, ids, priceFree: config.receiving.priceFree }),
    photos: openPhotoStore({
      db,
      folder: photoFolder(config.dataFolder),
      clock,
      limits: {
        bytesMax: config.storage.photoBytesMax,
        keptMsMin: config.storage.photoDaysMin * MS_PER_DAY,
      },
    }),
    templateExchange: templateExchange(config, entropy, { db, journal, store: templates }),
    templateRenewals: (settings) =>
      openTemplateRenewalStore({ ...settings, db, journal, store: templates, clock, ids }),
    mealPlan: () => mealPlans.load() ?? configured,
    templateCount: (personId) => templates.vault.count(personId),
    sidePacks: (configured) => {
      const stored = templates.vault.models();
      const older = stored.filter((model) => model !== defaultPack && embeddingLengths.has(model));
      return [...new Set([...configured, ...older])];
    },
    takeCloudTime: ({ cloudNowMs, roundTripMs }) => {
      const before = timeTrust.current();
      timeTrust.reportReference(cloudNowMs, roundTripMs);
      if (before === "unknown") recordTrust("cloud");
    },
    confirmClock: (operatorId) => {
      const body = { operatorId, atMs: clock.now() };
      journal.append({ id: ids.next(), kind: "device.clock-confirmed", body });
      timeTrust.confirmByOperator();
      recordTrust("operator");
    },
    close: () => teardown.run(),
  };
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function journalRecovering(): CanteenError {
  return new CanteenError("a damaged database is being put back", {
    code: "journal-recovering",
    retry: "after-operator",
    hint: {
      zh: "数据库正在恢复：请在有网络时启动终端，等恢复完成。",
      en: "The database is being restored: start the terminal with network and wait until it is done.",
    },
  });
}

/**
 * What was trusted before and not set since, or NTP says now; else the clock is unknown until the cloud or an operator
 * speaks.
 */
function resumeClock(
  timeTrust: TimeTrustTracker,
  journal: Journal,
  clock: Clock,
  ntpSynchronizedFile: string,
): void {
  if (existsSync(ntpSynchronizedFile)) {
    timeTrust.reportReference(clock.now(), 0);
    return;
  }
  const { seq: headSeq } = journal.head();
  for (let seq = headSeq; seq > Math.max(0, headSeq - LOOK_BACK_MAX); seq--) {
    const entry = journal.entryBySeq(seq);
    // Set to a time that nobody vouched for: starting again does not make it any truer.
    if (entry?.kind === "device.clock-stepped" && entry.timeTrust === "unknown") return;
    if (entry === undefined || entry.timeTrust === "unknown") continue;
    timeTrust.resume(entry, OFF_MS_MAX);
    return;
  }
}

function configuredMealPlan(plan: Config["servingLine"]["mealPlan"]): MealPlan {
  return mealPlanOf({
    ...plan,
    periods: plan.periods.map(({ from, to, ...period }) => ({
      ...period,
      fromMinute: minuteOfDay(from),
      toMinute: minuteOfDay(to),
    })),
  });
}

function templateExchange(
  { security, site }: Config,
  entropy: Entropy,
  parts: Omit<Parameters<typeof openTemplateSharing>[0], "sealing">,
): TemplateSharing | null {
  if (!security.shareTemplates || security.siteKeyFile === undefined) return null;
  const sealing = new SiteSealing(site, loadSiteKey(security.siteKeyFile), entropy);
  return openTemplateSharing({ ...parts, sealing });
}
