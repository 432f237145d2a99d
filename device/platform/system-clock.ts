import { type Clock, delayWith, type Timer, type WaitOptions } from "./clock.ts";
import { type EpochMs, epochMs, type MonoMs, monoMs } from "./units.ts";

/** The machine's clocks. The one file of device/ that may touch `Date.now`, `setTimeout` and `setInterval`. */
export class SystemClock implements Clock {
  now(): EpochMs {
    return epochMs(Date.now());
  }

  mono(): MonoMs {
    return monoMs(performance.now());
  }

  after(waitMs: number, task: () => void): Timer {
    const handle = setTimeout(task, waitMs);
    return { cancel: () => clearTimeout(handle) };
  }

  every(periodMs: number, task: () => void): Timer {
    const handle = setInterval(task, periodMs);
    return { cancel: () => clearInterval(handle) };
  }

  delay(waitMs: number, options?: WaitOptions): Promise<void> {
    return delayWith(this, waitMs, options);
  }
}
