import type { Database } from "better-sqlite3";
import { epochMs } from "../platform/units.ts";
import type { Occurrence } from "./alarm-machine.ts";
import { WHOLE_CABINET } from "./alarm-projection.ts";
import {
  type AcknowledgementRate,
  type AlarmActionCode,
  type AlarmFacts,
  type AlarmLevel,
  type AlarmRecord,
  type Bilingual,
  HASTY_MS,
  type ProbeCalibration,
} from "./cabinet-port.ts";

/** What the entries left, read from the projection's tables. */

interface AlarmRow {
  readonly alarm_id: string;
  readonly cabinet_id: string;
  readonly key: string;
  readonly type: string;
  readonly subject: string | null;
  readonly text_zh: string;
  readonly text_en: string;
  readonly level: AlarmLevel;
  readonly is_escalated: number;
  readonly facts: string;
  readonly raised_at_ms: number;
  readonly raised_seq: number;
  readonly cleared_at_ms: number | null;
  readonly cleared_seq: number | null;
  readonly acknowledged_at_ms: number | null;
  readonly acknowledged_seq: number | null;
  readonly acknowledged_by: string | null;
  readonly acknowledged_how: "pin" | "face" | null;
  readonly action_code: AlarmActionCode | null;
  readonly action_text: string | null;
}

/** An alarm that was not normal when the process before ended. */
export interface OpenAlarm {
  readonly key: string;
  readonly type: string;
  readonly subject: string | null;
  readonly text: Bilingual;
  readonly occurrence: Occurrence;
}

export interface KeptShelf {
  readonly key: string;
  readonly untilMs: number;
  readonly durationMs: number;
  readonly operatorId: string;
  readonly by: "pin" | "face";
  readonly reason: string;
}

export interface KeptDefrost {
  readonly cause: "schedule" | "person";
  readonly untilMs: number;
  readonly durationMs: number;
}

export interface OutOfService {
  readonly probeId: string | null;
  readonly operatorId: string;
  readonly reason: string;
}

export function openAlarms(db: Database, cabinetId: string): readonly OpenAlarm[] {
  return db
    .prepare<[string], AlarmRow>(
      `SELECT * FROM cabinet_alarm WHERE cabinet_id = ? AND (cleared_at_ms IS NULL OR acknowledged_at_ms IS NULL)
         ORDER BY raised_seq`,
    )
    .all(cabinetId)
    .map((row) => ({
      key: row.key,
      type: row.type,
      subject: row.subject,
      text: { zh: row.text_zh, en: row.text_en },
      occurrence: occurrenceOf(row),
    }));
}

function occurrenceOf(row: AlarmRow): Occurrence {
  const { acknowledged_by: operatorId, acknowledged_how: by, action_code: code } = row;
  const atMs = row.acknowledged_at_ms;
  return {
    alarmId: row.alarm_id,
    level: row.level,
    isEscalated: row.is_escalated === 1,
    raisedAtMs: row.raised_at_ms,
    clearedAtMs: row.cleared_at_ms,
    facts: factsOf(row),
    acknowledgement:
      operatorId === null || by === null || code === null || atMs === null
        ? null
        : { person: { operatorId, by }, action: { code, text: row.action_text }, atMs },
  };
}

const factsOf = ({ facts }: AlarmRow): AlarmFacts => JSON.parse(facts) as AlarmFacts;

export function keptShelves(db: Database, cabinetId: string): readonly KeptShelf[] {
  return db
    .prepare<[string], KeptShelf>(
      `SELECT key, until_ms AS untilMs, duration_ms AS durationMs, operator_id AS operatorId, how AS by, reason
         FROM cabinet_shelf WHERE cabinet_id = ?`,
    )
    .all(cabinetId);
}

export function keptDefrost(db: Database, cabinetId: string): KeptDefrost | undefined {
  return db
    .prepare<[string], KeptDefrost>(
      "SELECT cause, until_ms AS untilMs, duration_ms AS durationMs FROM cabinet_defrost WHERE cabinet_id = ?",
    )
    .get(cabinetId);
}

export function outOfServiceOf(db: Database, cabinetId: string): readonly OutOfService[] {
  return db
    .prepare<[string], { probe_id: string; operator_id: string; reason: string }>(
      "SELECT probe_id, operator_id, reason FROM cabinet_service WHERE cabinet_id = ?",
    )
    .all(cabinetId)
    .map(({ probe_id, operator_id, reason }) => ({
      probeId: probe_id === WHOLE_CABINET ? null : probe_id,
      operatorId: operator_id,
      reason,
    }));
}

