import type { Database } from "better-sqlite3";
import type { JournalEntry, Projection, TimeTrust } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { assert } from "../platform/assert.ts";
import { systemCode } from "../platform/errors.ts";
import {
  mealCheckedSchema,
  type SampleSeized,
  type SampleStored,
  sampleDisposedSchema,
  sampleSeizedSchema,
  sampleStoredSchema,
  sampleVoidedSchema,
} from "./sample-entries.ts";
import type { DishRef, MealRef } from "./samples-port.ts";

/** The slot holds another sample. Thrown out of the projection, so the new entry is rolled back. */
export class SlotTaken extends Error {
  override readonly name = "SlotTaken";
}

/** The sample left before, or was never here. Thrown out of the projection as well. */
export class SampleNotKept extends Error {
  override readonly name = "SampleNotKept";
}

/**
 * What follows from the entries about samples.
 *
 * - `sample`: each sample with where it is and what became of it. Its index makes two samples in one slot impossible.
 * - `sample_meal`: which meals were checked after their time of grace; each once.
 * - `sample_missing`: which dishes had none then, and whether one came after all.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS sample (
  sample_id TEXT PRIMARY KEY CHECK (length(sample_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  at_ms INTEGER NOT NULL,
  time_trust TEXT NOT NULL,
  ran_ms INTEGER NOT NULL CHECK (ran_ms >= 0),
  keep_hours INTEGER NOT NULL CHECK (keep_hours >= 48),
  keep_until_ms INTEGER NOT NULL,
  cabinet_id TEXT NOT NULL,
  slot_id TEXT NOT NULL,
  meal_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  dish_id TEXT NOT NULL,
  net_g INTEGER NOT NULL,
  is_late INTEGER NOT NULL CHECK (is_late IN (0, 1)),
  operator_id TEXT NOT NULL,
  named TEXT NOT NULL CHECK (json_valid(named)),
  state TEXT NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'disposed', 'seized', 'voided')),
  gone_seq INTEGER UNIQUE CHECK (gone_seq > seq),
  gone_at_ms INTEGER,
  custody TEXT CHECK (custody IS NULL OR json_valid(custody)),
  CHECK ((state = 'kept') = (gone_seq IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS sample_in_slot ON sample (cabinet_id, slot_id) WHERE state = 'kept';
CREATE INDEX IF NOT EXISTS sample_of_meal ON sample (meal_date, period_id, dish_id, state);
CREATE INDEX IF NOT EXISTS sample_by_state ON sample (state, seq);

CREATE TABLE IF NOT EXISTS sample_meal (
  meal_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  deadline_ms INTEGER NOT NULL,
  PRIMARY KEY (meal_date, period_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sample_meal_deadline ON sample_meal (deadline_ms);

CREATE TABLE IF NOT EXISTS sample_missing (
  meal_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  dish_id TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  deadline_ms INTEGER NOT NULL,
  named TEXT NOT NULL CHECK (json_valid(named)),
  answered_seq INTEGER CHECK (answered_seq > seq),
  PRIMARY KEY (meal_date, period_id, dish_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sample_missing_since ON sample_missing (deadline_ms);
`;

/** To be given to the journal; `SampleBook` reads what it writes. */
export const sampleProjection: Projection = {
  name: "sample-cabinet-samples",
  schema: SCHEMA,
  tables: ["sample", "sample_meal", "sample_missing"],
  apply(db, entry) {
    switch (entry.kind) {
      case "sample.stored":
        return applyStored(db, entry);
      case "sample.disposed":
        return applyGone(db, entry, sampleDisposedSchema.parse(entry.body).sampleId, "disposed", null);
      case "sample.voided":
        return applyGone(db, entry, sampleVoidedSchema.parse(entry.body).sampleId, "voided", null);
      case "sample.seized": {
        const body = sampleSeizedSchema.parse(entry.body);
        return applyGone(db, entry, body.sampleId, "seized", JSON.stringify(custodyOf(body)));
      }
      case "sample.meal-checked":
        return applyChecked(db, entry);
    }
  },
};

