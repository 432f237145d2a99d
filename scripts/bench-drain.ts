/**
 * `npm run bench:drain [-- --count N] [--queue-count N] [--json]`: how fast a backlog goes from the journal to the cloud's
 * receipt, through mosquitto on loopback to the reference cloud in a process of its own, and what memory that takes;
 * beside it the same entries through MQTT.js's own queue, one message each, as far as the broker's PUBACK. A packet id
 * has 16 bits and MQTT.js 5 gives one out again that is still in use: of 100,000 given to it at once 65,535 are ever
 * confirmed. So it gets no more than `QUEUE_OPEN_MAX` before one is confirmed.
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import mqtt from "mqtt";
import { openDatabase } from "../device/journal/database.ts";
import { hashOverBody } from "../device/journal/entry-hash.ts";
import type { JournalEntry } from "../device/journal/journal-port.ts";
import { ENTRY_COLUMNS, journalMigrations } from "../device/journal/journal-tables.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { createSync } from "../device/sync/sync.ts";
import { startMosquitto } from "../device/sync/testing/brokers.ts";
import { FakeRoster } from "../device/sync/testing/fake-roster.ts";
import { brokerSettings } from "../device/sync/testing/recording-link.ts";
import { cpuSecondsOf } from "./process-cpu.ts";

const clock = new SystemClock();
const ids = idSource(clock, systemEntropy);
const GENERATE = "--generate";
const RSS_PERIOD_MS = 250;
const QUEUE_OPEN_MAX = 60_000;
const PAGE_COUNT = 1000;

export interface DrainRow {
  readonly what: "journal to receipt" | "MQTT.js queue to PUBACK";
  readonly count: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Processor time of the sending process: what a busy machine does not change. */
  readonly cpuSeconds: number;
  /** Of the reference cloud, its start included. */
  readonly cloudCpuSeconds?: number;
  readonly rssMbStart: number;
  readonly rssMbMax: number;
}

