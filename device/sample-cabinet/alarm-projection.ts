import type { Database } from "better-sqlite3";
import type { JournalEntry, Projection } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import {
  alarmAcknowledgedSchema,
  alarmClearedSchema,
  alarmEscalatedSchema,
  alarmInServiceSchema,
  alarmOutOfServiceSchema,
  alarmRaisedSchema,
  alarmShelvedSchema,
  alarmSuppressedSchema,
  alarmUnshelvedSchema,
  alarmUnsuppressedSchema,
} from "./alarm-entries.ts";
import { probeCalibratedSchema } from "./temperature-entries.ts";

/**
 * Alarms, shelves, defrosts, probes out of service and calibrations as the entries leave them. A restart begins from
 * here, so an alarm that is on record is neither lost nor raised a second time.
 */
export const alarmProjection: Projection = {
  name: "cabinet alarms",
  tables: ["cabinet_alarm", "cabinet_shelf", "cabinet_defrost", "cabinet_service", "probe_calibration"],
  schema: `
    CREATE TABLE IF NOT EXISTS cabinet_alarm (
      alarm_id TEXT PRIMARY KEY,
      cabinet_id TEXT NOT NULL,
      key TEXT NOT NULL,
      type TEXT NOT NULL,
      subject TEXT,
      text_zh TEXT NOT NULL,
      text_en TEXT NOT NULL,
      level TEXT NOT NULL CHECK (level IN ('general', 'major', 'critical')),
      is_escalated INTEGER NOT NULL CHECK (is_escalated IN (0, 1)),
      facts TEXT NOT NULL CHECK (json_valid(facts)),
      raised_at_ms INTEGER NOT NULL,
      raised_seq INTEGER NOT NULL,
      cleared_at_ms INTEGER,
      cleared_seq INTEGER,
      acknowledged_at_ms INTEGER,
      acknowledged_seq INTEGER,
      acknowledged_by TEXT,
      acknowledged_how TEXT,
      action_code TEXT,
      action_text TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS cabinet_alarm_time ON cabinet_alarm (cabinet_id, raised_at_ms);
    CREATE INDEX IF NOT EXISTS cabinet_alarm_acknowledged ON cabinet_alarm (acknowledged_at_ms);
    CREATE INDEX IF NOT EXISTS cabinet_alarm_open ON cabinet_alarm (cabinet_id)
      WHERE cleared_at_ms IS NULL OR acknowledged_at_ms IS NULL;
    CREATE TABLE IF NOT EXISTS cabinet_shelf (
      key TEXT PRIMARY KEY,
      cabinet_id TEXT NOT NULL,
      until_ms INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL,
      operator_id TEXT NOT NULL,
      how TEXT NOT NULL,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS cabinet_defrost (
      cabinet_id TEXT PRIMARY KEY,
      cause TEXT NOT NULL,
      until_ms INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS cabinet_service (
      cabinet_id TEXT NOT NULL,
      probe_id TEXT NOT NULL,
      operator_id TEXT NOT NULL,
      reason TEXT NOT NULL,
      PRIMARY KEY (cabinet_id, probe_id)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS probe_calibration (
      probe_id TEXT PRIMARY KEY,
      offset_milli_c INTEGER NOT NULL,
      at_ms INTEGER NOT NULL,
      operator_id TEXT NOT NULL
    ) STRICT;`,
  apply: (db, entry) => APPLY[entry.kind]?.(db, entry),
};

/** The whole cabinet, where a probe's name would stand. */
export const WHOLE_CABINET = "";

