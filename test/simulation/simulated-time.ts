import { type Clock, delayWith, type Timer, type WaitOptions } from "../../device/platform/clock.ts";
import { type EpochMs, epochMs, type MonoMs, monoMs } from "../../device/platform/units.ts";

interface Task {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | null;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * True time, in milliseconds from the beginning of the run, and what is due in it. Everything that happens in a run
 * happens as a task of this queue, one after the other: same seed, same order.
 */
export class SimulatedTime {
  readonly startEpochMs: number;
  readonly #heap: Task[] = [];
  readonly #realWork = new Set<Promise<unknown>>();
  #nowMs = 0;
  #order = 0;

  constructor(startEpochMs: number) {
    this.startEpochMs = startEpochMs;
  }

  /** Since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What a clock that is right shows. */
  get trueEpochMs(): number {
    return this.startEpochMs + this.#nowMs;
  }

  add(waitMs: number, periodMs: number | null, run: () => void): Timer {
    const dueMs = this.#nowMs + Math.max(0, waitMs);
    const task: Task = { dueMs, order: this.#order++, periodMs, run, cancelled: false };
    this.#push(task);
    return {
      cancel: () => {
        task.cancelled = true;
      },
    };
  }

  /** Work of the machine's own disk (a photo's file): simulated time stands until it is done. */
  track<T>(work: Promise<T>): Promise<T> {
    const done = work.then(
      () => void this.#realWork.delete(done),
      () => void this.#realWork.delete(done),
    );
    this.#realWork.add(done);
    return work;
  }

  /**
   * Moves time on by `byMs`. After each task every promise that can go on does, then `settled` is called.
   * @param grainMs tasks run at the end of the grain in which they are due: timers of a busy machine are late, and a
   *                late run of a periodic one is not caught up (`Clock.every`). 0: each at its own instant.
   */
  async advance(byMs: number, grainMs: number, settled: () => void): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await this.#settle();
    settled();
    for (let task = this.#heap[0]; task !== undefined && task.dueMs <= endMs; task = this.#heap[0]) {
      this.#pop();
      if (task.cancelled) continue;
      const grainEndMs = grainMs === 0 ? task.dueMs : Math.ceil(task.dueMs / grainMs) * grainMs;
      this.#nowMs = Math.max(this.#nowMs, Math.min(endMs, grainEndMs));
      task.run();
      await this.#settle();
      settled();
      if (task.periodMs !== null && !task.cancelled) {
        task.dueMs = this.#nowMs + task.periodMs;
        this.#push(task);
      }
    }
    this.#nowMs = endMs;
  }

  async #settle(): Promise<void> {
    await promisesSettled();
    while (this.#realWork.size > 0) {
      await Promise.all(this.#realWork);
      await promisesSettled();
    }
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(task, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const [child, childAt] =
        right !== undefined && isBefore(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Task, b: Task): boolean =>
  a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

const YIELD_MS = 1;

/** A turn of the event loop comes only when no promise reaction is left. */
export const promisesSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The clock of one machine. Its wall clock may be wrong, stepped and drift; when the machine loses power nothing that
 * was due on it happens any more.
 */
export class MachineClock implements Clock {
  readonly #time: SimulatedTime;
  readonly #bootedMs: number;
  readonly #driftPpm: number;
  #wallAheadMs: number;
  #off = false;

  constructor(time: SimulatedTime, { wallAheadMs = 0, driftPpm = 0 } = {}) {
    this.#time = time;
    this.#bootedMs = time.nowMs;
    this.#driftPpm = driftPpm;
    this.#wallAheadMs = wallAheadMs;
  }

  now(): EpochMs {
    return epochMs(Math.round(this.#time.trueEpochMs + this.wallAheadMs));
  }

  mono(): MonoMs {
    const upMs = this.#time.nowMs - this.#bootedMs;
    return monoMs(upMs + (upMs * this.#driftPpm) / 1e6);
  }

  /** How far the wall clock is ahead of true time. */
  get wallAheadMs(): number {
    return this.#wallAheadMs + ((this.#time.nowMs - this.#bootedMs) * this.#driftPpm) / 1e6;
  }

  /** Sets the wall clock, as NTP, a hand or a dead battery do. */
  setWall(aheadMs: number): void {
    this.#wallAheadMs += aheadMs - this.wallAheadMs;
  }

  powerOff(): void {
    this.#off = true;
  }

  after(waitMs: number, task: () => void): Timer {
    return this.#time.add(this.#timerMs(waitMs), null, () => this.#run(task));
  }

  every(periodMs: number, task: () => void): Timer {
    const waitMs = this.#timerMs(periodMs);
    const timer = this.#time.add(waitMs, waitMs, () => {
      if (this.#off) timer.cancel();
      else task();
    });
    return timer;
  }

  /**
   * A millisecond is how work of the disk lets others go first. Simulated time stands until that work is done
   * (`SimulatedTime.track`), so it must not wait for time itself.
   */
  delay(waitMs: number, options?: WaitOptions): Promise<void> {
    return waitMs <= YIELD_MS && options?.signal === undefined
      ? promisesSettled()
      : delayWith(this, waitMs, options);
  }

  /**
   * As Node's timers count: whole milliseconds of this machine's own quartz, and never none. Without the least one a
   * timer that came a rounding error too early would be set again for less than time can show, and time would stand.
   */
  #timerMs(waitMs: number): number {
    return Math.max(1, Math.trunc(waitMs)) / (1 + this.#driftPpm / 1e6);
  }

  #run(task: () => void): void {
    if (!this.#off) task();
  }
}
