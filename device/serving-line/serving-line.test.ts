import { describe, expect, it } from "vitest";
import { verifyJournal } from "../journal/verify.ts";
import { CanteenError } from "../platform/errors.ts";
import { fen } from "../platform/units.ts";
import { ledgerProjection } from "./ledger.ts";
import {
  diskFault,
  face,
  type LineFixture,
  lineFixture,
  person,
  picture,
  plan,
  settings,
} from "./serving-line-fixture.ts";
import type { CheckoutView, MealPlan, Receipt } from "./serving-line-port.ts";

const one = picture(face());
const HOUR_MS = 3_600_000;

function paidReceipt(view: CheckoutView): Receipt {
  if (view.kind !== "paid") throw new Error(`not paid but ${view.kind}`);
  return view.receipt;
}
const kindsOf = ({ journal }: LineFixture): string[] =>
  journal.readAfter(0, { countMax: 1000, bytesMax: 1e8 }).map(({ kind }) => kind);
const view = ({ line }: LineFixture): CheckoutView => line.status().view;
/** The wall clock goes on by hours and the till has its look at it, without a tick for each second between. */
async function hoursPass({ clock }: LineFixture, hours: number): Promise<void> {
  clock.stepWall(hours * HOUR_MS);
  await clock.advance(3000);
}
async function payByFace(fixture: LineFixture, personId = "p-1"): Promise<CheckoutView> {
  await fixture.line.command({ kind: "activate" });
  await fixture.look(picture(face({ person: personId })));
  return view(fixture);
}

describe("a diner who presses and looks", () => {
  it("pays: one durable entry, then the screen with name, meal, amount and balance", async () => {
    const fixture = lineFixture();
    const receipt = paidReceipt(await payByFace(fixture));
    expect(receipt).toMatchObject({
      personId: "p-1",
      displayName: "name of p-1",
      period: { id: "lunch" },
      businessDate: "2026-09-01",
      priceFen: 1200,
      subsidyFen: 200,
      amountFen: 1000,
      balanceFen: 9000,
      method: "face",
      timeTrust: "synced",
      seq: 1,
    });
    expect(fixture.journal.entryById(receipt.chargeId)?.body).toEqual({
      chargeId: receipt.chargeId,
      personId: "p-1",
      businessDate: "2026-09-01",
      periodId: "lunch",
      periodName: { zh: "午餐", en: "Lunch" },
      claimNo: 1,
      priceFen: 1200,
      subsidyFen: 200,
      amountFen: 1000,
      items: [],
      allergensConfirmed: [],
      method: "face",
      activation: "touch",
      operatorId: null,
      overrideReason: null,
      decision: { model: "model-a", similarity: 0.8, margin: 0.6, frames: 3 },
      mealPlanVersion: "plan-1",
    });
    expect(fixture.line.status().servedCount).toBe(1);
    await fixture.clock.advance(2500);
    expect(view(fixture)).toEqual({ kind: "idle" });
  });

  it("is told 'already paid' the second time, with the first receipt, and nothing is charged", async () => {
    const fixture = lineFixture();
    const first = paidReceipt(await payByFace(fixture));
    await fixture.clock.advance(3000);
    expect(await payByFace(fixture)).toMatchObject({
      kind: "refused",
      reason: "meal-already-charged",
      displayName: "name of p-1",
      balanceFen: 9000,
      earlier: { chargeId: first.chargeId, amountFen: 1000 },
    });
    expect(fixture.balanceFen("p-1")).toBe(9000);
  });

  it("writes that they were refused once for the meal and reason, however often they come", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    for (let again = 0; again < 5; again++) {
      await fixture.clock.advance(3000);
      await payByFace(fixture);
    }
    expect(kindsOf(fixture)).toEqual(["charge.made", "charge.refused"]);
    expect(fixture.journal.entryBySeq(2)?.body).toMatchObject({
      personId: "p-1",
      reason: "meal-already-charged",
      periodId: "lunch",
      method: "face",
    });
  });

  it("whom nobody knows leaves no trace in the journal", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    await fixture.look(picture(face({ person: null })), 5);
    await fixture.clock.advance(4000);
    expect(view(fixture)).toEqual({ kind: "other-way", reason: "unknown-face" });
    await fixture.line.command({ kind: "card", cardToken: "card-nobody" });
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "person-unknown" });
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("may have a template here and be gone from the roster: refused, and not written", async () => {
    const fixture = lineFixture();
    fixture.roster.people.delete("p-1");
    expect(await payByFace(fixture)).toMatchObject({
      kind: "refused",
      reason: "person-unknown",
      displayName: null,
    });
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("asks the camera for frames only while it is looked at", async () => {
    const fixture = lineFixture();
    expect(fixture.frames.wanted).toBe(false);
    await fixture.line.command({ kind: "activate" });
    expect(fixture.frames.wanted).toBe(true);
    await fixture.line.command({ kind: "cancel" });
    expect(fixture.frames.wanted).toBe(false);
  });

  it("is offered another way when the camera goes away meanwhile", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    fixture.frames.setLost(true);
    expect(view(fixture)).toEqual({ kind: "other-way", reason: "camera-lost" });
  });
});

