/** Over 400 lines because each test damages the same site in another way. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openCloudDatabase } from "../scripts/reference-cloud/cloud-database.ts";
import { JournalIntake } from "../scripts/reference-cloud/journal-intake.ts";
import { batchOf } from "../scripts/reference-cloud/testing/entries.ts";
import {
  databaseFile as databaseFileOfCloud,
  RigCloud,
  RigTerminal,
} from "../scripts/reference-cloud/testing/rig.ts";
import { backupsIn } from "./backup/backup-files.ts";
import { demoConfig } from "./config/demo-config.ts";
import type { Config } from "./config/schema.ts";
import { temporaryFolder } from "./journal/journal-fixture.ts";
import type { EntryDraft, JournalEntry } from "./journal/journal-port.ts";
import { verifyJournal } from "./journal/verify.ts";
import { openWaitingPage } from "./kiosk/waiting-page.ts";
import { systemEntropy } from "./platform/entropy.ts";
import { silentLogger } from "./platform/logger.ts";
import { SystemClock } from "./platform/system-clock.ts";
import { VirtualClock } from "./platform/virtual-clock.ts";
import { freePort, startAedes } from "./sync/testing/brokers.ts";
import { brokerSettings } from "./sync/testing/recording-link.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "./terminal-database.ts";
import { type RecoveryReport, recoverTerminal } from "./terminal-recovery.ts";
import { openTerminalStore, type TerminalStore } from "./terminal-store.ts";

const clock = new SystemClock();
const MINUTE_MS = 60_000;
const OLD_COUNT = 300;
const world = { clock, entropy: systemEntropy, logger: silentLogger };

interface Site {
  readonly config: Config;
  readonly port: number;
  readonly cloud: RigCloud;
  readonly dbFile: string;
  withStore<T>(work: (store: TerminalStore) => T | Promise<T>): Promise<T>;
  /** Everything that is in the journal reaches the cloud. */
  drain(store: TerminalStore): Promise<void>;
  recover(signal?: AbortSignal): Promise<RecoveryReport | null>;
}

let site: Site;
beforeEach(async () => {
  const dataFolder = temporaryFolder();
  const { port, close } = await startAedes();
  onTestFinished(close);
  const cloud = await RigCloud.start(port, temporaryFolder());
  onTestFinished(() => cloud.close());
  await cloud.connected();
  const mqttUrl = `mqtt://127.0.0.1:${port}`;
  const config = demoConfig({ dataFolder, cameraFolder: null, mqttUrl, kioskPort: await freePort() });
  site = {
    config,
    port,
    cloud,
    dbFile: databaseFile(dataFolder),
    withStore: async (work) => {
      const store = await openTerminalStore({ config, ...world });
      try {
        return await work(store);
      } finally {
        await store.close();
      }
    },
    drain: async ({ journal }) => {
      const { site: name, device } = config;
      const terminal = new RigTerminal(journal, brokerSettings(port), { address: { site: name, device } });
      await terminal.drained();
      await terminal.close();
    },
    recover: (signal = new AbortController().signal) =>
      recoverTerminal({ config, ...world, signal, answerWaitMs: 500 }),
  };
});

/** Lunch of one person, once. */
function lunchOf(store: TerminalStore, personId: string): EntryDraft {
  const chargeId = store.ids.next();
  return {
    id: chargeId,
    kind: "charge.made",
    body: {
      ...{ chargeId, personId, businessDate: "2026-09-01", periodId: "lunch", claimNo: 1 },
      periodName: { zh: "午餐", en: "Lunch" },
      ...{ priceFen: 1200, subsidyFen: 0, amountFen: 1200, items: [], allergensConfirmed: [] },
      ...{ method: "card", activation: "touch", operatorId: null, overrideReason: null, decision: null },
      ...{ question: null, mealPlanVersion: "demo-1" },
    },
  };
}

const charge = (store: TerminalStore, ...numbers: readonly number[]): void => {
  for (const number of numbers) store.journal.append(lunchOf(store, `p-${number}`));
};

/** Noise over a share of the file: `from` and `to` in pages. */
function ruin(file: string, from: number, to = Number.POSITIVE_INFINITY): void {
  const { size } = statSync(file);
  const handle = openSync(file, "r+");
  for (let page = from; page < Math.min(to, size / 4096); page++)
    writeSync(handle, randomBytes(4096), 0, 4096, page * 4096);
  closeSync(handle);
}

