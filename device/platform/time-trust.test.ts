import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ClockStep, TIME_TRUST_LIMITS, TimeTrustTracker } from "./time-trust.ts";
import { epochMs } from "./units.ts";
import { VirtualClock } from "./virtual-clock.ts";

const HOUR_MS = 3_600_000;

function tracked() {
  const clock = new VirtualClock();
  const steps: ClockStep[] = [];
  const tracker = new TimeTrustTracker({ clock, onStepped: (step) => steps.push(step) });
  return { clock, tracker, steps };
}

describe("time trust", () => {
  it("is unknown until someone gave the time", async () => {
    const { clock, tracker } = tracked();
    expect(tracker.current()).toBe("unknown");
    await clock.advance(10 * HOUR_MS);
    expect(tracker.current()).toBe("unknown");
  });

  it("is synced after a reference, and held when the last one is long ago", async () => {
    const { clock, tracker } = tracked();
    expect(tracker.reportReference(clock.now() + 30, 100)).toEqual({ offsetMs: -80 });
    expect(tracker.current()).toBe("synced");
    await clock.advance(HOUR_MS);
    expect(tracker.current()).toBe("synced");
    await clock.advance(1);
    expect(tracker.current()).toBe("held");
    await clock.advance(30 * 24 * HOUR_MS);
    expect(tracker.current()).toBe("held");
    tracker.reportReference(clock.now(), 0);
    expect(tracker.current()).toBe("synced");
  });

  it("is unknown while the wall disagrees with the cloud, and synced once it was set right", () => {
    const { clock, tracker } = tracked();
    expect(tracker.reportReference(clock.now() + 60_000, 0)).toEqual({ offsetMs: -60_000 });
    expect(tracker.current()).toBe("unknown");
    clock.stepWall(60_000);
    expect(tracker.current()).toBe("synced");
  });

  it("is lost by a step of the wall and regained by a step back", async () => {
    const { clock, tracker } = tracked();
    tracker.reportReference(clock.now(), 0);
    clock.stepWall(-HOUR_MS);
    expect(tracker.current()).toBe("unknown");
    clock.stepWall(HOUR_MS);
    expect(tracker.current()).toBe("synced");
  });

  it("allows for half the round trip, but takes nothing from an answer that was too slow", () => {
    const { clock, tracker } = tracked();
    tracker.reportReference(clock.now() - 8_500, 10_000);
    expect(tracker.current()).toBe("synced");
    const other = tracked();
    expect(other.tracker.reportReference(other.clock.now(), 10_001)).toEqual({ offsetMs: null });
    expect(other.tracker.reportReference(other.clock.now(), -1)).toEqual({ offsetMs: null });
    expect(other.tracker.reportReference(Number.NaN, 1)).toEqual({ offsetMs: null });
    expect(other.tracker.current()).toBe("unknown");
  });

  it("allows an ordinary crystal its drift, and not more", async () => {
    const { clock, tracker } = tracked();
    tracker.reportReference(clock.now(), 0);
    const days = 10 * 24 * HOUR_MS;
    await clock.advance(days);
    const allowedMs = TIME_TRUST_LIMITS.offsetMsMax + days * 1e-4;
    clock.stepWall(allowedMs);
    expect(tracker.current()).toBe("held");
    clock.stepWall(1);
    expect(tracker.current()).toBe("unknown");
  });
});

describe("a restart without network", () => {
  const lastRecord = (clock: VirtualClock, agoMs: number) =>
    ({ atMs: epochMs(clock.now() - agoMs), timeTrust: "synced" }) as const;

  it("holds a wall clock that is plausible after the last record, and never calls it synced", async () => {
    const { clock, tracker } = tracked();
    tracker.resume(lastRecord(clock, 3 * 24 * HOUR_MS), 30 * 24 * HOUR_MS);
    expect(tracker.current()).toBe("held");
    clock.stepWall(HOUR_MS);
    expect(tracker.current()).toBe("unknown");
  });

  it.each([
    ["before the last record, as with a dead battery", -1],
    ["too far after it", 31 * 24 * HOUR_MS],
  ])("does not hold a wall clock that is %s", (_name, agoMs) => {
    const { clock, tracker } = tracked();
    tracker.resume(lastRecord(clock, agoMs), 30 * 24 * HOUR_MS);
    expect(tracker.current()).toBe("unknown");
  });

  it("learns nothing from a record whose own time was unknown", () => {
    const { clock, tracker } = tracked();
    tracker.resume({ ...lastRecord(clock, HOUR_MS), timeTrust: "unknown" }, 30 * 24 * HOUR_MS);
    expect(tracker.current()).toBe("unknown");
  });

  it("takes an operator's word that the clock is right, as held", () => {
    const { tracker } = tracked();
    tracker.confirmByOperator();
    expect(tracker.current()).toBe("held");
  });
});

describe("clock steps", () => {
  it("are reported once each, with their size and both times", async () => {
    const { clock, tracker, steps } = tracked();
    const timer = tracker.start();
    await clock.advance(5000);
    const before = clock.now();
    clock.stepWall(-7000);
    await clock.advance(3000);
    clock.stepWall(2001);
    await clock.advance(1000);
    timer.cancel();
    expect(steps.map(({ byMs }) => byMs)).toEqual([-7000, 2001]);
    expect(steps[0]).toMatchObject({ wallBeforeMs: before, wallAfterMs: before - 6000 });
    clock.stepWall(100_000);
    await clock.advance(5000);
    expect(steps).toHaveLength(2);
  });

  it("are not made of many small corrections, as NTP slews", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2000, max: 2000 }), { maxLength: 50 }), (corrections) => {
        const { clock, tracker, steps } = tracked();
        for (const byMs of corrections) {
          clock.stepWall(byMs);
          tracker.check();
        }
        expect(steps).toEqual([]);
      }),
    );
  });
});
