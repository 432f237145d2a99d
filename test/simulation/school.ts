import type { Config } from "../../device/config/schema.ts";
import { configSchema } from "../../device/config/schema.ts";
import type { PersonRecord } from "../../scripts/reference-cloud/people-ledger.ts";
import { SITE } from "./simulated-cloud.ts";

/** The one school of all runs: its meals, its prices and its people. */

const MS_PER_DAY = 86_400_000;
const MS_PER_MINUTE = 60_000;
/** Midnight in Shanghai (UTC+8, no summer time) of 1 September 2026, with which every run begins. */
export const START_EPOCH_MS = Date.UTC(2026, 7, 31, 16);

export interface Meal {
  readonly id: string;
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly priceFen: number;
  /** What the school pays of a student's. */
  readonly subsidyFen: number;
}

export const MEALS: readonly Meal[] = [
  { id: "breakfast", fromMinute: 420, toMinute: 480, priceFen: 500, subsidyFen: 0 },
  { id: "lunch", fromMinute: 660, toMinute: 780, priceFen: 1200, subsidyFen: 200 },
  { id: "dinner", fromMinute: 1020, toMinute: 1110, priceFen: 900, subsidyFen: 0 },
];

export interface MealOfDay {
  readonly businessDate: string;
  readonly mealId: string;
}

/** Computed by hand, without the product's calendar: the zone has a fixed offset. */
export function mealAt(sinceStartMs: number): MealOfDay | null {
  const minute = Math.floor((sinceStartMs % MS_PER_DAY) / MS_PER_MINUTE);
  const meal = MEALS.find(({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute);
  return meal === undefined ? null : { businessDate: dateAt(sinceStartMs), mealId: meal.id };
}

export function dateAt(sinceStartMs: number): string {
  const day = Math.floor(sinceStartMs / MS_PER_DAY);
  return new Date(Date.UTC(2026, 8, 1 + day)).toISOString().slice(0, 10);
}

export const LIMITS = {
  perChargeFenMax: 5000,
  perDayFenMax: 10_000,
  overdraftFenMax: 500,
  offlinePerPersonFenMax: 6000,
  offlineTotalFenMax: 60_000,
  offlineDaysMax: 3,
  offlineEntriesMax: 100_000,
} as const;

const hhmm = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

export function terminalConfig(device: string, dataFolder: string, activation: "touch" | "presence"): Config {
  return configSchema.parse({
    site: SITE,
    device,
    dataFolder,
    camera: { kind: "browser" },
    mqtt: { url: "mqtt://simulated", reconnectWaitMsMin: 500, reconnectWaitMsMax: 20_000 },
    face: { liveness: "off" },
    servingLine: {
      activation,
      shownMsMin: 500,
      limits: LIMITS,
      mealPlan: {
        zone: "Asia/Shanghai",
        periods: MEALS.map(({ id, fromMinute, toMinute, priceFen, subsidyFen }) => ({
          id,
          name: { zh: id, en: id },
          from: hhmm(fromMinute),
          to: hhmm(toMinute),
          pricing: { kind: "fixed", priceFen },
          subsidyFen: { student: subsidyFen, staff: 0, guest: 0 },
        })),
      },
    },
  });
}

/** scrypt at the least cost that there is: the hash is not what is tried here. */
export const PIN = "1234";

export function personRecord(number: number, pinHash: string): PersonRecord {
  const personId = `p-${number}`;
  return {
    personId,
    number: String(1000 + number),
    displayName: `Diner ${number}`,
    groupName: `Class ${number % 7}`,
    kind: number % 10 === 0 ? "staff" : "student",
    active: true,
    allergens: [],
    limits: {
      perChargeFenMax: null,
      perDayFenMax: null,
      overdraftFenMax: null,
      blockedPeriodIds: number % 23 === 5 ? ["dinner"] : [],
    },
    consents: [{ scope: "face", grantedBy: "guardian", grantedAtMs: START_EPOCH_MS, withdrawnAtMs: null }],
    cards: [`card-${personId}`],
    pinHash,
  };
}