const headOf = (file: string): { seq: number; hash: string } => {
  const { head, ok } = verifyJournal(file, TERMINAL_PROJECTIONS);
  expect(ok).toBe(true);
  return { ...head };
};

/** Three hundred lunches, half a year old and with the cloud; then a lunch of today, and the old ones go. */
async function pruned(): Promise<{ readonly early: readonly JournalEntry[] }> {
  const old = new VirtualClock();
  const store = await openTerminalStore({ config: site.config, ...world, clock: old, prunedCountMin: 1 });
  const trusted = (): void => store.takeCloudTime({ cloudNowMs: old.now(), roundTripMs: 0 });
  trusted();
  store.journal.transact(() => {
    for (let number = 1; number <= OLD_COUNT; number++) charge(store, number);
  });
  await old.advance(MINUTE_MS);
  const early = store.journal.readAfter(0, { countMax: OLD_COUNT, bytesMax: 1e9 });
  await site.drain(store);
  expect(await store.backups.make()).toBeNull();
  old.stepWall(200 * 24 * 60 * MINUTE_MS);
  trusted();
  charge(store, OLD_COUNT + 1);
  await site.drain(store);
  await old.advance(61 * MINUTE_MS);
  expect(store.journal.base().seq).toBeGreaterThan(OLD_COUNT);
  expect(store.journal.entryBySeq(OLD_COUNT)).toBeUndefined();
  expect(await store.backups.make()).toBeNull();
  charge(store, OLD_COUNT + 2);
  await site.drain(store);
  await store.close();
  return { early };
}

describe("a pruned database that is damaged at the start", () => {
  it.each([
    ["made after the pruning", 0, true],
    ["made before it: the cloud gives the rest", 1, false],
  ])("comes back from a backup %s, and an old lunch is still one that was had", async (_, nth, isPruned) => {
    await pruned();
    const before = headOf(site.dbFile);
    const backups = backupsIn(join(site.config.dataFolder, "backups"));
    for (const { file } of backups.slice(0, nth)) rmSync(file);
    ruin(site.dbFile, 1);
    expect(await site.recover()).toMatchObject({ backupSeq: backups[nth]?.headSeq, cloudSeq: before.seq });
    const { base } = verifyJournal(site.dbFile, TERMINAL_PROJECTIONS);
    expect(base === null ? 0 : base.seq > OLD_COUNT).toBe(isPruned ? true : 0);
    await site.withStore(async (store) => {
      for (const number of [1, OLD_COUNT, OLD_COUNT + 1, OLD_COUNT + 2])
        expect(() => charge(store, number)).toThrow(expect.objectContaining({ name: "MealAlreadyClaimed" }));
      charge(store, OLD_COUNT + 3);
      await site.drain(store);
    });
    expect(headOf(site.dbFile).seq).toBe(before.seq + 2);
    expect(site.cloud.cloud.views.devices()).toMatchObject([{ chain: "whole", conflictSeqs: [], gone: [] }]);
  });
});

it("comes back from a pruned backup also where the cloud was put back from before, and sells at once", async () => {
  const { early } = await pruned();
  await site.cloud.close();
  const folder = temporaryFolder();
  const db = openCloudDatabase(databaseFileOfCloud(folder));
  const intake = new JournalIntake(
    db,
    () => clock.now(),
    () => {},
  );
  intake.take({ site: site.config.site, device: site.config.device }, batchOf(early.slice(0, 100)));
  db.close();
  const cloud = await RigCloud.start(site.port, folder);
  onTestFinished(() => cloud.close());
  await cloud.connected();
  const before = headOf(site.dbFile);
  ruin(site.dbFile, 1);
  const { headSeq = 0 } = backupsIn(join(site.config.dataFolder, "backups"))[0] ?? {};
  expect(await site.recover()).toMatchObject({ backupSeq: headSeq, cloudSeq: 100 });
  expect(headSeq).toBeGreaterThanOrEqual(before.seq - 1);
  await site.withStore((store) => {
    // What was pruned had been receipted once: it does not count as a charge that the cloud has not heard of for months.
    expect(store.journal.ackedSeq()).toBe(store.journal.base().seq);
    charge(store, OLD_COUNT + 3);
  });
});

