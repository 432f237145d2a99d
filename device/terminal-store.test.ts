import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { configSchema } from "./config/schema.ts";
import { seededEntropy } from "./platform/entropy.ts";
import { silentLogger } from "./platform/logger.ts";
import { VirtualClock } from "./platform/virtual-clock.ts";
import { openTerminalStore, type TerminalStore } from "./terminal-store.ts";

const HOUR_MS = 3_600_000;

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "canteen-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A start without network and without NTP. */
function start(folder: string, clock: VirtualClock): Promise<TerminalStore> {
  const raw = {
    site: "school",
    device: "till-1",
    dataFolder: folder,
    camera: { kind: "browser" },
    servingLine: {
      mealPlan: {
        periods: [
          {
            id: "lunch",
            name: { zh: "午餐", en: "Lunch" },
            from: "11:00",
            to: "13:00",
            pricing: { kind: "fixed", priceFen: 1200 },
          },
        ],
      },
    },
  };
  return openTerminalStore({
    config: configSchema.parse(raw),
    clock,
    entropy: seededEntropy(1),
    logger: silentLogger,
    ntpSynchronizedFile: join(folder, "none"),
  });
}

describe("the clock after a restart without network", () => {
  it("is held when it ran on from a time that was trusted", async () => {
    const folder = dataFolder();
    const clock = new VirtualClock();
    const first = await start(folder, clock);
    first.takeCloudTime({ cloudNowMs: clock.now(), roundTripMs: 10 });
    await first.close();
    await clock.advance(2 * HOUR_MS);
    const second = await start(folder, clock);
    expect(second.timeTrust.current()).toBe("held");
    await second.close();
  });

  it("is not believed when it was set wrong before: a restart would open another meal", async () => {
    const folder = dataFolder();
    const clock = new VirtualClock();
    const first = await start(folder, clock);
    first.takeCloudTime({ cloudNowMs: clock.now(), roundTripMs: 10 });
    clock.stepWall(5 * HOUR_MS);
    await clock.advance(2000);
    expect(first.timeTrust.current()).toBe("unknown");
    await first.close();
    const second = await start(folder, clock);
    expect(second.timeTrust.current()).toBe("unknown");
    // An operator's word, or the cloud's, opens it again, and from then on restarts hold.
    second.confirmClock("operator");
    await second.close();
    const third = await start(folder, clock);
    expect(third.timeTrust.current()).toBe("held");
    await third.close();
  });

  it("is held when it was set wrong and back again", async () => {
    const folder = dataFolder();
    const clock = new VirtualClock();
    const first = await start(folder, clock);
    first.takeCloudTime({ cloudNowMs: clock.now(), roundTripMs: 10 });
    clock.stepWall(5 * HOUR_MS);
    await clock.advance(2000);
    clock.stepWall(-5 * HOUR_MS);
    await clock.advance(2000);
    await first.close();
    const second = await start(folder, clock);
    expect(second.timeTrust.current()).toBe("held");
    await second.close();
  });
});
