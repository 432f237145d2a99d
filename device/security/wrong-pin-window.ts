import type { Clock } from "../platform/clock.ts";
import type { MonoMs } from "../platform/units.ts";

export interface WrongPinWindowLimits {
  /** Wrong PINs of all subjects together, within the window, before everybody waits. */
  readonly wrongMax: number;
  readonly windowMs: number;
  readonly lockMs: number;
}

/** One PIN being tried. */
export type WrongPinTrial = symbol;

/**
 * Limits wrong PINs over all subjects: whoever tries one common PIN on number after number stays below every
 * number's own limit. In memory only, since a restart takes longer than it would win; each number's count is on disk.
 * A right PIN takes back its own trial and no other: with one PIN of one's own the window cannot be emptied.
 */
export class WrongPinWindow {
  readonly #clock: Pick<Clock, "mono">;
  readonly #limits: WrongPinWindowLimits;
  #trials: { readonly trial: WrongPinTrial; readonly atMono: MonoMs }[] = [];

  constructor(clock: Pick<Clock, "mono">, limits: WrongPinWindowLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** How long everybody waits, 0 when a PIN may be tried. */
  waitMs(): number {
    const { wrongMax, windowMs, lockMs } = this.#limits;
    const newest = this.#trials.at(-1);
    const first = this.#trials.at(-wrongMax);
    if (newest === undefined || first === undefined || newest.atMono - first.atMono > windowMs) return 0;
    return Math.max(0, newest.atMono + lockMs - this.#clock.mono());
  }

  /** Call before the comparison, so that many at once are counted too. */
  begin(): WrongPinTrial {
    // After a lock the count begins anew, as it does for one number.
    const kept = this.#trials.length >= this.#limits.wrongMax && this.#wasLocked() ? [] : this.#trials;
    const trial = Symbol("trial");
    this.#trials = [...kept, { trial, atMono: this.#clock.mono() }].slice(-this.#limits.wrongMax);
    return trial;
  }

  /** It was right, or never compared. */
  takeBack(trial: WrongPinTrial): void {
    this.#trials = this.#trials.filter((each) => each.trial !== trial);
  }

  #wasLocked(): boolean {
    const [first] = this.#trials;
    const newest = this.#trials.at(-1);
    return (
      first !== undefined && newest !== undefined && newest.atMono - first.atMono <= this.#limits.windowMs
    );
  }
}
