import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { temperatureCurve, thermalDose } from "./temperature-curve.ts";
import { TemperatureLog } from "./temperature-log.ts";
import { stretchBetween, type TimedValue } from "./temperature-tally.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const LIMIT_MILLI_C = 8000;
const BRIDGE = { limitMilliC: LIMIT_MILLI_C, bridgedMsMax: 20_000 };

let folder: string;
let clock: VirtualClock;
const logs: TemperatureLog[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-temperatures-"));
  clock = new VirtualClock(Date.UTC(2026, 8, 1, 4, 0));
});
afterEach(() => {
  for (const log of logs.splice(0)) log.close();
  rmSync(folder, { recursive: true, force: true });
});

function openLog(bytesMax = 100_000_000): TemperatureLog {
  const log = new TemperatureLog({
    file: join(folder, "temperatures.db"),
    clock,
    logger: pino({ level: "silent" }),
    bytesMax,
  });
  logs.push(log);
  return log;
}

function reopen(log: TemperatureLog): TemperatureLog {
  logs.splice(logs.indexOf(log), 1);
  log.close();
  return openLog();
}

/** Readings each 5 s; null is a fault. */
async function record(
  log: TemperatureLog,
  values: readonly (number | null)[],
  probeId = "air",
): Promise<void> {
  let before: TimedValue | null = null;
  for (const milliC of values) {
    const atMonoMs = clock.mono();
    if (milliC === null) log.add(probeId, { kind: "fault", fault: "silent" }, atMonoMs);
    else {
      const value = { milliC, atMonoMs };
      log.add(
        probeId,
        { kind: "value", milliC, rawMilliC: milliC, stretch: stretchBetween(before, value, BRIDGE) },
        atMonoMs,
      );
      before = value;
    }
    await clock.advance(5000);
  }
}

const constant = (value: number | null, count: number): (number | null)[] =>
  Array.from({ length: count }, () => value);
