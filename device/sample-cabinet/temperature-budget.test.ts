import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { silentLogger } from "../platform/logger.ts";
import { temperatureBudget } from "./temperature-budget.ts";
import { openTemperatureFile } from "./temperature-file.ts";

const PROBES = 4;
const DAYS = 5;
const probes = (count: number): number[] => Array.from({ length: count }, () => 5000);

/** Bytes of a file with so many rows of a table, in the order in which they are written. */
function bytesOf(sql: string, rows: number): number {
  const db = openTemperatureFile(join(temporaryFolder(), "temperatures.db"), silentLogger);
  onTestFinished(() => void db.close());
  const pages = (): number =>
    Number(db.pragma("page_count", { simple: true })) * Number(db.pragma("page_size", { simple: true }));
  const before = pages();
  db.exec(
    `WITH RECURSIVE n (at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM n WHERE at < ${rows - 1}) ${sql}`,
  );
  return pages() - before;
}

test("a row takes what the budget counts for it, and a little less", () => {
  // After two years of running: the numbers of the axis are long then.
  const logMs = "63072000000";
  const minuteRows = DAYS * 1440 * PROBES;
  const minutes = bytesOf(
    `INSERT INTO minute SELECT 2 + at % ${PROBES}, ${logMs} + at / ${PROBES} * 60000, 3900 + at % 100, 4100 + at % 100,
       48000 + at % 999, 12, 0, 60000, at % 60000, at % 99999 FROM n`,
    minuteRows,
  );
  const readingRows = 17_280 * PROBES;
  const readings = bytesOf(
    `INSERT INTO reading SELECT 2 + at % ${PROBES}, ${logMs} + at / ${PROBES} * 5000, 3900 + at % 100, NULL, NULL FROM n`,
    readingRows,
  );
  const counted = temperatureBudget(1e12, probes(PROBES)).bytesNeeded - 1_000_000;
  const measured = (minutes / DAYS) * 730 + readings * 7;
  expect(measured).toBeLessThanOrEqual(counted);
  expect(measured).toBeGreaterThan(0.85 * counted);
});

test("less is said in days: a week of readings first, and for the last quarter's minutes not even that", () => {
  expect(temperatureBudget(500_000_000, probes(32))).toMatchObject({ minuteDays: 206, isEnough: false });
  expect(temperatureBudget(150_000_000, probes(32))).toMatchObject({ minuteDays: 75, isEnough: false });
  expect(temperatureBudget(1_000_000, probes(32))).toMatchObject({ minuteDays: 0, isEnough: false });
  expect(temperatureBudget(1_000_000, [])).toMatchObject({ minuteDays: 730, isEnough: true });
});
