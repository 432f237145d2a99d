import type { Database } from "better-sqlite3";
import type { TimeTrust } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { Custody, Named } from "./sample-projection.ts";
import type { DishRef, MealRef } from "./samples-port.ts";

/** A sample as it is on record. */
export interface SampleRecord {
  readonly sampleId: string;
  readonly seq: number;
  readonly storedAtMs: number;
  readonly timeTrust: TimeTrust;
  readonly ranMs: number;
  readonly keepHours: number;
  readonly keepUntilMs: number;
  readonly cabinetId: string;
  readonly slotId: string;
  readonly meal: MealRef;
  readonly dish: DishRef;
  readonly netG: number;
  readonly isLate: boolean;
  readonly operatorId: string;
  readonly photo: Named["photo"];
  readonly state: "kept" | "disposed" | "seized" | "voided";
  readonly goneAtMs: number | null;
  readonly custody: Custody | null;
}

export interface MissingRecord {
  readonly meal: MealRef;
  readonly dish: DishRef;
  readonly deadlineMs: number;
  /** Names the alarm about it. */
  readonly subject: string;
  /** Somebody acknowledged that alarm. */
  readonly isAnswered: boolean;
}

interface SampleRow {
  readonly sample_id: string;
  readonly seq: number;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly ran_ms: number;
  readonly keep_hours: number;
  readonly keep_until_ms: number;
  readonly cabinet_id: string;
  readonly slot_id: string;
  readonly meal_date: string;
  readonly period_id: string;
  readonly dish_id: string;
  readonly net_g: number;
  readonly is_late: number;
  readonly operator_id: string;
  readonly named: string;
  readonly state: SampleRecord["state"];
  readonly gone_at_ms: number | null;
  readonly custody: string | null;
}

interface MissingRow {
  readonly meal_date: string;
  readonly period_id: string;
  readonly dish_id: string;
  readonly deadline_ms: number;
  readonly named: string;
  readonly subject: string;
  readonly answered_seq: number | null;
}

/** More than any terminal has slots for. */
const KEPT_MAX = 5000;

/** Reads of what the projection wrote; synchronous, each by an index. */
export class SampleBook {
  readonly #db: Database;

  /** @param db the journal's database, after the journal was opened with `sampleProjection`. */
  constructor(db: Database) {
    this.#db = db;
  }

  find(sampleId: string): SampleRecord | undefined {
    const row = prepared<[string], SampleRow>(this.#db, "SELECT * FROM sample WHERE sample_id = ?").get(
      sampleId,
    );
    return row && recordOf(row);
  }

  /** Those in their slots, the oldest first. */
  kept(): readonly SampleRecord[] {
    return this.#byState("kept", "seq", KEPT_MAX);
  }

  /** Newest first. */
  seized(countMax: number): readonly SampleRecord[] {
    return this.#byState("seized", "seq DESC", countMax);
  }

  /** All that ever were, newest first. */
  history(beforeSeq: number | null, countMax: number): readonly SampleRecord[] {
    return prepared<[number, number], SampleRow>(
      this.#db,
      "SELECT * FROM sample WHERE seq < ? ORDER BY seq DESC LIMIT +?",
    )
      .all(beforeSeq ?? Number.MAX_SAFE_INTEGER, countMax)
      .map(recordOf);
  }

  /** The dish's sample that counts for this meal: one that was struck out does not. */
  ofDish(date: string, periodId: string, dishId: string): SampleRecord | undefined {
    const row = prepared<[string, string, string], SampleRow>(
      this.#db,
      `SELECT * FROM sample WHERE meal_date = +? AND period_id = +? AND dish_id = +? AND state <> 'voided'
       ORDER BY seq LIMIT 1`,
    ).get(date, periodId, dishId);
    return row && recordOf(row);
  }

  isChecked(date: string, periodId: string): boolean {
    return (
      prepared<[string, string]>(
        this.#db,
        "SELECT 1 FROM sample_meal WHERE meal_date = ? AND period_id = ?",
      ).get(date, periodId) !== undefined
    );
  }

  hasPhoto(sha256: string): boolean {
    return (
      prepared<[string, string], unknown>(
        this.#db,
        `SELECT 1 FROM sample WHERE named ->> '$.photo.photoSha256' = ? OR named ->> '$.photo.thumbnailSha256' = ?`,
      ).get(sha256, sha256) !== undefined
    );
  }

  /** Of the oldest meal that was checked; null before the first. */
  firstDeadlineMs(): number | null {
    return (
      prepared<[], { readonly deadline_ms: number | null }>(
        this.#db,
        "SELECT min(deadline_ms) AS deadline_ms FROM sample_meal",
      ).get()?.deadline_ms ?? null
    );
  }

  /** Dishes that had no sample at their deadline and have none now, the oldest first. */
  missingSince(deadlineMsMin: number): readonly MissingRecord[] {
    return prepared<[number], MissingRow>(
      this.#db,
      `SELECT meal_date, period_id, dish_id, deadline_ms, named, subject, answered_seq FROM sample_missing AS missing
       WHERE deadline_ms >= ? AND NOT EXISTS (
         SELECT 1 FROM sample WHERE sample.meal_date = missing.meal_date AND sample.period_id = missing.period_id
           AND sample.dish_id = missing.dish_id AND sample.state <> 'voided')
       ORDER BY deadline_ms, meal_date, period_id, dish_id LIMIT 1000`,
    )
      .all(deadlineMsMin)
      .map((row) => {
        const { periodName, dishName } = JSON.parse(row.named) as Pick<Named, "periodName" | "dishName">;
        return {
          meal: { date: row.meal_date, periodId: row.period_id, periodName },
          dish: { dishId: row.dish_id, dishName },
          deadlineMs: row.deadline_ms,
          subject: row.subject,
          isAnswered: row.answered_seq !== null,
        };
      });
  }

  #byState(state: SampleRecord["state"], order: "seq" | "seq DESC", countMax: number): SampleRecord[] {
    return prepared<[string, number], SampleRow>(
      this.#db,
      `SELECT * FROM sample WHERE state = +? ORDER BY ${order} LIMIT +?`,
    )
      .all(state, countMax)
      .map(recordOf);
  }
}

function recordOf(row: SampleRow): SampleRecord {
  const { periodName, dishName, photo } = JSON.parse(row.named) as Named;
  return {
    sampleId: row.sample_id,
    seq: row.seq,
    storedAtMs: row.at_ms,
    timeTrust: row.time_trust as TimeTrust,
    ranMs: row.ran_ms,
    keepHours: row.keep_hours,
    keepUntilMs: row.keep_until_ms,
    cabinetId: row.cabinet_id,
    slotId: row.slot_id,
    meal: { date: row.meal_date, periodId: row.period_id, periodName },
    dish: { dishId: row.dish_id, dishName },
    netG: row.net_g,
    isLate: row.is_late === 1,
    operatorId: row.operator_id,
    photo,
    state: row.state,
    goneAtMs: row.gone_at_ms,
    custody: row.custody === null ? null : (JSON.parse(row.custody) as Custody),
  };
}

/** The moment of storing, as sample-clock.ts counts from it. */
export function storedMoment({ ranMs, storedAtMs, timeTrust }: SampleRecord): {
  readonly ranMs: number;
  readonly wallMs: number;
  readonly trust: TimeTrust;
} {
  return { ranMs, wallMs: storedAtMs, trust: timeTrust };
}