export function calibrationOf(db: Database, probeId: string): ProbeCalibration | null {
  const row = db
    .prepare<[string], { offset_milli_c: number; at_ms: number; operator_id: string }>(
      "SELECT offset_milli_c, at_ms, operator_id FROM probe_calibration WHERE probe_id = ?",
    )
    .get(probeId);
  return row === undefined
    ? null
    : { offsetMilliC: row.offset_milli_c, atMs: epochMs(row.at_ms), operatorId: row.operator_id };
}

const RECORD_COUNT_MAX = 1000;

export function alarmRecords(
  db: Database,
  query: {
    readonly cabinetId: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly countMax?: number;
    readonly beforeSeq?: number | null;
  },
): readonly AlarmRecord[] {
  return db
    .prepare<[string, number, number, number, number], AlarmRow>(
      `SELECT * FROM cabinet_alarm WHERE cabinet_id = ? AND raised_at_ms >= ? AND raised_at_ms < ? AND raised_seq < ?
         ORDER BY raised_seq DESC LIMIT ?`,
    )
    .all(
      query.cabinetId,
      query.fromMs,
      query.toMs,
      query.beforeSeq ?? Number.MAX_SAFE_INTEGER,
      query.countMax ?? RECORD_COUNT_MAX,
    )
    .map(recordOf)
    .toReversed();
}

function recordOf(row: AlarmRow): AlarmRecord {
  const { acknowledgement } = occurrenceOf(row);
  return {
    alarmId: row.alarm_id,
    cabinetId: row.cabinet_id,
    type: row.type,
    subject: row.subject,
    text: { zh: row.text_zh, en: row.text_en },
    level: row.level,
    isEscalated: row.is_escalated === 1,
    raisedAtMs: epochMs(row.raised_at_ms),
    raisedSeq: row.raised_seq,
    clearedAtMs: row.cleared_at_ms === null ? null : epochMs(row.cleared_at_ms),
    clearedSeq: row.cleared_seq,
    facts: factsOf(row),
    acknowledged:
      acknowledgement === null || row.acknowledged_seq === null
        ? null
        : {
            operatorId: acknowledgement.person.operatorId,
            atMs: epochMs(acknowledgement.atMs),
            seq: row.acknowledged_seq,
            action: acknowledgement.action,
          },
  };
}

interface AcknowledgedRow {
  readonly operator_id: string;
  readonly action_code: AlarmActionCode;
  readonly raised_at_ms: number;
  readonly acknowledged_at_ms: number;
}
/** More than anybody reads; the newest count. */
const ACKNOWLEDGED_ROWS_MAX = 10_000;

/** How each operator acknowledges: many, at once and always with the same words is worth a talk. */
export function acknowledgementRates(
  db: Database,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): readonly AcknowledgementRate[] {
  const rows = db
    .prepare<[number, number, number], AcknowledgedRow>(
      `SELECT acknowledged_by AS operator_id, action_code, raised_at_ms, acknowledged_at_ms FROM cabinet_alarm
         WHERE acknowledged_at_ms >= ? AND acknowledged_at_ms < ? ORDER BY acknowledged_seq DESC LIMIT ?`,
    )
    .all(fromMs, toMs, ACKNOWLEDGED_ROWS_MAX)
    .toReversed();
  const byOperator = Map.groupBy(rows, ({ operator_id }) => operator_id);
  return [...byOperator]
    .map(([operatorId, theirs]) => rateOf(operatorId, theirs, rows.length))
    .toSorted((a, b) => b.acknowledgedCount - a.acknowledgedCount);
}

function rateOf(
  operatorId: string,
  theirs: readonly AcknowledgedRow[],
  allCount: number,
): AcknowledgementRate {
  const waitsMs = theirs.map(({ raised_at_ms, acknowledged_at_ms }) =>
    Math.max(0, acknowledged_at_ms - raised_at_ms),
  );
  const sinceBeforeMs = theirs.map(({ acknowledged_at_ms }, index) => {
    const before = theirs[index - 1];
    return before === undefined
      ? Number.POSITIVE_INFINITY
      : Math.abs(acknowledged_at_ms - before.acknowledged_at_ms);
  });
  const isHasty = (index: number): boolean =>
    Math.min(waitsMs[index] ?? 0, sinceBeforeMs[index] ?? 0) < HASTY_MS;
  const actions = Map.groupBy(theirs, ({ action_code }) => action_code);
  const [code = "other", said = []] = [...actions].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
  return {
    operatorId,
    acknowledgedCount: theirs.length,
    hastyCount: theirs.filter((_, index) => isHasty(index)).length,
    shareBp: Math.round((theirs.length * 10_000) / allCount),
    usualAction: { code, count: said.length },
    medianWaitMs: waitsMs.toSorted((a, b) => a - b)[Math.floor(waitsMs.length / 2)] ?? 0,
  };
}
