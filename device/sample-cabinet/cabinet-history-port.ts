import type { EpochMs, MilliC } from "../platform/units.ts";
import type { AlarmAction, AlarmActionCode, AlarmFacts, AlarmLevel, Bilingual } from "./cabinet-port.ts";

/** What was: curves, doses and alarms of before, for the page, the samples and the report. */

export interface CurveQuery {
  readonly cabinetId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Points of each probe at most; default 720. */
  readonly pointCountMax?: number;
}

/** One stretch of time of a probe. Without a value where only faults or nothing came: draw a gap. */
export interface CurvePoint {
  readonly atMs: EpochMs;
  readonly minMilliC: MilliC | null;
  readonly meanMilliC: MilliC | null;
  readonly maxMilliC: MilliC | null;
  readonly faultCount: number;
  readonly readingCount: number;
}

export interface TemperatureCurve {
  readonly stepMs: number;
  readonly probes: readonly { readonly probeId: string; readonly points: readonly CurvePoint[] }[];
}

/** How warm it was over a span. Time without a reading is unknown, never "fine". */
export interface ThermalDose {
  readonly spanMs: number;
  /** Of the warmest probe. */
  readonly aboveMs: number;
  /** Degree-minutes above the limit, in thousandths, of the warmest probe. */
  readonly aboveMilliCMinutes: number;
  readonly maxMilliC: MilliC | null;
  /** No probe had a value. */
  readonly unknownMs: number;
}

/** One occurrence from the journal, for lists and the report. */
export interface AlarmRecord {
  readonly alarmId: string;
  readonly cabinetId: string;
  readonly type: string;
  readonly subject: string | null;
  readonly text: Bilingual;
  readonly level: AlarmLevel;
  readonly isEscalated: boolean;
  readonly raisedAtMs: EpochMs;
  readonly raisedSeq: number;
  readonly clearedAtMs: EpochMs | null;
  readonly clearedSeq: number | null;
  readonly facts: AlarmFacts;
  readonly acknowledged: {
    readonly operatorId: string;
    readonly atMs: EpochMs;
    readonly seq: number;
    readonly action: AlarmAction;
  } | null;
}

/** How somebody acknowledges: for the supervisor's eye, not a verdict. */
export interface AcknowledgementRate {
  readonly operatorId: string;
  readonly acknowledgedCount: number;
  /** Within `HASTY_MS` of the raising, or of the same person's acknowledgement before. */
  readonly hastyCount: number;
  /** Of all acknowledgements of the span, in hundredths of a per cent. */
  readonly shareBp: number;
  /** Their most frequent action and how often it was said. */
  readonly usualAction: { readonly code: AlarmActionCode; readonly count: number };
  readonly medianWaitMs: number;
}
export const HASTY_MS = 5000;
