/**
 * The upper tail of strangers' best similarities, as an exponential above a start that a good part of them reach.
 *
 * The maximum over many comparisons has such a tail in the limit (Gumbel), and where the comparisons are closer to a
 * normal distribution the true tail falls faster, so that the fit errs to the safe side. The uppermost visits count as
 * "at least here" only (type II censoring): twins, and one person under two ids, would otherwise stretch the scale for
 * everybody. Such pairs are asked about, not fitted.
 */

import type { EstimatedRate } from "./calibration-port.ts";

/** Fewer visits than this show no tail. */
export const tailVisitsMin = 30;
/** At most this share of the visits is called the tail, and no more visits than need be. */
const tailShareMax = 0.2;
const tailCountWanted = 400;
const tailCountMin = 10;
/** Share of the tail's visits, the uppermost, whose exact place does not count. */
const censoredShare = 0.2;
/** Under this many visits expected from a similarity on, one that is there has another reason than chance. */
const expectedCountMin = 0.02;
const scaleMin = 1e-4;
const z95 = 1.96;

export interface Tail {
  readonly start: number;
  /** Share of all visits that reach `start`. */
  readonly share: number;
  /** The share falls to 1/e with each step of this size. */
  readonly scale: number;
  /** Visits of the tail, as many as are independent of each other. */
  readonly countEffective: number;
  /** Visits too far out for chance. */
  readonly setAsideCount: number;
}

/**
 * @param similarities one number a visit, in any order.
 * @param peopleCount photos of one person are not independent: no more than this many visits are counted as such.
 * @returns null with under `tailVisitsMin` visits.
 */
export function fitTail(similarities: readonly number[], peopleCount: number): Tail | null {
  if (similarities.length < tailVisitsMin) return null;
  const falling = Float64Array.from(similarities).sort().reverse();
  const wanted = Math.min(tailShareMax * falling.length, tailCountWanted);
  const count = Math.max(Math.round(wanted), tailCountMin);
  const start = falling[count] ?? 0;
  const censored = Math.floor(count * censoredShare);
  const censoredAt = falling[censored] ?? start;
  let sum = censored * (censoredAt - start);
  for (let i = censored; i < count; i += 1) sum += (falling[i] ?? start) - start;
  const scale = Math.max(sum / (count - censored), scaleMin);
  const farMin = start + scale * Math.log(count / expectedCountMin);
  return {
    start,
    share: count / falling.length,
    scale,
    countEffective: count * Math.min(1, peopleCount / falling.length),
    setAsideCount: falling.findIndex((similarity) => similarity < farMin),
  };
}

/** Share of visits that reach `similarity`; under the tail's start, where it was not fitted, its share there and up to 1. */
export function tailRate(tail: Tail, similarity: number): EstimatedRate {
  const steps = (similarity - tail.start) / tail.scale;
  const value = Math.min(1, tail.share * Math.exp(-steps));
  // Of the share at the start, and of the scale, which the censored visits do not help to find.
  const error = Math.sqrt((1 + (steps * steps) / (1 - censoredShare)) / tail.countEffective);
  return {
    value,
    low: value * Math.exp(-z95 * error),
    high: Math.min(1, value * Math.exp(z95 * error)),
  };
}