if (process.argv[2] === GENERATE) generate(process.argv[3] ?? "", Number(process.argv[4]));
else await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "50000" },
      "queue-count": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "canteen-drain-"));
  const broker = await startMosquitto();
  try {
    const rows = [await drainJournal(folder, broker.port, Number(values.count))];
    const queueCount = Number(values["queue-count"] ?? values.count);
    if (queueCount > 0) rows.push(await drainQueue(folder, broker.port, queueCount));
    const report = { node: process.versions.node, load: loadavg(), rows };
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : textOf(rows));
  } finally {
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a process of its own: what it leaves in memory is none of the drain's. */
function generate(file: string, count: number): void {
  const db = openDatabase({ file, clock, migrations: [journalMigrations] });
  db.pragma("synchronous = OFF");
  const insert = db.prepare(`INSERT INTO journal (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  let prevHash = "0".repeat(64);
  const page = db.transaction((from: number, to: number) => {
    for (let seq = from; seq <= to; seq++) {
      const id = ids.next();
      const fields = {
        seq,
        id,
        kind: "charge.made",
        atMs: clock.now(),
        timeTrust: "synced" as const,
        prevHash,
      };
      const body = `{"amountFen":1200,"businessDate":"2026-09-01","chargeId":"${id}","method":"face","periodId":"lunch","personId":"p-${seq % 3000}"}`;
      const hash = hashOverBody(fields, body);
      insert.run(seq, id, fields.kind, fields.atMs, fields.timeTrust, body, prevHash, hash);
      prevHash = hash;
    }
  });
  for (let from = 1; from <= count; from += 10_000) page(from, Math.min(count, from + 9999));
  db.close();
}

async function drainJournal(folder: string, port: number, count: number): Promise<DrainRow> {
  const file = join(folder, "terminal.db");
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), GENERATE, file, String(count)]);
  const cloud = await startCloud(folder, port);
  const db = openDatabase({ file, clock, migrations: [journalMigrations] });
  const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
  const sync = createSync({
    ...{ address: { site: "s1", device: "t1" }, software: "bench", broker: brokerSettings(port), journal },
    ...{ receiptWaitMsMax: 15_000, batchesInFlightMax: 4, roster: new FakeRoster() },
    ...{ clock, entropy: systemEntropy, ids, logger: silentLogger },
  });
  const drained = Promise.withResolvers<void>();
  sync.onStatus(({ waitingCount, lastReceiptAtMs }) => {
    if (waitingCount === 0 && lastReceiptAtMs !== null) drained.resolve();
  });
  const row = await measured("journal to receipt", count, async () => {
    sync.start();
    await drained.promise;
  });
  await sync.close({ waitMsMax: 500 });
  db.close();
  const cloudCpuSeconds = cpuSecondsOf(cloud.pid);
  await cloud.stop();
  return { ...row, cloudCpuSeconds };
}

async function drainQueue(folder: string, port: number, count: number): Promise<DrainRow> {
  const db = openDatabase({ file: join(folder, "terminal.db"), clock, migrations: [journalMigrations] });
  const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: "queue" });
  const row = await measured("MQTT.js queue to PUBACK", count, async () => {
    const left = Promise.withResolvers<void>();
    let open = 0;
    let allGiven = false;
    let hasRoom = Promise.withResolvers<void>();
    const send = (entry: JournalEntry): void => {
      open += 1;
      client.publish("canteen/queue", JSON.stringify(entry), { qos: 1 }, (error) => {
        if (error) left.reject(error);
        open -= 1;
        hasRoom.resolve();
        if (allGiven && open === 0) left.resolve();
      });
    };
    for (let seq = 0; seq < count; ) {
      while (open > QUEUE_OPEN_MAX - PAGE_COUNT) {
        hasRoom = Promise.withResolvers();
        await hasRoom.promise;
      }
      const entries = journal.readAfter(seq, { countMax: Math.min(PAGE_COUNT, count - seq), bytesMax: 1e9 });
      for (const entry of entries) send(entry);
      seq += entries.length;
      if (entries.length === 0) break;
    }
    allGiven = true;
    await left.promise;
  });
  await client.endAsync(true);
  db.close();
  return row;
}

async function measured(what: DrainRow["what"], count: number, work: () => Promise<void>): Promise<DrainRow> {
  const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);
  const rssMbStart = megabytes();
  let rssMbMax = rssMbStart;
  const looking = clock.every(RSS_PERIOD_MS, () => {
    rssMbMax = Math.max(rssMbMax, megabytes());
    if (process.env["BENCH_WATCH"])
      process.stderr.write(`${Math.round(clock.mono())} rss ${megabytes()} MB\n`);
  });
  const startMs = clock.mono();
  const startCpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(startCpu);
  const cpuSeconds = Math.round((user + system) / 10_000) / 100;
  const seconds = Math.round(clock.mono() - startMs) / 1000;
  looking.cancel();
  rssMbMax = Math.max(rssMbMax, megabytes());
  return { what, count, seconds, perSecond: Math.round(count / seconds), cpuSeconds, rssMbStart, rssMbMax };
}

async function startCloud(
  folder: string,
  port: number,
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const main = fileURLToPath(new URL("reference-cloud/main.ts", import.meta.url));
  const argv = ["--mqtt", `mqtt://127.0.0.1:${port}`, "--http", "0", "--data", join(folder, "cloud")];
  const child = spawn(process.execPath, [main, ...argv, "--log-level", "warn", "--until-input-ends"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const [url] = /http:\S+/.exec(line) ?? [];
    if (url === undefined) continue;
    // A question that it does not hear yet would be put again only after a quarter of a minute.
    while (!(await (await fetch(`${url}/healthz`)).text()).includes('"connected"')) await clock.delay(50);
    break;
  }
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

function textOf(rows: readonly DrainRow[]): string {
  const lines = rows.map(
    ({ what, count, seconds, perSecond, cpuSeconds, cloudCpuSeconds, rssMbStart, rssMbMax }) =>
      `${what}: ${count} entries in ${seconds} s, ${perSecond}/s, ${cpuSeconds} s of processor${cloudCpuSeconds === undefined ? "" : `, ${cloudCpuSeconds} s in the cloud`}, RSS ${rssMbStart} to ${rssMbMax} MB`,
  );
  return `${lines.join("\n")}\nload ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" ")}\n`;
}
