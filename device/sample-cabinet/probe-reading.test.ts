import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FRESH_PROBE,
  type JudgedReading,
  judgeReading,
  type ProbeBounds,
  type ProbeMemory,
} from "./probe-reading.ts";

const BOUNDS: ProbeBounds = {
  plausibleMilliC: { min: -40_000, max: 60_000 },
  stuckMs: 6 * 3_600_000,
  offsetMilliC: 0,
};
const NO_BYTES = new Uint8Array();

type Given = number | string | { readonly milliC: number | null; readonly raw: Uint8Array };

/** Judges readings 5 s apart. @returns a value as its number, a fault as its word. */
function judgeAll(given: readonly Given[], bounds = BOUNDS, stepMs = 5000): (number | string)[] {
  let memory: ProbeMemory = FRESH_PROBE;
  return given.map((item, index) => {
    const reading = {
      milliC: typeof item === "number" ? item : typeof item === "string" ? null : item.milliC,
      fault: typeof item === "string" ? item : null,
      raw: typeof item === "object" ? item.raw : NO_BYTES,
      receivedMonoMs: index * stepMs,
    };
    const step = judgeReading(memory, reading, bounds);
    memory = step.memory;
    return wordOf(step.judged);
  });
}

const wordOf = (judged: JudgedReading): number | string =>
  judged.kind === "value" ? judged.milliC : judged.fault;

describe("a probe's reading", () => {
  it("is its value with the calibration added", () => {
    expect(judgeAll([4000, 4100], { ...BOUNDS, offsetMilliC: -300 })).toEqual([3700, 3800]);
  });

  it.each([
    ["open", "open"],
    ["short", "short"],
    ["damaged", "crc"],
    ["silent", "silent"],
    ["implausible", "out-of-range"],
    ["out-of-range", "out-of-range"],
    ["power-on", "power-up"],
    ["unfitting", "registers"],
    ["exception", "registers"],
    ["a converter's own word", "sensor"],
  ])("that the bridge calls %s is the fault %s", (word, fault) => {
    expect(judgeAll([word])).toEqual([fault]);
  });

  it.each([
    [32_767, "open"],
    [-32_768, "open"],
    [3_276_700, "open"],
    [-327_680, "open"],
    [85_000, "power-up"],
    [60_100, "out-of-range"],
    [-40_100, "out-of-range"],
  ])("of %i milli-degrees is no value but the fault %s", (milliC, fault) => {
    expect(judgeAll([milliC])).toEqual([fault]);
  });

  it("of nine zeros is a shorted 1-Wire line", () => {
    expect(judgeAll([{ milliC: 0, raw: new Uint8Array(9) }])).toEqual(["all-zero"]);
    expect(judgeAll([{ milliC: 0, raw: new Uint8Array(7) }])).toEqual([0]);
  });

  it("of 85 °C is believed where the probe came there through other values", () => {
    const oven = { ...BOUNDS, plausibleMilliC: { min: 0, max: 120_000 } };
    expect(judgeAll([84_000, 85_000], oven)).toEqual([84_000, 85_000]);
    expect(judgeAll([4000, 85_000], oven)).toEqual([4000, "power-up"]);
  });

  it("that jumps is a fault, and believed the third time in a row", () => {
    expect(judgeAll([4000, 30_000, 4000])).toEqual([4000, "jump", 4000]);
    expect(judgeAll([4000, 30_000, 30_100, 30_200, 30_300])).toEqual([4000, "jump", "jump", 30_200, 30_300]);
    expect(judgeAll([4000, 30_000, -20_000, 30_000, -20_000])).toEqual([
      4000,
      "jump",
      "jump",
      "jump",
      "jump",
    ]);
  });

  it("may be anywhere after ten minutes without one", () => {
    expect(judgeAll([4000, 30_000], BOUNDS, 600_001)).toEqual([4000, 30_000]);
  });

  it("that has been the very same for hours is a stuck probe, until it moves", () => {
    const each10Min = [...Array.from({ length: 37 }, () => 4000), 4100];
    expect(judgeAll(each10Min, BOUNDS, 600_000).slice(-3)).toEqual([4000, "stuck", 4100]);
    expect(judgeAll([4000, 4000], { ...BOUNDS, stuckMs: null }, 86_400_000)).toEqual([4000, 4000]);
  });

  it("that is a fault says nothing about whether the probe is stuck", () => {
    const oneBad = Array.from({ length: 73 }, (_, index) => (index % 2 === 1 ? "silent" : 4000));
    expect(judgeAll(oneBad, BOUNDS, 300_000).at(-1)).toBe("stuck");
  });

  it("that comes back after hours without one is not stuck for being the same", () => {
    const away = Array.from({ length: 72 }, () => "silent");
    expect(judgeAll([4000, ...away, 4000], BOUNDS, 300_000).at(-1)).toBe(4000);
  });

  it("is never a value outside of what the probe can have, whatever comes", () => {
    const anything = fc.oneof(
      fc.integer({ min: -4_000_000, max: 4_000_000 }),
      fc.constantFrom("silent", "open"),
    );
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (given) => {
        for (const [index, word] of judgeAll(given).entries()) {
          if (typeof word === "string") continue;
          expect(word).toBe(given[index]);
          expect(word).toBeGreaterThanOrEqual(-40_000);
          expect(word).toBeLessThanOrEqual(60_000);
        }
      }),
    );
  });
});
