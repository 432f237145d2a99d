import { describe, expect, it } from "vitest";
import { fen } from "../platform/units.ts";
import {
  diskFault,
  face,
  kindsOf,
  lineFixture,
  paidReceipt,
  payByFace,
  person,
  picture,
  plan,
  press,
  settings,
  view,
} from "./serving-line-fixture.ts";
import type { CheckoutView } from "./serving-line-port.ts";

const one = picture(face());

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
      decision: { model: "model-a", similarity: 0.8, margin: 0.6, frames: 2 },
      question: null,
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

  it("charges nobody by face after the consent was withdrawn, and still takes their card", async () => {
    const fixture = lineFixture();
    fixture.roster.withdrawn.add("p-1");
    expect(await payByFace(fixture)).toMatchObject({ kind: "refused", reason: "person-unknown" });
    expect(kindsOf(fixture)).toEqual([]);
    await fixture.line.command({ kind: "card", cardToken: "card-p-1" });
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-1", method: "card" } });
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
    await press(fixture, "confirm");
    expect(paidReceipt(view(fixture)).allergyWarning).toEqual(["peanut"]);
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({ allergensConfirmed: ["peanut"] });
  });

  it("is asked anew when an allergen was added while it stood on the screen", async () => {
    const mealPlan = plan({ kind: "menu" });
    const menu = mealPlan.menu.map((dish) => ({ ...dish, allergens: ["peanut", "milk"] }));
    const fixture = lineFixture({ mealPlan: { ...mealPlan, menu } });
    fixture.roster.add(person("p-1", { allergens: ["peanut"] }));
    await fixture.line.command({ kind: "set-order", itemIds: ["rice"], keyedFen: null });
    expect(await payByFace(fixture)).toMatchObject({ kind: "confirm", allergyWarning: ["peanut"] });
    fixture.roster.add(person("p-1", { allergens: ["peanut", "milk"] }));
    await press(fixture, "confirm");
    expect(view(fixture)).toMatchObject({ kind: "confirm", allergyWarning: ["peanut", "milk"] });
    expect(kindsOf(fixture)).toEqual([]);
    await press(fixture, "confirm");
    expect(paidReceipt(view(fixture)).allergyWarning).toEqual(["peanut", "milk"]);
  });

  it("is asked anew when it costs something else by the time of the press", async () => {
    const fixture = lineFixture({ settings: settings("touch", { confirmFace: true }) });
    expect(await payByFace(fixture)).toMatchObject({ kind: "confirm", amountFen: 1000 });
    fixture.roster.add(person("p-1", { kind: "staff" }));
    await press(fixture, "confirm");
    expect(view(fixture)).toMatchObject({ kind: "confirm", amountFen: 1200 });
    expect(kindsOf(fixture)).toEqual([]);
    await press(fixture, "confirm");
    expect(paidReceipt(view(fixture))).toMatchObject({ amountFen: 1200 });
  });

  it("is refused at the press when the person was blocked meanwhile, with the reason", async () => {
    const fixture = lineFixture({ settings: settings("touch", { confirmFace: true }) });
    await payByFace(fixture);
    fixture.roster.add(person("p-1", { active: false }));
    await press(fixture, "confirm");
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "person-inactive" });
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
