import { expect, test } from "vitest";
import { fen } from "../platform/units.ts";
import { dateOf, mealsOn } from "./meal-dishes.ts";
import type { MealPlan, PlannedDish } from "./serving-line-port.ts";

const MONDAY = "2026-09-07";
const SUNDAY = "2026-09-06";

const plan = (dishes: readonly PlannedDish[] | undefined, zone = "Asia/Shanghai"): MealPlan => ({
  version: "1",
  zone,
  menu: [],
  periods: [
    {
      id: "lunch",
      name: { zh: "午餐", en: "Lunch" },
      fromMinute: 11 * 60,
      toMinute: 13 * 60,
      pricing: { kind: "fixed", priceFen: fen(1200) },
      subsidyFen: { student: fen(0), staff: fen(0), guest: fen(0) },
      ...(dishes === undefined ? {} : { dishes }),
    },
  ],
});

const dish = (id: string, more: Partial<PlannedDish> = {}): PlannedDish => ({
  id,
  name: { zh: `菜 ${id}`, en: `Dish ${id}` },
  ...more,
});

const idsOn = (dishes: readonly PlannedDish[] | undefined, date: string): string[] =>
  mealsOn(plan(dishes), date).flatMap((meal) => meal.dishes.map(({ id }) => id));

test("a meal begins and ends at the school's own time", () => {
  const [lunch] = mealsOn(plan([]), MONDAY);
  expect(new Date(lunch?.startMs ?? 0).toISOString()).toBe("2026-09-07T03:00:00.000Z");
  expect(new Date(lunch?.endMs ?? 0).toISOString()).toBe("2026-09-07T05:00:00.000Z");
});

test("on a day of 23 hours a meal still begins at its own time", () => {
  const [lunch] = mealsOn(plan([], "Europe/Berlin"), "2026-03-29");
  expect(new Date(lunch?.startMs ?? 0).toISOString()).toBe("2026-03-29T09:00:00.000Z");
});

test("a dish is cooked each day, on its weekdays, or on its dates alone", () => {
  const dishes = [
    dish("daily"),
    dish("working-days", { weekdays: [1, 2, 3, 4, 5] }),
    dish("once", { dates: [SUNDAY], weekdays: [1] }),
  ];
  expect(idsOn(dishes, MONDAY)).toEqual(["daily", "working-days"]);
  expect(idsOn(dishes, SUNDAY)).toEqual(["daily", "once"]);
});

test("a meal whose dishes nobody wrote down has none, and a dish named twice is one", () => {
  expect(idsOn(undefined, MONDAY)).toEqual([]);
  expect(idsOn([dish("rice"), dish("rice")], MONDAY)).toEqual(["rice"]);
});

test("the date of a moment is the school's", () => {
  expect(dateOf(plan([]), Date.UTC(2026, 8, 6, 16, 30))).toBe(MONDAY);
});
