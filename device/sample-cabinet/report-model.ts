import type { z } from "zod";
import type { JournalEntry } from "../journal/journal-port.ts";
import {
  alarmAcknowledgedSchema,
  alarmClearedSchema,
  alarmEscalatedSchema,
  alarmRaisedSchema,
} from "./alarm-entries.ts";
import { HASTY_MS } from "./cabinet-port.ts";
import type { ReportData } from "./report-data.ts";
import {
  mealCheckedSchema,
  type SampleDisposed,
  type SampleSeized,
  type SampleStored,
  type SampleVoided,
  sampleDisposedSchema,
  sampleSeizedSchema,
  sampleStoredSchema,
  sampleVoidedSchema,
} from "./sample-entries.ts";
import { temperatureSummarySchema } from "./temperature-entries.ts";

/** What the report shows, from its entries alone. An entry that fits no schema is passed over: its hash is in the file. */

/** Where an entry is, for whoever looks it up. */
export interface EntryMark {
  readonly seq: number;
  readonly hash: string;
}

export interface CurveSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly minMilliC: number | null;
  readonly meanMilliC: number | null;
  readonly maxMilliC: number | null;
  readonly knownMs: number;
  readonly aboveMs: number;
}

export interface AlarmStory {
  readonly raised: z.infer<typeof alarmRaisedSchema>;
  readonly mark: EntryMark;
  readonly level: string;
  readonly isEscalated: boolean;
  readonly clearedAtMs: number | null;
  readonly acknowledged: z.infer<typeof alarmAcknowledgedSchema> | null;
}

export type SampleEnd =
  | {
      readonly kind: "disposed";
      readonly atMs: number;
      readonly mark: EntryMark;
      readonly body: SampleDisposed;
    }
  | { readonly kind: "seized"; readonly atMs: number; readonly mark: EntryMark; readonly body: SampleSeized }
  | { readonly kind: "voided"; readonly atMs: number; readonly mark: EntryMark; readonly body: SampleVoided };

/** How warm it was around one sample, from the five-minute summaries. */
export interface StayDose {
  readonly stayMs: number;
  readonly aboveMs: number;
  readonly maxMilliC: number | null;
  readonly unknownMs: number;
}

export interface SampleStory {
  readonly stored: SampleStored;
  readonly storedAtMs: number;
  readonly mark: EntryMark;
  readonly end: SampleEnd | null;
  readonly dose: StayDose;
}

export interface MissingStory {
  readonly date: string;
  readonly periodZh: string;
  readonly periodEn: string;
  readonly dishZh: string;
  readonly dishEn: string;
  readonly mark: EntryMark;
  /** The sample that came after all. */
  readonly lateAtMs: number | null;
  readonly alarm: AlarmStory | null;
}

export interface AcknowledgedBy {
  readonly operatorId: string;
  readonly count: number;
  readonly hastyCount: number;
  readonly medianWaitMs: number;
}

export interface ReportModel {
  /** By cabinet, then probe, in the order of time. */
  readonly curves: ReadonlyMap<string, ReadonlyMap<string, readonly CurveSpan[]>>;
  readonly alarms: readonly AlarmStory[];
  readonly samples: readonly SampleStory[];
  readonly missing: readonly MissingStory[];
  readonly acknowledgements: readonly AcknowledgedBy[];
  readonly clockSteps: readonly { readonly atMs: number; readonly byMs: number; readonly mark: EntryMark }[];
  readonly startCount: number;
  readonly untrustedCount: number;
}

export function reportModel({ header, entries }: ReportData): ReportModel {
  const curves = curvesOf(entries);
  const alarms = alarmsOf(entries);
  const samples = samplesOf(entries, curves, header.madeAtMs);
  return {
    curves,
    alarms,
    samples,
    missing: missingOf(entries, samples, alarms),
    acknowledgements: acknowledgementsOf(alarms),
    clockSteps: entries.flatMap((entry) => {
      const byMs = entry.kind === "device.clock-stepped" ? entry.body["byMs"] : undefined;
      return typeof byMs === "number" ? [{ atMs: entry.atMs, byMs, mark: markOf(entry) }] : [];
    }),
    startCount: entries.filter(({ kind }) => kind === "device.started").length,
    untrustedCount: entries.filter(({ timeTrust }) => timeTrust === "unknown").length,
  };
}