const countOf = (log: TemperatureLog, table: string): number => {
  log.flush();
  return Number(log.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
};

describe("the log of temperatures", () => {
  it("gives minutes with least, mean, most and faults, and a gap where nothing came", async () => {
    const log = openLog();
    const fromMs = clock.now();
    await record(log, [...constant(4000, 6), ...constant(5000, 6)]);
    await record(log, constant(null, 12));
    await clock.advance(MINUTE_MS);
    await record(log, constant(6000, 12));
    const { stepMs, probes } = temperatureCurve(log, ["air", "unknown"], {
      fromMs,
      toMs: fromMs + 4 * MINUTE_MS,
    });
    expect(stepMs).toBe(MINUTE_MS);
    expect(probes[0]?.points).toEqual([
      { atMs: fromMs, minMilliC: 4000, meanMilliC: 4500, maxMilliC: 5000, faultCount: 0, readingCount: 12 },
      {
        atMs: fromMs + MINUTE_MS,
        minMilliC: null,
        meanMilliC: null,
        maxMilliC: null,
        faultCount: 12,
        readingCount: 12,
      },
      {
        atMs: fromMs + 2 * MINUTE_MS,
        minMilliC: null,
        meanMilliC: null,
        maxMilliC: null,
        faultCount: 0,
        readingCount: 0,
      },
      {
        atMs: fromMs + 3 * MINUTE_MS,
        minMilliC: 6000,
        meanMilliC: 6000,
        maxMilliC: 6000,
        faultCount: 0,
        readingCount: 12,
      },
    ]);
    expect(probes[1]?.points.every(({ readingCount }) => readingCount === 0)).toBe(true);
  });

  it("keeps a curve to its number of points", async () => {
    const log = openLog();
    await record(log, constant(4000, 120));
    const curve = temperatureCurve(log, ["air"], {
      fromMs: clock.now() - 600_000,
      toMs: clock.now(),
      pointCountMax: 5,
    });
    expect(curve.stepMs).toBe(2 * MINUTE_MS);
    expect(curve.probes[0]?.points.reduce((sum, { readingCount }) => sum + readingCount, 0)).toBe(120);
  });

  it.each([
    ["forward", DAY_MS],
    ["back", -DAY_MS],
  ])("neither overwrites nor loses anything when the wall clock steps a day %s", async (_, byMs) => {
    const log = openLog();
    const startMs = clock.now();
    await record(log, constant(4000, 36));
    clock.stepWall(byMs);
    await record(log, constant(5000, 36));
    clock.stepWall(-byMs);
    await record(log, constant(6000, 36));
    expect(countOf(log, "reading")).toBe(108);
    const all = temperatureCurve(log, ["air"], {
      fromMs: startMs - 2 * DAY_MS,
      toMs: startMs + 2 * DAY_MS,
      pointCountMax: 5000,
    });
    const points = all.probes[0]?.points ?? [];
    expect(points.reduce((sum, { readingCount }) => sum + readingCount, 0)).toBe(108);
    // Up to one flush passes before the step is noticed.
    const stepped = points.filter(({ atMs }) => Math.abs(atMs - (startMs + byMs)) < 600_000);
    expect(stepped.reduce((sum, { readingCount }) => sum + readingCount, 0)).toBeGreaterThanOrEqual(33);
  });

  it("begins a minute of its own after a restart, and knows when it last recorded", async () => {
    const first = openLog();
    expect(first.lastSeenAtMs).toBeNull();
    await record(first, constant(4000, 3));
    const lastMs = clock.now() - 5000;
    const second = reopen(first);
    expect(second.lastSeenAtMs).toBe(lastMs);
    await record(second, constant(9000, 3));
    expect(countOf(second, "minute")).toBe(2);
    const { probes } = temperatureCurve(second, ["air"], {
      fromMs: clock.now() - MINUTE_MS,
      toMs: clock.now(),
    });
    expect(
      probes[0]?.points.map(({ minMilliC, maxMilliC, readingCount }) => [minMilliC, maxMilliC, readingCount]),
    ).toContainEqual([4000, 9000, 6]);
  });

  it("starts again and again without a record in between", async () => {
    let log = openLog();
    for (let start = 0; start < 3; start++) log = reopen(log);
    await record(log, constant(4000, 3));
    expect(countOf(log, "reading")).toBe(3);
  });

  it("keeps readings for seven days of running time, also when the clock is set far ahead", async () => {
    const log = openLog();
    await record(log, constant(4000, 12));
    clock.stepWall(30 * DAY_MS);
    await record(log, constant(4000, 12));
    expect(countOf(log, "reading")).toBe(24);
    await clock.advance(7 * DAY_MS);
    expect(countOf(log, "reading")).toBe(0);
    expect(countOf(log, "minute")).toBe(3);
  });

  it("lets minutes go too where they alone are over its bytes", async () => {
    const bytesMax = 40_960;
    const log = openLog(bytesMax);
    await record(log, constant(4000, 12_000));
    expect(log.usedBytes()).toBeLessThanOrEqual(bytesMax + 4096);
    expect(countOf(log, "minute")).toBeGreaterThan(100);
  });

  it("stays within its bytes by letting the oldest readings go", async () => {
    const bytesMax = 200_000;
    const log = openLog(bytesMax);
    await record(log, constant(4000, 12_000));
    expect(log.usedBytes()).toBeLessThan(bytesMax * 1.1);
    const newest = log.db.prepare<[], number>("SELECT max(log_ms) FROM reading").pluck().get() ?? 0;
    const oldest = log.db.prepare<[], number>("SELECT min(log_ms) FROM reading").pluck().get() ?? 0;
    expect(newest - oldest).toBeGreaterThan(3_600_000);
    expect(countOf(log, "reading")).toBeLessThan(12_000);
    expect(countOf(log, "minute")).toBe(1000);
    expect(log.fault).toBeNull();
  });

  it("lets last year's minutes go before this week's readings", async () => {
    const former = openLog();
    await record(former, constant(4000, 3));
    former.flush();
    const numbers = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)";
    former.db.exec(
      `${numbers} INSERT INTO minute SELECT 1, i * ${MINUTE_MS}, 4000, 4000, 48000, 12, 0, ${MINUTE_MS}, 0, 0 FROM n;
       ${numbers} INSERT INTO reading SELECT 1, ${100 * DAY_MS} + i * 5000, 4000, NULL, NULL FROM n WHERE i < 3000`,
    );
    const log = reopen(former);
    const budget = new TemperatureLog({
      ...{ file: join(folder, "temperatures.db"), clock, logger: pino({ level: "silent" }) },
      bytesMax: log.usedBytes() - 200_000,
    });
    logs.push(budget);
    const minutes = countOf(log, "minute");
    await clock.advance(10 * MINUTE_MS);
    expect(countOf(log, "minute")).toBeLessThan(minutes - 1000);
    // All of this week's; the three of the beginning are a hundred days old.
    expect(countOf(log, "reading")).toBe(2990);
  });

  it("goes on when the disk takes nothing, and writes what waited when it does again", async () => {
    const log = openLog();
    log.db.pragma("max_page_count = 8");
    await record(log, constant(4000, 3000));
    expect(log.fault).toBe("disk-full");
    log.db.pragma("max_page_count = 100000");
    expect(countOf(log, "reading")).toBe(3000);
    expect(log.fault).toBeNull();
  });

  it("lays a damaged file aside and begins anew", () => {
    writeFileSync(
      join(folder, "temperatures.db"),
      "this is no database, it only looks as long as one".repeat(100),
    );
    const log = openLog();
    expect(countOf(log, "reading")).toBe(0);
  });

  it("lays the file of a later release aside and keeps it", async () => {
    const file = join(folder, "temperatures.db");
    const former = openLog();
    await record(former, constant(4000, 3));
    former.db.pragma("user_version = 99");
    const log = reopen(former);
    expect(countOf(log, "reading")).toBe(0);
    expect(existsSync(`${file}.newer`)).toBe(true);
  });

  it("keeps what a file holds whose rows were ordered by probe", async () => {
    const former = openLog();
    await record(former, [...constant(4000, 24), ...constant(null, 3)], "air");
    await record(former, constant(5000, 24), "food");
    const rowsOf = (log: TemperatureLog): unknown[] => [
      log.db.prepare("SELECT * FROM reading ORDER BY probe_no, log_ms").all(),
      log.db.prepare("SELECT * FROM minute ORDER BY probe_no, log_ms").all(),
    ];
    former.flush();
    const before = rowsOf(former);
    former.db.exec(ORDERED_BY_PROBE);
    const log = reopen(former);
    expect(rowsOf(log)).toEqual(before);
    expect(log.db.pragma("user_version", { simple: true })).toBe(2);
    expect(log.db.pragma("integrity_check", { simple: true })).toBe("ok");
  });
});

