import { describe, expect, it } from "vitest";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { type SimulationResult, simulate } from "./simulation.ts";

/** `CANTEEN_LONG=1`: many more seeds, for an hour of two cores. */
const LONG = process.env["CANTEEN_LONG"] === "1";
const FRESH_SEEDS = LONG ? 2000 : 6;
const RUN_MS_MAX = 300_000;

/** What a person needs to look into it, in the test's own output. */
function told({ seed, days, violation, lastEvents }: SimulationResult): string {
  if (violation === null) return "no rule was broken";
  return `${violation.message}\n  ${lastEvents.join("\n  ")}\nnpm run simulate -- --seed ${seed} --days ${days}`;
}

describe("a simulated school", () => {
  for (const { seed, days, why, shares } of KEPT_SEEDS) {
    it(`keeps every rule with seed ${seed}: ${why}`, { timeout: RUN_MS_MAX }, async () => {
      const result = await simulate({ seed, days, ...(shares === undefined ? {} : { shares }) });
      expect(told(result)).toBe("no rule was broken");
      expect(result.counts.get("meals")).toBeGreaterThan(20);
    });
  }

  it(`keeps every rule over ${FRESH_SEEDS} more seeds`, { timeout: FRESH_SEEDS * RUN_MS_MAX }, async () => {
    for (let seed = 100; seed < 100 + FRESH_SEEDS; seed++) {
      const result = await simulate({ seed, days: LONG ? 3 : 1 });
      expect(told(result)).toBe("no rule was broken");
    }
  });

  it("goes the same way again with the same seed", { timeout: RUN_MS_MAX }, async () => {
    const [first, again] = [await simulate({ seed: 9, days: 1 }), await simulate({ seed: 9, days: 1 })];
    expect(again.fingerprint).toBe(first.fingerprint);
    expect([...again.counts]).toEqual([...first.counts]);
    const other = await simulate({ seed: 10, days: 1 });
    expect(other.fingerprint).not.toBe(first.fingerprint);
  });
});
