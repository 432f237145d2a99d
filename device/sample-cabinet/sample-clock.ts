import type { Database } from "better-sqlite3";
import type { MigrationSet } from "../journal/database.ts";
import type { Journal, TimeTrust } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import type { KeptHours } from "./samples-port.ts";

/**
 * How long a sample has certainly been kept, whatever the wall clock was set to.
 *
 * The wall clock may be stepped by a person, a dead battery or a wrong server, also while the terminal is off, when no
 * step can be seen. Two things are proof. While the terminal runs its monotonic clock only counts forward: those
 * times are added up over restarts (`ranMs`). And where the wall clock was compared with the cloud or NTP (`synced`),
 * it is the true time: two such marks say what passed between them, the terminal's rest included.
 */

/** The wall clock was right, at this count of running time. */
export interface TimeMark {
  readonly ranMs: number;
  readonly wallMs: number;
}

/** A moment as it is known now, or as it was written down: the count, the wall's claim and whether to believe it. */
export interface Moment extends TimeMark {
  readonly trust: TimeTrust;
}

/** How far two synced stamps may be off together: offset, half a slow round trip and an hour's drift, twice. */
export const MARK_SLACK_MS = 16_000;
/** How far an ordinary crystal strays: a count of running time is that much less certain. */
const DRIFT_PPM_MAX = 100;

/**
 * The least time between two moments.
 *
 * @param marks the first one counted later than `from`, and the last one; `from` and `to` are marks themselves where
 *   they are synced. A mark at the very count of `from` may be of before a restart, and so of long before.
 */
export function provenMsBetween(
  from: Moment,
  to: Moment,
  marks: { readonly first: TimeMark | undefined; readonly last: TimeMark | undefined },
): number {
  const ran = leastOf(to.ranMs - from.ranMs);
  const first = from.trust === "synced" ? from : marks.first;
  const last = to.trust === "synced" ? to : marks.last;
  if (first === undefined || last === undefined || last.ranMs < first.ranMs) return ran;
  const between = last.wallMs - first.wallMs - MARK_SLACK_MS;
  return Math.max(ran, leastOf(first.ranMs - from.ranMs) + between + leastOf(to.ranMs - last.ranMs));
}

function leastOf(ranMs: number): number {
  return Math.max(0, ranMs - Math.ceil((ranMs * DRIFT_PPM_MAX) / 1e6));
}

/**
 * How far a sample's hours are over. Both measures must be full: `provenMs`, so that a clock set forward frees nothing,
 * and `wallMs`, so that the stamps on record say the same to whoever reads them later. Where the sample was stamped by
 * a clock that nobody believed, that stamp says nothing and the proof alone counts.
 */
export function keptHours(from: Moment, to: Moment, provenMs: number, neededMs: number): KeptHours {
  return { neededMs, provenMs, wallMs: from.trust === "unknown" ? provenMs : to.wallMs - from.wallMs };
}

export function hoursAreOver({ neededMs, wallMs, provenMs }: KeptHours): boolean {
  return wallMs >= neededMs && provenMs >= neededMs;
}

export const sampleMigrations: MigrationSet = {
  folder: "sample-cabinet-samples",
  migrations: [
    {
      name: "running time and marks of the right time",
      sql: `
        CREATE TABLE sample_running_time (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          ran_ms INTEGER NOT NULL CHECK (ran_ms >= 0)
        ) STRICT;
        INSERT INTO sample_running_time (only, ran_ms) VALUES (1, 0);
        CREATE TABLE sample_time_mark (
          ran_ms INTEGER PRIMARY KEY CHECK (ran_ms >= 0),
          wall_ms INTEGER NOT NULL
        ) STRICT;
      `,
    },
  ],
};

const SAVE_EVERY_MS = 300_000;
/** With one an hour at least this many days; without a mark the hours are only counted, never shortened. */
const MARKS_MAX = 2400;
const MARK_EVERY_MS = 3_600_000;

