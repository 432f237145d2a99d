/**
 * Over 400 lines because a sample's life is one story: taken, missed, thrown away, seized and struck share one rig and
 * one record.
 */

import { expect, test } from "vitest";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { verifyJournal } from "../journal/verify.ts";
import { CanteenError } from "../platform/errors.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import {
  DATE,
  FakeAlarms,
  fakeStudio,
  HOUR_MS,
  LUNCH_MS,
  lunches,
  type SampleRig,
  SETTINGS,
  sampleRig,
} from "./sample-fixture.ts";
import { sampleProjection } from "./sample-projection.ts";
import type { DishesOfMeals, SignWith } from "./samples-port.ts";

const LI: SignWith = { by: "pin", operatorId: "li", pin: "1234" };
const WANG: SignWith = { by: "pin", operatorId: "wang", pin: "1234" };
const CHEN: SignWith = { by: "pin", operatorId: "chen", pin: "1234" };

const kinds = (rig: SampleRig): string[] => rig.entries().map(({ kind }) => kind);
const start = (dishId: string, more: object = {}) =>
  ({ kind: "start", date: DATE, periodId: "lunch", dishId, containerId: "box", ...more }) as const;

/** Hours of an ordinary terminal: it runs and the cloud is there. */
async function hours(rig: SampleRig, count: number): Promise<void> {
  for (let hour = 0; hour < count; hour++) {
    await rig.clock.advance(HOUR_MS);
    rig.timeTrust.reportReference(rig.clock.now(), 0);
  }
}

test("a sample goes from dish to slot, and the entry says all of it", async () => {
  const rig = sampleRig();
  expect(await rig.store("rice", "2", 172)).toEqual({ kind: "ok" });
  expect(kinds(rig)).toEqual(["sample.stored"]);
  const [entry] = rig.entries();
  expect(entry?.body).toMatchObject({
    sampleId: entry?.id,
    cabinetId: "cabinet-1",
    slotId: "2",
    meal: { date: DATE, periodId: "lunch" },
    dish: { dishId: "rice" },
    isLate: false,
    weight: { netG: 152, grossG: 172, tareG: 20, frameCount: 1 },
    photo: { photoSha256: "a".repeat(64), offMs: 12 },
    storedBy: { operatorId: "li", by: "pin" },
    keepHours: 48,
    keepUntilMs: (entry?.atMs ?? 0) + 48 * HOUR_MS,
  });
  expect(rig.claimed).toEqual(["a".repeat(64), "b".repeat(64)]);
  const view = rig.samples.view();
  expect(view.cabinets[0]?.slots.map(({ sample }) => sample?.dish.dishId ?? null)).toEqual([
    null,
    "rice",
    null,
  ]);
  expect(view.missing.map(({ dish, state }) => [dish.dishId, state])).toEqual([["tomato-egg", "open"]]);
  expect(view.taking).toMatchObject({
    step: "stored",
    label: { code: expect.stringContaining("CS1|school/line-1|1|") },
  });
});

test("under 125 g nothing goes on, and how much is missing is said", async () => {
  const rig = sampleRig();
  expect(await rig.store("rice", "1", 133)).toEqual({
    kind: "refused",
    reason: "too-light",
    shortG: 12,
    netG: 113,
  });
  expect(rig.samples.view().taking).toMatchObject({ step: "weighing", weight: { shortG: 12 } });
  expect(kinds(rig)).toEqual([]);
});

test("why a sample cannot be begun", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const reasonOf = async (command: ReturnType<typeof start>): Promise<unknown> => {
    const answer = await rig.samples.take(command);
    return answer.kind === "refused" ? answer.reason : answer.kind;
  };
  expect(await reasonOf(start("rice"))).toBe("already-sampled");
  expect(await reasonOf(start("soup"))).toBe("dish-unknown");
  expect(await reasonOf(start("tomato-egg", { date: "2026-09-08" }))).toBe("meal-not-begun");
  expect(await reasonOf(start("tomato-egg", { containerId: "bucket" }))).toBe("container-unknown");
  expect(await rig.samples.take({ kind: "take-weight" })).toMatchObject({ reason: "wrong-step" });
  rig.clock.stepWall(HOUR_MS);
  expect(await reasonOf(start("tomato-egg"))).toBe("clock-untrusted");
  expect(sampleRig({ diskSafe: () => false }).samples.view().taking.step).toBe("idle");
});

