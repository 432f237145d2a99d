const SECOND_MS = 1000;

/**
 * Lets so many bytes pass in a second and drops the rest. A burst costs only what was over the limit; two flooded
 * seconds in a row are a device that will not stop. One that floods again at its next connection has no second try.
 */
export class FloodGate {
  readonly #bytesPerSecondMax: number;
  #startedMonoMs = 0;
  #bytes = 0;
  #isOver = false;
  #wasOver = false;

  constructor(bytesPerSecondMax: number) {
    this.#bytesPerSecondMax = bytesPerSecondMax;
  }

  /** @returns the bytes within the limit, and whether the device floods for the second second. */
  pass(bytes: Uint8Array, monoMs: number): { readonly taken: Uint8Array; readonly isFlooding: boolean } {
    if (monoMs - this.#startedMonoMs >= SECOND_MS) {
      this.#wasOver = this.#isOver;
      this.#startedMonoMs = monoMs;
      this.#bytes = 0;
      this.#isOver = false;
    }
    const taken = bytes.subarray(0, Math.max(0, this.#bytesPerSecondMax - this.#bytes));
    this.#bytes += taken.length;
    this.#isOver ||= taken.length < bytes.length;
    return { taken, isFlooding: this.#isOver && this.#wasOver };
  }
}
