import { describe, expect, it } from "vitest";
import { verifyJournal } from "../journal/verify.ts";
import {
  face,
  kindsOf,
  LINE_PROJECTIONS,
  type LineFixture,
  type LineFixtureOptions,
  lineFixture,
  paidReceipt,
  payByFace,
  picture,
  plan,
  press,
  settings,
  view,
} from "./serving-line-fixture.ts";

const first = picture(face({ person: "p-1" }));
const entries = ({ journal }: LineFixture) => journal.readAfter(0, { countMax: 1000, bytesMax: 1e8 });
const card = ({ line }: LineFixture, personId: string): Promise<void> =>
  line.command({ kind: "card", cardToken: `card-${personId}` });

/** p-1 and p-2 cannot be told apart; p-3 stands for everybody else. */
function twinsFixture(options: LineFixtureOptions = {}): LineFixture {
  const fixture = lineFixture(options);
  fixture.bounds.twins.push(["p-1", "p-2"]);
  return fixture;
}

/** The first usable frame comes with this call; the second 100 ms later. */
async function lookOnce(fixture: LineFixture): Promise<number> {
  await fixture.line.command({ kind: "activate" });
  await fixture.look(first, 1);
  return fixture.clock.mono();
}

describe("how long a look takes", () => {
  it("a clear case is charged with the second frame, within 300 ms of the first", async () => {
    const fixture = lineFixture();
    const beganMs = await lookOnce(fixture);
    expect(view(fixture).kind).toBe("looking");
    await fixture.look(first, 1);
    expect(view(fixture).kind).toBe("paid");
    expect(fixture.clock.mono() - beganMs).toBeLessThan(300);
  });

  it("a close one needs a third frame, and counts the mean", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    const close = picture(face({ similarity: 0.52 }));
    await fixture.look(close, 2);
    expect(view(fixture).kind).toBe("looking");
    await fixture.look(close, 1);
    expect(view(fixture).kind).toBe("paid");
  });

  it("an unclear one is looked at for two seconds from its first usable frame, then asked for card or PIN", async () => {
    const fixture = lineFixture();
    const unclear = picture(face({ similarity: 0.48 }));
    await fixture.line.command({ kind: "activate" });
    await fixture.clock.advance(1500);
    await fixture.look(unclear, 20);
    expect(view(fixture).kind).toBe("looking");
    await fixture.look(unclear, 1);
    expect(view(fixture)).toEqual({ kind: "other-way", reason: "unknown-face" });
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("whoever does not come near enough has four seconds", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    await fixture.clock.advance(3999);
    expect(view(fixture).kind).toBe("looking");
    await fixture.clock.advance(1);
    expect(view(fixture).kind).toBe("other-way");
  });
});

describe("somebody whom the camera cannot tell from another", () => {
  it("is asked, and nothing is charged for the camera's word", async () => {
    const fixture = twinsFixture();
    expect(await payByFace(fixture)).toEqual({ kind: "asking", choices: null });
    await fixture.look(first, 30);
    expect(kindsOf(fixture)).toEqual([]);
  });

  it.each(["p-1", "p-2"])("pays as %s by that one's card, and the entry says what was asked", async (who) => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    await card(fixture, who);
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: who, method: "card" });
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({
      personId: who,
      decision: null,
      question: {
        matchedPersonId: "p-1",
        lookAlikeIds: ["p-2"],
        answeredBy: "card",
        operatorId: null,
      },
    });
  });

  it("pays by number and PIN; a wrong one charges nobody", async () => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    await fixture.line.command({ kind: "pin", number: "no-p-2", pin: "0000" });
    expect(view(fixture)).toMatchObject({ kind: "refused", pin: { kind: "wrong" } });
    await fixture.clock.advance(3000);
    await payByFace(fixture);
    await fixture.line.command({ kind: "pin", number: "no-p-2", pin: "1234" });
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2", method: "pin" });
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({ question: { answeredBy: "pin" } });
  });

  it("does not answer for a third person, whose own card is an ordinary payment", async () => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    await card(fixture, "p-3");
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-3" });
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({ question: null });
  });

  it("is asked for fifteen seconds, or until the press of cancel", async () => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    await fixture.clock.advance(14_000);
    expect(view(fixture).kind).toBe("asking");
    await fixture.clock.advance(2000);
    expect(view(fixture).kind).toBe("idle");
    await payByFace(fixture);
    await fixture.line.command({ kind: "cancel" });
    expect(view(fixture).kind).toBe("idle");
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("makes way for somebody else who steps in front, who did not press and is asked to", async () => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    await fixture.look(picture(face({ person: "p-3" })), 2);
    expect(view(fixture)).toMatchObject({ kind: "confirm", personId: "p-3" });
    expect(kindsOf(fixture)).toEqual([]);
    await press(fixture, "confirm");
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-3", method: "face" });
  });

  it("and the till that closes asks nobody any more", async () => {
    const fixture = twinsFixture();
    await payByFace(fixture);
    fixture.line.setTillOpen(false);
    await card(fixture, "p-1");
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("in presence mode is asked too, and no longer once nobody is there", async () => {
    const fixture = twinsFixture({ activation: "presence" });
    await fixture.look(first, 3);
    expect(view(fixture).kind).toBe("asking");
    await fixture.look(picture(), 3);
    expect(view(fixture).kind).toBe("idle");
    expect(kindsOf(fixture)).toEqual([]);
  });
});

