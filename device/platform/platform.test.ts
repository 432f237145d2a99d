import { describe, expect, it } from "vitest";
import { Backoff } from "./backoff.ts";
import { idSource, seededEntropy } from "./entropy.ts";
import { createLogger } from "./logger.ts";
import { addFen, epochMs, fen, formatYuan } from "./units.ts";
import { VirtualClock } from "./virtual-clock.ts";

describe("money", () => {
  it("refuses fractions and sums beyond the safe integers", () => {
    expect(() => fen(1.5)).toThrow(RangeError);
    expect(() => addFen(fen(Number.MAX_SAFE_INTEGER), fen(1))).toThrow(RangeError);
  });

  it("is shown in yuan with two decimals, the sign included", () => {
    expect([0, 5, 1234, -5, -1234].map((amount) => formatYuan(fen(amount)))).toEqual([
      "0.00",
      "0.05",
      "12.34",
      "-0.05",
      "-12.34",
    ]);
  });
});

describe("VirtualClock", () => {
  it("runs due tasks in order and moves both clocks together", async () => {
    const clock = new VirtualClock(1000);
    const ran: string[] = [];
    clock.after(20, () => ran.push("after 20"));
    const timer = clock.every(10, () => ran.push(`every at ${clock.mono()}`));
    await clock.advance(25);
    timer.cancel();
    await clock.advance(100);
    expect(ran).toEqual(["every at 10", "after 20", "every at 20"]);
    expect(clock.now()).toBe(epochMs(1125));
  });

  it("rejects a delay whose signal aborts", async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const waiting = clock.delay(1000, { signal: controller.signal });
    controller.abort(new Error("closed"));
    await expect(waiting).rejects.toThrow("closed");
  });
});

describe("Backoff", () => {
  it("grows to its cap with jitter and starts again only after a stable time", () => {
    const backoff = new Backoff(
      { waitMsMin: 100, waitMsMax: 1000, stableMsMin: 5000 },
      { ...seededEntropy(1), uniform: () => 1 },
    );
    expect([0, 0, 0, 0, 0, 4999].map((upMs) => backoff.nextWaitMs(upMs))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
    expect(backoff.nextWaitMs(5000)).toBe(100);
  });
});

describe("ids", () => {
  it("are UUIDv7 that sort by time", async () => {
    const clock = new VirtualClock();
    const ids = idSource(clock, seededEntropy(7));
    const first = ids.next();
    await clock.advance(5);
    const second = ids.next();
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(first < second).toBe(true);
  });
});

describe("log", () => {
  it("removes names, faces and templates even when someone passes them", () => {
    const lines: string[] = [];
    const log = createLogger("info", { write: (line) => lines.push(line) });
    log.info(
      { personId: "p-1", person: { displayName: "SECRET", embedding: [1] }, a: { b: { pin: "SECRET" } } },
      "seen",
    );
    expect(lines.join()).toContain("p-1");
    expect(lines.join()).not.toContain("SECRET");
  });
});
