import { createHash } from "node:crypto";
import type { Database } from "better-sqlite3";
import type { JournalEntry, Projection } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { assert } from "../platform/assert.ts";
import { systemCode } from "../platform/errors.ts";
import {
  mealCheckedSchema,
  type SampleSeized,
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
 * - `sample_missing`: which dishes had none then, or have none since theirs was struck, and who answered the alarm about it.
 */
const SCHEMA = `
-- 2: a sample that is struck after its meal was checked leaves its dish without one.
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
  subject TEXT NOT NULL UNIQUE,
  alarm_id TEXT,
  answered_seq INTEGER CHECK (answered_seq > seq),
  PRIMARY KEY (meal_date, period_id, dish_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sample_missing_since ON sample_missing (deadline_ms);
CREATE INDEX IF NOT EXISTS sample_missing_alarm ON sample_missing (alarm_id);
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
        return applyVoided(db, entry);
      case "sample.seized": {
        const body = sampleSeizedSchema.parse(entry.body);
        return applyGone(db, entry, body.sampleId, "seized", JSON.stringify(custodyOf(body)));
      }
      case "sample.meal-checked":
        return applyChecked(db, entry);
      case "alarm.raised":
        return applyRaised(db, entry);
      case "alarm.acknowledged":
        return applyAcknowledged(db, entry);
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

/** Struck after its meal was checked: the dish has no sample, whatever was found then, and nobody has answered for that. */
function applyVoided(db: Database, entry: JournalEntry): void {
  const { sampleId } = sampleVoidedSchema.parse(entry.body);
  applyGone(db, entry, sampleId, "voided", null);
  const dish = prepared<[string], VoidedDish>(
    db,
    `SELECT meal_date, period_id, dish_id, named, deadline_ms FROM sample JOIN sample_meal USING (meal_date, period_id)
     WHERE sample_id = ?`,
  ).get(sampleId);
  if (dish === undefined) return;
  const { meal_date, period_id, dish_id, named, deadline_ms } = dish;
  const { periodName, dishName } = JSON.parse(named) as Named;
  prepared(
    db,
    `INSERT INTO sample_missing (meal_date, period_id, dish_id, seq, deadline_ms, named, subject)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (meal_date, period_id, dish_id) DO UPDATE SET seq = excluded.seq, alarm_id = NULL, answered_seq = NULL`,
  ).run(
    meal_date,
    period_id,
    dish_id,
    entry.seq,
    deadline_ms,
    JSON.stringify({ periodName, dishName }),
    missingSubject(meal_date, period_id, dish_id),
  );
}

interface VoidedDish {
  readonly meal_date: string;
  readonly period_id: string;
  readonly dish_id: string;
  readonly named: string;
  readonly deadline_ms: number;
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
      `INSERT INTO sample_missing (meal_date, period_id, dish_id, seq, deadline_ms, named, subject)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      meal.date,
      meal.periodId,
      dishId,
      entry.seq,
      deadlineMs,
      JSON.stringify({ periodName: meal.periodName, dishName }),
      missingSubject(meal.date, meal.periodId, dishId),
    );
  }
}

/** Of the alarm about a dish without a sample. */
export const SAMPLE_MISSING = "sample-missing";
/** Of the alarm about a sample that should have been thrown away. */
export const SAMPLE_OVERDUE = "sample-overdue";
const SUBJECT_LENGTH_MAX = 128;

/** What the alarm about a missing sample is about; long ids are hashed to fit. */
export function missingSubject(date: string, periodId: string, dishId: string): string {
  const plain = `${date}:${periodId}:${dishId}`;
  if (plain.length <= SUBJECT_LENGTH_MAX) return plain;
  return `${date}:${createHash("sha256").update(plain).digest("hex")}`;
}

function applyRaised(db: Database, { body }: JournalEntry): void {
  const { type, subject, alarmId } = body;
  if (type !== SAMPLE_MISSING) return;
  prepared(db, "UPDATE sample_missing SET alarm_id = ? WHERE subject = ?").run(alarmId, subject);
}

function applyAcknowledged(db: Database, { body, seq }: JournalEntry): void {
  prepared(db, "UPDATE sample_missing SET answered_seq = ? WHERE alarm_id = ? AND answered_seq IS NULL").run(
    seq,
    body["alarmId"],
  );
}

/** What is shown of a sample and needs no index. */
export interface Named {
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
