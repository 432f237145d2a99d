/** How fast a temperature goes: the median of all slopes between pairs (Theil and Sen), which one wild value does not move. */
export interface Slope {
  readonly milliCPerMin: number;
  /** Between the first and the last point. */
  readonly spanMs: number;
}

/** Means of so long are the points: 20 of them make 190 pairs each half minute instead of thousands each reading. */
const POINT_MS = 30_000;
const POINTS_MAX = 20;
const POINTS_MIN = 5;
/** A longer gap begins anew: nobody knows what was in between. */
const GAP_MS_MAX = 120_000;
/** Points for what happens now, as a door that is opened. */
const RECENT_POINTS = 4;

interface Point {
  readonly atMonoMs: number;
  readonly milliC: number;
}

interface OpenPoint {
  readonly sinceMonoMs: number;
  readonly lastMonoMs: number;
  readonly sum: number;
  readonly count: number;
}

/** The last ten minutes of one probe. */
export class SlopeWindow {
  #points: Point[] = [];
  #open: OpenPoint | null = null;
  #slope: Slope | null = null;
  #recent: number | null = null;

  /** @returns whether a point was completed, so that the slope is a new one. */
  add(milliC: number, atMonoMs: number): boolean {
    const open = this.#open;
    if (open !== null && atMonoMs - open.lastMonoMs > GAP_MS_MAX) this.forget();
    if (this.#open === null) {
      this.#open = { sinceMonoMs: atMonoMs, sum: milliC, count: 1, lastMonoMs: atMonoMs };
      return false;
    }
    const isFull = atMonoMs - this.#open.sinceMonoMs >= POINT_MS;
    if (isFull) this.#complete(this.#open);
    this.#open = isFull
      ? { sinceMonoMs: atMonoMs, sum: milliC, count: 1, lastMonoMs: atMonoMs }
      : {
          ...this.#open,
          sum: this.#open.sum + milliC,
          count: this.#open.count + 1,
          lastMonoMs: atMonoMs,
        };
    return isFull;
  }

  /** Null before there are enough points. */
  slope(): Slope | null {
    return this.#slope;
  }

  /** Of the last one and a half minutes, in milli-degrees a minute; null where nothing came for longer than a gap. */
  recentMilliCPerMin(atMonoMs: number): number | null {
    const isNow = this.#open !== null && atMonoMs - this.#open.lastMonoMs <= GAP_MS_MAX;
    return isNow ? this.#recent : null;
  }

  /** What was measured so far says nothing about what comes. */
  forget(): void {
    this.#points = [];
    this.#open = null;
    this.#slope = null;
    this.#recent = null;
  }

  #complete({ sinceMonoMs, sum, count, lastMonoMs }: OpenPoint): void {
    this.#points.push({ atMonoMs: (sinceMonoMs + lastMonoMs) / 2, milliC: sum / count });
    if (this.#points.length > POINTS_MAX) this.#points.shift();
    this.#slope = this.#points.length < POINTS_MIN ? null : theilSen(this.#points);
    const recent = this.#points.slice(-RECENT_POINTS);
    this.#recent = recent.length < RECENT_POINTS ? null : theilSen(recent).milliCPerMin;
  }
}

function theilSen(points: readonly Point[]): Slope {
  const slopes: number[] = [];
  for (const [index, a] of points.entries()) {
    for (const b of points.slice(index + 1))
      slopes.push(((b.milliC - a.milliC) * 60_000) / (b.atMonoMs - a.atMonoMs));
  }
  const sorted = Float64Array.from(slopes).sort();
  const spanMs = (points.at(-1)?.atMonoMs ?? 0) - (points[0]?.atMonoMs ?? 0);
  return { milliCPerMin: sorted[Math.floor(sorted.length / 2)] ?? 0, spanMs };
}
