import type { Clock } from "../ports/clock.ts";

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock for the camera tests: it stands still until `advance`; due tasks run in the order of their time. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #tasks = new Set<Task>();

  mono(): number {
    return this.#nowMs;
  }

  after(waitMs: number, run: () => void): { cancel(): void } {
    const task = { dueMs: this.#nowMs + waitMs, run };
    this.#tasks.add(task);
    return { cancel: () => void this.#tasks.delete(task) };
  }

  every(periodMs: number, run: () => void): { cancel(): void } {
    let timer = this.after(periodMs, again.bind(this));
    function again(this: ManualClock): void {
      timer = this.after(periodMs, again.bind(this));
      run();
    }
    return { cancel: () => timer.cancel() };
  }

  /** How many tasks wait; a closed driver leaves none. */
  get waiting(): number {
    return this.#tasks.size;
  }

  /** How long until the first of them is due. */
  msToNextTask(): number {
    return Math.min(...[...this.#tasks].map((task) => task.dueMs)) - this.#nowMs;
  }

  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#tasks].filter((task) => task.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.run();
    }
    this.#nowMs = endMs;
  }
}