test("a slot holds one sample, and a full cabinet takes none", async () => {
  const rig = sampleRig({
    settings: {
      cabinets: [{ cabinetId: "cabinet-1", name: { zh: "一", en: "1" }, slotIds: ["1", "2"] }],
    },
  });
  await rig.store("rice", "1");
  expect(await rig.store("tomato-egg", "1")).toMatchObject({ reason: "slot-taken" });
  expect(await rig.samples.take({ kind: "choose-slot", cabinetId: "cabinet-1", slotId: "9" })).toMatchObject({
    reason: "slot-unknown",
  });
  expect(await rig.samples.take({ kind: "choose-slot", cabinetId: "cabinet-1", slotId: "2" })).toEqual({
    kind: "ok",
  });
  expect(await rig.samples.take(start("rice", { date: "2026-09-08" }))).toMatchObject({
    reason: "no-free-slot",
  });
});

test("a sample without a photo is still a sample, and says why", async () => {
  const studio = fakeStudio([
    { kind: "refused", reason: "camera-lost" },
    { kind: "refused", reason: "no-frame" },
  ]);
  const rig = sampleRig({ studio });
  expect(await rig.store("rice", "1")).toMatchObject({ reason: "wrong-step" });
  expect(rig.samples.view().taking).toMatchObject({ step: "photo-failed", reason: "camera-lost" });
  await rig.samples.take({ kind: "retry-photo" });
  await rig.clock.advance(1);
  expect(rig.samples.view().taking).toMatchObject({ step: "photo-failed", reason: "no-frame" });
  await rig.samples.take({ kind: "go-on-without-photo" });
  await rig.samples.take({ kind: "sign-by-pin", operatorId: "li", pin: "1234" });
  await rig.samples.take({ kind: "choose-slot", cabinetId: "cabinet-1", slotId: "1" });
  expect(rig.entries()[0]?.body).toMatchObject({ photo: null, photoMissing: "no-frame" });
});

test("a photo that is taken again is of now, and says how far it is from the weight", async () => {
  const studio = fakeStudio([{ kind: "refused", reason: "camera-lost" }]);
  const moments: number[] = [];
  const take: typeof studio.take = (moment) => {
    moments.push(moment.atMono);
    return studio.take(moment);
  };
  const rig = sampleRig({ studio: { ...studio, take } });
  await rig.store("rice", "1");
  await rig.clock.advance(20_000);
  const now = rig.clock.mono();
  await rig.samples.take({ kind: "retry-photo" });
  await rig.clock.advance(1);
  expect(moments.at(-1)).toBe(now);
  await rig.samples.take({ kind: "sign-by-pin", operatorId: "li", pin: "1234" });
  await rig.samples.take({ kind: "choose-slot", cabinetId: "cabinet-1", slotId: "1" });
  expect(rig.entries()[0]?.body).toMatchObject({ photo: { offMs: now - (moments[0] ?? 0) + 12 } });
});

test("a face that is looked for can be given up for a PIN", async () => {
  const rig = sampleRig();
  await rig.samples.take(start("rice"));
  rig.scale.say(0);
  rig.scale.say(200);
  await rig.samples.take({ kind: "take-weight" });
  await rig.clock.advance(1);
  const looking = rig.samples.take({ kind: "sign-by-face" });
  expect(rig.samples.view().taking).toMatchObject({ step: "signing", isLooking: true });
  await rig.samples.take({ kind: "stop-looking" });
  expect(await looking).toEqual({
    kind: "not-signed",
    outcome: { kind: "not-recognised", reason: "cancelled" },
  });
  expect(await rig.samples.take({ kind: "sign-by-pin", operatorId: "li", pin: "0000" })).toMatchObject({
    kind: "not-signed",
    outcome: { kind: "wrong" },
  });
  expect(await rig.samples.take({ kind: "sign-by-pin", operatorId: "li", pin: "1234" })).toEqual({
    kind: "ok",
  });
});

test("a sample that nobody goes on with is forgotten, and the stored one leaves the screen", async () => {
  const rig = sampleRig();
  await rig.samples.take(start("rice"));
  await rig.clock.advance(10 * 60_000);
  expect(rig.samples.view().taking.step).toBe("idle");
  await rig.store("rice", "1");
  await rig.clock.advance(60_000);
  expect(rig.samples.view().taking.step).toBe("idle");
});

test("a meal that was over before the terminal looked after samples is nobody's to sample", async () => {
  const clock = new VirtualClock(LUNCH_MS + 5 * HOUR_MS);
  const rig = sampleRig({ kept: { folder: temporaryFolder(), clock, alarms: new FakeAlarms() } });
  await clock.advance(60_000);
  expect(rig.samples.view().missing).toEqual([]);
  expect(rig.alarms.said).toEqual([]);
});

