import { mkdtempSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openDatabase } from "../device/journal/database.ts";
import { journalMigrations } from "../device/journal/journal-tables.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { seededEntropy } from "../device/platform/entropy.ts";
import { VirtualClock } from "../device/platform/virtual-clock.ts";
import { alarmProjection } from "../device/sample-cabinet/alarm-projection.ts";
import { forecastErrors } from "./cabinet-warm-ups.ts";
import { LINES, PROBES_PER_LINE, playedCabinets, probeIdOf } from "./played-cabinets.ts";

/**
 * 32 probes on 4 lines, read each 5 s for simulated days, through judging, alarms, log and journal: what share of a core
 * it takes in real time, how large the files grow, whether memory stays, how fast views and curves are. Memory is told
 * after a collection, so that what is told is what is held:
 *   npm run bench:cabinet -- --days 30
 */
const { values } = parseArgs({
  options: { days: { type: "string", default: "30" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  process.stdout.write("npm run bench:cabinet -- [--days 30]\n");
  process.exit(0);
}
const DAYS = Number(values.days);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const folder = mkdtempSync(join(tmpdir(), "canteen-bench-cabinet-"));
const clock = new VirtualClock();
const entropy = seededEntropy(3);
const db = openDatabase({ file: join(folder, "terminal.db"), clock, migrations: [journalMigrations] });
const timeTrust = { current: () => "synced" as const };
const journal = openJournal({ db, clock, timeTrust, projections: [alarmProjection] });
const played = playedCabinets({ folder, db, journal, clock, entropy });
const { cabinets, lines, temperatureFile, temperatureBytesMax } = played;

/** From a reading to the JSON that the page is sent. */
const viewMs: number[] = [];
let isMeasured = false;
cabinets.onChanged((cabinetId) => {
  if (isMeasured) JSON.stringify(cabinets.view(cabinetId));
});

function sayAll(): void {
  const atMs = clock.mono();
  for (const [line, thermometer] of lines.entries()) {
    for (let probe = 0; probe < PROBES_PER_LINE; probe++) {
      const swing = 900 * Math.sin((atMs + probe * 300_000) / 382_000);
      const milliC = Math.round((4000 + swing + 100 * entropy.uniform()) / 100) * 100;
      isMeasured = entropy.uniform() < 0.001;
      const startedMs = performance.now();
      thermometer.say(probeIdOf(line, probe), milliC, atMs);
      if (isMeasured) viewMs.push(performance.now() - startedMs);
    }
  }
}

const quantile = (list: readonly number[], share: number): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length * share)] ?? Number.NaN;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

clock.every(5000, sayAll);
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const before = process.cpuUsage();
const startedMs = performance.now();
const residentMb: number[] = [];
for (let day = 1; day <= DAYS; day++) {
  for (let hour = 0; hour < 24; hour++) {
    await clock.advance(HOUR_MS);
    await turn();
  }
  residentMb.push(await tellMemory(day));
}

/** Native memory of finished statements is given back in a turn of the loop, and virtual time takes none by itself. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function tellMemory(day: number): Promise<number> {
  collect();
  await turn();
  collect();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const files = `temperatures ${megabytes(statSync(temperatureFile).size)}, journal ${megabytes(statSync(join(folder, "terminal.db")).size)}`;
  process.stderr.write(
    `day ${day}: resident ${megabytes(rss)}, heap ${megabytes(heapUsed)} in ${megabytes(heapTotal)}, external ${megabytes(external)}; ${files}; ${((performance.now() - startedMs) / 1000).toFixed(0)} s\n`,
  );
  return rss / 1e6;
}

const { user, system } = process.cpuUsage(before);
const cpuMs = (user + system) / 1000;
const curveMs = Array.from({ length: 20 }, () => {
  const startedMs = performance.now();
  for (const cabinetId of cabinets.cabinetIds())
    JSON.stringify(cabinets.curve({ cabinetId, fromMs: clock.now() - DAY_MS, toMs: clock.now() }));
  return performance.now() - startedMs;
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
say(`${LINES * PROBES_PER_LINE} probes, ${DAYS} days of readings each 5 s`);
say(
  `CPU: ${(cpuMs / 1000).toFixed(0)} s, ${((100 * cpuMs) / (DAYS * DAY_MS)).toFixed(3)} % of a core in real time; load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" ")}`,
);
say(`resident memory after each day: ${residentMb.map((mb) => mb.toFixed(0)).join(" ")} MB`);
say(
  `temperatures.db ${megabytes(statSync(temperatureFile).size)} of at most ${megabytes(temperatureBytesMax)}, terminal.db ${megabytes(statSync(join(folder, "terminal.db")).size)} (${journal.head().seq} entries)`,
);
say(
  `reading to the page's JSON: p50 ${quantile(viewMs, 0.5).toFixed(2)} ms, p99 ${quantile(viewMs, 0.99).toFixed(2)} ms`,
);
say(
  `24 h curve of 32 probes as JSON: p50 ${quantile(curveMs, 0.5).toFixed(0)} ms, worst ${quantile(curveMs, 0.999).toFixed(0)} ms`,
);
say(`forecast on simulated warm-ups: ${JSON.stringify(forecastErrors(seededEntropy(7).uniform))}`);
await cabinets.close();
db.close();
rmSync(folder, { recursive: true, force: true });
