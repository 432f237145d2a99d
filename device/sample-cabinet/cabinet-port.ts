import type { EpochMs, MilliC } from "../platform/units.ts";
import type { Signature, SigningRight } from "../signatures/signature-port.ts";
import type {
  AcknowledgementRate,
  AlarmRecord,
  CurveQuery,
  TemperatureCurve,
  ThermalDose,
} from "./cabinet-history-port.ts";

export {
  type AcknowledgementRate,
  type AlarmRecord,
  type CurvePoint,
  type CurveQuery,
  HASTY_MS,
  type TemperatureCurve,
  type ThermalDose,
} from "./cabinet-history-port.ts";

/**
 * The sample cabinet as the page, the cloud's lane and the samples see it: temperatures, alarms, and what a person may
 * do about them. Everything here is a value; nothing waits for the network.
 */

export interface Bilingual {
  readonly zh: string;
  readonly en: string;
}

/** 一般, 较大, 重大; lowest first. */
export const ALARM_LEVELS = ["general", "major", "critical"] as const;
export type AlarmLevel = (typeof ALARM_LEVELS)[number];

/** ISA-18.2. `normal` alarms are not listed in a view. */
export const ALARM_STATES = [
  "normal",
  "unacknowledged",
  "acknowledged",
  "returned-unacknowledged",
  "shelved",
  "suppressed",
  "out-of-service",
] as const;
export type AlarmState = (typeof ALARM_STATES)[number];

/** What the cabinet itself alarms about. Others raise types of their own through `AlarmDesk`. */
export const CABINET_ALARM_TYPES = [
  "high",
  "low",
  "rising-fast",
  "door-open",
  "probe-fault",
  "probe-stuck",
  "line-lost",
  "cumulative",
  "power-back",
] as const;
export type CabinetAlarmType = (typeof CABINET_ALARM_TYPES)[number];

/** Why a probe has no value. A fault neither raises nor clears a temperature alarm. */
export const PROBE_FAULTS = [
  "open",
  "short",
  /** Outside of what the probe can have: also what a converter rests at without a sensor (0x8000, 0x7FFF). */
  "out-of-range",
  "crc",
  "silent",
  /** The whole line is away or all of its probes are silent. */
  "line-lost",
  /** 85.0 °C, which a 1-Wire sensor holds before its first conversion. */
  "power-up",
  "all-zero",
  /** Faster than physics allows; the next readings decide. */
  "jump",
  /** The very same value for hours. */
  "stuck",
  /** The device refuses, or its registers are not what was configured. */
  "registers",
  /** The converter names a fault of its own. */
  "sensor",
] as const;
export type ProbeFault = (typeof PROBE_FAULTS)[number];

/** When the high limit is reached, if it goes on like this. */
export interface TemperatureForecast {
  readonly limitMilliC: MilliC;
  readonly inMs: number;
  /** Eight of ten warm-ups reach the limit between these (README, "Forecast"); `inMsMax` null: perhaps never. */
  readonly inMsMin: number;
  readonly inMsMax: number | null;
}

export interface ProbeCalibration {
  /** Added to what the probe says. */
  readonly offsetMilliC: number;
  readonly atMs: EpochMs;
  readonly operatorId: string;
}

export interface ProbeView {
  readonly probeId: string;
  readonly name: Bilingual;
  /** The calibrated value; null with a fault, and before the first reading. */
  readonly milliC: MilliC | null;
  readonly fault: ProbeFault | null;
  /** Since the last reading, value or fault; null before the first. */
  readonly ageMs: number | null;
  readonly humidityPercent: string | null;
  readonly lowMilliC: MilliC;
  readonly highMilliC: MilliC;
  readonly calibration: ProbeCalibration | null;
  readonly forecast: TemperatureForecast | null;
  /** Its alarms are off until a person takes it back. */
  readonly outOfService: OutOfServiceView | null;
}

export interface OutOfServiceView {
  readonly operatorId: string;
  readonly reason: string;
}

export interface DoorView {
  readonly isOpen: boolean;
  /** `inferred`: there is no contact, or it does not answer; the slope says so. */
  readonly source: "contact" | "inferred";
  readonly sinceMs: EpochMs;
}

