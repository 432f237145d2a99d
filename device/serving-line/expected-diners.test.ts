import { describe, expect, it } from "vitest";
import { present } from "../platform/assert.ts";
import { createDinerNotice, withoutDiners } from "./expected-diners.ts";
import { mealPlanProblems } from "./meal-plan.ts";
import { plan } from "./serving-line-fixture.ts";
import type { ExpectedDiners, MealPeriod } from "./serving-line-port.ts";

const lunch = present(plan().periods[0], "lunch");
const classes: ExpectedDiners = { kind: "groups", groupNames: ["class 1"] };
const ours: MealPeriod = { ...lunch, expected: classes };

describe("who eats at a meal", () => {
  it("is told once for a meal, a plan and a roster, and anew when one of them changes", () => {
    const told: (ExpectedDiners | null)[] = [];
    const roster = { at: 1, version: () => roster.at };
    const notice = createDinerNotice(roster, (expected) => told.push(expected));
    notice(ours, "plan-1");
    notice(ours, "plan-1");
    expect(told).toEqual([classes]);
    notice(ours, "plan-2");
    roster.at = 2;
    notice(ours, "plan-2");
    expect(told).toEqual([classes, classes, classes]);
    notice(null, "plan-2");
    notice(lunch, "plan-2");
    expect(told.slice(3)).toEqual([null, null]);
  });

  it("is tried again when it could not be told", () => {
    let broken = true;
    const told: unknown[] = [];
    const notice = createDinerNotice({ version: () => 1 }, (expected) => {
      if (broken) throw new Error("disk");
      told.push(expected);
    });
    expect(() => notice(ours, "plan-1")).toThrow("disk");
    broken = false;
    notice(ours, "plan-1");
    expect(told).toEqual([classes]);
  });

  it("is not on the screen", () => {
    expect(withoutDiners(ours)).toEqual(lunch);
  });

  it("is nobody, or more than a message holds: such a plan is refused", () => {
    const problems = (expected: ExpectedDiners) =>
      mealPlanProblems({ ...plan(), periods: [{ ...lunch, expected }] }, "touch");
    expect(problems(classes)).toEqual([]);
    expect(problems({ kind: "people", personIds: [] })).toHaveLength(1);
    expect(problems({ kind: "people", personIds: Array.from({ length: 2001 }, String) })).toHaveLength(1);
  });
});
