import { describe, expect, it } from "vitest";
import { openDatabase } from "../journal/database.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { journalMigrations } from "../journal/journal-tables.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { MealPlanStore, mealPlanMigrations, type WrittenMealPlan } from "./meal-plan-store.ts";

const lunch: WrittenMealPlan = {
  version: "2026-09",
  zone: "Asia/Shanghai",
  periods: [
    {
      id: "lunch",
      name: { zh: "午餐", en: "Lunch" },
      fromMinute: 660,
      toMinute: 780,
      pricing: { kind: "fixed", priceFen: 1200 },
      subsidyFen: { student: 200, staff: 0, guest: 0 },
    },
  ],
  menu: [],
};

function opened(file = `${temporaryFolder()}/canteen.db`) {
  const clock = new VirtualClock();
  const db = openDatabase({ file, clock, migrations: [journalMigrations, mealPlanMigrations] });
  const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
  const ids = idSource(clock, seededEntropy(1));
  return { file, db, journal, store: new MealPlanStore({ db, journal, ids, activation: "presence" }) };
}

describe("MealPlanStore", () => {
  it("keeps the cloud's plan over a restart and records that it was applied", () => {
    const first = opened();
    expect(first.store.version()).toBeNull();
    expect(first.store.save(lunch)).toMatchObject({ kind: "applied", plan: { version: "2026-09" } });
    expect(first.journal.entryBySeq(1)).toMatchObject({
      kind: "config.applied",
      body: { version: "2026-09" },
    });
    first.db.close();
    const second = opened(first.file);
    expect(second.store.load()?.periods[0]?.pricing).toEqual({ kind: "fixed", priceFen: 1200 });
  });

  it("answers stale to the same plan again, and writes nothing", () => {
    const { store, journal } = opened();
    store.save(lunch);
    expect(store.save(lunch)).toEqual({ kind: "stale" });
    expect(journal.head().seq).toBe(1);
  });

  it("refuses a plan that this terminal's mode cannot sell by, and keeps the one before", () => {
    const { store, journal } = opened();
    store.save(lunch);
    const keyed = {
      ...lunch.periods[0],
      pricing: { kind: "keyed", amountFenMax: 900 },
    } as WrittenMealPlan["periods"][0];
    expect(store.save({ ...lunch, version: "bad", periods: [keyed] })).toEqual({
      kind: "refused",
      code: "meal-plan-unusable",
    });
    expect([store.version(), journal.head().seq]).toEqual(["2026-09", 1]);
  });
});
