import type { EpochMs, MonoMs } from "./units.ts";

/** A timer that was started; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

/**
 * The only source of time. Two clocks, never mixed: `now` for records, `mono` for waits.
 * `SystemClock` is the real one; `VirtualClock` moves only when a test says so.
 */
export interface Clock {
  now(): EpochMs;
  mono(): MonoMs;
  /** Runs `task` once after `waitMs`, unless cancelled. */
  after(waitMs: number, task: () => void): Timer;
  /** Runs `task` every `periodMs`; a late run is not caught up. */
  every(periodMs: number, task: () => void): Timer;
  /** Resolves after `waitMs`; rejects with the signal's reason when aborted. */
  delay(waitMs: number, options?: WaitOptions): Promise<void>;
}

/** `delay` in terms of `after`; shared by all clocks. */
export function delayWith(
  clock: Pick<Clock, "after">,
  waitMs: number,
  options: WaitOptions = {},
): Promise<void> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(waitMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
