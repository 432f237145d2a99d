import { isTareOn, type ScaleReading } from "../../firmware-bridge/ports/scale.ts";
import type { GateReason, TareRecord } from "./receiving-port.ts";

/**
 * When a weight counts: it is stable, within the scale's Min and Max, well above zero, in the scale's unit, and the
 * pan was empty since the last one. Pure: readings go in, a verdict comes out.
 */

/** What a scale is allowed to weigh, as its plate says. */
export interface ScaleLimits {
  readonly unit: "kg" | "g" | "jin";
  readonly minG: number;
  readonly maxG: number;
  /** The verification scale interval e. */
  readonly divisionG: number;
}

/** What is taken off here, not by the scale. */
export interface SoftwareTare {
  /** Of a known container, or keyed; 0 for none. */
  readonly containerG: number;
  /** Boxes and wrappings. */
  readonly packsG: number;
}

export interface WeightGate {
  readonly isLive: boolean;
  /** The pan was empty, or down to its tare, since the last weight that was taken. */
  readonly isArmed: boolean;
  readonly latest: ScaleReading | null;
  /** Stable readings in a row that agree: the first and the newest of them. */
  readonly window: readonly ScaleReading[];
  /** The scale's own tare was set by our command; some dialects do not show that one is on. */
  readonly wasCommanded: boolean;
}

/** A weight as it may be recorded. */
export interface GatedWeight {
  /** As the scale shows it. */
  readonly shownG: number;
  /** Less what is taken off here. */
  readonly netG: number;
  readonly atMono: number;
  readonly window: readonly ScaleReading[];
  readonly scaleTare: Extract<TareRecord, { readonly kind: "none" | "scale-key" | "command" }>;
}

export type GateVerdict =
  | { readonly kind: "ready"; readonly weight: GatedWeight }
  | { readonly kind: "waiting"; readonly reason: GateReason };

/** The first reading and the newest of a stable window; a box may stand on the pan for an hour. */
export const WINDOW_READINGS_MAX = 12;
/** Together; print-outs of some scales are long. */
export const WINDOW_BYTES_MAX = 6 * 1024;
/** Without a reading for so long, what stands on the display may be old. */
export const READING_AGE_MS_MAX = 3000;
/** Divisions above zero under which there is nothing on the pan worth a record. */
const ABOVE_ZERO_DIVISIONS = 20;
/** Divisions from zero that still count as an empty pan: crumbs, wind, a wet pan. */
const EMPTY_DIVISIONS = 5;

/** Before the first reading: whatever lies on the pan may have been taken before a restart. */
export const CLOSED_GATE: WeightGate = {
  isLive: false,
  isArmed: false,
  latest: null,
  window: [],
  wasCommanded: false,
};

export function observeReading(
  gate: WeightGate,
  reading: ScaleReading,
  limits: ScaleLimits,
  tare: SoftwareTare,
): WeightGate {
  const { grams, stable } = reading;
  const isSteady = stable && grams !== null && reading.unit === limits.unit;
  const window = isSteady ? extended(gate.window, reading, grams, limits) : [];
  // Boxes come and go with the goods, so only the container can be what stays on the pan. Below a tare lies no container
  // but something else: a tare keyed with one digit too many would otherwise free the very goods that were just taken.
  const emptyG = EMPTY_DIVISIONS * limits.divisionG;
  const isEmpty = isSteady && (grams <= emptyG || Math.abs(grams - tare.containerG) <= emptyG);
  // Goods that were taken and then tared away look like an empty pan; with the tare they come back.
  const isUncovered = isTared(gate) && grams !== null && reading.mode === "gross" && !isTareOn(reading);
  return {
    ...gate,
    isLive: true,
    latest: reading,
    window,
    isArmed: isEmpty || (gate.isArmed && !isUncovered),
    // Only a scale that says so has taken it off again; `tareCommanded` hears of our own command.
    wasCommanded: gate.wasCommanded && !(stable && reading.mode === "gross"),
  };
}

/** The line is away: nothing that was seen before proves anything now. Whether the pan was empty stays known. */
export function observeLoss(gate: WeightGate): WeightGate {
  return { ...gate, isLive: false, latest: null, window: [] };
}

