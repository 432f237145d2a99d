/**
 * When a weight that the wire does not call stable may be taken as such: enough readings in a row that agree within
 * a tolerance, spread over enough time, without a hole between them.
 */
export interface StabilityRule {
  readonly readingsMin: number;
  /** From the first to the last of them, so that one burst of copies is not yet stability. */
  readonly spanMsMin: number;
  /** A longer silence begins anew. */
  readonly gapMsMax: number;
  /** Steps of the last decimal place that the readings may differ by. */
  readonly toleranceSteps: number;
}

/** Three equal readings, as the cash desk of the DIGI scale wants them. */
export const DEFAULT_STABILITY: StabilityRule = {
  readingsMin: 3,
  spanMsMin: 300,
  gapMsMax: 2000,
  toleranceSteps: 0,
};

interface Sample {
  readonly steps: bigint;
  readonly decimals: number;
  readonly monoMs: number;
}

/** Pure but for its memory of at most `readingsMin` samples and the time of the first that agreed. */
export class StabilityWindow {
  readonly #rule: StabilityRule;
  #samples: Sample[] = [];
  #sinceMonoMs = 0;

  constructor(rule: StabilityRule) {
    this.#rule = rule;
  }

  /** @param value  decimal string. @returns whether this reading is stable. */
  observe(value: string, monoMs: number): boolean {
    const [whole = "0", fraction = ""] = value.split(".");
    const sample = { steps: BigInt(whole + fraction), decimals: fraction.length, monoMs };
    if (!this.#agrees(sample)) this.forget();
    if (this.#samples.length === 0) this.#sinceMonoMs = monoMs;
    this.#samples.push(sample);
    if (this.#samples.length > this.#rule.readingsMin) this.#samples.shift();
    return (
      this.#samples.length >= this.#rule.readingsMin && monoMs - this.#sinceMonoMs >= this.#rule.spanMsMin
    );
  }

  /** After overload, a reconnect, a command: what was seen before proves nothing any more. */
  forget(): void {
    this.#samples = [];
  }

  #agrees(sample: Sample): boolean {
    const last = this.#samples.at(-1);
    if (last === undefined) return true;
    if (sample.monoMs - last.monoMs > this.#rule.gapMsMax) return false;
    return this.#samples.every((other) => {
      const difference = other.steps > sample.steps ? other.steps - sample.steps : sample.steps - other.steps;
      return other.decimals === sample.decimals && difference <= BigInt(this.#rule.toleranceSteps);
    });
  }
}