test("after the meal and its grace a dish without a sample is an alarm, once, until it is sampled late", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await hours(rig, 3);
  const subject = `${DATE}:lunch:tomato-egg`;
  expect(rig.alarms.said).toEqual([`raised major sample-missing/${subject}`]);
  expect(rig.entries().at(-1)).toMatchObject({
    kind: "sample.meal-checked",
    body: { sampled: [{ dishId: "rice" }], missing: [{ dishId: "tomato-egg" }] },
  });
  expect(rig.samples.view().missing).toMatchObject([{ dish: { dishId: "tomato-egg" }, state: "missing" }]);

  const again = await rig.restart();
  await again.clock.advance(60_000);
  expect(again.alarms.said).toHaveLength(1);
  expect(await again.store("tomato-egg", "2")).toEqual({ kind: "ok" });
  expect(again.alarms.said.at(-1)).toBe(`cleared sample-missing/${subject}`);
  expect(again.entries().at(-1)).toMatchObject({ kind: "sample.stored", body: { isLate: true } });
  expect(kinds(again).filter((kind) => kind === "sample.meal-checked")).toHaveLength(1);
});

test("a dish of a late meal is still to be sampled after midnight, until its time of grace is over", async () => {
  const supper: DishesOfMeals = {
    dateOf: lunches().dateOf,
    mealsOn: (date) =>
      lunches()
        .mealsOn(date)
        .map((meal) => ({
          ...meal,
          startMs: meal.startMs + 9 * HOUR_MS,
          endMs: meal.endMs + 10.75 * HOUR_MS,
        })),
  };
  // 20:00 to 23:45, and half an hour of grace.
  const clock = new VirtualClock(LUNCH_MS + 12 * HOUR_MS);
  const rig = sampleRig({
    meals: supper,
    kept: { folder: temporaryFolder(), clock, alarms: new FakeAlarms() },
  });
  const stateOfMissing = () => rig.samples.view().missing.map(({ meal, state }) => `${meal.date} ${state}`);
  await clock.advance(HOUR_MS / 4);
  const open = [`${DATE} open`, `${DATE} open`];
  expect(stateOfMissing()).toEqual(open);
  await clock.advance(HOUR_MS / 3);
  expect(stateOfMissing()).toEqual(open);
  await clock.advance(HOUR_MS / 2);
  expect(stateOfMissing()).toEqual([`${DATE} missing`, `${DATE} missing`]);
});

test("alarms about dishes move with the first cabinet of the configuration", async () => {
  const rig = sampleRig();
  await hours(rig, 3);
  expect(rig.alarms.activeSubjects("cabinet-1", "sample-missing")).toHaveLength(2);
  await rig.samples.close();
  const added = { cabinetId: "cabinet-0", name: { zh: "新柜", en: "New" }, slotIds: ["1"] };
  const again = sampleRig({ settings: { cabinets: [added, ...SETTINGS.cabinets] }, kept: rig });
  await again.clock.advance(60_000);
  expect(again.alarms.activeSubjects("cabinet-1", "sample-missing")).toEqual([]);
  expect(again.alarms.activeSubjects("cabinet-0", "sample-missing")).toHaveLength(2);
});

test("an acknowledged miss is answered, and stays so over a restart", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await hours(rig, 3);
  const alarmId = "0192c0de-0000-7000-8000-000000000001";
  const append = (kind: string, body: object, digit: number): void =>
    void rig.journal.append({
      id: `0192c0de-0000-7000-8000-00000000001${digit}`,
      kind,
      body: { alarmId, cabinetId: "cabinet-1", ...body },
    });
  append("alarm.raised", { type: "sample-missing", subject: `${DATE}:lunch:tomato-egg` }, 1);
  append("alarm.acknowledged", { operatorId: "chen" }, 2);
  await rig.clock.advance(60_000);
  expect(rig.alarms.active.size).toBe(0);
  expect(rig.samples.view().missing).toMatchObject([{ state: "acknowledged" }]);
  const again = await rig.restart();
  await again.clock.advance(60_000);
  expect(again.alarms.active.size).toBe(0);
});

test("meals that passed while the terminal was off are checked when it is back", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "2");
  await hours(rig, 3);
  expect(rig.alarms.active.size).toBe(0);
  await rig.samples.close();
  await rig.clock.advance(50 * HOUR_MS);
  const again = await rig.restart();
  await again.clock.advance(60_000);
  const dates = again.alarms
    .activeSubjects("cabinet-1", "sample-missing")
    .map((subject) => subject.slice(0, 10));
  expect(dates).toEqual(["2026-09-08", "2026-09-08", "2026-09-09", "2026-09-09"]);
});

