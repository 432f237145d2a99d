import type { Journal } from "../journal/journal-port.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { AlarmDesk } from "./cabinet-port.ts";
import type { SampleBook } from "./sample-book.ts";
import { bodyOf } from "./sample-entries.ts";
import type { SampleSettings } from "./sample-options.ts";
import { SAMPLE_MISSING, SAMPLE_OVERDUE } from "./sample-projection.ts";
import { LOOK_BACK_MS, refOf, type SampleViews } from "./sample-view.ts";
import type { DishesOfMeals, MealDishes } from "./samples-port.ts";

const MS_PER_DAY = 86_400_000;

/**
 * Meals whose time of grace is over and that were not checked: also those that passed while the terminal was off.
 * @param notBeforeMs a deadline of before is passed over: the terminal had no samples to look after yet.
 */
export function mealsToCheck(
  meals: readonly MealDishes[],
  facts: {
    readonly nowMs: number;
    readonly graceMs: number;
    readonly notBeforeMs: number;
    readonly isChecked: (date: string, periodId: string) => boolean;
  },
): readonly MealDishes[] {
  return meals.filter(({ endMs, dishes, date, periodId }) => {
    const deadlineMs = endMs + facts.graceMs;
    return (
      dishes.length > 0 &&
      deadlineMs <= facts.nowMs &&
      deadlineMs > facts.notBeforeMs &&
      !facts.isChecked(date, periodId)
    );
  });
}

export interface DishCheckOptions {
  readonly settings: Pick<SampleSettings, "graceMs" | "cabinets">;
  readonly book: SampleBook;
  readonly views: SampleViews;
  readonly meals: DishesOfMeals;
  readonly journal: Journal;
  readonly ids: IdSource;
  readonly alarms: AlarmDesk;
  /** When this terminal began to look after samples, for a terminal that never checked a meal. */
  readonly sinceMs: number;
}

/** Looks after what nobody did: dishes without a sample, samples that should be gone. */
export class DishCheck {
  readonly #options: DishCheckOptions;

  constructor(options: DishCheckOptions) {
    this.#options = options;
  }

  /** A meal that was over before is not looked after: this terminal had no samples then, or it is too long ago. */
  notBeforeMs(nowMs: number): number {
    const { book, sinceMs } = this.#options;
    return Math.max(nowMs - LOOK_BACK_MS, Math.min(sinceMs, book.firstDeadlineMs() ?? sinceMs));
  }

  /** With a clock that can be believed. @throws CanteenError of the disk. */
  checkMeals(nowMs: number): void {
    const { meals, book, settings } = this.#options;
    const notBeforeMs = this.notBeforeMs(nowMs);
    const days = Array.from({ length: LOOK_BACK_MS / MS_PER_DAY + 1 }, (_, index) =>
      meals.dateOf(notBeforeMs + index * MS_PER_DAY),
    );
    const all = [...new Set([...days, meals.dateOf(nowMs)])].flatMap((date) => meals.mealsOn(date));
    const isChecked = book.isChecked.bind(book);
    for (const meal of mealsToCheck(all, { nowMs, graceMs: settings.graceMs, notBeforeMs, isChecked }))
      this.#record(meal);
  }

  /** Brings the alarms in line with the record: raised, cleared, none twice, also after a restart. */
  reconcileAlarms(nowMs: number): void {
    this.#reconcileMissing(nowMs);
    this.#reconcileOverdue();
  }

  #record(meal: MealDishes): void {
    const { book, journal, ids, settings } = this.#options;
    const found = meal.dishes.map((dish) => ({
      dish,
      sample: book.ofDish(meal.date, meal.periodId, dish.dishId),
    }));
    const body = bodyOf({
      meal: refOf(meal),
      deadlineMs: meal.endMs + settings.graceMs,
      sampled: found.flatMap(({ dish, sample }) =>
        sample === undefined ? [] : [{ dishId: dish.dishId, sampleId: sample.sampleId }],
      ),
      missing: found.flatMap(({ dish, sample }) => (sample === undefined ? [dish] : [])),
    });
    journal.append({ id: ids.next(), kind: "sample.meal-checked", body });
  }

  #reconcileMissing(nowMs: number): void {
    const { book, alarms, settings } = this.#options;
    const [first, ...others] = settings.cabinets;
    if (first === undefined) return;
    const { cabinetId } = first;
    // The first one was another one before: its alarms are raised here now, and nobody would ever clear them there.
    for (const other of others)
      for (const subject of alarms.activeSubjects(other.cabinetId, SAMPLE_MISSING))
        alarms.clear({ cabinetId: other.cabinetId, type: SAMPLE_MISSING, subject });
    const open = book.missingSince(nowMs - LOOK_BACK_MS).filter(({ isAnswered }) => !isAnswered);
    const active = new Set(alarms.activeSubjects(cabinetId, SAMPLE_MISSING));
    for (const { subject, meal, dish } of open) {
      if (active.delete(subject)) continue;
      alarms.raise({
        cabinetId,
        type: SAMPLE_MISSING,
        subject,
        level: "major",
        text: {
          zh: short(`未留样：${meal.date} ${meal.periodName.zh} ${dish.dishName.zh}`, 80),
          en: short(`No sample: ${meal.date} ${meal.periodName.en}, ${dish.dishName.en}`, 160),
        },
        facts: { date: meal.date, periodId: meal.periodId, dishId: dish.dishId },
      });
    }
    // Sampled late, acknowledged, or too long ago for anything to be done about it.
    for (const subject of active) alarms.clear({ cabinetId, type: SAMPLE_MISSING, subject });
  }

  #reconcileOverdue(): void {
    const { views, alarms, settings } = this.#options;
    const overdue = views.toDispose().filter(({ state }) => state === "overdue");
    for (const { cabinetId } of settings.cabinets) {
      const active = new Set(alarms.activeSubjects(cabinetId, SAMPLE_OVERDUE));
      for (const sample of overdue) {
        if (sample.cabinetId !== cabinetId || active.delete(sample.sampleId)) continue;
        alarms.raise({
          cabinetId,
          type: SAMPLE_OVERDUE,
          subject: sample.sampleId,
          level: "general",
          text: {
            zh: short(`样品逾期未处理：${sample.slotId} 号格 ${sample.dish.dishName.zh}`, 80),
            en: short(`Overdue sample in slot ${sample.slotId}: ${sample.dish.dishName.en}`, 160),
          },
          facts: { slotId: sample.slotId, keepUntilMs: sample.keepUntilMs },
        });
      }
      for (const subject of active) alarms.clear({ cabinetId, type: SAMPLE_OVERDUE, subject });
    }
  }
}

/** An alarm's text has a limit; names come from the cloud. */
function short(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
