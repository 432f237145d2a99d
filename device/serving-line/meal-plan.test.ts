import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMs, fen } from "../platform/units.ts";
import { mealMoment, mealPlanProblems, WALL_MS_MIN } from "./meal-plan.ts";
import { plan } from "./serving-line-fixture.ts";
import type { MealPlan } from "./serving-line-port.ts";

const at = (iso: string): ReturnType<typeof epochMs> => epochMs(Date.parse(iso));
const [lunch] = plan().periods;
if (lunch === undefined) throw new Error("the fixture has a lunch");
/** Two periods that fill the day, to its last minute. */
const wholeDay = (zone: string): MealPlan => ({
  ...plan(),
  zone,
  periods: [
    { ...lunch, id: "first-half", fromMinute: 0, toMinute: 720 },
    { ...lunch, id: "second-half", fromMinute: 720, toMinute: 1440 },
  ],
});

describe("the meal moment", () => {
  it("has the school's date and period, not UTC's, around midnight", () => {
    const shanghai = wholeDay("Asia/Shanghai");
    const cases = [
      ["2026-03-01T15:59:59.999Z", "2026-03-01", 1439, "second-half"],
      ["2026-03-01T16:00:00.000Z", "2026-03-02", 0, "first-half"],
      ["2026-12-31T16:00:00.000Z", "2027-01-01", 0, "first-half"],
      ["2028-02-28T16:00:00.000Z", "2028-02-29", 0, "first-half"],
      ["2026-03-02T03:59:59.999Z", "2026-03-02", 719, "first-half"],
      ["2026-03-02T04:00:00.000Z", "2026-03-02", 720, "second-half"],
    ] as const;
    for (const [iso, businessDate, minuteOfDay, periodId] of cases) {
      const moment = mealMoment(shanghai, at(iso), "synced");
      expect([moment.businessDate, moment.minuteOfDay, moment.period?.id], iso).toEqual([
        businessDate,
        minuteOfDay,
        periodId,
      ]);
    }
  });

  it("belongs to the period that begins in this minute, and to none in the minute where the last one ends", () => {
    const minute = (time: string): string | undefined =>
      mealMoment(plan(), at(`2026-09-01T${time}:00+08:00`), "synced").period?.id;
    expect([minute("10:59"), minute("11:00"), minute("12:59"), minute("13:00")]).toEqual([
      undefined,
      "lunch",
      "lunch",
      undefined,
    ]);
  });

  it("stays in one period and date through the hour that autumn repeats, and skips the one that spring takes", () => {
    const berlin = wholeDay("Europe/Berlin");
    const local = (iso: string): unknown => {
      const { businessDate, minuteOfDay } = mealMoment(berlin, at(iso), "synced");
      return [businessDate, minuteOfDay];
    };
    expect([local("2026-10-25T00:30:00Z"), local("2026-10-25T01:30:00Z")]).toEqual([
      ["2026-10-25", 150],
      ["2026-10-25", 150],
    ]);
    expect([local("2026-03-29T00:59:00Z"), local("2026-03-29T01:00:00Z")]).toEqual([
      ["2026-03-29", 119],
      ["2026-03-29", 180],
    ]);
  });

  it("knows zones with odd offsets and a clock change at midnight", () => {
    const local = (zone: string, iso: string): unknown => {
      const { businessDate, minuteOfDay } = mealMoment(wholeDay(zone), at(iso), "synced");
      return [businessDate, minuteOfDay];
    };
    expect(local("Asia/Kathmandu", "2026-05-01T18:15:00Z")).toEqual(["2026-05-02", 0]);
    expect(local("Pacific/Kiritimati", "2026-05-01T10:00:00Z")).toEqual(["2026-05-02", 0]);
    // Beirut's clocks go from 00:00 to 01:00: that day has no first hour.
    expect(local("Asia/Beirut", "2026-03-28T21:59:00Z")).toEqual(["2026-03-28", 1439]);
    expect(local("Asia/Beirut", "2026-03-28T22:00:00Z")).toEqual(["2026-03-29", 60]);
  });

  it("has no period while the clock is not trusted, whatever the hands say", () => {
    const noon = at("2026-09-01T12:00:00+08:00");
    expect(mealMoment(plan(), noon, "unknown")).toMatchObject({ period: null, clockTrusted: false });
    expect(mealMoment(plan(), noon, "held")).toMatchObject({ period: { id: "lunch" }, clockTrusted: true });
    const dead = epochMs(WALL_MS_MIN - 1);
    expect(mealMoment(wholeDay("Asia/Shanghai"), dead, "synced")).toMatchObject({
      period: null,
      clockTrusted: false,
    });
  });

  it("advances by exactly the minutes that passed, in a zone without clock changes", () => {
    const shanghai = wholeDay("Asia/Shanghai");
    fc.assert(
      fc.property(fc.integer({ min: WALL_MS_MIN, max: Date.UTC(2040, 0, 1) }), (ms) => {
        const { businessDate, minuteOfDay } = mealMoment(shanghai, epochMs(ms), "synced");
        const rebuilt = Date.parse(`${businessDate}T00:00:00+08:00`) + minuteOfDay * 60_000;
        expect(ms - rebuilt).toBeGreaterThanOrEqual(0);
        expect(ms - rebuilt).toBeLessThan(60_000);
      }),
    );
  });
});