test("a meal without dishes, and one before the terminal looked after samples, is no alarm", async () => {
  const rig = sampleRig({ meals: lunches([]) });
  await hours(rig, 30);
  expect(kinds(rig)).toEqual([]);
  const fresh = sampleRig();
  fresh.clock.stepWall(0);
  expect(fresh.alarms.said).toEqual([]);
});

test("nobody throws a sample away before its hours, and afterwards one person does", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const sampleIds = [rig.sampleId("rice")];
  await hours(rig, 47);
  expect(await rig.samples.dispose({ sampleIds, first: LI })).toMatchObject({
    kind: "refused",
    reason: "too-early",
  });
  await hours(rig, 2);
  expect(rig.samples.view().toDispose).toMatchObject([{ state: "due" }]);
  expect(await rig.samples.dispose({ sampleIds, first: { ...LI, pin: "0000" } })).toMatchObject({
    kind: "not-signed",
    who: "first",
  });
  expect(await rig.samples.dispose({ sampleIds, first: WANG })).toEqual({ kind: "done", sampleIds });
  expect(rig.entries().at(-1)).toMatchObject({
    kind: "sample.disposed",
    body: { how: "after-hours", disposedBy: { operatorId: "wang" }, secondBy: null },
  });
  expect(await rig.samples.dispose({ sampleIds, first: LI })).toMatchObject({ reason: "already-gone" });
  expect(rig.samples.view().cabinets[0]?.slots[0]?.sample).toBeNull();
});

test("a clock a day ahead lets nobody throw it away alone; two may, with the reason on record", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const sampleIds = [rig.sampleId("rice")];
  await hours(rig, 25);
  rig.clock.stepWall(24 * HOUR_MS);
  expect(await rig.samples.dispose({ sampleIds, first: LI })).toMatchObject({
    reason: "hours-unproven",
    hours: { wallMs: 49 * HOUR_MS },
  });
  const early = { sampleIds, first: LI, reason: "clock-unproven", note: "" } as const;
  expect(await rig.samples.disposeEarly({ ...early, second: WANG })).toEqual({
    kind: "not-signed",
    who: "second",
    outcome: { kind: "refused", reason: "no-right" },
  });
  expect(await rig.samples.disposeEarly({ ...early, first: CHEN, second: CHEN })).toMatchObject({
    who: "second",
    outcome: { reason: "same-person" },
  });
  expect(await rig.samples.disposeEarly({ ...early, second: CHEN })).toEqual({ kind: "done", sampleIds });
  expect(rig.entries().at(-1)?.body).toMatchObject({
    how: "early",
    reason: "clock-unproven",
    disposedBy: { operatorId: "li" },
    secondBy: { operatorId: "chen" },
  });
});

test("an early reason that says nothing needs words", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const request = {
    sampleIds: [rig.sampleId("rice")],
    first: LI,
    second: CHEN,
    reason: "other",
    note: " ",
  } as const;
  expect(await rig.samples.disposeEarly(request)).toMatchObject({ reason: "reason-missing" });
  expect(await rig.samples.disposeEarly({ ...request, note: "柜门损坏" })).toMatchObject({ kind: "done" });
});

test("a seized sample leaves its slot and stays visible with its chain of custody", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const sampleIds = [rig.sampleId("rice")];
  const request = {
    sampleIds,
    first: LI,
    second: CHEN,
    authority: "雁塔区市场监督管理局",
    officer: "赵某",
    documentNumber: "市监样〔2026〕12",
    sealNumber: " ",
    note: "",
  };
  expect(await rig.samples.seize(request)).toMatchObject({ reason: "custody-incomplete" });
  expect(await rig.samples.seize({ ...request, sealNumber: "F-0021" })).toEqual({ kind: "done", sampleIds });
  expect(rig.entries().at(-1)).toMatchObject({
    kind: "sample.seized",
    body: {
      sealNumber: "F-0021",
      handedBy: { operatorId: "li" },
      witness: { operatorId: "chen" },
      photoMissing: null,
    },
  });
  const again = await rig.restart();
  expect(again.samples.view().seized).toMatchObject([
    {
      sampleId: sampleIds[0],
      state: "seized",
      custody: { officer: "赵某", handedBy: { displayName: "李师傅" } },
    },
  ]);
  expect(await again.store("tomato-egg", "1")).toEqual({ kind: "ok" });
});

