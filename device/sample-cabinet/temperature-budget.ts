import { MINUTE_KEPT_MS, MINUTE_KEPT_MS_MIN, MINUTE_MS, READING_KEPT_MS } from "./temperature-log.ts";

/** What a byte budget is enough for, before the years have shown it. */
export interface TemperatureBudget {
  /** Whole days of minutes that fit beside a week of readings; at most two years. */
  readonly minuteDays: number;
  /** Enough for everything. */
  readonly bytesNeeded: number;
  readonly isEnough: boolean;
}

/** Rows with their share of a page; temperature-budget.test.ts measures them. */
const READING_BYTES = 23;
const MINUTE_BYTES = 43;
/** Tables, runs, and what is written before it is tidied. */
const FIXED_BYTES = 1_000_000;
const MS_PER_DAY = 86_400_000;

/** @param readEveryMs  of each probe. */
export function temperatureBudget(bytesMax: number, readEveryMs: readonly number[]): TemperatureBudget {
  const readingBytes = readEveryMs.reduce((sum, ms) => sum + (READING_KEPT_MS / ms) * READING_BYTES, 0);
  const minuteBytesPerDay = readEveryMs.length * (MS_PER_DAY / MINUTE_MS) * MINUTE_BYTES;
  const daysMax = MINUTE_KEPT_MS / MS_PER_DAY;
  const bytesNeeded = Math.ceil(FIXED_BYTES + readingBytes + minuteBytesPerDay * daysMax);
  if (bytesMax >= bytesNeeded) return { minuteDays: daysMax, bytesNeeded, isEnough: true };
  const daysWithin = (bytes: number): number => Math.max(0, Math.floor(bytes / minuteBytesPerDay));
  // Minutes of the last quarter stay; for them the readings go.
  const last = Math.min(daysWithin(bytesMax - FIXED_BYTES), MINUTE_KEPT_MS_MIN / MS_PER_DAY);
  return {
    minuteDays: Math.max(daysWithin(bytesMax - FIXED_BYTES - readingBytes), last),
    bytesNeeded,
    isEnough: false,
  };
}
