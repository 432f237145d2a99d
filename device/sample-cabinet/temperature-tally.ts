/** What a stretch of time held, added up reading by reading. */
export interface TemperatureTally {
  minMilliC: number | null;
  maxMilliC: number | null;
  sumMilliC: number;
  valueCount: number;
  faultCount: number;
  /** Time between two values that are near enough to each other. */
  knownMs: number;
  aboveMs: number;
  /** Area above the limit. */
  aboveMilliCMs: number;
}

export function emptyTally(): TemperatureTally {
  return {
    minMilliC: null,
    maxMilliC: null,
    sumMilliC: 0,
    valueCount: 0,
    faultCount: 0,
    knownMs: 0,
    aboveMs: 0,
    aboveMilliCMs: 0,
  };
}

export interface TimedValue {
  readonly milliC: number;
  readonly atMonoMs: number;
}

/** What lies between two values, on a straight line. */
export interface Stretch {
  readonly knownMs: number;
  readonly aboveMs: number;
  readonly aboveMilliCMs: number;
}

/** A longer silence between two values is unknown time. */
export function stretchBetween(
  from: TimedValue | null,
  to: TimedValue,
  { limitMilliC, bridgedMsMax }: { readonly limitMilliC: number; readonly bridgedMsMax: number },
): Stretch {
  const knownMs = from === null ? 0 : to.atMonoMs - from.atMonoMs;
  if (from === null || knownMs <= 0 || knownMs > bridgedMsMax)
    return { knownMs: 0, aboveMs: 0, aboveMilliCMs: 0 };
  const [a, b] = [from.milliC - limitMilliC, to.milliC - limitMilliC];
  if (a <= 0 && b <= 0) return { knownMs, aboveMs: 0, aboveMilliCMs: 0 };
  if (a >= 0 && b >= 0) return { knownMs, aboveMs: knownMs, aboveMilliCMs: ((a + b) / 2) * knownMs };
  const above = Math.max(a, b);
  const aboveMs = (knownMs * above) / Math.abs(a - b);
  return { knownMs, aboveMs, aboveMilliCMs: (above / 2) * aboveMs };
}

export function addValue(tally: TemperatureTally, milliC: number, stretch: Stretch): void {
  tally.minMilliC = tally.minMilliC === null ? milliC : Math.min(tally.minMilliC, milliC);
  tally.maxMilliC = tally.maxMilliC === null ? milliC : Math.max(tally.maxMilliC, milliC);
  tally.sumMilliC += milliC;
  tally.valueCount += 1;
  tally.knownMs += stretch.knownMs;
  tally.aboveMs += stretch.aboveMs;
  tally.aboveMilliCMs += stretch.aboveMilliCMs;
}

/** Time above the limit within a sliding window, in minutes of running time: short trips add up. */
export class AboveWindow {
  readonly #minutes: Float64Array;
  #newest = 0;
  #sumMs = 0;

  constructor(windowMs: number) {
    this.#minutes = new Float64Array(Math.max(1, Math.ceil(windowMs / 60_000)));
  }

  get sumMs(): number {
    return this.#sumMs;
  }

  /** @param minute  grows; of the monotonic clock. */
  add(minute: number, aboveMs: number): void {
    this.advance(minute);
    // Whole milliseconds: sums of fractions drift, and an empty window would not be exactly empty.
    const wholeMs = Math.round(aboveMs);
    const slot = minute % this.#minutes.length;
    this.#minutes[slot] = (this.#minutes[slot] ?? 0) + wholeMs;
    this.#sumMs += wholeMs;
  }

  advance(minute: number): void {
    const length = this.#minutes.length;
    for (let passed = Math.max(this.#newest + 1, minute - length + 1); passed <= minute; passed++) {
      this.#sumMs -= this.#minutes[passed % length] ?? 0;
      this.#minutes[passed % length] = 0;
    }
    this.#newest = Math.max(this.#newest, minute);
  }
}
