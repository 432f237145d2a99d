import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";

const LOOK_EVERY_MS = 3000;

/**
 * For devices that are silent until somebody uses them, where silence is no fault: says so when bytes came on a new
 * connection, and a whole time later still nothing of them could be read. Once something was read, the settings are
 * right.
 */
export class UnreadWatch {
  readonly #clock: BridgeClock;
  readonly #bytesIn: () => number;
  readonly #onUnread: () => void;
  readonly #lookEveryMs: number;
  #timer: BridgeTimer | undefined;
  #bytesInBefore = 0;
  #isSuspicious = false;

  constructor(options: {
    readonly clock: BridgeClock;
    readonly bytesIn: () => number;
    readonly onUnread: () => void;
    readonly lookEveryMs?: number;
  }) {
    this.#clock = options.clock;
    this.#bytesIn = options.bytesIn;
    this.#onUnread = options.onUnread;
    this.#lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS;
  }

  /** A new connection. */
  begin(): void {
    this.#bytesInBefore = this.#bytesIn();
    this.#isSuspicious = false;
    this.#wait();
  }

  /** Something was read, or the port is away. */
  stop(): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#lookEveryMs, () => {
      // The first look may fall into the middle of a frame.
      if (this.#isSuspicious) this.#onUnread();
      this.#isSuspicious ||= this.#bytesIn() > this.#bytesInBefore;
      this.#wait();
    });
  }
}