const markOf = ({ seq, hash }: JournalEntry): EntryMark => ({ seq, hash });

function curvesOf(entries: readonly JournalEntry[]): ReportModel["curves"] {
  const curves = new Map<string, Map<string, CurveSpan[]>>();
  for (const { kind, body } of entries) {
    if (kind !== "temperature.summary") continue;
    const parsed = temperatureSummarySchema.safeParse(body);
    if (!parsed.success) continue;
    const { cabinetId, fromMs, toMs, probes } = parsed.data;
    const ofCabinet = curves.get(cabinetId) ?? new Map<string, CurveSpan[]>();
    curves.set(cabinetId, ofCabinet);
    for (const { probeId, minMilliC, meanMilliC, maxMilliC, knownMs, aboveMs } of probes) {
      const spans = ofCabinet.get(probeId) ?? [];
      ofCabinet.set(probeId, spans);
      spans.push({ fromMs, toMs, minMilliC, meanMilliC, maxMilliC, knownMs, aboveMs });
    }
  }
  for (const ofCabinet of curves.values())
    for (const spans of ofCabinet.values()) spans.sort((a, b) => a.fromMs - b.fromMs);
  return curves;
}

function alarmsOf(entries: readonly JournalEntry[]): readonly AlarmStory[] {
  const stories = new Map<string, AlarmStory>();
  for (const entry of entries) {
    const change = alarmChange(entry);
    if (change === null) continue;
    const known = stories.get(change.alarmId);
    if (known !== undefined) stories.set(change.alarmId, { ...known, ...change.change });
    else if (change.first !== null) stories.set(change.alarmId, change.first);
  }
  return [...stories.values()].toSorted((a, b) => a.raised.raisedAtMs - b.raised.raisedAtMs);
}

function alarmChange(entry: JournalEntry): {
  readonly alarmId: string;
  readonly first: AlarmStory | null;
  readonly change: Partial<AlarmStory>;
} | null {
  const { kind, body } = entry;
  switch (kind) {
    case "alarm.raised": {
      const { data } = alarmRaisedSchema.safeParse(body);
      if (data === undefined) return null;
      const first = {
        raised: data,
        mark: markOf(entry),
        level: data.level,
        isEscalated: false,
        clearedAtMs: null,
        acknowledged: null,
      };
      return { alarmId: data.alarmId, first, change: { clearedAtMs: null } };
    }
    case "alarm.cleared": {
      const { data } = alarmClearedSchema.safeParse(body);
      return data === undefined
        ? null
        : { alarmId: data.alarmId, first: null, change: { clearedAtMs: data.clearedAtMs } };
    }
    case "alarm.acknowledged": {
      const { data } = alarmAcknowledgedSchema.safeParse(body);
      return data === undefined
        ? null
        : { alarmId: data.alarmId, first: null, change: { acknowledged: data } };
    }
    case "alarm.escalated": {
      const { data } = alarmEscalatedSchema.safeParse(body);
      return data === undefined
        ? null
        : { alarmId: data.alarmId, first: null, change: { level: data.level, isEscalated: true } };
    }
    default:
      return null;
  }
}

function samplesOf(
  entries: readonly JournalEntry[],
  curves: ReportModel["curves"],
  madeAtMs: number,
): readonly SampleStory[] {
  const ends = new Map<string, SampleEnd>();
  for (const entry of entries) {
    const end = sampleEnd(entry);
    if (end !== null) ends.set(end.body.sampleId, end);
  }
  return entries.flatMap((entry) => {
    const parsed = entry.kind === "sample.stored" ? sampleStoredSchema.safeParse(entry.body) : undefined;
    if (parsed?.success !== true) return [];
    const stored = parsed.data;
    const end = ends.get(stored.sampleId) ?? null;
    const stay = { fromMs: entry.atMs, toMs: end?.atMs ?? madeAtMs };
    const dose = doseOf(curves.get(stored.cabinetId), stay);
    return [{ stored, storedAtMs: entry.atMs, mark: markOf(entry), end, dose }];
  });
}

