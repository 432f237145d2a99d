import type { Database } from "better-sqlite3";
import type { MigrationSet } from "../journal/database.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { IdSource } from "../platform/entropy.ts";
import { fen } from "../platform/units.ts";
import { mealPlanProblems } from "./meal-plan.ts";
import type { Activation, MealPeriod, MealPlan, Pricing } from "./serving-line-port.ts";

/** A meal plan as JSON carries it: the same fields, money as plain integers. */
export interface WrittenMealPlan {
  readonly version: string;
  readonly zone: string;
  readonly periods: readonly (Omit<MealPeriod, "pricing" | "subsidyFen"> & {
    readonly pricing:
      | { readonly kind: "fixed"; readonly priceFen: number }
      | { readonly kind: "menu" }
      | { readonly kind: "keyed"; readonly amountFenMax: number };
    readonly subsidyFen: { readonly student: number; readonly staff: number; readonly guest: number };
  })[];
  readonly menu: readonly (Omit<MealPlan["menu"][number], "priceFen"> & { readonly priceFen: number })[];
}

export const mealPlanMigrations: MigrationSet = {
  folder: "serving-line",
  migrations: [
    {
      name: "meal plan from the cloud",
      sql: `CREATE TABLE meal_plan (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        version TEXT NOT NULL,
        plan TEXT NOT NULL CHECK (json_valid(plan))
      ) STRICT`,
    },
  ],
};

export type MealPlanSaved =
  | { readonly kind: "applied"; readonly plan: MealPlan }
  | { readonly kind: "stale" }
  | { readonly kind: "refused"; readonly code: string };

export interface MealPlanStoreOptions {
  /** With `mealPlanMigrations`; the journal's own database. */
  readonly db: Database;
  readonly journal: Journal;
  readonly ids: IdSource;
  readonly activation: Activation;
}

/** Keeps the cloud's last usable meal plan, so that a restart without network sells by it. */
export class MealPlanStore {
  readonly #options: MealPlanStoreOptions;

  constructor(options: MealPlanStoreOptions) {
    this.#options = options;
  }

  /** @returns undefined while the configured plan holds, or when a saved one no longer fits this terminal's mode. */
  load(): MealPlan | undefined {
    const row = prepared<[], { readonly plan: string }>(
      this.#options.db,
      "SELECT plan FROM meal_plan WHERE only = 1",
    ).get();
    if (row === undefined) return undefined;
    const plan = mealPlanOf(JSON.parse(row.plan) as WrittenMealPlan);
    return mealPlanProblems(plan, this.#options.activation).length === 0 ? plan : undefined;
  }

  version(): string | null {
    return this.load()?.version ?? null;
  }

  /** Saves a usable plan and journals `config.applied`, both or neither. A plan with problems changes nothing. */
  save(written: WrittenMealPlan): MealPlanSaved {
    const { db, journal, ids, activation } = this.#options;
    const plan = mealPlanOf(written);
    if (mealPlanProblems(plan, activation).length > 0) return { kind: "refused", code: "meal-plan-unusable" };
    const text = JSON.stringify(plan);
    const known = db
      .prepare<[], { readonly plan: string }>("SELECT plan FROM meal_plan WHERE only = 1")
      .get();
    if (known?.plan === text) return { kind: "stale" };
    journal.transact(() => {
      db.prepare(
        `INSERT INTO meal_plan (only, version, plan) VALUES (1, ?, ?)
         ON CONFLICT (only) DO UPDATE SET version = excluded.version, plan = excluded.plan`,
      ).run(plan.version, text);
      journal.append({
        id: ids.next(),
        kind: "config.applied",
        body: { part: "meal-plan", version: plan.version, periods: plan.periods.length },
      });
    });
    return { kind: "applied", plan };
  }
}

/** @throws RangeError for an amount that is no safe integer. */
export function mealPlanOf(written: WrittenMealPlan): MealPlan {
  return {
    version: written.version,
    zone: written.zone,
    periods: written.periods.map(({ pricing, subsidyFen, expected, dishes, ...period }) => ({
      id: period.id,
      name: period.name,
      fromMinute: period.fromMinute,
      toMinute: period.toMinute,
      pricing: pricingOf(pricing),
      subsidyFen: {
        student: fen(subsidyFen.student),
        staff: fen(subsidyFen.staff),
        guest: fen(subsidyFen.guest),
      },
      ...(expected === undefined ? {} : { expected }),
      ...(dishes === undefined ? {} : { dishes }),
    })),
    menu: written.menu.map(({ id, name, priceFen, allergens }) => ({
      id,
      name,
      priceFen: fen(priceFen),
      allergens,
    })),
  };
}

function pricingOf(pricing: WrittenMealPlan["periods"][number]["pricing"]): Pricing {
  switch (pricing.kind) {
    case "fixed":
      return { kind: "fixed", priceFen: fen(pricing.priceFen) };
    case "keyed":
      return { kind: "keyed", amountFenMax: fen(pricing.amountFenMax) };
    case "menu":
      return pricing;
  }
}
