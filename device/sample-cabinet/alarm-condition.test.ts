import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Condition,
  dueMonoMsOf,
  HOLDING,
  judgeCondition,
  QUIET,
  settleCondition,
  type Verdict,
  verdictAbove,
} from "./alarm-condition.ts";

const DELAYS = { onDelayMs: 60_000, offDelayMs: 10_000 };

function stepped(start: Condition, steps: readonly (readonly [number, Verdict])[]): Condition {
  return steps.reduce(
    (condition, [atMonoMs, verdict]) => judgeCondition(condition, verdict, atMonoMs, DELAYS),
    start,
  );
}

describe("a condition", () => {
  it("holds when its verdict has been on for the whole delay, to the millisecond", () => {
    const waiting = stepped(QUIET, [[0, "on"]]);
    expect(dueMonoMsOf(waiting, DELAYS)).toBe(60_000);
    expect(settleCondition(waiting, 59_999, DELAYS).isActive).toBe(false);
    expect(settleCondition(waiting, 60_000, DELAYS).isActive).toBe(true);
  });

  it("starts its delay anew when the limit was left in between", () => {
    expect(
      stepped(QUIET, [
        [0, "on"],
        [50_000, "off"],
        [55_000, "on"],
        [65_000, "on"],
      ]).isActive,
    ).toBe(false);
    expect(
      stepped(QUIET, [
        [0, "on"],
        [50_000, "between"],
        [65_000, "on"],
      ]).isActive,
    ).toBe(false);
  });

  it("stays in the dead band what it was", () => {
    expect(
      stepped(HOLDING, [
        [0, "between"],
        [900_000, "between"],
      ]).isActive,
    ).toBe(true);
    expect(
      stepped(QUIET, [
        [0, "between"],
        [900_000, "between"],
      ]).isActive,
    ).toBe(false);
  });

  it("neither begins nor ends on faults, and a fault in the middle does not start the delay anew", () => {
    expect(
      stepped(QUIET, [
        [0, "on"],
        [30_000, "unknown"],
        [900_000, "unknown"],
      ]).isActive,
    ).toBe(false);
    expect(
      dueMonoMsOf(
        stepped(QUIET, [
          [0, "on"],
          [30_000, "unknown"],
        ]),
        DELAYS,
      ),
    ).toBeNull();
    expect(
      stepped(QUIET, [
        [0, "on"],
        [30_000, "unknown"],
        [60_000, "on"],
      ]).isActive,
    ).toBe(true);
    expect(
      stepped(HOLDING, [
        [0, "unknown"],
        [900_000, "unknown"],
      ]).isActive,
    ).toBe(true);
  });

  it("ends only after the verdict was off for long enough", () => {
    expect(
      stepped(HOLDING, [
        [0, "off"],
        [9999, "off"],
      ]).isActive,
    ).toBe(true);
    expect(
      stepped(HOLDING, [
        [0, "off"],
        [5000, "on"],
        [12_000, "off"],
      ]).isActive,
    ).toBe(true);
    expect(
      stepped(HOLDING, [
        [0, "off"],
        [10_000, "off"],
      ]).isActive,
    ).toBe(false);
  });

  it("changes only where one verdict was said without its opposite for the delay", () => {
    const step = fc.tuple(
      fc.integer({ min: 1, max: 30_000 }),
      fc.constantFrom<Verdict>("on", "off", "between", "unknown"),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let condition = QUIET;
        let atMonoMs = 0;
        let wantedSince: number | null = null;
        for (const [byMs, verdict] of steps) {
          atMonoMs += byMs;
          const wanted: Verdict = condition.isActive ? "off" : "on";
          if (verdict === wanted) wantedSince ??= atMonoMs;
          else if (verdict !== "unknown") wantedSince = null;
          const next = judgeCondition(condition, verdict, atMonoMs, DELAYS);
          const delayMs = condition.isActive ? DELAYS.offDelayMs : DELAYS.onDelayMs;
          const isDue = verdict === wanted && wantedSince !== null && atMonoMs - wantedSince >= delayMs;
          expect(next.isActive !== condition.isActive).toBe(isDue);
          if (isDue) wantedSince = null;
          condition = next;
        }
      }),
    );
  });
});

describe("a value and its limit", () => {
  it("is on above it, off below the dead band, and in between nothing new", () => {
    expect([8001, 8000, 7501, 7500].map((value) => verdictAbove(value, 8000, 500))).toEqual([
      "on",
      "between",
      "between",
      "off",
    ]);
    expect(verdictAbove(8000, 8000, 0)).toBe("off");
    expect(verdictAbove(null, 8000, 500)).toBe("unknown");
  });
});
