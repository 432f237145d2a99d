import type { Clock, Timer } from "../ports/clock.ts";

export interface CameraRetryOptions {
  readonly clock: Clock;
  /** For the jitter of the waits. */
  readonly entropy: { uniform(): number };
  readonly waitMsMin: number;
  readonly waitMsMax: number;
}

/** Open or closed, and when the next try is: what drivers share whose camera comes and goes by itself. */
export class CameraRetry {
  readonly #options: CameraRetryOptions;
  #isOpen = false;
  #failures = 0;
  #next: Timer | undefined;
  #unlinkSignal: () => void = () => {};

  constructor(options: CameraRetryOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @param onAbort closes the camera. @returns false where it is open already, or not wanted any more. */
  open(signal: AbortSignal, onAbort: () => void): boolean {
    if (this.#isOpen || signal.aborted) return false;
    this.#isOpen = true;
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlinkSignal = () => signal.removeEventListener("abort", onAbort);
    return true;
  }

  /** Plans nothing more. @returns false where it was closed already. */
  close(): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    this.#unlinkSignal();
    this.#next?.cancel();
    return true;
  }

  /** A picture came: the next failure waits as little as the first. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** After a failure: exponential with full jitter, as device/platform/backoff.ts. */
  again(start: () => void): void {
    const { waitMsMin, waitMsMax, entropy } = this.#options;
    const ceilingMs = Math.min(waitMsMax, waitMsMin * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    this.after(Math.round(waitMsMin + entropy.uniform() * (ceilingMs - waitMsMin)), start);
  }

  after(waitMs: number, start: () => void): void {
    this.#next = this.#options.clock.after(waitMs, start);
  }
}
