import type { TimeTrust } from "../journal/journal-port.ts";
import { present } from "../platform/assert.ts";
import { type EpochMs, epochMs, type Fen } from "../platform/units.ts";
import { fitsEntry } from "./entries.ts";
import type { Activation, MealPeriod, MealPlan } from "./serving-line-port.ts";

/** A wall clock before this is a clock that lost its battery, whatever it claims about itself. */
export const WALL_MS_MIN: EpochMs = epochMs(Date.UTC(2025, 0, 1));

const MINUTES_PER_DAY = 24 * 60;
const PERIODS_MAX = 24;
const MENU_ITEMS_MAX = 500;
const ALLERGENS_MAX = 20;
/** As many ids as fit a message of the broker, and the classes of a large school. */
export const EXPECTED_PEOPLE_MAX = 2000;
export const EXPECTED_GROUPS_MAX = 200;
/** Of one period; those of one date must fit one entry of the journal. */
export const PLANNED_DISHES_MAX = 1000;
export const DISHES_OF_MEAL_MAX = 60;
const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];

/** What the wall clock means for the canteen. */
export interface MealMoment {
  /** YYYY-MM-DD in the plan's zone. */
  readonly businessDate: string;
  readonly minuteOfDay: number;
  /** The period that is on; always null while the clock is not trusted. */
  readonly period: MealPeriod | null;
  readonly clockTrusted: boolean;
}

/**
 * The one place where wall time becomes a business date and a meal period, in the school's zone.
 *
 * An hour that a zone repeats in autumn belongs to the same period and date twice, so the meal claim still holds;
 * an hour that it skips in spring simply does not happen.
 */
export function mealMoment(plan: MealPlan, atMs: EpochMs, trust: TimeTrust): MealMoment {
  const { businessDate, minuteOfDay } = localTime(plan.zone, atMs);
  const clockTrusted = trust !== "unknown" && atMs >= WALL_MS_MIN;
  const period = clockTrusted
    ? (plan.periods.find(({ fromMinute, toMinute }) => fromMinute <= minuteOfDay && minuteOfDay < toMinute) ??
      null)
    : null;
  return { businessDate, minuteOfDay, period, clockTrusted };
}

/** A formatter costs some 50 µs to make and 2 µs to use. One terminal has one zone; tests have a few. */
const formatters = new Map<string, Intl.DateTimeFormat>();
const FORMATTERS_MAX = 8;

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  // hourCycle h23 rather than hour12: false, which writes midnight as 24 in some ICU versions.
  const made = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  formatters.set(zone, made);
  return made;
}

interface LocalTime {
  readonly businessDate: string;
  readonly minuteOfDay: number;
}

const MS_PER_MINUTE = 60_000;
/** A till asks each second, and within a minute of UTC no zone's date or minute changes: since 1972 offsets are whole minutes. */
let lastAsked: { readonly zone: string; readonly minute: number; readonly time: LocalTime } | null = null;

/** The one place where a moment becomes a local date and minute; `mealMoment` and `mealsOn` rest on it. */
export function localTime(zone: string, atMs: number): LocalTime {
  const minute = Math.floor(atMs / MS_PER_MINUTE);
  if (lastAsked?.zone === zone && lastAsked.minute === minute) return lastAsked.time;
  const time = formattedTime(zone, atMs);
  // Before, some offsets had seconds: a clock at 1970 is asked anew each time.
  if (minute >= EXACT_FROM_MINUTE) lastAsked = { zone, minute, time };
  return time;
}

/** 1 January 1973. */
const EXACT_FROM_MINUTE = Date.UTC(1973, 0, 1) / MS_PER_MINUTE;

function formattedTime(zone: string, atMs: number): LocalTime {
  const parts = new Map(
    formatterOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): string => present(parts.get(type), `${type} of a date`);
  return {
    businessDate: `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`,
    minuteOfDay: Number(part("hour")) * 60 + Number(part("minute")),
  };
}

/**
 * Why this terminal must not run this plan; empty when it may.
 * Asked for each plan, wherever it came from: a plan with overlapping periods would make the meal claim ambiguous,
 * and one with amounts per diner would let presence mode charge a sum that nobody agreed to.
 */