describe("a database that is damaged at the start", () => {
  it("comes back with what only the cloud has, and nobody pays for that meal twice", async () => {
    await site.withStore(async (store) => {
      charge(store, 1, 2, 3);
      expect(await store.backups.make()).toBeNull();
      charge(store, 4, 5, 6);
      await site.drain(store);
    });
    const before = headOf(site.dbFile);
    ruin(site.dbFile, 1);
    expect(await site.recover()).toEqual({
      ...{ backupSeq: 3, salvagedCount: 0, fetchedCount: 3, cloudSeq: 6, lostFrom: null, lostTo: null },
    });
    await site.withStore(async (store) => {
      expect(store.journal.entryBySeq(6)?.hash).toBe(before.hash);
      expect(store.journal.entryBySeq(7)).toMatchObject({
        kind: "device.restored",
        body: { fetchedCount: 3 },
      });
      for (const number of [1, 2, 3, 4, 5, 6])
        expect(() => charge(store, number)).toThrow(expect.objectContaining({ name: "MealAlreadyClaimed" }));
      charge(store, 7);
      await site.drain(store);
    });
    expect(verifyJournal(site.dbFile, TERMINAL_PROJECTIONS).ok).toBe(true);
    expect(site.cloud.cloud.views.devices()).toMatchObject([
      { ackedSeq: 8, chain: "whole", conflictSeqs: [] },
    ]);
    // Nothing was deleted.
    const [aside] = readdirSync(join(site.config.dataFolder, "damaged"));
    expect(existsSync(join(site.config.dataFolder, "damaged", aside ?? "", "terminal.db"))).toBe(true);
  });

  it("gives back itself what had reached neither backup nor cloud, as far as it can be read", async () => {
    await site.withStore(async (store) => {
      charge(store, 1, 2);
      expect(await store.backups.make()).toBeNull();
      charge(store, 3, 4, 5);
    });
    const before = headOf(site.dbFile);
    const db = new Sqlite(site.dbFile);
    const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'person_key'").pluck().get();
    db.close();
    ruin(site.dbFile, Number(page) - 1, Number(page));
    expect(await site.recover()).toMatchObject({
      backupSeq: 2,
      salvagedCount: 3,
      fetchedCount: 0,
      cloudSeq: 0,
    });
    await site.withStore(async (store) => {
      expect(store.journal.entryBySeq(5)?.hash).toBe(before.hash);
      expect(() => charge(store, 5)).toThrow(expect.objectContaining({ name: "MealAlreadyClaimed" }));
      await site.drain(store);
    });
    expect(site.cloud.storedSeqs("terminal-1")).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("sells nothing and takes no number until the cloud has answered", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      expect(await store.backups.make()).toBeNull();
      charge(store, 2);
      await site.drain(store);
    });
    ruin(site.dbFile, 1);
    await site.cloud.close();
    const stopped = new AbortController();
    const waiting = site.recover(stopped.signal);
    const { host, port } = site.config.kiosk;
    const page = await expect
      .poll(() => fetch(`http://${host}:${port}/pay`).catch(() => null))
      .toMatchObject({ status: 503 })
      .then(() => fetch(`http://${host}:${port}/pay`));
    expect(await page.text()).toContain("暂停收款");
    stopped.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    await expect(site.withStore(() => {})).rejects.toMatchObject({ code: "journal-recovering" });
    expect(headOf(site.dbFile).seq).toBe(1);
  });

  it("comes back whole from the cloud alone where there is no backup", async () => {
    await site.withStore(async (store) => {
      charge(store, 1, 2, 3);
      await site.drain(store);
    });
    const before = headOf(site.dbFile);
    ruin(site.dbFile, 0);
    expect(await site.recover()).toMatchObject({ backupSeq: null, fetchedCount: 3 });
    await site.withStore((store) => expect(store.journal.entryBySeq(3)?.hash).toBe(before.hash));
  });

  it("comes back with what only the cloud has, also behind a hole that the backup fills", async () => {
    const address = { site: site.config.site, device: site.config.device };
    const folder = temporaryFolder();
    await site.withStore(async (store) => {
      charge(store, 1, 2, 3, 4);
      expect(await store.backups.make()).toBeNull();
      charge(store, 5, 6);
      const entries = store.journal.readAfter(0, { countMax: 6, bytesMax: 1e9 });
      const db = openCloudDatabase(databaseFileOfCloud(folder));
      const intake = new JournalIntake(
        db,
        () => clock.now(),
        () => {},
      );
      // One batch was lost on its way, and the disk failed before the cloud was asked.
      for (const part of [entries.slice(0, 2), entries.slice(4)]) intake.take(address, batchOf(part));
      db.close();
    });
    const before = headOf(site.dbFile);
    await site.cloud.close();
    const cloud = await RigCloud.start(site.port, folder);
    onTestFinished(() => cloud.close());
    await cloud.connected();
    ruin(site.dbFile, 1);
    expect(await site.recover()).toMatchObject({ backupSeq: 4, fetchedCount: 2, cloudSeq: 2 });
    await site.withStore(async (store) => {
      expect(store.journal.entryBySeq(6)?.hash).toBe(before.hash);
      for (const number of [5, 6])
        expect(() => charge(store, number)).toThrow(expect.objectContaining({ name: "MealAlreadyClaimed" }));
      await site.drain(store);
    });
    expect(cloud.cloud.views.devices()).toMatchObject([{ ackedSeq: 7, chain: "whole", conflictSeqs: [] }]);
  });

  it("uses the older backup when the newer one does not open", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      expect(await store.backups.make()).toBeNull();
      charge(store, 2);
      expect(await store.backups.make()).toBeNull();
      charge(store, 3);
      await site.drain(store);
    });
    const [newest] = backupsIn(join(site.config.dataFolder, "backups"));
    ruin(newest?.file ?? "", 2, 3);
    ruin(site.dbFile, 1);
    expect(await site.recover()).toMatchObject({ backupSeq: 1, fetchedCount: 2 });
  });

  it("goes on where a power cut left it, and never joins an old log to a restored file", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      expect(await store.backups.make()).toBeNull();
      charge(store, 2);
      await site.drain(store);
    });
    ruin(site.dbFile, 1);
    await site.cloud.close();
    const stopped = new AbortController();
    stopped.abort(new Error("power"));
    await expect(site.recover(stopped.signal)).rejects.toThrow("power");
    // As if the power had gone between the main file and its log, before the backup was in place.
    renameSync(site.dbFile, `${site.dbFile}.gone`);
    rmSync(`${site.dbFile}.gone`);
    const log = openSync(`${site.dbFile}-wal`, "w");
    writeSync(log, randomBytes(9000));
    closeSync(log);
    const cloud = await RigCloud.start(site.port, temporaryFolder());
    onTestFinished(() => cloud.close());
    await cloud.connected();
    // This cloud has lost everything: what the backup has goes up to it again.
    expect(await site.recover()).toMatchObject({ backupSeq: 1, fetchedCount: 0, cloudSeq: 0 });
    expect(headOf(site.dbFile).seq).toBe(2);
  });

  it("names the numbers of which the damaged file knows and nobody has the entries", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      expect(await store.backups.make()).toBeNull();
      charge(store, 2, 3, 4);
    });
    // The text of entry 2 and of a table nobody needs: SQLite's check fails, later rows can still be counted.
    const db = new Sqlite(site.dbFile);
    db.exec("DROP TRIGGER journal_never_updated");
    db.prepare("UPDATE journal SET body = '{}' WHERE seq = 2").run();
    const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'person_key'").pluck().get();
    db.close();
    ruin(site.dbFile, Number(page) - 1, Number(page));
    expect(await site.recover()).toMatchObject({ salvagedCount: 0, lostFrom: 2, lostTo: 4 });
  });

  it("stops for a person when the cloud's entries are not this journal's", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      await site.drain(store);
      charge(store, 2);
    });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${site.dbFile}${suffix}`, { force: true });
    await site.withStore(async (store) => {
      charge(store, 3, 4);
      expect(await store.backups.make()).toBeNull();
    });
    ruin(site.dbFile, 1);
    await expect(site.recover()).rejects.toMatchObject({ code: "journal-parted" });
    await expect(site.withStore(() => {})).rejects.toMatchObject({ code: "journal-recovering" });
  });
});

describe("a hole that neither the cloud nor the terminal can fill", () => {
  it("is shown and asked about seldom, sells nothing, and ends under a new name whose first entry names it", async () => {
    await pruned();
    const { base, head } = verifyJournal(site.dbFile, TERMINAL_PROJECTIONS);
    const goneTo = base?.seq ?? 0;
    // The cloud comes back from a backup that is older than the terminal: whether what it says is gone may be believed
    // is a person's to say, who knows the terminal's key. Then it hears it again, at the next connection.
    await site.cloud.close();
    const cloud = await RigCloud.start(site.port, temporaryFolder());
    onTestFinished(() => cloud.close());
    await cloud.connected();
    const address = { site: site.config.site, device: site.config.device };
    const { checkpoints } = cloud.cloud;
    await site.withStore(async (store) => {
      const terminal = new RigTerminal(store.journal, brokerSettings(site.port), { address });
      await expect.poll(() => checkpoints.keys(address).waiting.length).toBe(1);
      await terminal.close();
      expect(cloud.cloud.views.devices()[0]?.gone ?? []).toEqual([]);
      expect(checkpoints.register(address, checkpoints.keys(address).waiting[0] ?? "")).toBe(true);
      await site.drain(store);
    });
    const cloudSeq = cloud.cloud.views.devices()[0]?.ackedSeq ?? 0;
    expect([cloudSeq > head.seq - 1, cloud.cloud.views.devices()[0]?.gone]).toEqual([true, [[1, goneTo]]]);
    rmSync(join(site.config.dataFolder, "backups"), { recursive: true });
    ruin(site.dbFile, 0);
    const { host, port } = site.config.kiosk;
    const get = async (path: string) =>
      (await fetch(`http://${host}:${port}${path}`).catch(() => null))?.text();
    const stopped = new AbortController();
    const waiting = site.recover(stopped.signal);
    await expect.poll(() => get("/pay")).toContain(`第 1 至 ${goneTo} 条`);
    expect(await get("/pay")).toContain(`entries 1 to ${goneTo}`);
    expect(await get("/healthz")).toContain("journal-hole");
    stopped.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    await expect(site.withStore(() => {})).rejects.toMatchObject({ code: "journal-recovering" });

    const config = { ...site.config, device: "terminal-1b" };
    const signal = new AbortController().signal;
    const found = { lostFrom: 1, lostTo: goneTo, cloudSeq, formerDevice: "terminal-1" };
    expect(await recoverTerminal({ config, ...world, signal, answerWaitMs: 500 })).toMatchObject(found);
    expect(await recoverTerminal({ config, ...world, signal, answerWaitMs: 500 })).toBeNull();
    const store = await openTerminalStore({ config, ...world });
    expect(store.journal.entryBySeq(1)).toMatchObject({ kind: "device.restored", body: found });
    charge(store, 1);
    await store.close();
    expect(verifyJournal(site.dbFile, TERMINAL_PROJECTIONS).ok).toBe(true);
    // Nothing was deleted.
    expect(readdirSync(join(site.config.dataFolder, "damaged")).length).toBeGreaterThan(0);
  });
});