/** As version 1 of the file was. */
const ORDERED_BY_PROBE = `
  CREATE TABLE r (probe_no INTEGER NOT NULL, log_ms INTEGER NOT NULL, milli_c INTEGER, raw_milli_c INTEGER, fault TEXT,
    PRIMARY KEY (probe_no, log_ms)) STRICT, WITHOUT ROWID;
  CREATE TABLE m (probe_no INTEGER NOT NULL, log_ms INTEGER NOT NULL, min_milli_c INTEGER, max_milli_c INTEGER,
    sum_milli_c INTEGER NOT NULL, value_count INTEGER NOT NULL, fault_count INTEGER NOT NULL, known_ms INTEGER NOT NULL,
    above_ms INTEGER NOT NULL, above_milli_c_s INTEGER NOT NULL, PRIMARY KEY (probe_no, log_ms)) STRICT, WITHOUT ROWID;
  INSERT INTO r SELECT * FROM reading;
  INSERT INTO m SELECT * FROM minute;
  DROP TABLE reading;
  DROP TABLE minute;
  ALTER TABLE r RENAME TO reading;
  ALTER TABLE m RENAME TO minute;
  PRAGMA user_version = 1;`;

describe("a thermal dose", () => {
  it("is the time and the area above the limit, with gaps as unknown", async () => {
    const log = openLog();
    const fromMs = clock.now();
    await record(log, constant(6000, 24));
    await record(log, constant(10_000, 24));
    await record(log, constant(null, 24));
    const dose = thermalDose(log, ["air"], { fromMs, toMs: clock.now() });
    expect(dose.spanMs).toBe(6 * MINUTE_MS);
    // The first value of a stretch has nothing before it.
    expect(dose.aboveMs).toBe(115_000);
    expect(dose.aboveMilliCMinutes).toBe(Math.round((2000 * 115) / 60));
    expect(dose.maxMilliC).toBe(10_000);
    expect(dose.unknownMs).toBe(dose.spanMs - 230_000);
  });

  it("counts only the span that was asked for, and the warmest probe", async () => {
    const log = openLog();
    const startMs = clock.now();
    await Promise.all([record(log, constant(10_000, 48), "air"), record(log, constant(7000, 48), "food")]);
    const dose = thermalDose(log, ["air", "food"], {
      fromMs: startMs + MINUTE_MS,
      toMs: startMs + 2 * MINUTE_MS,
    });
    expect(dose).toMatchObject({ spanMs: MINUTE_MS, aboveMs: MINUTE_MS, unknownMs: 0, maxMilliC: 10_000 });
  });

  it("is all unknown where nothing was recorded", () => {
    expect(thermalDose(openLog(), ["air"], { fromMs: 0, toMs: DAY_MS })).toEqual({
      spanMs: DAY_MS,
      aboveMs: 0,
      aboveMilliCMinutes: 0,
      maxMilliC: null,
      unknownMs: DAY_MS,
    });
  });
});

describe("a stretch between two values", () => {
  it("is what a thousand small steps along the line add up to", () => {
    const value = fc.integer({ min: 0, max: 16_000 });
    fc.assert(
      fc.property(value, value, (from, to) => {
        const stretch = stretchBetween(
          { milliC: from, atMonoMs: 0 },
          { milliC: to, atMonoMs: 10_000 },
          BRIDGE,
        );
        let [aboveMs, area] = [0, 0];
        for (let step = 0; step < 1000; step++) {
          const at = from + ((to - from) * (step + 0.5)) / 1000 - LIMIT_MILLI_C;
          if (at > 0) [aboveMs, area] = [aboveMs + 10, area + at * 10];
        }
        expect(Math.abs(stretch.aboveMs - aboveMs)).toBeLessThanOrEqual(10);
        expect(Math.abs(stretch.aboveMilliCMs - area)).toBeLessThanOrEqual(10_000 + area * 0.001);
      }),
    );
  });

  it("is unknown where the values are too far apart or the first is missing", () => {
    const nothing = { knownMs: 0, aboveMs: 0, aboveMilliCMs: 0 };
    const warm = { milliC: 10_000, atMonoMs: 20_001 };
    expect(stretchBetween({ milliC: 10_000, atMonoMs: 0 }, warm, BRIDGE)).toEqual(nothing);
    expect(stretchBetween(null, warm, BRIDGE)).toEqual(nothing);
  });
});
