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

/** What each meal leaves a sample of. */
const DISHES = [
  { id: "rice", name: { zh: "米饭", en: "Rice" } },
  { id: "soup", name: { zh: "汤", en: "Soup" } },
];
/** The least that the configuration takes, so that a run gets there. */
export const PHOTO_BYTES_MAX = 10_000_000;
export const TEMPERATURE_FILE = "temperatures.db";
/** Less than the configuration takes, where a probe would need months to get there: here it needs a day. */
export const TEMPERATURE_BYTES_MAX = 24_576;

/** A scale, a sample cabinet with one probe, and what they are used for. */
function kitchenConfig() {
  return {
    devices: [
      { id: "bench", kind: "scale", port: "/dev/ttyS0", protocol: "stgs-text", isKeyPressOnly: true },
      { id: "air", kind: "thermometer", port: "/dev/ttyS1", protocol: "probe-text" },
    ],
    receiving: { scales: [{ id: "bench", unit: "kg", minG: 100, maxG: 60_000, divisionG: 10 }] },
    samples: { scale: "bench", graceMs: 600_000 },
    cabinets: [
      {
        id: "fridge",
        name: { zh: "留样柜", en: "Fridge" },
        probes: [{ probe: "air", silenceMsMax: 60_000 }],
        alarms: { high: { delayMs: 120_000 } },
      },
    ],
    storage: { photoBytesMax: PHOTO_BYTES_MAX, photoDaysMin: 0 },
  };
}

export function terminalConfig(
  device: string,
  dataFolder: string,
  { activation, hasKitchen }: { readonly activation: "touch" | "presence"; readonly hasKitchen: boolean },
): Config {
  const config = configSchema.parse({
    ...(hasKitchen ? kitchenConfig() : {}),
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
          ...(hasKitchen ? { dishes: DISHES } : {}),
        })),
      },
    },
  });
  return { ...config, storage: { ...config.storage, temperatureBytesMax: TEMPERATURE_BYTES_MAX } };
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
