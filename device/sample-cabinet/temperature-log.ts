import type { Database, Statement } from "better-sqlite3";
import { databaseFault } from "../journal/database-fault.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { ProbeFault } from "./cabinet-port.ts";
import { openTemperatureFile } from "./temperature-file.ts";
import { addValue, emptyTally, type Stretch, type TemperatureTally } from "./temperature-tally.ts";

export interface TemperatureLogOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The whole file; at this minutes of more than a quarter ago go, then the oldest readings, then the oldest minutes. */
  readonly bytesMax: number;
}

export type LoggedReading =
  | {
      readonly kind: "value";
      readonly milliC: number;
      readonly rawMilliC: number;
      readonly stretch: Stretch;
    }
  | { readonly kind: "fault"; readonly fault: ProbeFault };

/** A stretch of the log's axis and the wall time that it had. */
export interface LogRun {
  readonly logStartMs: number;
  readonly wallStartMs: number;
  /** Exclusive; of the newest run it has no end. */
  readonly logEndMs: number;
}

export const MINUTE_MS = 60_000;
export const READING_KEPT_MS = 7 * 86_400_000;
export const MINUTE_KEPT_MS = 730 * 86_400_000;
/** Within a small budget each reading of this week is worth more than a minute of last year, which the journal sums up. */
export const MINUTE_KEPT_MS_MIN = 90 * 86_400_000;
/** What a loss of power may cost. */
const FLUSH_MS = 10_000;
/** Old rows go once in so many flushes. */
const FLUSHES_PER_PRUNE = 6;
/** With a disk that takes nothing: an hour of 32 probes; then the oldest go. */
const WAITING_MAX = 25_000;
/** The wall clock is corrected by more than its drift: a new run. */
const WALL_STEP_MS_MIN = 2000;
/** Rows of one table that go at a time: a few milliseconds of the one thread, and ten times what 32 probes bring. */
const PRUNE_ROWS_MAX = 4000;

interface WaitingReading {
  readonly probeNo: number;
  readonly logMs: number;
  readonly milliC: number | null;
  readonly rawMilliC: number | null;
  readonly fault: ProbeFault | null;
}

interface OpenMinute {
  readonly probeNo: number;
  readonly logMs: number;
  readonly tally: TemperatureTally;
}

interface Probe {
  readonly probeNo: number;
  lastLogMs: number;
  minute: OpenMinute | null;
}

/**
 * Readings of all probes on disk: each one for 7 days of running time, minutes for two years. Written every 10 s in one
 * transaction; a fault of the disk costs readings, never the alarms.
 */
export class TemperatureLog {
  readonly db: Database;
  readonly #options: TemperatureLogOptions;
  readonly #probes = new Map<string, Probe>();
  readonly #insert: Statement<[number, number, number | null, number | null, string | null]>;
  readonly #upsert: Statement<(number | null)[]>;
  readonly #write: (readings: readonly WaitingReading[], minutes: readonly OpenMinute[]) => void;
  readonly #timer: Timer;
  #waiting: WaitingReading[] = [];
  #closed: OpenMinute[] = [];
  #run: { readonly logStartMs: number; readonly wallStartMs: number; readonly monoStartMs: number };
  #fault: string | null = null;
  #flushes = 0;

  /** The wall time of the last record before this process; null for a new file. */
  readonly lastSeenAtMs: number | null;