export interface SampleClockOptions {
  /** With `sampleMigrations`; the journal's own database. */
  readonly db: Database;
  readonly journal: Pick<Journal, "transact">;
  readonly clock: Pick<Clock, "now" | "mono">;
  readonly timeTrust: { current(): TimeTrust };
}

/**
 * Counts the running time over restarts and keeps the marks. What a crash loses is time that passed, at most five minutes:
 * a sample is kept longer for it, never shorter.
 */
export class SampleClock {
  readonly #options: SampleClockOptions;
  readonly #ranAtStartMs: number;
  readonly #monoAtStartMs: number;
  #savedRanMs: number;

  constructor(options: SampleClockOptions) {
    this.#options = options;
    const row = prepared<[], { ran_ms: number }>(
      options.db,
      "SELECT ran_ms FROM sample_running_time WHERE only = 1",
    ).get();
    this.#ranAtStartMs = row?.ran_ms ?? 0;
    this.#monoAtStartMs = options.clock.mono();
    this.#savedRanMs = this.#ranAtStartMs;
  }

  now(): Moment {
    const { clock, timeTrust } = this.#options;
    const ranMs = this.#ranAtStartMs + Math.floor(clock.mono() - this.#monoAtStartMs);
    return { ranMs, wallMs: clock.now(), trust: timeTrust.current() };
  }

  /**
   * Saves how far it has counted. Also called in the transaction that writes `ranMs` into an
   * entry: after a crash the count must not fall behind what is on record. @throws CanteenError of the disk.
   */
  save(now: Moment = this.now()): void {
    const { db, journal } = this.#options;
    journal.transact(() => {
      prepared<[number]>(db, "UPDATE sample_running_time SET ran_ms = max(ran_ms, ?) WHERE only = 1").run(
        now.ranMs,
      );
      if (now.trust === "synced") this.#mark(now);
    });
    this.#savedRanMs = now.ranMs;
  }

  /** `save`, where it is time to. */
  tick(): void {
    const now = this.now();
    if (now.ranMs - this.#savedRanMs >= SAVE_EVERY_MS) this.save(now);
  }

  /** How far the hours of what was stored at `from` are over. */
  hoursSince(from: Moment, neededMs: number): KeptHours {
    const now = this.now();
    return keptHours(from, now, this.#provenMs(from, now), neededMs);
  }

  #provenMs(from: Moment, now: Moment): number {
    const { db } = this.#options;
    const first = prepared<[number], TimeMark>(
      db,
      "SELECT ran_ms AS ranMs, wall_ms AS wallMs FROM sample_time_mark WHERE ran_ms > ? ORDER BY ran_ms LIMIT 1",
    ).get(from.ranMs);
    const last = prepared<[], TimeMark>(
      db,
      "SELECT ran_ms AS ranMs, wall_ms AS wallMs FROM sample_time_mark ORDER BY ran_ms DESC LIMIT 1",
    ).get();
    return provenMsBetween(from, now, { first, last });
  }

  #mark(now: Moment): void {
    const { db } = this.#options;
    const last = prepared<[], { ran_ms: number }>(
      db,
      "SELECT ran_ms FROM sample_time_mark ORDER BY ran_ms DESC LIMIT 1",
    ).get();
    if (last !== undefined && now.ranMs - last.ran_ms < MARK_EVERY_MS) return;
    prepared<[number, number]>(
      db,
      "INSERT OR IGNORE INTO sample_time_mark (ran_ms, wall_ms) VALUES (?, ?)",
    ).run(now.ranMs, now.wallMs);
    prepared<[number]>(
      db,
      `DELETE FROM sample_time_mark WHERE ran_ms <= (
         SELECT ran_ms FROM sample_time_mark ORDER BY ran_ms DESC LIMIT 1 OFFSET ?)`,
    ).run(MARKS_MAX);
  }
}