function sampleEnd(entry: JournalEntry): SampleEnd | null {
  const { kind, body, atMs } = entry;
  const mark = markOf(entry);
  switch (kind) {
    case "sample.disposed": {
      const { data } = sampleDisposedSchema.safeParse(body);
      return data === undefined ? null : { kind: "disposed", atMs, mark, body: data };
    }
    case "sample.seized": {
      const { data } = sampleSeizedSchema.safeParse(body);
      return data === undefined ? null : { kind: "seized", atMs, mark, body: data };
    }
    case "sample.voided": {
      const { data } = sampleVoidedSchema.safeParse(body);
      return data === undefined ? null : { kind: "voided", atMs, mark, body: data };
    }
    default:
      return null;
  }
}

/** Of the warmest probe; a summary that lies half within the stay counts by half. Without a reading it is unknown. */
export function doseOf(
  probes: ReadonlyMap<string, readonly CurveSpan[]> | undefined,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): StayDose {
  const stayMs = Math.max(0, toMs - fromMs);
  let dose: StayDose = { stayMs, aboveMs: 0, maxMilliC: null, unknownMs: stayMs };
  for (const spans of probes?.values() ?? []) {
    let aboveMs = 0;
    let knownMs = 0;
    let maxMilliC: number | null = null;
    for (const span of spans) {
      const overlapMs = Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs);
      if (overlapMs <= 0) continue;
      const share = overlapMs / (span.toMs - span.fromMs);
      aboveMs += span.aboveMs * share;
      knownMs += span.knownMs * share;
      if (span.maxMilliC !== null) maxMilliC = Math.max(maxMilliC ?? span.maxMilliC, span.maxMilliC);
    }
    dose = {
      stayMs,
      aboveMs: Math.max(dose.aboveMs, Math.round(aboveMs)),
      maxMilliC: maxMilliC === null ? dose.maxMilliC : Math.max(dose.maxMilliC ?? maxMilliC, maxMilliC),
      unknownMs: Math.max(0, Math.min(dose.unknownMs, stayMs - Math.round(knownMs))),
    };
  }
  return dose;
}

function missingOf(
  entries: readonly JournalEntry[],
  samples: readonly SampleStory[],
  alarms: readonly AlarmStory[],
): readonly MissingStory[] {
  return entries.flatMap((entry) => {
    const parsed = entry.kind === "sample.meal-checked" ? mealCheckedSchema.safeParse(entry.body) : undefined;
    if (parsed?.success !== true) return [];
    const { meal, missing } = parsed.data;
    return missing.map(({ dishId, dishName }) => {
      const late = samples.find(
        ({ stored, end }) =>
          stored.meal.date === meal.date &&
          stored.meal.periodId === meal.periodId &&
          stored.dish.dishId === dishId &&
          end?.kind !== "voided",
      );
      const alarm = alarms.find(
        ({ raised: { facts } }) =>
          facts["date"] === meal.date && facts["periodId"] === meal.periodId && facts["dishId"] === dishId,
      );
      return {
        date: meal.date,
        periodZh: meal.periodName.zh,
        periodEn: meal.periodName.en,
        dishZh: dishName.zh,
        dishEn: dishName.en,
        mark: markOf(entry),
        lateAtMs: late?.storedAtMs ?? null,
        alarm: alarm ?? null,
      };
    });
  });
}

function acknowledgementsOf(alarms: readonly AlarmStory[]): readonly AcknowledgedBy[] {
  const answered = alarms
    .flatMap(({ raised, acknowledged }) =>
      acknowledged === null
        ? []
        : [{ ...acknowledged, waitMs: Math.max(0, acknowledged.acknowledgedAtMs - raised.raisedAtMs) }],
    )
    .toSorted((a, b) => a.acknowledgedAtMs - b.acknowledgedAtMs);
  return [...Map.groupBy(answered, ({ operatorId }) => operatorId)].map(([operatorId, theirs]) => ({
    operatorId,
    count: theirs.length,
    hastyCount: theirs.filter(({ waitMs, acknowledgedAtMs }, index) => {
      const before = theirs[index - 1];
      return (
        waitMs < HASTY_MS || (before !== undefined && acknowledgedAtMs - before.acknowledgedAtMs < HASTY_MS)
      );
    }).length,
    medianWaitMs:
      theirs.map(({ waitMs }) => waitMs).toSorted((a, b) => a - b)[Math.floor(theirs.length / 2)] ?? 0,
  }));
}
