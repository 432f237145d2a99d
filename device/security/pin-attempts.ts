import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { immediately, prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";

export interface PinAttemptLimits {
  /** Wrong PINs in a row before the lock. */
  readonly attemptsMax: number;
  readonly lockMs: number;
}

export type AttemptStart =
  | { readonly kind: "allowed"; readonly attemptsLeft: number }
  | { readonly kind: "locked"; readonly waitMs: number };

/** Subjects remembered at most; the one longest untouched goes first. Filling it takes longer than any lock. */
const SUBJECTS_MAX = 10_000;

/**
 * Counts wrong PINs so that pulling the plug does not win another try: an attempt is written before the PIN is
 * compared, and taken back when it was right.
 * A lock ends by the steady clock while the process runs. After a restart only the wall is left, which may have
 * been set: then the wait is at most one full lock.
 */
export class PinAttempts {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #limits: PinAttemptLimits;
  readonly #lockedUntil = new Map<string, MonoMs>();

  /** @param db with `securityMigrations`. */
  constructor(db: Database, clock: Clock, limits: PinAttemptLimits) {
    this.#db = db;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Call before the comparison. @param subject who is tried, e.g. `operator:li`; unknown ones count alike. */
  begin(subject: string): AttemptStart {
    return withDatabaseFaults(() => immediately(this.#db, () => this.#begin(subject)));
  }

  /** Call when the PIN was right. */
  succeeded(subject: string): void {
    this.#lockedUntil.delete(subject);
    withDatabaseFaults(() => prepared(this.#db, "DELETE FROM pin_attempt WHERE subject = ?").run(subject));
  }

  /** Call when the PIN was never compared, because the hasher was busy: the attempt did not take place. */
  notCompared(subject: string): void {
    withDatabaseFaults(() =>
      immediately(this.#db, () => {
        this.#lockedUntil.delete(subject);
        prepared(this.#db, "DELETE FROM pin_attempt WHERE subject = ? AND wrong_count = 1").run(subject);
        prepared(
          this.#db,
          "UPDATE pin_attempt SET wrong_count = wrong_count - 1, locked_at_ms = NULL WHERE subject = ?",
        ).run(subject);
      }),
    );
  }

  /** How long the subject is locked, 0 when it is not. */
  waitMs(subject: string): number {
    return withDatabaseFaults(() => this.#waitMs(subject, this.#row(subject)));
  }

  #begin(subject: string): AttemptStart {
    const row = this.#row(subject);
    const waitMs = this.#waitMs(subject, row);
    if (waitMs > 0) return { kind: "locked", waitMs };
    const lockOver = row !== undefined && row.locked_at_ms !== null;
    const count = (lockOver || row === undefined ? 0 : row.wrong_count) + 1;
    const locks = count >= this.#limits.attemptsMax;
    const now = this.#clock.now();
    if (locks) this.#lockedUntil.set(subject, monoMs(this.#clock.mono() + this.#limits.lockMs));
    else this.#lockedUntil.delete(subject);
    prepared(
      this.#db,
      `INSERT INTO pin_attempt (subject, wrong_count, locked_at_ms, touched_at_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (subject) DO UPDATE SET wrong_count = excluded.wrong_count,
           locked_at_ms = excluded.locked_at_ms, touched_at_ms = excluded.touched_at_ms`,
    ).run(subject, count, locks ? now : null, now);
    this.#forgetOldest();
    return { kind: "allowed", attemptsLeft: this.#limits.attemptsMax - count };
  }

  #waitMs(subject: string, row: AttemptRow | undefined): number {
    if (row === undefined || row.locked_at_ms === null) return 0;
    const { lockMs } = this.#limits;
    const until = this.#lockedUntil.get(subject);
    if (until !== undefined) return Math.max(0, until - this.#clock.mono());
    const sinceMs = this.#clock.now() - row.locked_at_ms;
    const leftMs = sinceMs < 0 ? lockMs : lockMs - sinceMs;
    if (leftMs <= 0) return 0;
    // From here on the steady clock counts, whatever is done to the wall.
    this.#lockedUntil.set(subject, monoMs(this.#clock.mono() + leftMs));
    return leftMs;
  }

  #row(subject: string): AttemptRow | undefined {
    return prepared<[string], AttemptRow>(
      this.#db,
      "SELECT wrong_count, locked_at_ms FROM pin_attempt WHERE subject = ?",
    ).get(subject);
  }

  #forgetOldest(): void {
    const counted = prepared<[], { count: number }>(this.#db, "SELECT count(*) AS count FROM pin_attempt");
    if ((counted.get()?.count ?? 0) <= SUBJECTS_MAX) return;
    const gone = this.#db
      .prepare<[], string>(
        `DELETE FROM pin_attempt WHERE subject =
           (SELECT subject FROM pin_attempt ORDER BY touched_at_ms, subject LIMIT 1) RETURNING subject`,
      )
      .pluck()
      .get();
    if (gone !== undefined) this.#lockedUntil.delete(gone);
  }
}

interface AttemptRow {
  readonly wrong_count: number;
  readonly locked_at_ms: number | null;
}
