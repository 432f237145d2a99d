import type { Clock, Timer } from "./clock.ts";
import type { EpochMs, MonoMs } from "./units.ts";

/** Same words as in the journal's contract: compared not long ago, ran on since then, neither. */
export type TimeTrust = "synced" | "held" | "unknown";

export interface TimeTrustLimits {
  /** How long after a reference the wall clock counts as synced; then it is held. */
  readonly syncedMsMax: number;
  /** How far the wall may be from the reference, beyond half the round trip and the crystal's drift. */
  readonly offsetMsMax: number;
  /** A reference that took longer says too little and is passed over. */
  readonly roundTripMsMax: number;
  /** A jump of the wall against the other clock that is worth a record. */
  readonly stepMsMin: number;
  /** How far an ordinary crystal strays, in parts per million. */
  readonly driftPpmMax: number;
}

export const TIME_TRUST_LIMITS: TimeTrustLimits = {
  syncedMsMax: 3_600_000,
  offsetMsMax: 2_000,
  roundTripMsMax: 10_000,
  stepMsMin: 2_000,
  driftPpmMax: 100,
};

/** Both clocks, read at one moment. */
export interface ClockSample {
  readonly wallMs: EpochMs;
  readonly monoMs: MonoMs;
}

/** The true time as someone else gave it: `epochMs` ± `uncertaintyMs` at the moment `monoMs` of our own clock. */
export interface TimeReference {
  readonly epochMs: number;
  readonly monoMs: MonoMs;
  readonly uncertaintyMs: number;
  /** Nobody else gave it: the wall clock was merely found plausible, so it is never more than held. */
  readonly heldOnly?: true;
}

/** The newest journal entry of the last run: what the wall clock is measured against when the terminal starts. */
export interface LastRecord {
  readonly atMs: EpochMs;
  readonly timeTrust: TimeTrust;
}

/** @returns nothing when the round trip was too long or is no duration. */
export function referenceFrom(
  cloudNowMs: number,
  roundTripMs: number,
  monoMs: MonoMs,
  limits: TimeTrustLimits,
): TimeReference | undefined {
  if (!Number.isFinite(cloudNowMs) || !(roundTripMs >= 0 && roundTripMs <= limits.roundTripMsMax)) {
    return undefined;
  }
  return { epochMs: cloudNowMs + roundTripMs / 2, monoMs, uncertaintyMs: roundTripMs / 2 };
}

/** Wall time minus what the reference has become since; positive when the wall is ahead. */
export function offsetMs(reference: TimeReference, sample: ClockSample): number {
  return sample.wallMs - (reference.epochMs + (sample.monoMs - reference.monoMs));
}

/**
 * Whether the wall clock may be believed now. Only the two clocks and the last reference count, so a step away and
 * a step back need no bookkeeping, and a clock that was wrong is trusted as soon as it was set right.
 */
export function trustOf(
  reference: TimeReference | undefined,
  sample: ClockSample,
  limits: TimeTrustLimits,
): TimeTrust {
  if (reference === undefined) return "unknown";
  const ageMs = sample.monoMs - reference.monoMs;
  const allowedMs = limits.offsetMsMax + reference.uncertaintyMs + (ageMs * limits.driftPpmMax) / 1e6;
  if (Math.abs(offsetMs(reference, sample)) > allowedMs) return "unknown";
  return reference.heldOnly !== true && ageMs <= limits.syncedMsMax ? "synced" : "held";
}

/**
 * Whether a wall clock that ran on through a restart may be held: it is not before the last record, nor further
 * after it than the terminal may be off. A dead battery (1970) and a date typed by hand years ahead are neither.
 */
export function isPlausibleAfter(last: LastRecord, wallMs: EpochMs, offMsMax: number): boolean {
  return last.timeTrust !== "unknown" && wallMs >= last.atMs && wallMs - last.atMs <= offMsMax;
}

/** How far the wall jumped between two samples, in whole milliseconds; 0 below the limit. */
export function stepBetween(before: ClockSample, after: ClockSample, limits: TimeTrustLimits): number {
  const byMs = Math.round(after.wallMs - before.wallMs - (after.monoMs - before.monoMs));
  return Math.abs(byMs) > limits.stepMsMin ? byMs : 0;
}

export interface ClockStep {
  /** Positive: the wall went forward. */
  readonly byMs: number;
  readonly wallBeforeMs: EpochMs;
  readonly wallAfterMs: EpochMs;
}

export interface TimeTrustOptions {
  readonly clock: Clock;
  readonly limits?: TimeTrustLimits;
  /** Called once for each step, with the clock already at its new time; writes `device.clock-stepped`. */
  readonly onStepped: (step: ClockStep) => void;
}

/** Keeps the last reference and samples the clocks; the rules are the functions above. */
export class TimeTrustTracker {
  readonly #clock: Clock;
  readonly #limits: TimeTrustLimits;
  readonly #onStepped: (step: ClockStep) => void;
  #reference: TimeReference | undefined;
  #last: ClockSample;

  constructor({ clock, limits = TIME_TRUST_LIMITS, onStepped }: TimeTrustOptions) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onStepped = onStepped;
    this.#last = this.#sample();
  }

  /** Looks for steps every `periodMs`, until cancelled. */
  start(periodMs = 1000): Timer {
    return this.#clock.every(periodMs, () => this.check());
  }

  /** For each record's stamp. Reports nothing: the record being written comes before the one about the step. */
  current(): TimeTrust {
    return trustOf(this.#reference, this.#sample(), this.#limits);
  }

  /**
   * Takes the time of the cloud, or of any other source that is right.
   * @param cloudNowMs its wall clock when it answered.
   * @param roundTripMs from our question to its answer; it answered somewhere in between.
   * @returns how far our wall is ahead of it; `null` when the answer was too slow to tell.
   */
  reportReference(cloudNowMs: number, roundTripMs: number): { readonly offsetMs: number | null } {
    const sample = this.#sample();
    const reference = referenceFrom(cloudNowMs, roundTripMs, sample.monoMs, this.#limits);
    if (reference === undefined) return { offsetMs: null };
    this.#reference = reference;
    return { offsetMs: Math.round(offsetMs(reference, sample)) };
  }

  /** At the start: holds the wall clock when it is plausible after the last run's newest record. */
  resume(last: LastRecord, offMsMax: number): void {
    const sample = this.#sample();
    if (this.#reference !== undefined || !isPlausibleAfter(last, sample.wallMs, offMsMax)) return;
    this.#holdFrom(sample);
  }

  /** A person read the clock on the screen and says that it is right; their name is the caller's to record. */
  confirmByOperator(): void {
    this.#holdFrom(this.#sample());
  }

  /** Compares both clocks with the last look and reports a step of the wall. */
  check(): void {
    const before = this.#last;
    const after = this.#sample();
    this.#last = after;
    const byMs = stepBetween(before, after, this.#limits);
    if (byMs !== 0) this.#onStepped({ byMs, wallBeforeMs: before.wallMs, wallAfterMs: after.wallMs });
  }

  #holdFrom({ wallMs, monoMs }: ClockSample): void {
    this.#reference = { epochMs: wallMs, monoMs, uncertaintyMs: 0, heldOnly: true };
  }

  #sample(): ClockSample {
    return { wallMs: this.#clock.now(), monoMs: this.#clock.mono() };
  }
}
