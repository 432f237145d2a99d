import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DiskGuard, type DiskState, probeDisk } from "./disk-guard.ts";
import { Teardown } from "./teardown.ts";
import { VirtualClock } from "./virtual-clock.ts";

const settings = { folder: tmpdir(), freeBytesMin: 1, checkPeriodMs: 5000 };

describe("DiskGuard", () => {
  it("calls a writable disk with room safe, one below the minimum low, and a missing folder failed", () => {
    const folder = mkdtempSync(join(tmpdir(), "disk-guard-"));
    expect(probeDisk({ ...settings, folder }).kind).toBe("safe");
    expect(probeDisk({ ...settings, folder, freeBytesMin: 1e15 }).kind).toBe("low");
    rmSync(folder, { recursive: true });
    expect(probeDisk({ ...settings, folder })).toEqual({ kind: "failed", code: "ENOENT" });
  });

  it("tells its listeners once when the disk turns unsafe and once when it recovers", async () => {
    const clock = new VirtualClock();
    let next: DiskState = { kind: "safe", freeBytes: 10 };
    const guard = new DiskGuard(clock, settings, () => next);
    const seen: string[] = [];
    guard.onChange((state) => seen.push(state.kind));
    next = { kind: "failed", code: "EIO" };
    await clock.advance(12_000);
    expect(guard.safe()).toBe(false);
    next = { kind: "safe", freeBytes: 10 };
    await clock.advance(5000);
    guard.close();
    next = { kind: "low", freeBytes: 0 };
    await clock.advance(20_000);
    expect(seen).toEqual(["failed", "safe"]);
  });
});

describe("Teardown", () => {
  it("runs every step, last first, and reports all failures together", async () => {
    const teardown = new Teardown();
    const ran: string[] = [];
    teardown.add("journal", () => void ran.push("journal"));
    teardown.add("engine", () => Promise.reject(new Error("stuck")));
    teardown.add("kiosk", () => void ran.push("kiosk"));
    await expect(teardown.run()).rejects.toMatchObject({ errors: [{ message: "closing engine failed" }] });
    expect(ran).toEqual(["kiosk", "journal"]);
  });
});
