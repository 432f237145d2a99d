import { forecastTemperature } from "../device/sample-cabinet/temperature-forecast.ts";
import { SlopeWindow } from "../device/sample-cabinet/temperature-slope.ts";

/** How good the forecast is, on warm-ups of cabinets after Newton's law of cooling. */

export interface ForecastError {
  readonly forecasts: number;
  /** Actual time over forecast time. */
  readonly ratioP10: number;
  readonly ratioP50: number;
  readonly ratioP90: number;
  /** Half of all forecasts are off by less. */
  readonly offMinutesP50: number;
  readonly offMinutesP90: number;
  /** How many held the truth within their interval. */
  readonly coveredShare: number;
  /** Forecasts while the cabinet only swings around its set point. */
  readonly falseForecasts: number;
}

const LIMIT_MILLI_C = 8000;
const STEP_MS = 5000;

/**
 * Rooms of 18 to 34 °C, time constants from 15 minutes (door open) to 5 hours (compressor off, full), starts at 2 to
 * 6 °C, noise of 0.1 °C and a resolution of 0.1 °C.
 */
export function forecastErrors(uniform: () => number, warmUps = 300): ForecastError {
  const ratios: number[] = [];
  const offMinutes: number[] = [];
  let covered = 0;
  for (let warmUp = 0; warmUp < warmUps; warmUp++) {
    const roomMilliC = 18_000 + 16_000 * uniform();
    const constantMs = 15 * 60_000 * 20 ** uniform();
    const startMilliC = 2000 + 4000 * uniform();
    const crossingMs = constantMs * Math.log((roomMilliC - startMilliC) / (roomMilliC - LIMIT_MILLI_C));
    const at = (ms: number): number => roomMilliC - (roomMilliC - startMilliC) * Math.exp(-ms / constantMs);
    forEachForecast(at, crossingMs, uniform, (inMs, inMsMin, inMsMax, atMs) => {
      const leftMs = crossingMs - atMs;
      // Nearer than a minute it is no forecast any more.
      if (leftMs < 60_000) return;
      ratios.push(leftMs / inMs);
      offMinutes.push(Math.abs(leftMs - inMs) / 60_000);
      if (leftMs >= inMsMin && leftMs <= inMsMax) covered += 1;
    });
  }
  let falseForecasts = 0;
  const swing = (ms: number): number => 4000 + 800 * Math.sin((ms * 2 * Math.PI) / (40 * 60_000));
  forEachForecast(swing, 12 * 3_600_000, uniform, () => {
    falseForecasts += 1;
  });
  const quantile = (sorted: readonly number[], share: number): number =>
    sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  const [sortedRatios, sortedOff] = [ratios, offMinutes].map((list) => list.toSorted((a, b) => a - b));
  return {
    forecasts: ratios.length,
    ratioP10: quantile(sortedRatios ?? [], 0.1),
    ratioP50: quantile(sortedRatios ?? [], 0.5),
    ratioP90: quantile(sortedRatios ?? [], 0.9),
    offMinutesP50: quantile(sortedOff ?? [], 0.5),
    offMinutesP90: quantile(sortedOff ?? [], 0.9),
    coveredShare: covered / ratios.length,
    falseForecasts,
  };
}

function forEachForecast(
  milliCAt: (ms: number) => number,
  untilMs: number,
  uniform: () => number,
  visit: (inMs: number, inMsMin: number, inMsMax: number, atMs: number) => void,
): void {
  const window = new SlopeWindow();
  for (let atMs = 0; atMs < untilMs; atMs += STEP_MS) {
    const noisy = Math.round((milliCAt(atMs) + 200 * (uniform() - 0.5)) / 100) * 100;
    if (!window.add(noisy, atMs)) continue;
    const forecast = forecastTemperature(noisy, LIMIT_MILLI_C, window.slope());
    if (forecast !== null)
      visit(forecast.inMs, forecast.inMsMin, forecast.inMsMax ?? Number.POSITIVE_INFINITY, atMs);
  }
}
