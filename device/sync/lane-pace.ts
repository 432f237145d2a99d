/**
 * How much a lane of little urgency may have on the line at once, so that an alarm behind it waits a fraction of a
 * second, whatever the line carries. A TCP connection has no lanes: what was handed to it goes first.
 *
 * The time from handing a message over to the broker's PUBACK tells what lies ahead on the line. The quickest of a
 * connection is the line's own; what is longer is waiting. Under `waitMsLow` messages grow, over `waitMsHigh` they are
 * halved. A lane begins small, since nothing is known of the line then.
 */
export interface LanePaceLimits {
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly waitMsLow: number;
  readonly waitMsHigh: number;
}

/** Four messages on the way stay below a second even as the last of them is noticed. */
const WAITS = { waitMsLow: 250, waitMsHigh: 500 };
const BYTES_MIN = 2048;

export class LanePace {
  readonly #limits: LanePaceLimits;
  #bytes: number;
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(bytesMax: number, limits: Partial<LanePaceLimits> = {}) {
    this.#limits = { bytesMin: BYTES_MIN, bytesMax, ...WAITS, ...limits };
    this.#bytes = this.#limits.bytesMin;
  }

  /** The next message may be this long. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Another line may be another kind of line: a telephone's after the school's. */
  reset(): void {
    this.#bytes = this.#limits.bytesMin;
    this.#quickestMs = Number.POSITIVE_INFINITY;
  }

  /**
   * @param bytes of the message: a shorter one than now goes out was under way before, and says nothing for a longer.
   * @param tookMs from handing it over to the broker's answer.
   */
  answered(bytes: number, tookMs: number): void {
    const { bytesMin, bytesMax, waitMsLow, waitMsHigh } = this.#limits;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const waitMs = tookMs - this.#quickestMs;
    if (waitMs > waitMsHigh) this.#bytes = Math.max(bytesMin, Math.floor(this.#bytes / 2));
    else if (waitMs < waitMsLow && bytes * 2 > this.#bytes) this.#bytes = Math.min(bytesMax, this.#bytes * 2);
  }
}
