import { z } from "zod";
import type { JsonObject } from "../journal/journal-port.ts";
import { ALARM_ACTION_CODES, ALARM_LEVELS } from "./cabinet-port.ts";

/**
 * Bodies of the journal's entries about alarms. The cloud reads the same schemas, so a field is only ever added, and
 * with a default, never renamed. People are ids.
 */

export const REASON_LENGTH_MAX = 200;

const id = z.string().min(1).max(128);
const uuid = z.uuid();
const atMs = z.int().min(0);
const level = z.enum(ALARM_LEVELS);
const bilingual = z.strictObject({ zh: z.string().min(1).max(80), en: z.string().min(1).max(160) });
const reason = z.string().trim().min(1).max(REASON_LENGTH_MAX);
const facts = z.record(
  z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/),
  z.union([z.int(), z.boolean(), z.string().max(256), z.null()]),
);
const person = { operatorId: id, by: z.enum(["pin", "face"]) };
/** Null where the time had come and nobody acted. */
const personOrTime = { operatorId: id.nullable(), by: z.enum(["pin", "face"]).nullable() };
const occurrence = { alarmId: uuid, cabinetId: id };

export const alarmRaisedSchema = z.strictObject({
  ...occurrence,
  key: z.string().min(1).max(300),
  type: id,
  subject: id.nullable(),
  text: bilingual,
  level,
  /** The condition came back before anybody acknowledged: the same occurrence. */
  isAgain: z.boolean(),
  /** It came while it was shelved: nobody was told. */
  isShelved: z.boolean(),
  facts,
  /** The entry itself may be later, when the disk was full. */
  raisedAtMs: atMs,
});

export const alarmClearedSchema = z.strictObject({ ...occurrence, clearedAtMs: atMs });

export const alarmAcknowledgedSchema = z.strictObject({
  ...occurrence,
  ...person,
  action: z.strictObject({ code: z.enum(ALARM_ACTION_CODES), text: reason.nullable() }),
  acknowledgedAtMs: atMs,
});

export const alarmEscalatedSchema = z.strictObject({ ...occurrence, level });

const shelf = { cabinetId: id, key: z.string().min(1).max(300) };

export const alarmShelvedSchema = z.strictObject({
  ...shelf,
  ...person,
  reason,
  durationMs: z.int().min(1),
  untilMs: atMs,
});

export const alarmUnshelvedSchema = z.strictObject({ ...shelf, ...personOrTime });

export const alarmSuppressedSchema = z.strictObject({
  cabinetId: id,
  cause: z.enum(["schedule", "person"]),
  ...personOrTime,
  durationMs: z.int().min(1),
  untilMs: atMs,
});

export const alarmUnsuppressedSchema = z.strictObject({ cabinetId: id, ...personOrTime });

const service = { cabinetId: id, probeId: id.nullable(), ...person };
export const alarmOutOfServiceSchema = z.strictObject({ ...service, reason });
export const alarmInServiceSchema = z.strictObject(service);

export const ALARM_ENTRY_SCHEMAS = {
  "alarm.raised": alarmRaisedSchema,
  "alarm.cleared": alarmClearedSchema,
  "alarm.acknowledged": alarmAcknowledgedSchema,
  "alarm.escalated": alarmEscalatedSchema,
  "alarm.shelved": alarmShelvedSchema,
  "alarm.unshelved": alarmUnshelvedSchema,
  "alarm.suppressed": alarmSuppressedSchema,
  "alarm.unsuppressed": alarmUnsuppressedSchema,
  "alarm.out-of-service": alarmOutOfServiceSchema,
  "alarm.in-service": alarmInServiceSchema,
} as const;

export type AlarmEntryKind = keyof typeof ALARM_ENTRY_SCHEMAS;
export type AlarmEntryBody<Kind extends AlarmEntryKind> = z.infer<(typeof ALARM_ENTRY_SCHEMAS)[Kind]>;

/** One entry that is not written yet. The type says that kind and body fit. */
export function alarmEntry<Kind extends AlarmEntryKind>(
  kind: Kind,
  body: AlarmEntryBody<Kind>,
): { readonly kind: string; readonly body: JsonObject } {
  return { kind, body };
}
