import type { Config } from "./config/schema.ts";
import type { PhotoStudio } from "./photos/studio-port.ts";
import type { Clock } from "./platform/clock.ts";
import type { Logger } from "./platform/logger.ts";
import type { AlarmDesk } from "./sample-cabinet/cabinet-port.ts";
import type { SampleSettings } from "./sample-cabinet/sample-options.ts";
import { createSamples } from "./sample-cabinet/samples.ts";
import type { DishesOfMeals, Samples } from "./sample-cabinet/samples-port.ts";
import { dateOf, mealsOn } from "./serving-line/meal-dishes.ts";
import type { MealPlan } from "./serving-line/serving-line-port.ts";
import type { SignatureDesk } from "./signatures/signature-port.ts";
import type { TerminalDevices } from "./terminal-devices.ts";
import type { TerminalStore } from "./terminal-store.ts";

export interface TerminalSamplesWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly devices: Pick<TerminalDevices, "scales">;
  readonly studio: PhotoStudio;
  readonly signatures: SignatureDesk;
  readonly alarms: AlarmDesk;
  readonly diskSafe: () => boolean;
}

/** The food samples of the configured cabinets. */
export function createTerminalSamples(
  config: Config,
  store: TerminalStore,
  { devices, ...world }: TerminalSamplesWorld,
): Samples {
  const settings = sampleSettings(config);
  const { db, journal, timeTrust, ids, photos } = store;
  return createSamples({
    ...world,
    settings,
    ...{ db, journal, timeTrust, ids, photos },
    scale: settings.scaleId === null ? null : (devices.scales.get(settings.scaleId) ?? null),
    meals: dishesOfMeals(store, world.clock),
    operatorName: (operatorId) =>
      store.operators.list().find((operator) => operator.operatorId === operatorId)?.displayName ?? null,
  });
}

export function sampleSettings({ site, device, servingLine, cabinets, samples }: Config): SampleSettings {
  const { scale, containers, ...rest } = samples;
  return {
    ...rest,
    site,
    device,
    zone: servingLine.mealPlan.zone,
    scaleId: scale ?? null,
    containers: containers.map(({ id, name, tareG }) => ({ containerId: id, name, tareG })),
    cabinets: cabinets.map(({ id, name, slots }) => ({
      cabinetId: id,
      name,
      slotIds: Array.from({ length: slots }, (_, index) => String(index + 1)),
    })),
  };
}

/** A plan is read from the disk and checked: not at each reading of the scale. */
const PLAN_AGE_MS_MAX = 20_000;

function dishesOfMeals(store: Pick<TerminalStore, "mealPlan">, clock: Clock): DishesOfMeals {
  let plan: MealPlan | null = null;
  let readMono = 0;
  const current = (): MealPlan => {
    if (plan !== null && clock.mono() - readMono < PLAN_AGE_MS_MAX) return plan;
    readMono = clock.mono();
    plan = store.mealPlan();
    return plan;
  };
  return {
    dateOf: (atMs) => dateOf(current(), atMs),
    mealsOn: (date) =>
      mealsOn(current(), date).map(({ period, startMs, endMs, dishes }) => ({
        date,
        periodId: period.id,
        periodName: period.name,
        startMs,
        endMs,
        dishes: dishes.map(({ id, name }) => ({ dishId: id, dishName: name })),
      })),
  };
}
