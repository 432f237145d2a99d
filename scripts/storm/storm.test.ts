import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hasTool, withSystemFolders } from "../../test/require-tool.ts";
import { simulateStorm } from "./simulated-storm.ts";
import { barsOf, svgOf } from "./storm-chart.ts";

const limits = { waitMsMin: 1000, waitMsMax: 60_000, spreadMs: 10_000, stableMsMin: 30_000 };
const broker = { connectionsPerSecondMax: 2000, connectWaitMsMax: 20_000 };

describe("a storm of ten thousand, simulated with the real backoff", () => {
  it.each([
    ["a restart of the broker", 2000],
    ["a minute without it", 60_000],
    ["ten minutes without it", 600_000],
  ])("stays below what one broker accepts, after %s", (_what, downMs) => {
    const { attempts, queuedMax, givenUp } = simulateStorm({
      ...{ terminals: 10_000, limits, downMs, ...broker, seed: 7 },
    });
    expect(Math.max(...attempts)).toBeLessThan(1600);
    expect(queuedMax).toBeLessThan(100);
    expect(givenUp).toBe(0);
  });

  it("without the spread comes back in one second: the figure that the spread is for", () => {
    const { attempts } = simulateStorm({
      ...{ terminals: 10_000, limits: { ...limits, spreadMs: 0 }, downMs: 500, ...broker, seed: 7 },
    });
    expect(Math.max(...attempts)).toBe(10_000);
  });

  it("brings back everybody in the end, also to a broker that is too slow for the first wave", () => {
    const { accepted, givenUp } = simulateStorm({
      ...{
        terminals: 3000,
        limits,
        downMs: 5000,
        connectionsPerSecondMax: 150,
        connectWaitMsMax: 3000,
        seed: 7,
      },
    });
    expect(accepted.reduce((sum, count) => sum + count, 0)).toBe(3000);
    expect(givenUp).toBeGreaterThan(0);
  });

  it("is drawn as text and as a picture", () => {
    expect(barsOf("per second", [0, 4, 2], 4)).toContain("      4 | # ");
    const curve = { title: "per second", values: [0, 4, 2] };
    expect(svgOf("storm", [curve], [{ second: 1, text: "back" }])).toContain("<polyline");
  });
});

describe.runIf(hasTool("mosquitto"))("a small storm through mosquitto", () => {
  it("ends with every terminal connected and every entry stored once", () => {
    const program = fileURLToPath(new URL("../bench-storm.ts", import.meta.url));
    const argv = [
      "--terminals",
      "30",
      "--processes",
      "1",
      "--down-s",
      "1",
      "--spread-ms",
      "1500",
      "--idle-s",
      "0",
    ];
    const out = execFileSync(process.execPath, [program, ...argv, "--json"], {
      encoding: "utf8",
      env: withSystemFolders(),
    });
    const { connectedAtEnd, receipted, stored, entries, connectionsMade } = JSON.parse(out);
    expect(connectedAtEnd).toBe(30);
    expect(connectionsMade).toBeGreaterThanOrEqual(30);
    expect(receipted).toBeGreaterThan(0);
    // Counted one after the other while charges go on.
    expect(stored).toBeGreaterThanOrEqual(receipted);
    expect(entries).toBeGreaterThanOrEqual(receipted);
  });
});
