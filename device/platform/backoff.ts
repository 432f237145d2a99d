import type { Entropy } from "./entropy.ts";

export interface BackoffLimits {
  readonly waitMsMin: number;
  readonly waitMsMax: number;
  /** After this long without a failure the next wait starts again from `waitMsMin`. */
  readonly stableMsMin: number;
}

/** Exponential backoff with full jitter (AWS Architecture Blog, 2015): uniform in [min, min·2^n], capped. */
export class Backoff {
  #failures = 0;
  readonly #limits: BackoffLimits;
  readonly #entropy: Entropy;

  constructor(limits: BackoffLimits, entropy: Entropy) {
    this.#limits = limits;
    this.#entropy = entropy;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Call at each failure. @param upMs how long the thing had worked before it failed. */
  nextWaitMs(upMs = 0): number {
    if (upMs >= this.#limits.stableMsMin) this.#failures = 0;
    const { waitMsMin, waitMsMax } = this.#limits;
    const ceilingMs = Math.min(waitMsMax, waitMsMin * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(waitMsMin + this.#entropy.uniform() * (ceilingMs - waitMsMin));
  }
}
