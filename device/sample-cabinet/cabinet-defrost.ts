import type { Clock, Timer } from "../platform/clock.ts";
import { epochMs } from "../platform/units.ts";
import { alarmEntry } from "./alarm-entries.ts";
import type { AlarmJournal } from "./alarm-journal.ts";
import type { ActingPerson } from "./alarm-machine.ts";
import type { KeptDefrost } from "./alarm-records.ts";
import type { CabinetOutcome, CabinetView } from "./cabinet-port.ts";
import { type DefrostTime, defrostLeftMs } from "./defrost-schedule.ts";

export interface CabinetDefrostOptions {
  readonly cabinetId: string;
  readonly schedule: readonly DefrostTime[];
  readonly minuteOfDay: (atMs: number) => number;
  readonly kept: KeptDefrost | undefined;
  readonly journal: AlarmJournal;
  readonly clock: Clock;
  /** What is suppressed has changed. */
  readonly onChanged: () => void;
}

const LOOK_MS = 15_000;
/** Longer is a repair: take the cabinet out of service. */
export const DEFROST_MS_MAX = 2 * 3_600_000;

/** Whether one cabinet defrosts: by its schedule or because a person said so. Its end is on the clock that does not jump. */
export class CabinetDefrost {
  readonly #options: CabinetDefrostOptions;
  readonly #timer: Timer;
  #running: { readonly cause: "schedule" | "person"; readonly endsMonoMs: number } | null = null;
  /** A person ended the scheduled one: not again in the same window. */
  #notBeforeMonoMs = 0;

  constructor(options: CabinetDefrostOptions) {
    this.#options = options;
    const { kept, clock } = options;
    if (kept !== undefined) {
      const leftMs = Math.min(kept.durationMs, Math.max(0, kept.untilMs - clock.now()));
      this.#running = { cause: kept.cause, endsMonoMs: clock.mono() + leftMs };
    }
    this.#timer = clock.every(LOOK_MS, () => this.#look());
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  view(): CabinetView["defrost"] {
    const { clock } = this.#options;
    if (this.#running === null) return null;
    const { cause, endsMonoMs } = this.#running;
    return { cause, untilMs: epochMs(clock.now() + Math.max(0, endsMonoMs - clock.mono())) };
  }

  begin(durationMs: number, person: ActingPerson): CabinetOutcome {
    if (!Number.isSafeInteger(durationMs) || durationMs < 60_000 || durationMs > DEFROST_MS_MAX)
      return { kind: "refused", reason: "duration-out-of-range" };
    const entry = this.#startEntry("person", durationMs, person);
    if (!this.#options.journal.commit([entry])) return { kind: "refused", reason: "not-saved" };
    this.#enter("person", durationMs);
    return { kind: "done" };
  }

  end(person: ActingPerson): CabinetOutcome {
    const { cabinetId, journal, clock, schedule, minuteOfDay } = this.#options;
    if (this.#running === null) return { kind: "refused", reason: "not-defrosting" };
    if (!journal.commit([alarmEntry("alarm.unsuppressed", { cabinetId, ...person })]))
      return { kind: "refused", reason: "not-saved" };
    this.#notBeforeMonoMs = clock.mono() + (defrostLeftMs(schedule, minuteOfDay(clock.now())) ?? 0);
    this.#leave();
    return { kind: "done" };
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const { cabinetId, clock, schedule, minuteOfDay, journal } = this.#options;
    if (this.#running !== null) {
      if (clock.mono() < this.#running.endsMonoMs) return;
      journal.record(alarmEntry("alarm.unsuppressed", { cabinetId, operatorId: null, by: null }));
      this.#leave();
      return;
    }
    if (schedule.length === 0 || clock.mono() < this.#notBeforeMonoMs) return;
    const leftMs = defrostLeftMs(schedule, minuteOfDay(clock.now()));
    if (leftMs === null) return;
    journal.record(this.#startEntry("schedule", leftMs, null));
    this.#enter("schedule", leftMs);
  }

  #startEntry(
    cause: "schedule" | "person",
    durationMs: number,
    person: ActingPerson | null,
  ): ReturnType<typeof alarmEntry> {
    const { cabinetId, clock } = this.#options;
    return alarmEntry("alarm.suppressed", {
      cabinetId,
      cause,
      ...(person ?? { operatorId: null, by: null }),
      durationMs,
      untilMs: clock.now() + durationMs,
    });
  }

  #enter(cause: "schedule" | "person", durationMs: number): void {
    this.#running = { cause, endsMonoMs: this.#options.clock.mono() + durationMs };
    this.#options.onChanged();
  }

  #leave(): void {
    this.#running = null;
    this.#options.onChanged();
  }
}