describe("beside the face", () => {
  it("a card pays", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "card", cardToken: "card-p-2" });
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2", method: "card" });
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({ decision: null, activation: "touch" });
  });

  it("a number and a PIN pay; wrong ones are counted and at last locked", async () => {
    const fixture = lineFixture();
    const enter = async (pin: string): Promise<CheckoutView> => {
      await fixture.line.command({ kind: "pin", number: "no-p-3", pin });
      return view(fixture);
    };
    expect(await enter("0000")).toMatchObject({
      reason: "person-unknown",
      pin: { kind: "wrong", attemptsLeft: 2 },
    });
    expect(paidReceipt(await enter("1234"))).toMatchObject({ personId: "p-3", method: "pin" });
    await enter("0000");
    await enter("0000");
    expect(await enter("1234")).toMatchObject({ kind: "refused", pin: { kind: "locked", untilMs: 99_000 } });
    expect(kindsOf(fixture)).toEqual(["charge.made"]);
  });

  it("a PIN check that never ends does not hold the line", async () => {
    const fixture = lineFixture();
    fixture.pins.answer = () => new Promise(() => {});
    const entered = fixture.line.command({ kind: "pin", number: "no-p-1", pin: "1234" });
    await fixture.clock.advance(10_000);
    await entered;
    expect(paidReceipt(await payByFace(fixture))).toMatchObject({ personId: "p-1" });
  });

  it("a PIN that cannot be checked because of the disk stops sales", async () => {
    const fixture = lineFixture();
    fixture.pins.answer = () => Promise.reject(diskFault("disk-failed"));
    await fixture.line.command({ kind: "pin", number: "no-p-1", pin: "1234" });
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "disk-unsafe" });
  });
});

