/**
 * `npm run bench:alarm [-- --trials N] [--backlog N]`: from the moment when a limit had been crossed for its delay to the
 * broker, as a listener there hears it, while the backlog of 72 hours goes up: through mosquitto on loopback with a
 * reference cloud that answers, and through lines of 64 kbit/s and of 1 Mbit/s. Cabinets, journal and sync are the
 * terminal's own, on its own clock; only the probes are played.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import mqtt from "mqtt";
import { openDatabase } from "../device/journal/database.ts";
import type { Journal } from "../device/journal/journal-port.ts";
import { journalMigrations } from "../device/journal/journal-tables.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { alarmProjection } from "../device/sample-cabinet/alarm-projection.ts";
import { alarmStateSchema } from "../device/sync/alarm-messages.ts";
import { createSync } from "../device/sync/sync.ts";
import { startMosquitto } from "../device/sync/testing/brokers.ts";
import { FakeRoster } from "../device/sync/testing/fake-roster.ts";
import { brokerSettings } from "../device/sync/testing/recording-link.ts";
import { TcpProxy } from "../device/sync/testing/tcp-proxy.ts";
import { alarmSource } from "../device/terminal-cabinets.ts";
import { LINES, PROBES_PER_LINE, playedCabinets, probeIdOf } from "./played-cabinets.ts";
import { startReferenceCloud } from "./reference-cloud/reference-cloud.ts";

const clock = new SystemClock();
const ids = idSource(clock, systemEntropy);
const DELAY_MS = 500;
const READ_MS = 250;
const COLD_MILLI_C = 6000;
const WARM_MILLI_C = 8500;
const WAIT_MS_MAX = 60_000;
/** 3,000 diners at three meals, and the summaries of four cabinets, in 72 hours; some 700 bytes each. */
const BACKLOG = 30_000;

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "32" },
    backlog: { type: "string", default: String(BACKLOG) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) process.stdout.write("npm run bench:alarm -- [--trials 32] [--backlog 30000]\n");
else
  for (const [name, bitsPerSecond, gapMs] of [
    ["loopback", null, 200],
    ["1 Mbit/s", 1_000_000, 500],
    ["64 kbit/s", 64_000, 2000],
  ] as const)
    await measure(name, bitsPerSecond, gapMs);

async function measure(name: string, bitsPerSecond: number | null, gapMs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-bench-alarm-"));
  const broker = await startMosquitto();
  const line = await TcpProxy.start(broker.port);
  if (bitsPerSecond !== null) line.throttle(bitsPerSecond / 8);
  const cloud = await startReferenceCloud({
    ...{ broker: brokerSettings(broker.port), dataFolder: join(folder, "cloud"), demoRoster: false },
    ...{ httpHost: "127.0.0.1", httpPort: 0, clock, entropy: systemEntropy, ids, logger: silentLogger },
  });
  const db = openDatabase({ file: join(folder, "terminal.db"), clock, migrations: [journalMigrations] });
  const timeTrust = { current: () => "synced" as const };
  const journal = openJournal({ db, clock, timeTrust, projections: [alarmProjection] });
  appendBacklog(journal, Number(values.backlog));
  const alarms = { high: { delayMs: DELAY_MS }, risingFast: { isOn: false }, doorOpen: { isOn: false } };
  const { cabinets, lines } = playedCabinets({ folder, db, journal, clock, entropy: systemEntropy, alarms });
  const heard = await listen(broker.port);
  const warm = new Map<string, number>();
  const reading = clock.every(READ_MS, () => {
    for (const [at, played] of lines.entries())
      for (let probe = 0; probe < PROBES_PER_LINE; probe++) {
        const probeId = probeIdOf(at, probe);
        const since = warm.get(probeId);
        played.say(probeId, since === undefined ? COLD_MILLI_C : WARM_MILLI_C, clock.mono());
        if (since === 0) warm.set(probeId, clock.mono());
      }
  });
  const sync = createSync({
    ...{
      address: { site: "s1", device: "t1" },
      software: "bench",
      broker: brokerSettings(line.port),
      journal,
    },
    ...{ receiptWaitMsMax: 15_000, batchesInFlightMax: 4, roster: new FakeRoster() },
    ...{ clock, entropy: systemEntropy, ids, logger: silentLogger, alarms: alarmSource(cabinets) },
  });
  sync.start();
  while (cloud.views.entries(0, 1).length === 0) await clock.delay(20);
  const waitingFrom = sync.status().waitingCount;
  const delays: number[] = [];
  for (let trial = 0; trial < Math.min(Number(values.trials), LINES * PROBES_PER_LINE); trial++) {
    const probeId = probeIdOf(trial % LINES, Math.floor(trial / LINES));
    warm.set(probeId, 0);
    const atMs = await heard.alarmOf(probeId);
    delays.push(atMs - ((warm.get(probeId) ?? 0) + DELAY_MS));
    await clock.delay(gapMs * (0.5 + systemEntropy.uniform()));
  }
  tell(name, delays, [waitingFrom, sync.status().waitingCount]);
  reading.cancel();
  await sync.close({ waitMsMax: 100 });
  await cabinets.close();
  await Promise.all([heard.close(), cloud.close(), line.close()]);
  await broker.close();
  db.close();
  rmSync(folder, { recursive: true, force: true });
}

function appendBacklog(journal: Journal, count: number): void {
  const body = { amountFen: 1200, businessDate: "2026-09-01", method: "face", text: "x".repeat(300) };
  journal.transact(() => {
    for (let index = 0; index < count; index++)
      journal.append({ id: ids.next(), kind: "test.entry", body: { ...body, index } });
  });
}

/** Beside the terminal's line: what the broker has is heard at once. */
async function listen(port: number): Promise<{
  alarmOf(probeId: string): Promise<number>;
  close(): Promise<void>;
}> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: "listener" });
  const at = new Map<string, number>();
  client.on("message", (_topic, payload) => {
    const now = clock.mono();
    for (const { subject, type } of alarmStateSchema.parse(JSON.parse(payload.toString())).alarms)
      if (type === "high" && subject !== null && !at.has(subject)) at.set(subject, now);
  });
  await client.subscribeAsync("canteen/v1/+/+/state/alarm/#", { qos: 1 });
  return {
    alarmOf: async (probeId) => {
      for (const endMs = clock.mono() + WAIT_MS_MAX; clock.mono() < endMs; await clock.delay(2)) {
        const atMs = at.get(probeId);
        if (atMs !== undefined) return atMs;
      }
      throw new Error(`no alarm of ${probeId} within ${WAIT_MS_MAX} ms`);
    },
    close: () => client.endAsync(true).then(() => {}),
  };
}

function tell(name: string, delays: readonly number[], waiting: readonly [number, number]): void {
  const sorted = delays.toSorted((a, b) => a - b);
  const quantile = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
  const load = loadavg().map((each) => each.toFixed(1));
  process.stdout.write(
    `${name}: ${sorted.length} alarms, p50 ${quantile(0.5)} ms, p90 ${quantile(0.9)} ms, worst ${quantile(1)} ms after limit and delay; backlog ${waiting.join(" to ")} entries meanwhile; load ${load.join(" ")}\n`,
  );
}
