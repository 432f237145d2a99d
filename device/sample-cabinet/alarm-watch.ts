import type { Clock, Timer } from "../platform/clock.ts";
import type { AlarmBook, AlarmName } from "./alarm-book.ts";
import {
  type Condition,
  type Delays,
  dueMonoMsOf,
  HOLDING,
  judgeCondition,
  QUIET,
  settleCondition,
  type Verdict,
} from "./alarm-condition.ts";
import type { AlarmFacts, AlarmLevel } from "./cabinet-port.ts";

/** One alarm of a cabinet with its delays: told verdicts, it tells the book when the condition comes and goes. */
export class AlarmWatch {
  readonly name: AlarmName;
  readonly #options: {
    readonly book: AlarmBook;
    readonly level: AlarmLevel;
    readonly delays: Delays;
    readonly clock: Clock;
  };
  #condition: Condition;
  #facts: AlarmFacts = {};
  #timer: Timer | null = null;
  #dueMonoMs: number | null = null;

  constructor(
    name: AlarmName,
    options: {
      readonly book: AlarmBook;
      readonly level: AlarmLevel;
      readonly delays: Delays;
      readonly clock: Clock;
    },
  ) {
    this.name = name;
    this.#options = options;
    // What the process before left raised goes on from there, dead band included.
    this.#condition = options.book.isActive(name) ? HOLDING : QUIET;
  }

  get isActive(): boolean {
    return this.#condition.isActive;
  }

  /** @param facts  of a verdict that speaks for it; those of the last one before the raising go on record. */
  tell(verdict: Verdict, facts: AlarmFacts = {}): void {
    if (verdict === "on") this.#facts = facts;
    this.#enter(judgeCondition(this.#condition, verdict, this.#options.clock.mono(), this.#options.delays));
  }

  close(): void {
    this.#timer?.cancel();
  }

  #enter(next: Condition): void {
    const { book, level } = this.#options;
    const changed = next.isActive !== this.#condition.isActive;
    this.#condition = next;
    if (changed && next.isActive) book.raise(this.name, level, this.#facts);
    if (changed && !next.isActive) book.clear(this.name);
    this.#arm();
  }

  /** To the millisecond: the next reading may be seconds away. */
  #arm(): void {
    const { clock, delays } = this.#options;
    const dueMonoMs = dueMonoMsOf(this.#condition, delays);
    if (dueMonoMs === this.#dueMonoMs) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#dueMonoMs = dueMonoMs;
    if (dueMonoMs === null) return;
    this.#timer = clock.after(Math.max(0, dueMonoMs - clock.mono()), () => {
      this.#dueMonoMs = null;
      this.#enter(settleCondition(this.#condition, clock.mono(), delays));
    });
  }
}