describe("the amount", () => {
  it("is the sum of the dishes that staff chose, and the next diner begins with an empty tray", async () => {
    const fixture = lineFixture({ mealPlan: plan({ kind: "menu" }) });
    await fixture.line.command({ kind: "set-order", itemIds: ["rice", "peanut-chicken"], keyedFen: null });
    expect(fixture.line.status().order).toEqual({
      itemIds: ["rice", "peanut-chicken"],
      keyedFen: null,
      totalFen: 900,
    });
    expect(paidReceipt(await payByFace(fixture))).toMatchObject({
      priceFen: 900,
      subsidyFen: 200,
      amountFen: 700,
    });
    expect(fixture.line.status().order).toEqual({ itemIds: [], keyedFen: null, totalFen: null });
    await fixture.clock.advance(3000);
    expect(await payByFace(fixture, "p-2")).toMatchObject({ kind: "refused", reason: "amount-missing" });
    await fixture.line.command({ kind: "card", cardToken: "card-p-1" });
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "meal-already-charged" });
  });

  it("is the one that staff keyed when the diner began, though they key the next one already", async () => {
    const fixture = lineFixture({ mealPlan: plan({ kind: "keyed", amountFenMax: fen(3000) }) });
    await fixture.line.command({ kind: "set-order", itemIds: [], keyedFen: fen(700) });
    await fixture.line.command({ kind: "activate" });
    await fixture.line.command({ kind: "set-order", itemIds: [], keyedFen: fen(2900) });
    await fixture.look(one);
    expect(paidReceipt(view(fixture))).toMatchObject({ priceFen: 700 });
    expect(fixture.line.status().order).toMatchObject({ keyedFen: 2900, totalFen: 2900 });
  });

  it("with an allergen is shown first, and charged after the diner confirmed", async () => {
    const fixture = lineFixture({ mealPlan: plan({ kind: "menu" }) });
    fixture.roster.add(person("p-1", { allergens: ["peanut", "milk"] }));
    await fixture.line.command({ kind: "set-order", itemIds: ["peanut-chicken"], keyedFen: null });
    expect(await payByFace(fixture)).toMatchObject({
      kind: "confirm",
      personId: "p-1",
      amountFen: 600,
      allergyWarning: ["peanut"],
    });
    expect(kindsOf(fixture)).toEqual([]);
    await fixture.line.command({ kind: "confirm" });
    expect(paidReceipt(view(fixture)).allergyWarning).toEqual(["peanut"]);
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({ allergensConfirmed: ["peanut"] });
  });
});

describe("presence mode", () => {
  it("charges each face that comes to the place once, without a press, as faces shift in the queue", async () => {
    const fixture = lineFixture({ activation: "presence" });
    await fixture.look(one);
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-1" });
    // Ten seconds of the first child staying, the second leaning in, both shifting.
    for (let second = 0; second < 10; second++) {
      await fixture.look(one, 4);
      await fixture.look(picture(face({ centreX: 240 }), face({ centreX: 420, person: "p-2" })), 6);
    }
    expect(kindsOf(fixture)).toEqual(["charge.made"]);
    await fixture.look(picture(face({ person: "p-2" })), 3);
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2" });
    expect(fixture.journal.entryBySeq(2)?.body).toMatchObject({ activation: "presence" });
    await fixture.clock.advance(2500);
    await fixture.look(picture(), 3);
    await fixture.look(one, 3);
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "meal-already-charged" });
    expect([fixture.balanceFen("p-1"), fixture.balanceFen("p-2")]).toEqual([9000, 9000]);
  });
});