export interface AlarmView {
  /** Names the alarm for good: `{cabinet}/{type}` or `{cabinet}/{type}/{subject}`. */
  readonly key: string;
  /** This occurrence, from its raising until it is normal again; null where there is none (shelved beforehand). */
  readonly alarmId: string | null;
  readonly cabinetId: string;
  /** One of `CABINET_ALARM_TYPES`, or a type of whoever raised it. */
  readonly type: string;
  /** The probe, the device or what else it is about. */
  readonly subject: string | null;
  /** What happened, without figures. */
  readonly text: Bilingual;
  /** With the escalation counted in. */
  readonly level: AlarmLevel;
  readonly state: AlarmState;
  /** Nobody acknowledged it in time. */
  readonly isEscalated: boolean;
  /** The condition holds now. */
  readonly isActive: boolean;
  readonly raisedAtMs: EpochMs | null;
  readonly clearedAtMs: EpochMs | null;
  /** Facts of the raising: `valueMilliC`, `limitMilliC`, `fault`, `isInferred`, `gapMs`, `lastSeenAtMs`, … */
  readonly facts: AlarmFacts;
  readonly acknowledged: {
    readonly operatorId: string;
    readonly atMs: EpochMs;
    readonly action: AlarmAction;
  } | null;
  readonly shelved: {
    readonly untilMs: EpochMs;
    readonly operatorId: string;
    readonly reason: string;
  } | null;
  readonly outOfService: OutOfServiceView | null;
}

export type AlarmFacts = Readonly<Record<string, string | number | boolean | null>>;

/** What was done about an alarm. `other` needs a text. */
export const ALARM_ACTION_CODES = [
  "door-closed",
  "samples-moved",
  "power-restored",
  "repair-called",
  "probe-checked",
  "setting-changed",
  "watched",
  "other",
] as const;
export type AlarmActionCode = (typeof ALARM_ACTION_CODES)[number];

export const ALARM_ACTION_TEXTS: Readonly<Record<AlarmActionCode, Bilingual>> = {
  "door-closed": { zh: "已关好柜门", en: "closed the door" },
  "samples-moved": { zh: "已将样品转移到其他冷藏柜", en: "moved the samples to another cabinet" },
  "power-restored": { zh: "已恢复供电", en: "restored the power" },
  "repair-called": { zh: "已报修", en: "called for repair" },
  "probe-checked": { zh: "已检查探头和接线", en: "checked the probe and its wiring" },
  "setting-changed": { zh: "已调整温度设定", en: "changed the cabinet's setting" },
  watched: { zh: "已查看，继续观察", en: "looked at it and keeps watching" },
  other: { zh: "其他（请填写）", en: "other (say what)" },
};

export interface AlarmAction {
  readonly code: AlarmActionCode;
  /** 1…200 characters; required with `other`. */
  readonly text: string | null;
}

export interface CabinetView {
  readonly cabinetId: string;
  readonly name: Bilingual;
  readonly slotCount: number;
  readonly probes: readonly ProbeView[];
  /** Null where neither contact nor slope says anything. */
  readonly door: DoorView | null;
  /** Alarms that are not normal, worst first. */
  readonly alarms: readonly AlarmView[];
  /** The worst level of those that nobody has acknowledged, or that still hold; null when all is well. */
  readonly level: AlarmLevel | null;
  /** The browser and the relay sound now. */
  readonly isSounding: boolean;
  readonly silencedForMs: number | null;
  /** The relay's last answer; `failed` is retried. Null without a relay. */
  readonly relay: { readonly kind: "on" | "off" | "failed"; readonly code: string | null } | null;
  /** The whole cabinet is out of service: empty, in repair. */
  readonly outOfService: OutOfServiceView | null;
  /** Temperature alarms are suppressed by design. */
  readonly defrost: { readonly untilMs: EpochMs; readonly cause: "schedule" | "person" } | null;
  /** Null when readings reach the disk; else the fault's code. */
  readonly storageFault: string | null;
}

/** Why the answer is no. */
export const CABINET_REFUSALS = [
  /** Whoever signed may not do this, or not any more. */
  "no-right",
  "cabinet-unknown",
  "probe-unknown",
  "alarm-unknown",
  /** Acknowledged before, by this person or another. */
  "already-acknowledged",
  "action-missing",
  "reason-missing",
  "already-shelved",
  "not-shelved",
  "duration-out-of-range",
  "not-defrosting",
  "already-out-of-service",
  "not-out-of-service",
  "offset-out-of-range",
  /** The disk did not take it: nothing changed. */
  "not-saved",
] as const;
export type CabinetRefusal = (typeof CABINET_REFUSALS)[number];

export type CabinetOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly reason: CabinetRefusal };

