import { localTime } from "./meal-plan.ts";
import type { MealPeriod, MealPlan, PlannedDish } from "./serving-line-port.ts";

/** One meal of one date, with what is cooked for it. */
export interface MealOnDate {
  readonly period: MealPeriod;
  readonly startMs: number;
  readonly endMs: number;
  readonly dishes: readonly PlannedDish[];
}

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;

/**
 * The meals of a date as the plan says, in its order; at most `DISHES_OF_MEAL_MAX` dishes each, or it were no usable plan.
 * A dish that is named twice is one dish.
 */
export function mealsOn(plan: MealPlan, date: string): readonly MealOnDate[] {
  const weekday = new Date(`${date}T00:00Z`).getUTCDay() || 7;
  return plan.periods.map((period) => {
    const cooked = (period.dishes ?? []).filter(
      ({ dates, weekdays }) => dates?.includes(date) ?? weekdays?.includes(weekday) ?? true,
    );
    const byId = new Map(cooked.map((dish) => [dish.id, dish]));
    return {
      period,
      startMs: epochMsOf(plan.zone, date, period.fromMinute),
      endMs: epochMsOf(plan.zone, date, period.toMinute),
      dishes: [...byId.values()],
    };
  });
}

/** The business date of a moment, YYYY-MM-DD. */
export function dateOf(plan: MealPlan, atMs: number): string {
  return localTime(plan.zone, atMs).businessDate;
}

/**
 * The moment of a local time. The zone's distance is looked up at the result, twice, because a zone may change it on
 * that very day; of an hour that happens twice it is either one, of a skipped hour the moment of the change ± an hour.
 */
export function epochMsOf(zone: string, date: string, minuteOfDay: number): number {
  const key = `${zone} ${date} ${minuteOfDay}`;
  const known = moments.get(key);
  if (known !== undefined) return known;
  const found = computedEpochMsOf(zone, date, minuteOfDay);
  if (moments.size >= MOMENTS_MAX) moments.clear();
  moments.set(key, found);
  return found;
}

/** The sample cabinet asks for the same few meals every quarter of a minute, and formatting a date costs 50 µs. */
const moments = new Map<string, number>();
/** Ten days of as many periods as a plan may have. */
const MOMENTS_MAX = 500;

function computedEpochMsOf(zone: string, date: string, minuteOfDay: number): number {
  const asIfUtcMs = Date.parse(`${date}T00:00Z`) + minuteOfDay * MS_PER_MINUTE;
  let atMs = asIfUtcMs;
  for (let round = 0; round < 2; round++) atMs = asIfUtcMs - distanceMs(zone, atMs);
  return atMs;
}

/** How far the zone's clocks are ahead of UTC at that moment. */
function distanceMs(zone: string, atMs: number): number {
  const local = localTime(zone, atMs);
  const localMs = Date.parse(`${local.businessDate}T00:00Z`) + local.minuteOfDay * MS_PER_MINUTE;
  const distance = localMs - Math.floor(atMs / MS_PER_MINUTE) * MS_PER_MINUTE;
  return Math.max(-MS_PER_DAY, Math.min(MS_PER_DAY, distance));
}