export function mealPlanProblems(plan: MealPlan, activation: Activation): readonly string[] {
  const problems: string[] = [];
  if (!fitsEntry.planVersion(plan.version)) problems.push("the version must have 1 to 64 characters");
  if (!isZone(plan.zone)) problems.push(`zone "${plan.zone}" is unknown here`);
  if (plan.periods.length === 0 || plan.periods.length > PERIODS_MAX)
    problems.push(`1 to ${PERIODS_MAX} periods are allowed, ${plan.periods.length} given`);
  if (plan.menu.length > MENU_ITEMS_MAX)
    problems.push(`${MENU_ITEMS_MAX} menu items are allowed, ${plan.menu.length} given`);
  if (new Set(plan.periods.map(({ id }) => id)).size !== plan.periods.length)
    problems.push("two periods have the same id");
  if (new Set(plan.menu.map(({ id }) => id)).size !== plan.menu.length)
    problems.push("two menu items have the same id");
  for (const item of plan.menu) {
    if (!isAmount(item.priceFen)) problems.push(`menu item ${item.id}: the price must be 0 fen or more`);
    if (!fitsEntry.id(item.id) || !fitsEntry.name(item.name) || item.allergens.length > ALLERGENS_MAX)
      problems.push(`menu item ${item.id}: id, name or allergens are missing or too long`);
  }
  plan.periods.forEach((period, index) => {
    problems.push(
      ...periodProblems(period, plan.periods.slice(0, index), plan.menu.length, activation).map(
        (problem) => `period ${period.id}: ${problem}`,
      ),
    );
  });
  return problems;
}

function periodProblems(
  period: MealPeriod,
  earlier: readonly MealPeriod[],
  menuCount: number,
  activation: Activation,
): string[] {
  const problems: string[] = [];
  const { fromMinute, toMinute, pricing } = period;
  if (!fitsEntry.id(period.id) || !fitsEntry.name(period.name))
    problems.push("id or name is missing or too long");
  const minutes = [fromMinute, toMinute].every(
    (minute) => Number.isInteger(minute) && minute >= 0 && minute <= MINUTES_PER_DAY,
  );
  if (!minutes || fromMinute >= toMinute)
    problems.push("must start before it ends, both within one day (00:00 to 24:00)");
  for (const other of earlier) {
    if (other.fromMinute < toMinute && fromMinute < other.toMinute) problems.push(`overlaps ${other.id}`);
  }
  if (activation === "presence" && pricing.kind !== "fixed")
    problems.push("this terminal charges by presence, which is agreed for fixed prices only");
  if (pricing.kind === "menu" && menuCount === 0) problems.push("menu pricing needs menu items");
  if (!isExpected(period.expected))
    problems.push(
      `expects nobody, or more than ${EXPECTED_PEOPLE_MAX} people or ${EXPECTED_GROUPS_MAX} groups`,
    );
  problems.push(...dishProblems(period.dishes ?? []));
  const amounts: Fen[] = Object.values(period.subsidyFen);
  if (pricing.kind === "fixed") amounts.push(pricing.priceFen);
  if (pricing.kind === "keyed") amounts.push(pricing.amountFenMax);
  if (!amounts.every(isAmount)) problems.push("amounts must be 0 fen or more");
  return problems;
}

function dishProblems(dishes: NonNullable<MealPeriod["dishes"]>): string[] {
  const problems: string[] = [];
  if (dishes.length > PLANNED_DISHES_MAX)
    problems.push(`${PLANNED_DISHES_MAX} dishes are allowed, ${dishes.length} given`);
  if (!dishes.every(({ id, name }) => fitsEntry.id(id) && fitsEntry.name(name)))
    problems.push("the id or the name of a dish is missing or too long");
  const dates = new Set(["", ...dishes.flatMap((dish) => dish.dates ?? [])]);
  const countMax = Math.max(...[...dates].map((date) => mostOn(dishes, date)));
  if (countMax > DISHES_OF_MEAL_MAX)
    problems.push(`${DISHES_OF_MEAL_MAX} dishes are allowed for one meal, ${countMax} given`);
  return problems;
}

/** Not fewer than are cooked on that date: of those by weekday the fullest day counts. */
function mostOn(dishes: NonNullable<MealPeriod["dishes"]>, date: string): number {
  const dated = dishes.filter(({ dates }) => dates?.includes(date)).length;
  const byWeekday = WEEKDAYS.map(
    (day) =>
      dishes.filter((dish) => dish.dates === undefined && (dish.weekdays?.includes(day) ?? true)).length,
  );
  return dated + Math.max(...byWeekday);
}

/** An empty list would make everybody a stranger: a mistake of whoever wrote it, not a meal. */
function isExpected(expected: MealPeriod["expected"]): boolean {
  if (expected === undefined) return true;
  const [count, countMax] =
    expected.kind === "people"
      ? [expected.personIds.length, EXPECTED_PEOPLE_MAX]
      : [expected.groupNames.length, EXPECTED_GROUPS_MAX];
  return count > 0 && count <= countMax;
}

function isAmount(amount: number): boolean {
  return Number.isSafeInteger(amount) && amount >= 0;
}

function isZone(zone: string): boolean {
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
}
