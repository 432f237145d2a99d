import { Backoff } from "../platform/backoff.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy } from "../platform/entropy.ts";
import type { RosterRequestMessage } from "./messages.ts";

export interface RosterRequestsOptions {
  readonly version: () => number;
  readonly send: (request: RosterRequestMessage) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

const REQUEST_WAIT = { waitMsMin: 2000, waitMsMax: 300_000, stableMsMin: 1 };

/**
 * Asks the cloud for the roster where a delta is missing, and asks again, with growing waits, until one fits.
 * A flood of deltas that do not fit causes one request, not one each.
 */
export class RosterRequests {
  readonly #options: RosterRequestsOptions;
  #backoff: Backoff;
  #reason: RosterRequestMessage["reason"] | null = null;
  #timer: Timer | null = null;
  #connected = false;

  constructor(options: RosterRequestsOptions) {
    this.#options = options;
    this.#backoff = new Backoff(REQUEST_WAIT, options.entropy);
  }

  /** An empty terminal asks by itself; others announce their version in `state/online` and get what they lack. */
  connected(): void {
    this.#connected = true;
    if (this.#options.version() === 0) this.need("start");
    else if (this.#reason !== null) this.need(this.#reason);
  }

  disconnected(): void {
    this.#connected = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  need(reason: RosterRequestMessage["reason"]): void {
    this.#reason = reason;
    if (!this.#connected || this.#timer !== null) return;
    // A disk that could not save now will not a moment later.
    if (reason !== "not-saved") this.#send();
    this.#wait();
  }

  /** What came fitted. */
  satisfied(): void {
    this.#reason = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#backoff = new Backoff(REQUEST_WAIT, this.#options.entropy);
  }

  #send(): void {
    if (this.#reason === null) return;
    this.#options.send({ v: 1, have: this.#options.version(), reason: this.#reason });
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(this.#backoff.nextWaitMs(), () => {
      this.#timer = null;
      this.#send();
      this.#wait();
    });
  }
}
