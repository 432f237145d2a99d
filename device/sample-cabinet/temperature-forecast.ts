import { milliC } from "../platform/units.ts";
import type { TemperatureForecast } from "./cabinet-port.ts";
import type { Slope } from "./temperature-slope.ts";

/** Slower than this is the cabinet's own swing. */
const SLOPE_MILLI_C_PER_MIN = 30;
/** Farther away it would mostly be the compressor's pause: a swing of 0.8 °C around 4 °C must not foretell 8 °C. */
const FORECAST_MS_MAX = 30 * 60_000;
/**
 * What the kitchen has; a cabinet that warms up approaches it and slows down on the way (Newton's law of cooling). At
 * a warmer or colder place the forecast is off by a few per cent, which the interval holds.
 */
const ROOM_MILLI_C = 25_000;
/** Eight of ten warm-ups of the evaluation lay between these multiples of the forecast. */
const INTERVAL = { min: 0.95, max: 1.15 };

/** @returns when the limit is reached if it goes on like this; null where it does not, or is reached already. */
export function forecastTemperature(
  currentMilliC: number,
  limitMilliC: number,
  slope: Slope | null,
): TemperatureForecast | null {
  if (slope === null || slope.milliCPerMin < SLOPE_MILLI_C_PER_MIN || currentMilliC >= limitMilliC)
    return null;
  const perMs = slope.milliCPerMin / 60_000;
  const toRoom = ROOM_MILLI_C - currentMilliC;
  const inMs =
    limitMilliC < ROOM_MILLI_C
      ? (toRoom / perMs) * Math.log(toRoom / (ROOM_MILLI_C - limitMilliC))
      : (limitMilliC - currentMilliC) / perMs;
  if (inMs > FORECAST_MS_MAX) return null;
  return {
    limitMilliC: milliC(limitMilliC),
    inMs: Math.round(inMs),
    inMsMin: Math.round(inMs * INTERVAL.min),
    inMsMax: Math.round(inMs * INTERVAL.max),
  };
}
