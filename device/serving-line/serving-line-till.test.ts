import { describe, expect, it } from "vitest";
import { verifyJournal } from "../journal/verify.ts";
import { CanteenError } from "../platform/errors.ts";
import { fen } from "../platform/units.ts";
import { ledgerProjection } from "./ledger.ts";
import {
  face,
  hoursPass,
  kindsOf,
  lineFixture,
  paidReceipt,
  payByFace,
  person,
  picture,
  plan,
  settings,
  view,
} from "./serving-line-fixture.ts";
import type { MealPlan } from "./serving-line-port.ts";

const one = picture(face());

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
    // Taken back meanwhile: the old receipt would be a meal that nobody pays.
    fixture.line.voidCharge({ chargeId: again.chargeId, operatorId: "op-1", reason: "wrong dish" });
    expect(() => fixture.line.chargeAgain(again)).toThrow(CanteenError);
    expect(view(fixture)).toEqual({ kind: "idle" });
  });

  it("whose page sends the same request twice has not taken the next diner's order off the screen", async () => {
    const fixture = lineFixture({
      activation: "touch",
      mealPlan: plan({ kind: "keyed", amountFenMax: fen(3000) }),
    });
    const order = (keyedFen: number) =>
      fixture.line.command({ kind: "set-order", itemIds: [], keyedFen: fen(keyedFen) });
    const again = { chargeId: fixture.ids.next(), personId: "p-1", operatorId: "op-1", reason: "no card" };
    await order(800);
    const first = fixture.line.chargeAgain(again);
    expect(first).toMatchObject({ kind: "paid", receipt: { priceFen: 800 } });
    expect(fixture.line.status().order).toMatchObject({ keyedFen: null });
    await order(1200);
    expect(fixture.line.chargeAgain(again)).toEqual(first);
    expect(fixture.line.status().order).toMatchObject({ keyedFen: 1200, totalFen: 1200 });
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
