import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { diskFull, failingSync, flippedPage } from "./disk-trials.ts";
import { killsAtPoints } from "./kill-trials.ts";
import { brokerKills } from "./line-trials.ts";
import { damagedPages } from "./page-trials.ts";
import { powerCuts, powerCutsControl } from "./power-cut.ts";
import { reportOf } from "./report.ts";
import { storageKills } from "./storage-trials.ts";
import { runTrial, type Trial } from "./trial.ts";

/**
 * The short run: once through each kind that needs no long wait. `npm run torture` is the long one; random kills are
 * test/crash/terminal-kill.test.ts, a file of its own so that both cores have something to do.
 */
const SHORT: readonly (readonly [Trial, number])[] = [
  [killsAtPoints, 8],
  [storageKills, 2],
  [brokerKills, 1],
  [diskFull, 1],
  [failingSync, 1],
  [flippedPage, 10],
  [damagedPages, 40],
];
/** `CANTEEN_LONG=1`: true power cuts too, some minutes each. */
const LONG: typeof SHORT = [
  [powerCuts, 3],
  [powerCutsControl, 1],
];
const TRIALS = process.env["CANTEEN_LONG"] === "1" ? [...SHORT, ...LONG] : SHORT;
/** Above all waits of one trial together, so that what was waited for in vain is named. */
const TRIAL_MS_MAX = 1_800_000;
const SEED = 20261122;

describe("a real terminal under real faults", () => {
  for (const [trial, rounds] of TRIALS) {
    it(`loses nothing and charges nobody twice: ${trial.name}`, { timeout: TRIAL_MS_MAX }, async () => {
      const folder = mkdtempSync(join(tmpdir(), "canteen-torture-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const result = await runTrial(trial, { folder, seed: SEED, rounds });
      expect(result.problems).toEqual([]);
      // In CI a missing tool is an error: test/require-tool.ts says so by throwing.
      const isScreen = !LONG.some(([cuts]) => cuts === trial);
      if (result.skipped === null && isScreen) expect(result.shownCount).toBeGreaterThan(0);
    });
  }
});

describe("the report", () => {
  it("names what held, what did not and what could not be tried", () => {
    const result = { name: "a fault", done: "2 kills | more", shownCount: 7, problems: [], skipped: null };
    const text = reportOf(
      [
        result,
        { ...result, name: "another", problems: ["somebody paid twice"] },
        { ...result, name: "a third", skipped: "no right to mount" },
      ],
      { seed: 1, machine: "a machine" },
    );
    expect(text).toContain("| a fault | 2 kills / more | 7 | held |");
    expect(text).toContain("| another | 2 kills / more | 7 | **1 problems** |");
    expect(text).toContain("- another: somebody paid twice");
    expect(text).toContain("not tried: no right to mount");
  });
});
