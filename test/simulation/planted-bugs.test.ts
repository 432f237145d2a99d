import { describe, expect, it } from "vitest";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { PLANTED_KITCHEN_BUGS } from "./planted-kitchen-bugs.ts";
import { simulate } from "./simulation.ts";
import type { Violation } from "./violation.ts";

/** `CANTEEN_LONG=1`: every bug; else one of each kind that shows up within a second or two. */
const LONG = process.env["CANTEEN_LONG"] === "1";
const CPU_SECONDS_MAX = 60;
const SEEDS_MAX = 60;
const TEST_MS_MAX = 900_000;

/** Found too, but not at once on each machine. */
const SLOW = new Set(["fault-ends-an-alarm", "weigh-in-doubled-after-a-crash"]);

/** Found within one simulated day of the first seed or two. */
const QUICK = new Set([
  "commit-not-synced",
  "receipt-closes-too-much",
  "puback-closes-entries",
  "duplicate-not-recognised",
  "command-applied-twice",
  "meal-claim-missing",
  "balance-off-by-one-after-a-void",
  "withdrawn-face-still-pays",
  "cloud-books-twice",
  ...PLANTED_KITCHEN_BUGS.map(({ name }) => name).filter((name) => !SLOW.has(name)),
]);

async function find(bug: (typeof PLANTED_BUGS)[number]): Promise<Violation | null> {
  const before = process.cpuUsage();
  const spentSeconds = (): number => process.cpuUsage(before).user / 1e6;
  const kitchen = PLANTED_KITCHEN_BUGS.includes(bug);
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const isOver = (): boolean => spentSeconds() > CPU_SECONDS_MAX;
    const { violation } = await simulate({ seed, days: 2, bug, kitchen, isOver });
    if (violation !== null || isOver()) return violation;
  }
  return null;
}

describe("the simulator", () => {
  for (const bug of PLANTED_BUGS.filter(({ name }) => LONG || QUICK.has(name))) {
    it(`finds ${bug.name} within ${CPU_SECONDS_MAX} s of CPU`, { timeout: TEST_MS_MAX }, async () => {
      const violation = await find(bug);
      expect(violation?.code, violation?.message).toBeDefined();
      // A rule of the model found it, not a crash of the wrapper.
      expect(violation?.code).not.toBe("bug-thrown");
    });
  }
});
