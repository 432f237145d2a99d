import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { randomKills } from "../torture/kill-trials.ts";
import { runTrial } from "../torture/trial.ts";

/** `npm run torture -- --kills 1000 --only random` is the long run by hand. */
const KILLS = 50;
const SEED = 20260902;
const KILL_MS_MAX = 60_000;

it(
  `the terminal under ${KILLS} kills -9 and load: each card charged once, and the cloud holds what the screen showed (seed ${SEED})`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "canteen-terminal-kill-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { problems, done, shownCount } = await runTrial(randomKills, { folder, seed: SEED, rounds: KILLS });
    expect(problems).toEqual([]);
    // A run in which nothing was paid would prove nothing.
    expect(shownCount).toBeGreaterThan(KILLS);
    process.stdout.write(`${done}, ${shownCount} payments shown\n`);
  },
  KILLS * KILL_MS_MAX,
);
