import { describe, expect, it } from "vitest";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { simulate } from "./simulation.ts";
import type { SimulationResult } from "./simulation-port.ts";

/** `CANTEEN_LONG=1`: many more seeds, for an hour of two cores. */
const LONG = process.env["CANTEEN_LONG"] === "1";
const FRESH_SEEDS = LONG ? 2000 : 4;
const RUN_MS_MAX = 300_000;
/** A small school in each, but in the long run. */
const DINERS = 100;

/** What a person needs to look into it, in the test's own output. */
function told({ seed, days, violation, lastEvents }: SimulationResult): string {
  if (violation === null) return "no rule was broken";
  return `${violation.message}\n  ${lastEvents.join("\n  ")}\nnpm run simulate -- --seed ${seed} --days ${days} --diners ${DINERS}`;
}

describe("a simulated school", () => {
  for (const { seed, days, why, shares, kitchen = false } of KEPT_SEEDS.filter(
    ({ isLong }) => LONG || !isLong,
  )) {
    it(`keeps every rule with seed ${seed}${kitchen ? " and a kitchen" : ""}: ${why}`, {
      timeout: RUN_MS_MAX,
    }, async () => {
      const drawn = shares === undefined ? {} : { shares };
      const result = await simulate({ seed, days, kitchen, diners: DINERS, ...drawn });
      expect(told(result)).toBe("no rule was broken");
      expect(result.counts.get("meals")).toBeGreaterThan(20);
    });
  }

  it(`keeps every rule over ${FRESH_SEEDS} more seeds`, { timeout: FRESH_SEEDS * RUN_MS_MAX }, async () => {
    for (let seed = 100; seed < 100 + FRESH_SEEDS; seed++) {
      const result = await simulate({ seed, ...(LONG ? { days: 3 } : { days: 1, diners: DINERS }) });
      expect(told(result)).toBe("no rule was broken");
    }
  });

  it("goes the same way again with the same seed", { timeout: RUN_MS_MAX }, async () => {
    const run = (seed: number): Promise<SimulationResult> => simulate({ seed, days: 1, diners: DINERS });
    const [first, again] = [await run(9), await run(9)];
    expect(again.fingerprint).toBe(first.fingerprint);
    expect([...again.counts]).toEqual([...first.counts]);
    const other = await run(10);
    expect(other.fingerprint).not.toBe(first.fingerprint);
  });
});
