import type { ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import type { ProbeFault } from "./cabinet-port.ts";

/** What one reading is taken for: a value, or the fault that stands in its place. */
export type JudgedReading =
  | { readonly kind: "value"; readonly milliC: number; readonly rawMilliC: number }
  | { readonly kind: "fault"; readonly fault: ProbeFault };

export interface ProbeBounds {
  readonly plausibleMilliC: { readonly min: number; readonly max: number };
  /** The very same raw value for longer is a stuck probe; null: never. */
  readonly stuckMs: number | null;
  /** Added to what the probe says. */
  readonly offsetMilliC: number;
}

/** What the filter remembers of one probe. */
export interface ProbeMemory {
  readonly lastGood: { readonly rawMilliC: number; readonly atMonoMs: number } | null;
  /** Values far from the last good one, near to each other: the third is believed. */
  readonly doubted: {
    readonly rawMilliC: number;
    readonly atMonoMs: number;
    readonly count: number;
  } | null;
  readonly same: { readonly rawMilliC: number; readonly sinceMonoMs: number } | null;
}

export const FRESH_PROBE: ProbeMemory = { lastGood: null, doubted: null, same: null };

/**
 * How far a probe can get from its last value: some for noise and a probe that is taken into the hand, and a rate
 * that only a dip into hot water exceeds (a probe with a time constant of 20 s in a door's draught of 26 °C more).
 */
const JUMP_MILLI_C = 3000;
const JUMP_MILLI_C_PER_S = 1500;
/** The rate gives no more room after this, or a few lost readings would let anything pass. */
const JUMP_MS_MAX = 10_000;
/** So many readings at the new place in a row: the probe really is there. */
const DOUBTED_COUNT_MAX = 3;
/** After a longer silence the last value says nothing about the next. */
const LAST_GOOD_MS_MAX = 600_000;
const POWER_UP_MILLI_C = 85_000;
/** The ends of a 16-bit register, 0x7FFF and 0x8000, at the scales that converters have. */
const REST_VALUES = new Set([1, 10, 100].flatMap((scale) => [32_767 * scale, -32_768 * scale]));
const SCRATCHPAD_BYTES = 9;

/** The bridge's words for what went wrong; those of converters' own sentinels are free texts of the site. */
const FAULT_OF_WORD: Readonly<Record<string, ProbeFault>> = {
  open: "open",
  short: "short",
  shorted: "short",
  "out-of-range": "out-of-range",
  implausible: "out-of-range",
  damaged: "crc",
  silent: "silent",
  busy: "silent",
  "power-on": "power-up",
  exception: "registers",
  registers: "registers",
  unfitting: "registers",
};

/** Judges one reading of one probe; pure. */
export function judgeReading(
  memory: ProbeMemory,
  reading: Pick<ThermometerReading, "milliC" | "fault" | "raw" | "receivedMonoMs">,
  bounds: ProbeBounds,
): { readonly memory: ProbeMemory; readonly judged: JudgedReading } {
  const fault = faultOf(reading, bounds, memory);
  if (fault !== null || reading.milliC === null)
    return { memory, judged: { kind: "fault", fault: fault ?? "sensor" } };
  return judgeValue(memory, reading.milliC, reading.receivedMonoMs, bounds);
}

function faultOf(
  { milliC, fault, raw }: Pick<ThermometerReading, "milliC" | "fault" | "raw">,
  { plausibleMilliC: { min, max } }: ProbeBounds,
  { lastGood }: ProbeMemory,
): ProbeFault | null {
  // A shorted 1-Wire line reads as nine zeros, which pass their own CRC.
  if (raw.length === SCRATCHPAD_BYTES && raw.every((byte) => byte === 0)) return "all-zero";
  if (fault !== null) return FAULT_OF_WORD[fault] ?? "sensor";
  if (milliC === null) return "sensor";
  if (REST_VALUES.has(milliC)) return "open";
  // Where 85 °C is possible at all it is reached through other values.
  if (
    milliC === POWER_UP_MILLI_C &&
    (lastGood === null || lastGood.rawMilliC < POWER_UP_MILLI_C - JUMP_MILLI_C)
  )
    return "power-up";
  return milliC < min || milliC > max ? "out-of-range" : null;
}

function judgeValue(
  memory: ProbeMemory,
  rawMilliC: number,
  atMonoMs: number,
  { stuckMs, offsetMilliC }: ProbeBounds,
): { readonly memory: ProbeMemory; readonly judged: JudgedReading } {
  const { lastGood } = memory;
  // Faults in between say nothing; but after hours without a value the same one again is not one that stood still.
  const isHeard = lastGood !== null && atMonoMs - lastGood.atMonoMs <= LAST_GOOD_MS_MAX;
  const same =
    isHeard && memory.same?.rawMilliC === rawMilliC ? memory.same : { rawMilliC, sinceMonoMs: atMonoMs };
  if (lastGood !== null && isJump(lastGood, rawMilliC, atMonoMs)) {
    const { doubted } = memory;
    const isNear = doubted !== null && !isJump(doubted, rawMilliC, atMonoMs);
    const count = isNear ? doubted.count + 1 : 1;
    if (count < DOUBTED_COUNT_MAX)
      return {
        memory: { lastGood, doubted: { rawMilliC, atMonoMs, count }, same },
        judged: { kind: "fault", fault: "jump" },
      };
  }
  const next: ProbeMemory = { lastGood: { rawMilliC, atMonoMs }, doubted: null, same };
  if (stuckMs !== null && atMonoMs - same.sinceMonoMs >= stuckMs)
    return { memory: next, judged: { kind: "fault", fault: "stuck" } };
  return { memory: next, judged: { kind: "value", milliC: rawMilliC + offsetMilliC, rawMilliC } };
}

function isJump(
  from: { readonly rawMilliC: number; readonly atMonoMs: number },
  rawMilliC: number,
  atMonoMs: number,
): boolean {
  const elapsedMs = Math.max(0, atMonoMs - from.atMonoMs);
  if (elapsedMs > LAST_GOOD_MS_MAX) return false;
  return (
    Math.abs(rawMilliC - from.rawMilliC) >
    JUMP_MILLI_C + (JUMP_MILLI_C_PER_S * Math.min(elapsedMs, JUMP_MS_MAX)) / 1000
  );
}