const APPLY: Readonly<Record<string, (db: Database, entry: JournalEntry) => void>> = {
  "alarm.raised": (db, { body, seq }) => {
    const raised = alarmRaisedSchema.parse(body);
    const { alarmId, cabinetId, key, type, subject, text, level, facts, raisedAtMs } = raised;
    if (raised.isAgain) {
      prepared(
        db,
        "UPDATE cabinet_alarm SET cleared_at_ms = NULL, cleared_seq = NULL, facts = ? WHERE alarm_id = ?",
      ).run(JSON.stringify(facts), alarmId);
      return;
    }
    prepared(
      db,
      `INSERT INTO cabinet_alarm (alarm_id, cabinet_id, key, type, subject, text_zh, text_en, level, is_escalated,
         facts, raised_at_ms, raised_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`,
    ).run(
      alarmId,
      cabinetId,
      key,
      type,
      subject,
      text.zh,
      text.en,
      level,
      JSON.stringify(facts),
      raisedAtMs,
      seq,
    );
  },
  "alarm.cleared": (db, { body, seq }) => {
    const { alarmId, clearedAtMs } = alarmClearedSchema.parse(body);
    prepared(db, "UPDATE cabinet_alarm SET cleared_at_ms = ?, cleared_seq = ? WHERE alarm_id = ?").run(
      clearedAtMs,
      seq,
      alarmId,
    );
  },
  "alarm.acknowledged": (db, { body, seq }) => {
    const { alarmId, acknowledgedAtMs, operatorId, by, action } = alarmAcknowledgedSchema.parse(body);
    prepared(
      db,
      `UPDATE cabinet_alarm SET acknowledged_at_ms = ?, acknowledged_seq = ?, acknowledged_by = ?,
         acknowledged_how = ?, action_code = ?, action_text = ? WHERE alarm_id = ?`,
    ).run(acknowledgedAtMs, seq, operatorId, by, action.code, action.text, alarmId);
  },
  "alarm.escalated": (db, { body }) => {
    const { alarmId, level } = alarmEscalatedSchema.parse(body);
    prepared(db, "UPDATE cabinet_alarm SET is_escalated = 1, level = ? WHERE alarm_id = ?").run(
      level,
      alarmId,
    );
  },
  "alarm.shelved": (db, { body }) => {
    const { key, cabinetId, untilMs, durationMs, operatorId, by, reason } = alarmShelvedSchema.parse(body);
    prepared(
      db,
      `INSERT INTO cabinet_shelf (key, cabinet_id, until_ms, duration_ms, operator_id, how, reason)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(key, cabinetId, untilMs, durationMs, operatorId, by, reason);
  },
  "alarm.unshelved": (db, { body }) => {
    prepared(db, "DELETE FROM cabinet_shelf WHERE key = ?").run(alarmUnshelvedSchema.parse(body).key);
  },
  "alarm.suppressed": (db, { body }) => {
    const { cabinetId, cause, untilMs, durationMs } = alarmSuppressedSchema.parse(body);
    prepared(
      db,
      `INSERT INTO cabinet_defrost (cabinet_id, cause, until_ms, duration_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (cabinet_id) DO UPDATE SET
           cause = excluded.cause, until_ms = excluded.until_ms, duration_ms = excluded.duration_ms`,
    ).run(cabinetId, cause, untilMs, durationMs);
  },
  "alarm.unsuppressed": (db, { body }) => {
    prepared(db, "DELETE FROM cabinet_defrost WHERE cabinet_id = ?").run(
      alarmUnsuppressedSchema.parse(body).cabinetId,
    );
  },
  "alarm.out-of-service": (db, { body }) => {
    const { cabinetId, probeId, operatorId, reason } = alarmOutOfServiceSchema.parse(body);
    prepared(
      db,
      `INSERT INTO cabinet_service (cabinet_id, probe_id, operator_id, reason) VALUES (?, ?, ?, ?)
         ON CONFLICT (cabinet_id, probe_id) DO NOTHING`,
    ).run(cabinetId, probeId ?? WHOLE_CABINET, operatorId, reason);
  },
  "alarm.in-service": (db, { body }) => {
    const { cabinetId, probeId } = alarmInServiceSchema.parse(body);
    prepared(db, "DELETE FROM cabinet_service WHERE cabinet_id = ? AND probe_id = ?").run(
      cabinetId,
      probeId ?? WHOLE_CABINET,
    );
  },
  "probe.calibrated": (db, { body, atMs }) => {
    const { probeId, offsetMilliC, operatorId } = probeCalibratedSchema.parse(body);
    prepared(
      db,
      `INSERT INTO probe_calibration (probe_id, offset_milli_c, at_ms, operator_id) VALUES (?, ?, ?, ?)
         ON CONFLICT (probe_id) DO UPDATE SET
           offset_milli_c = excluded.offset_milli_c, at_ms = excluded.at_ms, operator_id = excluded.operator_id`,
    ).run(probeId, offsetMilliC, atMs, operatorId);
  },
};