describe("names to choose from", () => {
  const choose = { settings: settings("touch", { lookAlikes: "choose" }) };
  const names = (fixture: LineFixture): string[] | null => {
    const shown = view(fixture);
    return shown.kind === "asking" ? (shown.choices?.map(({ personId }) => personId) ?? null) : null;
  };

  it("are shown under an operator's eye only, and the entry says whose", async () => {
    const fixture = twinsFixture(choose);
    fixture.world.operatorAtTill = "cashier-1";
    await payByFace(fixture);
    expect(names(fixture)).toEqual(["p-1", "p-2"]);
    await fixture.line.command({ kind: "choose", personId: "p-2", operatorId: "cashier-1" });
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2", method: "face" });
    expect(fixture.journal.entryBySeq(1)?.body).toMatchObject({
      decision: { model: "model-a" },
      question: { matchedPersonId: "p-1", answeredBy: "choice", operatorId: "cashier-1" },
    });
  });

  it("are not shown without an operator, nor in the default mode: card or PIN then", async () => {
    const alone = twinsFixture(choose);
    await payByFace(alone);
    expect(names(alone)).toBeNull();
    await alone.line.command({ kind: "choose", personId: "p-2", operatorId: "cashier-1" });
    expect(view(alone).kind).toBe("asking");
    const byCard = twinsFixture();
    byCard.world.operatorAtTill = "cashier-1";
    await payByFace(byCard);
    expect(names(byCard)).toBeNull();
  });

  it("do not include whoever was not asked about", async () => {
    const fixture = twinsFixture(choose);
    fixture.world.operatorAtTill = "cashier-1";
    await payByFace(fixture);
    await fixture.line.command({ kind: "choose", personId: "p-3", operatorId: "cashier-1" });
    expect(view(fixture).kind).toBe("asking");
    expect(kindsOf(fixture)).toEqual([]);
  });
});