describe("a screen's port that another program has", () => {
  it("says in two languages that another program has the screen's port, and goes on at the next start", async () => {
    await site.withStore(async (store) => {
      charge(store, 1);
      expect(await store.backups.make()).toBeNull();
      await site.drain(store);
    });
    ruin(site.dbFile, 1);
    const { host, port } = site.config.kiosk;
    const blocker = await openWaitingPage({ host, port });
    await expect(site.recover()).rejects.toMatchObject({
      code: "port-in-use",
      hint: { zh: expect.stringContaining("端口"), en: expect.stringContaining("port") },
    });
    await blocker.close();
    expect(await site.recover()).toMatchObject({ backupSeq: 1, cloudSeq: 1 });
  });
});

describe("a sound database", () => {
  it("is left as it is, and a new terminal needs no cloud to begin", async () => {
    await site.cloud.close();
    expect(await site.recover()).toBeNull();
    await site.withStore((store) => charge(store, 1));
    expect(await site.recover()).toBeNull();
    expect(existsSync(join(site.config.dataFolder, "recovery.json"))).toBe(false);
  });

  it("that is gone although there are backups of it is put back too", async () => {
    await site.withStore(async (store) => {
      charge(store, 1, 2);
      expect(await store.backups.make()).toBeNull();
    });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${site.dbFile}${suffix}`, { force: true });
    expect(await site.recover()).toMatchObject({ backupSeq: 2 });
  });
});