describe("the till", () => {
  it("opens and closes with the meals, in the school's zone", async () => {
    const fixture = lineFixture();
    expect(fixture.line.status()).toMatchObject({
      view: { kind: "idle" },
      mealPeriod: { id: "lunch" },
      businessDate: "2026-09-01",
    });
    await hoursPass(fixture, 1);
    expect(fixture.line.status()).toMatchObject({
      view: { kind: "closed", reason: "no-meal-now" },
      mealPeriod: null,
    });
    await fixture.line.command({ kind: "card", cardToken: "card-p-1" });
    await hoursPass(fixture, 4);
    expect(fixture.line.status()).toMatchObject({ view: { kind: "idle" }, mealPeriod: { id: "dinner" } });
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("charges one person once for each meal and day", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await hoursPass(fixture, 5);
    expect(paidReceipt(await payByFace(fixture)).period.id).toBe("dinner");
    await hoursPass(fixture, 19);
    expect(paidReceipt(await payByFace(fixture))).toMatchObject({
      businessDate: "2026-09-02",
      period: { id: "lunch" },
    });
  });

  it("sells nothing while the time is not trusted, and a clock that loses its trust while a diner looks is in time", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    fixture.world.timeTrust = "unknown";
    await fixture.look(one);
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "clock-untrusted" });
    await fixture.clock.advance(3000);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "clock-untrusted" });
    fixture.world.timeTrust = "held";
    await fixture.clock.advance(1000);
    expect(paidReceipt(await payByFace(fixture))).toBeDefined();
  });

  it("closes when the disk is not safe and when it was closed by hand, and opens again", async () => {
    const fixture = lineFixture();
    fixture.world.diskSafe = false;
    await fixture.clock.advance(1000);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "disk-unsafe" });
    fixture.world.diskSafe = true;
    fixture.line.setTillOpen(false);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "till-closed" });
    fixture.line.setTillOpen(true);
    expect(view(fixture)).toEqual({ kind: "idle" });
  });

  it("closes after too many days without the cloud, and opens with its receipt", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await hoursPass(fixture, 30 * 24 - 1 / 60);
    expect(paidReceipt(await payByFace(fixture, "p-2"))).toBeDefined();
    await hoursPass(fixture, 24);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "offline-too-long" });
    fixture.journal.acknowledge(2);
    await fixture.clock.advance(1000);
    expect(view(fixture)).toEqual({ kind: "idle" });
  });

  it("holds the limits of a day, of a person offline and of the terminal offline", async () => {
    const limits = { perDayFenMax: 1500, offlinePerPersonFenMax: 1500, offlineTotalFenMax: 2500 };
    const fixture = lineFixture({ settings: settings("touch", { limits }) });
    await payByFace(fixture);
    await hoursPass(fixture, 5);
    expect(await payByFace(fixture)).toMatchObject({ kind: "refused", reason: "day-limit", amountFen: 1200 });
    await hoursPass(fixture, 19);
    expect(await payByFace(fixture)).toMatchObject({ kind: "refused", reason: "offline-person-limit" });
    await fixture.clock.advance(3000);
    expect(paidReceipt(await payByFace(fixture, "p-2"))).toBeDefined();
    await fixture.clock.advance(3000);
    expect(await payByFace(fixture, "p-3")).toMatchObject({ kind: "refused", reason: "offline-total-limit" });
    fixture.journal.acknowledge(fixture.journal.head().seq);
    await fixture.clock.advance(3000);
    expect(paidReceipt(await payByFace(fixture))).toBeDefined();
  });

  it("counts on the cloud's balance as soon as that contains what happened here", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    fixture.roster.accounts.set("p-1", { balanceFen: fen(500), throughSeq: 1 });
    await hoursPass(fixture, 5);
    expect(await payByFace(fixture)).toMatchObject({
      kind: "refused",
      reason: "balance-too-low",
      balanceFen: 500,
    });
  });
});

