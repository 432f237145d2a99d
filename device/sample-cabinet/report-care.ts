import type { JournalEntry } from "../journal/journal-port.ts";
import type { Hint } from "../platform/errors.ts";
import {
  alarmInServiceSchema,
  alarmOutOfServiceSchema,
  alarmShelvedSchema,
  alarmSuppressedSchema,
  alarmUnshelvedSchema,
} from "./alarm-entries.ts";
import type { EntryMark } from "./report-model.ts";
import { probeCalibratedSchema } from "./temperature-entries.ts";

/** What people did to the watching itself: alarms made quiet, probes taken out of it, values corrected. */
export interface CareStory {
  readonly atMs: number;
  readonly what: Hint;
  readonly cabinetId: string;
  /** The alarm's name or the probe; null: the whole cabinet. */
  readonly subject: string | null;
  readonly operatorId: string | null;
  /** Plain text, the reason among it. */
  readonly detail: string;
  readonly mark: EntryMark;
}

type Told = Omit<CareStory, "atMs" | "mark">;

export function careOf(entries: readonly JournalEntry[]): readonly CareStory[] {
  return entries.flatMap((entry) => {
    const told = TELL[entry.kind]?.(entry.body) ?? null;
    return told === null ? [] : [{ ...told, atMs: entry.atMs, mark: { seq: entry.seq, hash: entry.hash } }];
  });
}

/** Defrosting by its schedule is the configuration's, every night: it is counted, not listed. */
export function scheduledDefrostsIn(entries: readonly JournalEntry[]): number {
  return entries.filter(({ kind, body }) => kind === "alarm.suppressed" && body["cause"] === "schedule")
    .length;
}

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`;
export const degrees = (milliC: number): string => `${milliC > 0 ? "+" : ""}${milliC / 1000} °C`;
/** `cabinet/type/subject` without the cabinet. */
const alarmName = (key: string): string => key.split("/").slice(1).join(" ");

const TELL: Readonly<Record<string, (body: JournalEntry["body"]) => Told | null>> = {
  "alarm.shelved": (body) => {
    const { data } = alarmShelvedSchema.safeParse(body);
    if (data === undefined) return null;
    const { cabinetId, key, operatorId, durationMs, reason } = data;
    const what = { zh: "搁置报警", en: "alarm shelved" };
    return {
      what,
      cabinetId,
      subject: alarmName(key),
      operatorId,
      detail: `${minutes(durationMs)}: ${reason}`,
    };
  },
  "alarm.unshelved": (body) => {
    const { data } = alarmUnshelvedSchema.safeParse(body);
    if (data === undefined) return null;
    const { cabinetId, key, operatorId } = data;
    const what = { zh: "搁置结束", en: "shelf ended" };
    return { what, cabinetId, subject: alarmName(key), operatorId, detail: "" };
  },
  "alarm.suppressed": (body) => {
    const { data } = alarmSuppressedSchema.safeParse(body);
    if (data === undefined || data.cause === "schedule") return null;
    const { cabinetId, operatorId, durationMs } = data;
    const what = { zh: "人工除霜", en: "defrost by a person" };
    return { what, cabinetId, subject: null, operatorId, detail: minutes(durationMs) };
  },
  "alarm.out-of-service": (body) => {
    const { data } = alarmOutOfServiceSchema.safeParse(body);
    if (data === undefined) return null;
    const { cabinetId, probeId, operatorId, reason } = data;
    const what = { zh: "停用", en: "out of service" };
    return { what, cabinetId, subject: probeId, operatorId, detail: reason };
  },
  "alarm.in-service": (body) => {
    const { data } = alarmInServiceSchema.safeParse(body);
    if (data === undefined) return null;
    const { cabinetId, probeId, operatorId } = data;
    const what = { zh: "恢复使用", en: "in service again" };
    return { what, cabinetId, subject: probeId, operatorId, detail: "" };
  },
  "probe.calibrated": (body) => {
    const { data } = probeCalibratedSchema.safeParse(body);
    if (data === undefined) return null;
    const { cabinetId, probeId, operatorId, formerOffsetMilliC, offsetMilliC } = data;
    const what = { zh: "校准", en: "calibrated" };
    const detail = `${degrees(formerOffsetMilliC)} → ${degrees(offsetMilliC)}`;
    return { what, cabinetId, subject: probeId, operatorId, detail };
  },
};