  /** @throws CanteenError of the disk. */
  constructor(options: TemperatureLogOptions) {
    this.#options = options;
    this.db = openTemperatureFile(options.file, options.logger);
    this.#insert = this.db.prepare(
      "INSERT INTO reading (probe_no, log_ms, milli_c, raw_milli_c, fault) VALUES (?, ?, ?, ?, ?)",
    );
    this.#upsert = this.db.prepare(
      `INSERT INTO minute VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         min_milli_c = excluded.min_milli_c, max_milli_c = excluded.max_milli_c,
         sum_milli_c = excluded.sum_milli_c, value_count = excluded.value_count,
         fault_count = excluded.fault_count, known_ms = excluded.known_ms,
         above_ms = excluded.above_ms, above_milli_c_s = excluded.above_milli_c_s`,
    );
    this.#write = this.db.transaction(
      (readings: readonly WaitingReading[], minutes: readonly OpenMinute[]) => {
        for (const { probeNo, logMs, milliC, rawMilliC, fault } of readings)
          this.#insert.run(probeNo, logMs, milliC, rawMilliC, fault);
        for (const minute of minutes) this.#upsert.run(...minuteRow(minute));
      },
    );
    const last = this.#lastRecord();
    this.lastSeenAtMs = last?.wallMs ?? null;
    this.#run = this.#startRun(last?.logMs ?? -1);
    this.#timer = options.clock.every(FLUSH_MS, () => this.#onTimer());
  }

  /** Why readings do not reach the disk; null when they do. */
  get fault(): string | null {
    return this.#fault;
  }

  add(probeId: string, reading: LoggedReading, atMonoMs: number): void {
    const probe = this.#probeOf(probeId);
    // Two readings within a millisecond are two readings.
    const logMs = Math.max(this.#logMsAt(atMonoMs), probe.lastLogMs + 1);
    probe.lastLogMs = logMs;
    const tally = this.#minuteOf(probe, logMs);
    const { probeNo } = probe;
    if (reading.kind === "value") {
      const { milliC, rawMilliC, stretch } = reading;
      addValue(tally, milliC, stretch);
      this.#waiting.push({
        probeNo,
        logMs,
        milliC,
        rawMilliC: rawMilliC === milliC ? null : rawMilliC,
        fault: null,
      });
    } else {
      tally.faultCount += 1;
      this.#waiting.push({ probeNo, logMs, milliC: null, rawMilliC: null, fault: reading.fault });
    }
    if (this.#waiting.length > WAITING_MAX) this.#waiting = this.#waiting.slice(-WAITING_MAX / 2);
  }

  /** Writes what waits. A fault is kept for the view, and what waits stays. */
  flush(): void {
    if (this.#waiting.length > 0 || this.#fault !== null) this.#writeWaiting();
    this.#followWallClock();
  }

  #writeWaiting(): void {
    const open = [...this.#probes.values()].flatMap(({ minute }) => (minute === null ? [] : [minute]));
    try {
      this.#write(this.#waiting, [...this.#closed, ...open]);
      this.#waiting = [];
      this.#closed = [];
      this.#fault = null;
    } catch (error) {
      const fault = databaseFault(error);
      if (fault === undefined) throw error;
      if (this.#fault !== fault.code)
        this.#options.logger.error({ code: fault.code }, "temperatures could not be written");
      this.#fault = fault.code;
      if (this.#closed.length > WAITING_MAX) this.#closed = this.#closed.slice(-WAITING_MAX / 2);
    }
  }

  #onTimer(): void {
    this.flush();
    this.#flushes += 1;
    if (this.#flushes % FLUSHES_PER_PRUNE !== 0) return;
    try {
      this.#prune();
    } catch (error) {
      // Deleting needs room too; the next flush says what is wrong.
      if (databaseFault(error) === undefined) throw error;
    }
  }

  /** Runs that touch a span of wall time, in the order of the log. */
  runsWithin(fromMs: number, toMs: number): readonly LogRun[] {
    const rows = prepared<[], { log_start_ms: number; wall_start_ms: number; log_end_ms: number | null }>(
      this.db,
      `SELECT log_start_ms, wall_start_ms, lead(log_start_ms) OVER (ORDER BY log_start_ms) AS log_end_ms
         FROM run ORDER BY log_start_ms`,
    ).all();
    return rows
      .map((row) => ({
        logStartMs: row.log_start_ms,
        wallStartMs: row.wall_start_ms,
        logEndMs: row.log_end_ms ?? Number.MAX_SAFE_INTEGER,
      }))
      .filter(({ logStartMs, wallStartMs, logEndMs }) => {
        const wallEndMs = wallStartMs + (logEndMs - logStartMs);
        return wallStartMs < toMs && wallEndMs > fromMs;
      });
  }

  /** By the numbers that the rows have; probes that never spoke are not in it. */
  probesByNo(probeIds: readonly string[]): ReadonlyMap<number, string> {
    const rows = prepared<[string], { probe_no: number; probe_id: string }>(
      this.db,
      "SELECT probe_no, probe_id FROM probe WHERE probe_id IN (SELECT value FROM json_each(?))",
    ).all(JSON.stringify(probeIds));
    return new Map(rows.map(({ probe_no, probe_id }) => [probe_no, probe_id]));
  }

  /** Time above the limit of each past minute within `windowMs` of running time, by minutes ago. */
  aboveOfPast(
    probeId: string,
    windowMs: number,
  ): readonly { readonly minutesAgo: number; readonly aboveMs: number }[] {
    const nowMs = this.#run.logStartMs;
    return prepared<[number, number, string], { minutesAgo: number; aboveMs: number }>(
      this.db,
      `SELECT CAST((? - log_ms) / ${MINUTE_MS} AS INTEGER) AS minutesAgo, above_ms AS aboveMs FROM minute
         WHERE log_ms >= ? AND probe_no = (SELECT probe_no FROM probe WHERE probe_id = ?) AND above_ms > 0
         ORDER BY log_ms`,
    ).all(nowMs, nowMs - windowMs, probeId);
  }

  /** Bytes in use; what was freed is used again before the file grows. */
  usedBytes(): number {
    const pages = this.#pragma("page_count") - this.#pragma("freelist_count");
    return pages * this.#pragma("page_size");
  }

  close(): void {
    this.#timer.cancel();
    this.flush();
    this.db.close();
  }

  #logMsAt(atMonoMs: number): number {
    const { logStartMs, monoStartMs } = this.#run;
    return logStartMs + Math.max(0, Math.round(atMonoMs - monoStartMs));
  }

  #minuteOf(probe: Probe, logMs: number): TemperatureTally {
    const minuteLogMs = logMs - (logMs % MINUTE_MS);
    if (probe.minute !== null && probe.minute.logMs !== minuteLogMs) this.#closeMinute(probe);
    probe.minute ??= { probeNo: probe.probeNo, logMs: minuteLogMs, tally: emptyTally() };
    return probe.minute.tally;
  }

  #closeMinute(probe: Probe): void {
    if (probe.minute !== null) this.#closed.push(probe.minute);
    probe.minute = null;
  }

  #probeOf(probeId: string): Probe {
    const known = this.#probes.get(probeId);
    if (known !== undefined) return known;
    this.db.prepare("INSERT INTO probe (probe_id) VALUES (?) ON CONFLICT DO NOTHING").run(probeId);
    const [probeNo = 0] = this.probesByNo([probeId]).keys();
    const probe: Probe = { probeNo, lastLogMs: -1, minute: null };
    this.#probes.set(probeId, probe);
    return probe;
  }

  #lastRecord(): { readonly logMs: number; readonly wallMs: number } | null {
    const lastOf = (table: "reading" | "minute"): number =>
      this.db.prepare<[], number | null>(`SELECT max(log_ms) FROM ${table}`).pluck().get() ?? -1;
    const logMs = Math.max(lastOf("reading"), lastOf("minute"));
    if (logMs < 0) return null;
    const run = this.db
      .prepare<[number], { log_start_ms: number; wall_start_ms: number }>(
        "SELECT log_start_ms, wall_start_ms FROM run WHERE log_start_ms <= ? ORDER BY log_start_ms DESC LIMIT 1",
      )
      .get(logMs);
    return run === undefined ? null : { logMs, wallMs: run.wall_start_ms + (logMs - run.log_start_ms) };
  }

  /** The axis goes on in a fresh minute, which begins where the wall clock's minutes begin. */
  #startRun(lastLogMs: number): {
    readonly logStartMs: number;
    readonly wallStartMs: number;
    readonly monoStartMs: number;
  } {
    const { clock } = this.#options;
    const intoMinuteMs = clock.now() % MINUTE_MS;
    const wallStartMs = clock.now() - intoMinuteMs;
    // A run before this one may have ended without a record.
    const lastStartMs = this.db.prepare<[], number | null>("SELECT max(log_start_ms) FROM run").pluck().get();
    const lastMs = Math.max(lastLogMs, lastStartMs ?? -1);
    const logStartMs = (Math.floor(lastMs / MINUTE_MS) + 1) * MINUTE_MS;
    this.db
      .prepare("INSERT INTO run (log_start_ms, wall_start_ms) VALUES (?, ?)")
      .run(logStartMs, wallStartMs);
    return { logStartMs, wallStartMs, monoStartMs: clock.mono() - intoMinuteMs };
  }

  #followWallClock(): void {
    const { clock, logger } = this.#options;
    const expectedMs = this.#run.wallStartMs + (clock.mono() - this.#run.monoStartMs);
    if (Math.abs(clock.now() - expectedMs) < WALL_STEP_MS_MIN) return;
    for (const probe of this.#probes.values()) this.#closeMinute(probe);
    try {
      this.#run = this.#startRun(this.#logMsAt(clock.mono()));
    } catch (error) {
      const fault = databaseFault(error);
      if (fault === undefined) throw error;
      // The axis goes on by itself; the wall time of these readings is wrong until the disk takes the run.
      logger.error({ code: fault.code }, "the log of temperatures could not follow the wall clock");
    }
  }

  /** A bounded number of rows: nobody waits for it. */
  #prune(): void {
    const nowMs = this.#logMsAt(this.#options.clock.mono());
    this.#deleteOldest("reading", nowMs - READING_KEPT_MS);
    this.#deleteOldest("minute", nowMs - MINUTE_KEPT_MS);
    const isOver = (): boolean => this.usedBytes() > this.#options.bytesMax;
    // What is worth more goes only when what is worth less has gone and was not enough.
    if (!isOver() || !this.#deleteOldest("minute", nowMs - MINUTE_KEPT_MS_MIN)) return;
    if (!isOver() || !this.#deleteOldest("reading", nowMs - MINUTE_MS)) return;
    if (isOver()) this.#deleteOldest("minute", nowMs - 2 * MINUTE_MS);
  }

  /** @returns whether all of them have gone. */
  #deleteOldest(table: "reading" | "minute", beforeLogMs: number): boolean {
    const nth = prepared<[number], { log_ms: number }>(
      this.db,
      `SELECT log_ms FROM ${table} ORDER BY log_ms LIMIT 1 OFFSET ?`,
    );
    const oldest = nth.get(0);
    if (oldest === undefined || oldest.log_ms >= beforeLogMs) return true;
    // All rows of the oldest moment go, however many probes spoke then.
    const bound = Math.max(nth.get(PRUNE_ROWS_MAX)?.log_ms ?? beforeLogMs, oldest.log_ms + 1);
    prepared(this.db, `DELETE FROM ${table} WHERE log_ms < ?`).run(Math.min(beforeLogMs, bound));
    return bound >= beforeLogMs;
  }

  #pragma(name: "page_count" | "freelist_count" | "page_size"): number {
    return Number(prepared<[], number>(this.db, `PRAGMA ${name}`).pluck().get());
  }
}

function minuteRow({ probeNo, logMs, tally }: OpenMinute): (number | null)[] {
  return [
    probeNo,
    logMs,
    tally.minMilliC,
    tally.maxMilliC,
    tally.sumMilliC,
    tally.valueCount,
    tally.faultCount,
    Math.round(tally.knownMs),
    Math.round(tally.aboveMs),
    Math.round(tally.aboveMilliCMs / 1000),
  ];
}
