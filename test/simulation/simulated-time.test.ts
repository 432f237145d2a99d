import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MachineClock, SimulatedTime } from "./simulated-time.ts";

const DAY_MS = 86_400_000;

describe("the clock of a simulated machine", () => {
  it("comes to an end with a task that waits again for what is left, however its quartz runs", async () => {
    const drift = fc.double({ min: -50, max: 50, noNaN: true });
    const wait = fc.double({ min: 0, max: DAY_MS, noNaN: true });
    await fc.assert(
      fc.asyncProperty(drift, wait, fc.nat(DAY_MS), async (driftPpm, waitMs, bootedMs) => {
        const time = new SimulatedTime(0);
        await time.advance(bootedMs + 0.3, 0, () => {});
        const clock = new MachineClock(time, { driftPpm });
        const dueMs = clock.mono() + waitMs;
        let woken = 0;
        const wake = (): void => {
          woken += 1;
          if (clock.mono() < dueMs && woken < 10) clock.after(dueMs - clock.mono(), wake);
        };
        clock.after(waitMs, wake);
        await time.advance(2 * DAY_MS, 0, () => {});
        expect(clock.mono()).toBeGreaterThan(dueMs);
        expect(woken).toBeLessThan(4);
      }),
    );
  });

  it("wakes nobody after its power is gone", async () => {
    const time = new SimulatedTime(0);
    const clock = new MachineClock(time);
    const woken: string[] = [];
    clock.after(10, () => void woken.push("after"));
    clock.every(10, () => void woken.push("every"));
    clock.powerOff();
    await time.advance(100, 0, () => {});
    expect(woken).toEqual([]);
  });
});