describe("that's not me", () => {
  const notMe = (fixture: LineFixture): Promise<void> => press(fixture, "not-me");

  it("on the paid screen gives the money back, writes both in one go, and asks for card or PIN", async () => {
    const fixture = lineFixture();
    const { chargeId } = paidReceipt(await payByFace(fixture));
    await notMe(fixture);
    expect(view(fixture)).toEqual({ kind: "not-me", outcome: "voided", amountFen: 1000 });
    expect(fixture.balanceFen("p-1")).toBe(10_000);
    const [, voided, disputed] = entries(fixture);
    expect(voided).toMatchObject({
      kind: "charge.voided",
      body: { chargeId, amountFen: 1000, operatorId: null, reason: "not-me" },
    });
    expect(disputed).toMatchObject({
      kind: "identity.disputed",
      body: { chargeId, charged: true, personId: "p-1", model: "model-a", similarity: 0.8 },
    });
    expect(fixture.line.recentCharges(5)).toMatchObject([{ chargeId, voided: true, disputed: true }]);
    expect(fixture.line.status().servedCount).toBe(0);
  });

  it("then a card pays for the same tray at its price, and the pair is known", async () => {
    const fixture = lineFixture({ mealPlan: plan({ kind: "menu" }) });
    await fixture.line.command({ kind: "set-order", itemIds: ["rice", "peanut-chicken"], keyedFen: null });
    await payByFace(fixture);
    await notMe(fixture);
    await fixture.line.command({ kind: "card", cardToken: "card-nobody" });
    await card(fixture, "p-2");
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2", priceFen: 900 });
    expect(fixture.disputes.disputesOf("p-2")).toMatchObject([{ personId: "p-1", otherPersonId: "p-2" }]);
    expect([fixture.balanceFen("p-1"), fixture.balanceFen("p-2")]).toEqual([10_000, 9300]);
    // From now on each of the two is asked.
    await fixture.clock.advance(3000);
    await fixture.line.command({ kind: "set-order", itemIds: ["rice"], keyedFen: null });
    expect((await payByFace(fixture, "p-2")).kind).toBe("asking");
    expect(verifyJournal(fixture.file, LINE_PROJECTIONS).ok).toBe(true);
  });

  it("raises the bar of whoever was matched, over the likeness that misled", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await notMe(fixture);
    expect(fixture.bounds.barOf("p-1", "model-a").similarityMin).toBeCloseTo(0.83);
    expect(fixture.bounds.barOf("p-2", "model-a").similarityMin).toBe(0.5);
    await fixture.line.command({ kind: "activate" });
    await fixture.look(first, 25);
    expect(view(fixture)).toEqual({ kind: "other-way", reason: "unknown-face" });
  });

  it("by the very person whose card then pays was no mistake of the camera's", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await notMe(fixture);
    await card(fixture, "p-1");
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-1", balanceFen: 9000 });
    expect(fixture.disputes.disputesOf("p-1")).toEqual([]);
  });

  it("before the confirmation ends the look: nothing was charged, and nothing is given back", async () => {
    const fixture = lineFixture({ settings: settings("touch", { confirmFace: true }) });
    expect(await payByFace(fixture)).toMatchObject({ kind: "confirm", disputable: true });
    await notMe(fixture);
    expect(view(fixture)).toEqual({ kind: "not-me", outcome: "not-charged", amountFen: null });
    expect(entries(fixture)).toMatchObject([
      { kind: "identity.disputed", body: { charged: false, personId: "p-1" } },
    ]);
    await fixture.line.command({ kind: "pin", number: "no-p-2", pin: "1234" });
    expect(paidReceipt(view(fixture))).toMatchObject({ personId: "p-2" });
    expect(fixture.disputes.disputesOf("p-1")).toMatchObject([{ otherPersonId: "p-2" }]);
  });

  it("counts only while the screen says so: neither late, nor twice, nor after a card", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await fixture.clock.advance(2500);
    await notMe(fixture);
    expect(fixture.balanceFen("p-1")).toBe(9000);
    await card(fixture, "p-2");
    await notMe(fixture);
    expect(kindsOf(fixture)).toEqual(["charge.made", "charge.made"]);
    await fixture.clock.advance(3000);
    await payByFace(fixture, "p-3");
    await Promise.all([notMe(fixture), notMe(fixture), notMe(fixture)]);
    expect(kindsOf(fixture).slice(2)).toEqual(["charge.made", "charge.voided", "identity.disputed"]);
  });

  it("works twice a person and day; then an operator must take the charge back", async () => {
    const fixture = lineFixture();
    const sure = picture(face({ similarity: 0.99 }));
    for (const outcome of ["voided", "voided", "refused"] as const) {
      await fixture.line.command({ kind: "activate" });
      await fixture.look(sure, 2);
      await notMe(fixture);
      expect(view(fixture)).toMatchObject({ kind: "not-me", outcome });
      await fixture.clock.advance(16_000);
    }
    expect(fixture.balanceFen("p-1")).toBe(9000);
    const [standing] = fixture.line.recentCharges(1);
    expect(
      fixture.line.voidCharge({ chargeId: standing?.chargeId ?? "", operatorId: "op", reason: "checked" }),
    ).toMatchObject({ kind: "voided" });
  });

  it("after an operator took the charge back is recorded, and gives nothing back twice", async () => {
    const fixture = lineFixture();
    const { chargeId } = paidReceipt(await payByFace(fixture));
    fixture.line.voidCharge({ chargeId, operatorId: "op", reason: "seen" });
    await notMe(fixture);
    expect(view(fixture)).toMatchObject({ kind: "not-me", outcome: "voided" });
    expect(kindsOf(fixture)).toEqual(["charge.made", "charge.voided", "identity.disputed"]);
    expect(fixture.balanceFen("p-1")).toBe(10_000);
  });

  it("outlives a restart: the dispute is in the journal, and the bar stays up", async () => {
    const fixture = lineFixture();
    await payByFace(fixture);
    await notMe(fixture);
    await fixture.line.close();
    const restarted = lineFixture({ after: fixture });
    expect(restarted.bounds.barOf("p-1", "model-a").similarityMin).toBeCloseTo(0.83);
    expect(verifyJournal(restarted.file, LINE_PROJECTIONS).ok).toBe(true);
  });
});