describe("an operator", () => {
  const voiding = (chargeId: string) => ({ chargeId, operatorId: "op-1", reason: " wrong tray " });

  it("takes a charge back within its meal: money and meal are free again", async () => {
    const fixture = lineFixture();
    const { chargeId } = paidReceipt(await payByFace(fixture));
    expect(fixture.line.voidCharge(voiding(chargeId))).toEqual({
      kind: "voided",
      seq: 2,
      balanceFen: 10_000,
    });
    expect(fixture.line.status().servedCount).toBe(0);
    expect(fixture.line.voidCharge(voiding(chargeId))).toEqual({ kind: "refused", reason: "already-voided" });
    expect(fixture.journal.entryBySeq(2)?.body).toMatchObject({
      chargeId,
      amountFen: 1000,
      operatorId: "op-1",
      reason: "wrong tray",
    });
    await fixture.clock.advance(3000);
    expect(paidReceipt(await payByFace(fixture)).balanceFen).toBe(9000);
    expect(fixture.line.recentCharges(10).map(({ seq, voided }) => [seq, voided])).toEqual([
      [3, false],
      [1, true],
    ]);
    expect(verifyJournal(fixture.file, [ledgerProjection]).ok).toBe(true);
  });

  it("cannot take back what never was, what belongs to a meal that is over, or anything without a reason", async () => {
    const fixture = lineFixture();
    expect(fixture.line.voidCharge(voiding("nothing"))).toEqual({
      kind: "refused",
      reason: "charge-unknown",
    });
    const { chargeId } = paidReceipt(await payByFace(fixture));
    expect(() => fixture.line.voidCharge({ ...voiding(chargeId), reason: "  " })).toThrow(CanteenError);
    await hoursPass(fixture, 1);
    expect(fixture.line.voidCharge(voiding(chargeId))).toEqual({
      kind: "refused",
      reason: "meal-period-over",
    });
    expect(fixture.balanceFen("p-1")).toBe(9000);
  });

  it("allows a further meal under their name; without one the meal stays paid", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    const again = { personId: "p-1", operatorId: "op-1", reason: "dropped the tray" };
    const second = fixture.line.chargeAgain(again);
    expect(second).toMatchObject({ kind: "paid", receipt: { method: "staff", balanceFen: 8000 } });
    expect(fixture.journal.entryBySeq(2)?.body).toMatchObject({
      claimNo: 2,
      operatorId: "op-1",
      overrideReason: "dropped the tray",
      decision: null,
    });
    expect(fixture.line.status().servedCount).toBe(2);
    await fixture.clock.advance(3000);
    expect(await payByFace(fixture)).toMatchObject({ kind: "refused", reason: "meal-already-charged" });
  });

  it("who takes back the first of two meals has not freed the meal for a third", async () => {
    const fixture = lineFixture();
    const { chargeId } = paidReceipt(await payByFace(fixture));
    fixture.line.chargeAgain({ personId: "p-1", operatorId: "op-1", reason: "second helping" });
    fixture.line.voidCharge(voiding(chargeId));
    await fixture.clock.advance(3000);
    expect(await payByFace(fixture)).toMatchObject({ kind: "refused", reason: "meal-already-charged" });
  });

  it("whose page sends the same request twice has charged once", () => {
    const fixture = lineFixture();
    const again = {
      chargeId: fixture.ids.next(),
      personId: "p-1",
      operatorId: "op-1",
      reason: "guest forgot card",
    };
    const first = fixture.line.chargeAgain(again);
    expect(fixture.line.chargeAgain(again)).toEqual(first);
    expect(kindsOf(fixture)).toEqual(["charge.made"]);
    expect(() => fixture.line.chargeAgain({ ...again, personId: "p-2" })).toThrow(CanteenError);
    expect(view(fixture)).toEqual({ kind: "idle" });
  });

  it("cannot go past the other rules", () => {
    const fixture = lineFixture();
    fixture.roster.add(person("p-1", { limits: { ...person("p-1").limits, blockedPeriodIds: ["lunch"] } }));
    const again = { personId: "p-1", operatorId: "op-1", reason: "asked" };
    expect(fixture.line.chargeAgain(again)).toEqual({
      kind: "refused",
      reason: "period-blocked-by-guardian",
    });
    expect(fixture.line.chargeAgain({ ...again, personId: "nobody" })).toEqual({
      kind: "refused",
      reason: "person-unknown",
    });
  });
});

describe("a new meal plan", () => {
  const dearer = plan({ kind: "fixed", priceFen: fen(1500) }, "plan-2");

  it("takes effect at the next idle moment: who has begun pays the old price", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    expect(fixture.line.setMealPlan(dearer)).toEqual({ kind: "accepted" });
    expect(fixture.line.status().order.totalFen).toBe(1200);
    await fixture.look(one);
    expect(paidReceipt(view(fixture)).priceFen).toBe(1200);
    await fixture.clock.advance(2500);
    expect(fixture.line.status().order.totalFen).toBe(1500);
    expect(paidReceipt(await payByFace(fixture, "p-2")).priceFen).toBe(1500);
    expect(fixture.journal.entryBySeq(2)?.body).toMatchObject({ mealPlanVersion: "plan-2" });
  });

  it("is refused with its problems when it cannot be used here, and the old one stays", () => {
    const fixture = lineFixture({ activation: "presence" });
    expect(fixture.line.setMealPlan(plan({ kind: "menu" }))).toMatchObject({
      kind: "refused",
      problems: [expect.stringContaining("presence"), expect.stringContaining("presence")],
    });
    expect(fixture.line.status().order.totalFen).toBe(1200);
  });

  it("that is unusable at the start is a fault with the problems in its hint", () => {
    const unusable: MealPlan = { ...plan(), periods: [] };
    expect(() => lineFixture({ mealPlan: unusable })).toThrow(
      expect.objectContaining({ code: "meal-plan-unusable" }),
    );
  });
});