test.each([
  ["photo-worker-failed", "picture-unreadable"],
  ["disk-full", "photo-space-full"],
])("a seizure is not held up by a photo that fails (%s)", async (code, photoMissing) => {
  const fault = new CanteenError(code, { code, retry: "backoff", hint: { zh: "坏了", en: "broken" } });
  const studio = fakeStudio();
  let isBroken = false;
  const take: typeof studio.take = (moment) => (isBroken ? Promise.reject(fault) : studio.take(moment));
  const rig = sampleRig({ studio: { ...studio, take } });
  await rig.store("rice", "1");
  isBroken = true;
  const custody = { authority: "监管局", officer: "赵某", documentNumber: "12", sealNumber: "F-1", note: "" };
  const sampleIds = [rig.sampleId("rice")];
  expect(await rig.samples.seize({ sampleIds, first: LI, second: CHEN, ...custody })).toMatchObject({
    kind: "done",
  });
  expect(rig.entries().at(-1)?.body).toMatchObject({ photo: null, photoMissing });
  await rig.store("tomato-egg", "2");
  expect(rig.samples.view().taking).toMatchObject({ step: "photo-failed", reason: photoMissing });
});

test("a wrong entry is struck by another one, and the dish is missing again", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const wrong = rig.sampleId("rice");
  const request = { sampleId: wrong, reason: "wrong-dish", note: "", first: LI } as const;
  expect(await rig.samples.void({ ...request, second: WANG })).toMatchObject({ kind: "not-signed" });
  expect(await rig.samples.void({ ...request, second: CHEN })).toMatchObject({ kind: "done" });
  expect(kinds(rig)).toEqual(["sample.stored", "sample.voided"]);
  expect(rig.samples.view().missing.map(({ dish }) => dish.dishId)).toContain("rice");
  expect(await rig.store("rice", "1")).toEqual({ kind: "ok" });
  expect(rig.samples.history({ beforeSeq: null, countMax: 9 }).map(({ state }) => state)).toEqual([
    "keeping",
    "voided",
  ]);
  const [newest] = rig.samples.history({ beforeSeq: null, countMax: 1 });
  const [older] = rig.samples.history({ beforeSeq: newest?.seq ?? null, countMax: 1 });
  expect([newest?.state, older?.state]).toEqual(["keeping", "voided"]);
  // Also of one that was struck: it is shown in the history.
  expect(rig.samples.hasPhoto(older?.photo?.thumbnailSha256 ?? "")).toBe(true);
  expect(rig.samples.hasPhoto("0".repeat(64))).toBe(false);
});

test("a sample that is struck after its meal was checked leaves a dish without one, and that is an alarm", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "2");
  await hours(rig, 3);
  expect(rig.alarms.said).toEqual([]);
  const sampleId = rig.sampleId("rice");
  await rig.samples.void({ sampleId, reason: "wrong-dish", note: "", first: LI, second: CHEN });
  const subject = `${DATE}:lunch:rice`;
  expect(rig.alarms.said).toEqual([`raised major sample-missing/${subject}`]);
  expect(rig.samples.view().missing).toMatchObject([{ dish: { dishId: "rice" }, state: "missing" }]);
  const again = await rig.restart();
  await again.clock.advance(60_000);
  expect(again.alarms.said).toHaveLength(1);
  expect(await again.store("rice", "1")).toEqual({ kind: "ok" });
  expect(again.alarms.said.at(-1)).toBe(`cleared sample-missing/${subject}`);
});

test("overdue is a reminder first, an alarm a day later, and no alarm when it is gone", async () => {
  const rig = sampleRig({ meals: lunches([]) });
  const withDishes = sampleRig();
  await withDishes.store("rice", "1");
  await withDishes.store("tomato-egg", "2");
  expect(rig.samples.view().toDispose).toEqual([]);
  const overdue = (): readonly string[] => withDishes.alarms.activeSubjects("cabinet-1", "sample-overdue");
  await hours(withDishes, 50);
  expect([withDishes.samples.view().toDispose.length, overdue().length]).toEqual([2, 0]);
  await hours(withDishes, 23);
  expect(overdue()).toHaveLength(2);
  const sampleIds = withDishes.samples.view().toDispose.map(({ sampleId }) => sampleId);
  await withDishes.samples.dispose({ sampleIds, first: LI });
  expect(overdue()).toEqual([]);
});

test("everything follows from the entries, and a restart changes nothing", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "3");
  await hours(rig, 49);
  await rig.samples.dispose({ sampleIds: [rig.sampleId("rice")], first: LI });
  const before = rig.samples.view();
  const again = await rig.restart();
  const { taking: _, ...after } = again.samples.view();
  expect(before).toMatchObject(after);
  expect(verifyJournal(again.file, [sampleProjection])).toMatchObject({ ok: true });
});