export type CabinetAct = "acknowledge" | "shelve" | "unshelve" | "defrost" | "out-of-service" | "calibrate";

/** Which right the signature under an act must have been given with; ask `SignatureDesk` for this one. */
export function rightForCabinetAct(act: CabinetAct, level: AlarmLevel | null = null): SigningRight {
  switch (act) {
    case "acknowledge":
    case "unshelve":
    case "defrost":
      return "keep";
    case "shelve":
      return level === "critical" ? "override" : "keep";
    case "out-of-service":
    case "calibrate":
      return "override";
  }
}

/** For others who alarm about the cabinet: a dish without a sample, a sample whose disposal is overdue. */
export interface AlarmDesk {
  /**
   * The condition holds. Idempotent by type and subject while it does: `exists`. It sounds at once, also when the disk
   * does not take the entry (that is tried again). Not to be called inside `journal.transact`.
   */
  raise(alarm: {
    readonly cabinetId: string;
    /** kebab-case, none of `CABINET_ALARM_TYPES`. */
    readonly type: string;
    /** kebab-case or an id, at most 128 characters. */
    readonly subject: string;
    readonly level: AlarmLevel;
    readonly text: Bilingual;
    readonly facts?: AlarmFacts;
  }):
    | { readonly kind: "raised"; readonly alarmId: string }
    | { readonly kind: "exists"; readonly alarmId: string | null }
    | { readonly kind: "refused"; readonly reason: "cabinet-unknown" };
  /** The condition is gone. Nothing where it was not there. */
  clear(alarm: { readonly cabinetId: string; readonly type: string; readonly subject: string }): void;
  /** Subjects of a type whose condition holds, also of before a restart. */
  activeSubjects(cabinetId: string, type: string): readonly string[];
}

export interface Cabinets extends AlarmDesk {
  cabinetIds(): readonly string[];
  view(cabinetId: string): CabinetView | undefined;
  /** Called with the cabinet whose view changed: at each reading, alarm and act. Must not throw. */
  onChanged(listener: (cabinetId: string) => void): () => void;

  /** `alarmId` of the occurrence that the person saw: one that was raised since is another. */
  acknowledge(act: {
    readonly alarmId: string;
    readonly signature: Signature;
    readonly action: AlarmAction;
  }): CabinetOutcome;
  /** Keeps one alarm quiet for `durationMs` (at most the configured); it is still recorded. */
  shelve(act: {
    readonly key: string;
    readonly durationMs: number;
    readonly reason: string;
    readonly signature: Signature;
  }): CabinetOutcome;
  unshelve(act: { readonly key: string; readonly signature: Signature }): CabinetOutcome;
  /** Suppresses the temperature alarms by design while a person defrosts. */
  defrost(act: {
    readonly cabinetId: string;
    readonly durationMs: number;
    readonly signature: Signature;
  }): CabinetOutcome;
  endDefrost(act: { readonly cabinetId: string; readonly signature: Signature }): CabinetOutcome;
  /** `probeId` null: the whole cabinet (empty, in repair). */
  takeOutOfService(act: {
    readonly cabinetId: string;
    readonly probeId: string | null;
    readonly reason: string;
    readonly signature: Signature;
  }): CabinetOutcome;
  returnToService(act: {
    readonly cabinetId: string;
    readonly probeId: string | null;
    readonly signature: Signature;
  }): CabinetOutcome;
  /** Quiet for a while; a new alarm, an escalation or the time's end sounds again. It acknowledges nothing. */
  silence(cabinetId: string): CabinetOutcome;
  calibrate(act: {
    readonly cabinetId: string;
    readonly probeId: string;
    readonly offsetMilliC: number;
    readonly signature: Signature;
  }): CabinetOutcome;

  /** Undefined for a cabinet that is not configured. */
  curve(query: CurveQuery): TemperatureCurve | undefined;
  /** Against the high limit that held at the time. */
  dose(query: {
    readonly cabinetId: string;
    readonly fromMs: number;
    readonly toMs: number;
  }): ThermalDose | undefined;
  /**
   * The newest occurrences raised within the span, oldest first, at most `countMax` (default 1000).
   * `beforeSeq`: only such as are older than the entry of that number.
   */
  alarmRecords(query: {
    readonly cabinetId: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly countMax?: number;
    readonly beforeSeq?: number | null;
  }): readonly AlarmRecord[];
  acknowledgementRates(query: {
    readonly fromMs: number;
    readonly toMs: number;
  }): readonly AcknowledgementRate[];
}
