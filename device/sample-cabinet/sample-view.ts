import type { SampleBook, SampleRecord } from "./sample-book.ts";
import { storedMoment } from "./sample-book.ts";
import { hoursAreOver, type SampleClock } from "./sample-clock.ts";
import type { SampleSettings } from "./sample-options.ts";
import type {
  CabinetSlots,
  DishesOfMeals,
  KeptHours,
  MealDishes,
  MissingSample,
  SamplePerson,
  SampleState,
  SampleView,
} from "./samples-port.ts";

const MS_PER_HOUR = 3_600_000;
const MS_PER_DAY = 86_400_000;
/** Dishes of further back are history: nothing can be done about them. */
export const LOOK_BACK_MS = 7 * MS_PER_DAY;

export interface SampleViewOptions {
  readonly settings: SampleSettings;
  readonly book: SampleBook;
  readonly sampleClock: SampleClock;
  readonly meals: DishesOfMeals;
  readonly operatorName: (operatorId: string) => string | null;
}

/** What the record, the clock and the plan say together. */
export class SampleViews {
  readonly #options: SampleViewOptions;

  constructor(options: SampleViewOptions) {
    this.#options = options;
  }

  hours(record: SampleRecord): KeptHours {
    return this.#options.sampleClock.hoursSince(storedMoment(record), record.keepHours * MS_PER_HOUR);
  }

  person(operatorId: string): SamplePerson {
    return { operatorId, displayName: this.#options.operatorName(operatorId) };
  }

  sample(record: SampleRecord): SampleView {
    const { sampleId, seq, meal, dish, cabinetId, slotId, netG, storedAtMs, isLate, photo, keepUntilMs } =
      record;
    const hours = this.hours(record);
    const { custody } = record;
    return {
      sampleId,
      seq,
      meal,
      dish,
      cabinetId,
      slotId,
      netG,
      storedAtMs,
      isLate,
      photo,
      keepUntilMs,
      storedBy: this.person(record.operatorId),
      state: stateOf(record.state, hours, this.#options.settings.disposeWithinMs),
      hours,
      custody: custody && {
        seizedAtMs: record.goneAtMs ?? storedAtMs,
        handedBy: this.person(custody.handedById),
        witness: this.person(custody.witnessId),
        authority: custody.authority,
        officer: custody.officer,
        documentNumber: custody.documentNumber,
        sealNumber: custody.sealNumber,
      },
    };
  }

  cabinets(): readonly CabinetSlots[] {
    const bySlot = new Map(
      this.#options.book.kept().map((record) => [slotKey(record.cabinetId, record.slotId), record]),
    );
    return this.#options.settings.cabinets.map(({ cabinetId, name, slotIds }) => ({
      cabinetId,
      name,
      slots: slotIds.map((slotId) => {
        const record = bySlot.get(slotKey(cabinetId, slotId));
        return { slotId, sample: record === undefined ? null : this.sample(record) };
      }),
    }));
  }

  /** Also of slots that are no longer configured: a sample does not vanish with its slot. */
  toDispose(): readonly SampleView[] {
    return this.#options.book
      .kept()
      .map((record) => this.sample(record))
      .filter(({ state }) => state === "due" || state === "overdue");
  }

  seized(countMax: number): readonly SampleView[] {
    return this.#options.book.seized(countMax).map((record) => this.sample(record));
  }

  /** @param notBeforeMs a meal that was over before is nobody's to sample here: the terminal was not looking then. */
  missing(nowMs: number, notBeforeMs: number): readonly MissingSample[] {
    const { book, meals, settings } = this.#options;
    const late = book.missingSince(nowMs - LOOK_BACK_MS).map(
      ({ meal, dish, deadlineMs, isAnswered }): MissingSample => ({
        meal,
        dish,
        deadlineMs,
        state: isAnswered ? "acknowledged" : "missing",
      }),
    );
    const todayDate = meals.dateOf(nowMs);
    // The grace of a late meal runs over midnight.
    const yesterday = meals
      .mealsOn(meals.dateOf(nowMs - MS_PER_DAY))
      .filter(({ date, endMs }) => date !== todayDate && endMs + settings.graceMs > nowMs);
    const open = [...yesterday, ...meals.mealsOn(todayDate)]
      .filter(
        ({ startMs, endMs, date, periodId }) =>
          startMs - settings.aheadMs <= nowMs &&
          endMs + settings.graceMs > notBeforeMs &&
          !book.isChecked(date, periodId),
      )
      .flatMap((meal) =>
        unsampled(meal, book).map(
          (dish): MissingSample => ({
            meal: refOf(meal),
            dish,
            deadlineMs: meal.endMs + settings.graceMs,
            state: "open",
          }),
        ),
      );
    return [...late.filter(({ state, meal }) => state === "missing" || meal.date === todayDate), ...open];
  }

  freeSlots(): readonly { readonly cabinetId: string; readonly slotIds: readonly string[] }[] {
    const taken = new Set(
      this.#options.book.kept().map(({ cabinetId, slotId }) => slotKey(cabinetId, slotId)),
    );
    return this.#options.settings.cabinets
      .map(({ cabinetId, slotIds }) => ({
        cabinetId,
        slotIds: slotIds.filter((slotId) => !taken.has(slotKey(cabinetId, slotId))),
      }))
      .filter(({ slotIds }) => slotIds.length > 0);
  }
}

const slotKey = (cabinetId: string, slotId: string): string => JSON.stringify([cabinetId, slotId]);

export function refOf({
  date,
  periodId,
  periodName,
}: MealDishes): Pick<MealDishes, "date" | "periodId" | "periodName"> {
  return { date, periodId, periodName };
}

/** Dishes of a meal that have no sample now. */
export function unsampled(meal: MealDishes, book: SampleBook): MealDishes["dishes"] {
  return meal.dishes.filter(({ dishId }) => book.ofDish(meal.date, meal.periodId, dishId) === undefined);
}

export function stateOf(
  state: SampleRecord["state"],
  hours: KeptHours,
  disposeWithinMs: number,
): SampleState {
  if (state !== "kept") return state;
  if (!hoursAreOver(hours)) return "keeping";
  return hoursAreOver({ ...hours, neededMs: hours.neededMs + disposeWithinMs }) ? "overdue" : "due";
}
