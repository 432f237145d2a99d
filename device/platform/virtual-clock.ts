import { type Clock, delayWith, type Timer, type WaitOptions } from "./clock.ts";
import { type EpochMs, epochMs, type MonoMs, monoMs } from "./units.ts";

interface Task {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

/** A clock for tests and simulation: time stands still until `advance` moves it; due tasks run in order. */
export class VirtualClock implements Clock {
  #monoMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  readonly #tasks = new Set<Task>();

  constructor(startEpochMs: number = Date.UTC(2026, 8, 1, 4, 0)) {
    this.#wallOffsetMs = startEpochMs;
  }

  now(): EpochMs {
    return epochMs(this.#wallOffsetMs + this.#monoMs);
  }

  mono(): MonoMs {
    return monoMs(this.#monoMs);
  }

  /** Steps the wall clock only, as NTP or a dead battery does. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  after(waitMs: number, run: () => void): Timer {
    return this.#add(waitMs, null, run);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#add(periodMs, periodMs, run);
  }

  delay(waitMs: number, options?: WaitOptions): Promise<void> {
    return delayWith(this, waitMs, options);
  }

  /** Moves time on by `byMs`; each due task runs at its own instant and pending promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monoMs + byMs;
    await settle();
    for (let task = this.#nextDue(endMs); task !== undefined; task = this.#nextDue(endMs)) {
      this.#monoMs = Math.max(this.#monoMs, task.dueMs);
      if (task.periodMs === null) this.#tasks.delete(task);
      else task.dueMs += task.periodMs;
      task.run();
      await settle();
    }
    this.#monoMs = endMs;
  }

  #add(waitMs: number, periodMs: number | null, run: () => void): Timer {
    const task: Task = { dueMs: this.#monoMs + Math.max(0, waitMs), order: this.#order++, periodMs, run };
    this.#tasks.add(task);
    return { cancel: () => void this.#tasks.delete(task) };
  }

  #nextDue(endMs: number): Task | undefined {
    let next: Task | undefined;
    for (const task of this.#tasks) {
      if (task.dueMs > endMs) continue;
      if (
        next === undefined ||
        task.dueMs < next.dueMs ||
        (task.dueMs === next.dueMs && task.order < next.order)
      ) {
        next = task;
      }
    }
    return next;
  }
}

/** Lets promise reactions that are already due run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}