describe("a plan that this terminal must not run", () => {
  const base = plan();
  const dishes = (count: number): NonNullable<typeof lunch.dishes> =>
    Array.from({ length: count }, (_, index) => ({ id: `dish-${index}`, name: lunch.name }));
  const cases: readonly (readonly [string, Partial<MealPlan>, "touch" | "presence"])[] = [
    [
      "overlaps lunch",
      { periods: [lunch, { ...lunch, id: "late", fromMinute: 770, toMinute: 900 }] },
      "touch",
    ],
    ["same id", { periods: [lunch, { ...lunch, fromMinute: 900, toMinute: 960 }] }, "touch"],
    ["must start before it ends", { periods: [{ ...lunch, toMinute: lunch.fromMinute }] }, "touch"],
    ["must start before it ends", { periods: [{ ...lunch, toMinute: 1441 }] }, "touch"],
    ["needs menu items", { periods: [{ ...lunch, pricing: { kind: "menu" } }], menu: [] }, "touch"],
    [
      "by presence",
      { periods: [{ ...lunch, pricing: { kind: "keyed", amountFenMax: fen(1) } }] },
      "presence",
    ],
    ["0 fen or more", { periods: [{ ...lunch, pricing: { kind: "fixed", priceFen: fen(-1) } }] }, "touch"],
    [
      "0 fen or more",
      { periods: [{ ...lunch, subsidyFen: { ...lunch.subsidyFen, staff: fen(-1) } }] },
      "touch",
    ],
    ["zone", { zone: "Mars/Olympus" }, "touch"],
    ["1 to 24 periods", { periods: [] }, "touch"],
    ["version", { version: "" }, "touch"],
    ["too long", { periods: [{ ...lunch, name: { zh: "餐".repeat(81), en: "x" } }] }, "touch"],
    [
      "60 dishes are allowed for one meal, 61 given",
      { periods: [{ ...lunch, dishes: dishes(61) }] },
      "touch",
    ],
    ["name of a dish", { periods: [{ ...lunch, dishes: [{ id: "", name: lunch.name }] }] }, "touch"],
  ];
  it.each(cases)("says: %s", (problem, change, activation) => {
    expect(mealPlanProblems({ ...base, ...change }, activation).join("; ")).toContain(problem);
  });

  it("is not the ordinary one", () => {
    expect(mealPlanProblems(base, "touch")).toEqual([]);
    expect(mealPlanProblems(base, "presence")).toEqual([]);
    const week = dishes(300).map((dish, index) => ({ ...dish, weekdays: [(index % 5) + 1] }));
    expect(mealPlanProblems({ ...base, periods: [{ ...lunch, dishes: week }] }, "touch")).toEqual([]);
  });
});
