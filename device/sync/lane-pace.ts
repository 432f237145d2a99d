/**
 * How much a lane of little urgency may have on the line at once, so that an alarm behind it waits a fraction of a
 * second, whatever the line carries. A TCP connection has no lanes: what was handed to it goes first.
 *
 * The time from handing a message over to the broker's PUBACK tells what lies ahead on the line. The quickest of a
 * connection is the line's own; what is longer is waiting. Under `waitMsLow` messages grow, over `waitMsHigh` they are
 * halved. A lane begins small, since nothing is known of the line then. What is little goes as one message, so that on the
 * slowest lines no more than one is ahead of an alarm; what is more goes as several, so that a quick line is never empty.
 */
export interface LanePaceLimits {
  readonly bytesMin: number;
  /** Of one message. */
  readonly bytesMax: number;
  /** How many may be on the line at once where it carries them. */
  readonly messagesMax: number;
  readonly waitMsLow: number;
  readonly waitMsHigh: number;
}

/** What is on the way stays below a second even as the last of it is noticed. */
const WAITS = { waitMsLow: 250, waitMsHigh: 500 };
const BYTES_MIN = 1024;
/** Smaller messages than this are not worth several. */
const SEVERAL_BYTES_MIN = 2048;

export class LanePace {
  readonly #limits: LanePaceLimits;
  /** On the line at once, over all messages. */
  #total: number;
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(bytesMax: number, limits: Partial<LanePaceLimits> = {}) {
    this.#limits = { bytesMin: BYTES_MIN, bytesMax, messagesMax: 1, ...WAITS, ...limits };
    this.#total = this.#limits.bytesMin;
  }

  /** So many messages may be on the line at once. */
  get messages(): number {
    const { messagesMax } = this.#limits;
    return this.#total >= messagesMax * SEVERAL_BYTES_MIN ? messagesMax : 1;
  }

  /** The next message may be this long. */
  get bytes(): number {
    return Math.floor(this.#total / this.messages);
  }

  /** Another line may be another kind of line: a telephone's after the school's. */
  reset(): void {
    this.#total = this.#limits.bytesMin;
    this.#quickestMs = Number.POSITIVE_INFINITY;
  }

  /**
   * @param bytes of the message: a shorter one than now goes out was under way before, and says nothing for a longer.
   * @param tookMs from handing it over to the broker's answer.
   */
  answered(bytes: number, tookMs: number): void {
    const { bytesMin, bytesMax, messagesMax, waitMsLow, waitMsHigh } = this.#limits;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const waitMs = tookMs - this.#quickestMs;
    if (waitMs > waitMsHigh) this.#total = Math.max(bytesMin, Math.floor(this.#total / 2));
    else if (waitMs < waitMsLow && bytes * 2 > this.bytes)
      this.#total = Math.min(bytesMax * messagesMax, this.#total * 2);
  }
}
