import type { Clock, Timer } from "../platform/clock.ts";

/**
 * Sends a change at once and then at most once each period, so that what changes many times a second reaches a page as
 * the newest only.
 */
export class PacedSender {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #send: () => boolean;
  #timer: Timer | undefined;
  #isDue = false;

  /** @param send gives whether it was sent; what could not be is tried again after the period, in its newest form. */
  constructor(clock: Clock, periodMs: number, send: () => boolean) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#send = send;
  }

  changed(): void {
    this.#isDue = true;
    if (this.#timer === undefined) this.#turn();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #turn(): void {
    this.#isDue = !this.#send();
    this.#timer = this.#clock.after(this.#periodMs, () => {
      this.#timer = undefined;
      if (this.#isDue) this.#turn();
    });
  }
}