/** The scale took our command to tare, or to clear its tare; cleared, the pan has to be seen empty without it. */
export function tareCommanded(gate: WeightGate, isOn: boolean): WeightGate {
  return { ...gate, wasCommanded: isOn, isArmed: gate.isArmed && isOn };
}

/** The weight was recorded: the pan has to be emptied before the next one. */
export function disarmed(gate: WeightGate): WeightGate {
  return { ...gate, isArmed: false };
}

export function judgeGate(
  gate: WeightGate,
  limits: ScaleLimits,
  tare: SoftwareTare,
  monoMs: number,
): GateVerdict {
  const reason = firstReason(gate, limits, tare, monoMs);
  const { latest } = gate;
  const grams = latest?.grams ?? null;
  if (reason !== null || latest === null || grams === null)
    return { kind: "waiting", reason: reason ?? "no-reading" };
  return {
    kind: "ready",
    weight: {
      shownG: grams,
      netG: grams - tare.containerG - tare.packsG,
      atMono: latest.receivedMonoMs,
      window: gate.window,
      scaleTare: scaleTareOf(gate, latest),
    },
  };
}

function firstReason(
  gate: WeightGate,
  { unit, minG, maxG, divisionG }: ScaleLimits,
  { containerG, packsG }: SoftwareTare,
  monoMs: number,
): GateReason | null {
  const { isLive, isArmed, latest, window } = gate;
  if (!isLive) return "scale-lost";
  if (latest === null || monoMs - latest.receivedMonoMs > READING_AGE_MS_MAX) return "no-reading";
  if (latest.overload) return "overload";
  if (latest.underload) return "underload";
  if (latest.unit !== null && latest.unit !== unit) return "wrong-unit";
  if (latest.value === null || latest.unit === null) return latest.stable ? "no-reading" : "moving";
  if (latest.grams === null) return "not-whole-grams";
  if (!latest.stable || window.length === 0) return "moving";
  if (isTared(gate) && containerG > 0) return "tared-twice";
  if (!isArmed) return "not-returned-to-zero";
  const grossG = latest.grams + (tareGOf(latest) ?? 0);
  if (latest.grams < minG) return "below-min";
  if (grossG > maxG) return "above-max";
  return latest.grams - containerG - packsG < ABOVE_ZERO_DIVISIONS * divisionG ? "too-close-to-zero" : null;
}

/** The scale's own tare is on. */
export function isTared({ latest, wasCommanded }: Pick<WeightGate, "latest" | "wasCommanded">): boolean {
  if (wasCommanded) return true;
  return latest !== null && isTareOn(latest);
}

function scaleTareOf(gate: WeightGate, reading: ScaleReading): GatedWeight["scaleTare"] {
  if (!isTared(gate)) return { kind: "none" };
  return { kind: gate.wasCommanded ? "command" : "scale-key", tareG: tareGOf(reading) };
}

/** Where the scale says it beside the weight, in the same unit, and in whole grams. */
function tareGOf({ tare, unit }: ScaleReading): number | null {
  const match = tare === null ? null : /^(\d{1,7})(?:\.(\d{1,3})0*)?$/.exec(tare);
  if (match === null) return null;
  const thousandths = Number(match[1]) * 1000 + Number((match[2] ?? "").padEnd(3, "0"));
  if (unit === "kg") return thousandths;
  if (unit === "jin") return thousandths % 2 === 0 ? thousandths / 2 : null;
  return unit === "g" && thousandths % 1000 === 0 ? thousandths / 1000 : null;
}

/** Software stability may let readings differ by a division; a step beyond that is another weight. */
function extended(
  window: readonly ScaleReading[],
  reading: ScaleReading,
  grams: number,
  { divisionG }: ScaleLimits,
): readonly ScaleReading[] {
  const first = window[0];
  const differs = first !== undefined && Math.abs((first.grams ?? grams) - grams) > divisionG;
  if (first === undefined || differs) return [reading];
  const newest = [...window.slice(1), reading];
  while (1 + newest.length > WINDOW_READINGS_MAX || bytesOf(newest) + first.raw.length > WINDOW_BYTES_MAX) {
    if (newest.length === 1) return newest;
    newest.shift();
  }
  return [first, ...newest];
}

function bytesOf(readings: readonly ScaleReading[]): number {
  return readings.reduce((sum, { raw }) => sum + raw.length, 0);
}