function applyStored(db: Database, entry: JournalEntry): void {
  const body = sampleStoredSchema.parse(entry.body);
  assert(body.sampleId === entry.id, "a sample's entry carries the sample's id");
  const { meal, dish, photo } = body;
  const named: Named = {
    periodName: meal.periodName,
    dishName: dish.dishName,
    photo: photo && { photoSha256: photo.photoSha256, thumbnailSha256: photo.thumbnailSha256 },
  };
  try {
    prepared(
      db,
      `INSERT INTO sample (sample_id, seq, at_ms, time_trust, ran_ms, keep_hours, keep_until_ms, cabinet_id, slot_id,
         meal_date, period_id, dish_id, net_g, is_late, operator_id, named)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      body.sampleId,
      entry.seq,
      entry.atMs,
      entry.timeTrust,
      body.ranMs,
      body.keepHours,
      body.keepUntilMs,
      body.cabinetId,
      body.slotId,
      meal.date,
      meal.periodId,
      dish.dishId,
      body.weight.netG,
      body.isLate ? 1 : 0,
      body.storedBy.operatorId,
      JSON.stringify(named),
    );
  } catch (error) {
    if (systemCode(error) === "SQLITE_CONSTRAINT_UNIQUE")
      throw new SlotTaken(`slot ${body.slotId} of ${body.cabinetId} holds a sample`, { cause: error });
    throw error;
  }
}

function applyGone(
  db: Database,
  entry: JournalEntry,
  sampleId: string,
  state: "disposed" | "seized" | "voided",
  custody: string | null,
): void {
  const { changes } = prepared(
    db,
    `UPDATE sample SET state = ?, gone_seq = ?, gone_at_ms = ?, custody = ? WHERE sample_id = ? AND state = 'kept'`,
  ).run(state, entry.seq, entry.atMs, custody, sampleId);
  if (changes !== 1) throw new SampleNotKept(`sample ${sampleId} is not kept here`);
}

function applyChecked(db: Database, entry: JournalEntry): void {
  const { meal, deadlineMs, missing } = mealCheckedSchema.parse(entry.body);
  prepared(db, "INSERT INTO sample_meal (meal_date, period_id, seq, deadline_ms) VALUES (?, ?, ?, ?)").run(
    meal.date,
    meal.periodId,
    entry.seq,
    deadlineMs,
  );
  for (const { dishId, dishName } of missing) {
    prepared(
      db,
      `INSERT INTO sample_missing (meal_date, period_id, dish_id, seq, deadline_ms, named) VALUES (?, ?, ?, ?, ?, ?)`,
    ).run(
      meal.date,
      meal.periodId,
      dishId,
      entry.seq,
      deadlineMs,
      JSON.stringify({ periodName: meal.periodName, dishName }),
    );
  }
}

interface Named {
  readonly periodName: MealRef["periodName"];
  readonly dishName: DishRef["dishName"];
  readonly photo: { readonly photoSha256: string; readonly thumbnailSha256: string } | null;
}

/** What left with an authority, as it is shown. */
export interface Custody {
  readonly handedById: string;
  readonly witnessId: string;
  readonly authority: string;
  readonly officer: string;
  readonly documentNumber: string;
  readonly sealNumber: string;
}

function custodyOf(body: SampleSeized): Custody {
  const { authority, officer, documentNumber, sealNumber } = body;
  return {
    handedById: body.handedBy.operatorId,
    witnessId: body.witness.operatorId,
    authority,
    officer,
    documentNumber,
    sealNumber,
  };
}

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
      "SELECT * FROM sample WHERE seq < ? ORDER BY seq DESC LIMIT ?",
    )
      .all(beforeSeq ?? Number.MAX_SAFE_INTEGER, countMax)
      .map(recordOf);
  }

  /** The dish's sample that counts for this meal: one that was struck out does not. */
  ofDish(date: string, periodId: string, dishId: string): SampleRecord | undefined {
    const row = prepared<[string, string, string], SampleRow>(
      this.#db,
      `SELECT * FROM sample WHERE meal_date = ? AND period_id = ? AND dish_id = ? AND state <> 'voided'
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

  /** Of the newest meal that was checked; null before the first. */
  lastDeadlineMs(): number | null {
    return (
      prepared<[], { readonly deadline_ms: number | null }>(
        this.#db,
        "SELECT max(deadline_ms) AS deadline_ms FROM sample_meal",
      ).get()?.deadline_ms ?? null
    );
  }

  /** Dishes that had no sample at their deadline and have none now, the oldest first. */
  missingSince(deadlineMsMin: number): readonly MissingRecord[] {
    return prepared<[number], MissingRow>(
      this.#db,
      `SELECT meal_date, period_id, dish_id, deadline_ms, named FROM sample_missing AS missing
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
        };
      });
  }

  #byState(state: SampleRecord["state"], order: "seq" | "seq DESC", countMax: number): SampleRecord[] {
    return prepared<[string, number], SampleRow>(
      this.#db,
      `SELECT * FROM sample WHERE state = ? ORDER BY ${order} LIMIT ?`,
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

export type StoredBody = SampleStored;
