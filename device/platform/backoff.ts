import type { Entropy } from "./entropy.ts";

export interface BackoffLimits {
  readonly waitMsMin: number;
  readonly waitMsMax: number;
  /** After this long without a failure the next wait starts again from `waitMsMin`. */
  readonly stableMsMin: number;
}

/**
 * Exponential backoff with full jitter (AWS Architecture Blog, 2015): uniform in [min, min·2^n], capped.
 *
 * @param failures before this one.
 * @param uniform chance in [0, 1), given by the caller: pure machines use this as it is.
 */
export function backoffWaitMs(
  { waitMsMin, waitMsMax }: Pick<BackoffLimits, "waitMsMin" | "waitMsMax">,
  failures: number,
  uniform: number,
): number {
  const ceilingMs = Math.min(waitMsMax, waitMsMin * 2 ** Math.min(failures, 30));
  return Math.round(waitMsMin + uniform * (ceilingMs - waitMsMin));
}

/** Counts the failures for `backoffWaitMs`. */
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
    const waitMs = backoffWaitMs(this.#limits, this.#failures, this.#entropy.uniform());
    this.#failures += 1;
    return waitMs;
  }
}
