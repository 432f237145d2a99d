import { describe, expect, it } from "vitest";
import {
  frames,
  identity,
  idle,
  inPhase,
  inputs,
  later,
  lunch,
  offer,
  payable,
  phases,
  presence,
  question,
  refused,
  run,
  shownOtherWay,
  touch,
} from "./checkout-fixture.ts";
import { deadlineOf, INITIAL_CHECKOUT, step } from "./checkout-machine.ts";
import type { CheckoutInput, InputOf, Offer, Phase } from "./checkout-types.ts";
import { viewOf } from "./checkout-view.ts";
import { face, picture, settings, TestBounds } from "./serving-line-fixture.ts";

describe("a press, then a look", () => {
  it("identifies after the frames that agree, with what they said", () => {
    const { checkout, effects } = run(idle, touch, inputs.activate, ...frames(2));
    expect(checkout.phase).toMatchObject({
      kind: "identified",
      identity: { personId: "p-1", method: "face", activation: "touch", decision: { frames: 2 } },
    });
    expect(effects).toMatchObject([{ kind: "assess", identity: { personId: "p-1" } }]);
  });

  it("does not count a frame from before the press", () => {
    const early: InputOf<"frame"> = { ...inputs.frame, capturedMono: later(49) };
    const { checkout } = run(idle, touch, inputs.activate, early, ...frames(1));
    expect(checkout.phase.kind).toBe("looking");
  });

  it("says at once what staff must enter, before anybody looks", () => {
    const unpriced: Offer = { ...offer, priced: { kind: "unpriced", reason: "amount-missing" } };
    const { checkout } = step(idle, { ...inputs.activate, offer: unpriced }, touch);
    expect(viewOf(checkout, "touch")).toMatchObject({ kind: "refused", reason: "amount-missing" });
    const noMeal = step(idle, { ...inputs.activate, offer: { ...unpriced, period: null } }, touch);
    expect(viewOf(noMeal.checkout, "touch")).toMatchObject({ kind: "refused", reason: "no-meal-now" });
  });

  it("offers another way at once when there is no camera, and after a look without a single frame", () => {
    expect(
      viewOf(step({ ...idle, cameraLost: "camera-lost" }, inputs.activate, touch).checkout, "touch"),
    ).toEqual({
      kind: "other-way",
      reason: "camera-lost",
    });
    const { checkout } = run(idle, touch, inputs.activate, inputs["time-passed"]);
    expect(viewOf(checkout, "touch")).toEqual({ kind: "other-way", reason: "camera-lost" });
  });

  it.each([
    ["unknown-face", picture(face({ person: null }))],
    ["unknown-face", picture()],
    ["ambiguous", picture(face({ second: 0.79 }))],
  ] as const)("offers another way after the time is up: %s", (reason, observation) => {
    const { checkout } = run(idle, touch, inputs.activate, ...frames(5, observation), inputs["time-passed"]);
    expect(viewOf(checkout, "touch")).toEqual({ kind: "other-way", reason });
  });

  it("shows the hint of the moment", () => {
    const two = picture(face({ centreX: 200 }), face({ centreX: 450, person: "p-2" }));
    const { checkout } = run(idle, touch, inputs.activate, ...frames(1, two));
    expect(viewOf(checkout, "touch")).toEqual({ kind: "looking", hint: "one-at-a-time" });
    expect(viewOf(run(checkout, touch, ...frames(1, picture(face()), 300)).checkout, "touch")).toEqual({
      kind: "looking",
      hint: null,
    });
  });

  it("freezes the order: what staff enter meanwhile is for the next diner, and is still there after this one paid", () => {
    const looking = run(idle, touch, inputs.activate, inputs["set-order"], ...frames(3));
    expect(looking.checkout.phase).toMatchObject({
      kind: "identified",
      offer: { priced: offer.priced, orderRevision: 4 },
    });
    const paid = run(looking.checkout, touch, inputs.assessed, inputs.charged).checkout;
    expect(paid.phase.kind).toBe("shown");
    expect(paid.order).toMatchObject({ itemIds: ["rice"], revision: 5 });
  });

  it("clears the order that was sold, so that nobody pays for the tray before them", () => {
    const before = inPhase(phases.committing, { order: { itemIds: ["rice"], keyedFen: null, revision: 4 } });
    expect(step(before, inputs.charged, touch).checkout.order).toEqual({
      itemIds: [],
      keyedFen: null,
      revision: 5,
    });
    expect(step(before, { ...inputs.charged, outcome: refused }, touch).checkout.order).toBe(before.order);
  });
});

describe("one more press", () => {
  const confirm = settings("touch", { confirmFace: true }).checkout;
  it("is asked for after a face where that is configured, but not after a card", () => {
    const byFace = step(inPhase(phases.identified), inputs.assessed, confirm);
    expect(viewOf(byFace.checkout, "touch")).toMatchObject({
      kind: "confirm",
      personId: "p-1",
      amountFen: 1000,
    });
    const card: Phase = {
      kind: "identified",
      offer,
      identity: { ...identity, method: "card", decision: null },
    };
    expect(step(inPhase(card), inputs.assessed, confirm).checkout.phase.kind).toBe("committing");
  });

  it("is always asked for before a dish with an allergen, and carries the confirmation", () => {
    const warned: InputOf<"assessed"> = {
      ...inputs.assessed,
      assessment: { kind: "payable", payable: { ...payable, allergyWarning: ["peanut"] } },
    };
    for (const mode of [touch, presence]) {
      const asked = step(inPhase(phases.identified), warned, mode);
      expect(asked).toMatchObject({ checkout: { phase: { kind: "confirming" } }, effects: [] });
      const { effects } = step(asked.checkout, inputs.confirm, mode);
      const agreed = { amountFen: payable.amountFen, allergens: ["peanut"] };
      expect(effects).toMatchObject([{ kind: "commit", chargeId: payable.chargeId, agreed }]);
    }
  });

  it("counts for what stood on the screen that was pressed, and for nothing that took its place", () => {
    const asked = inPhase(phases.confirming);
    const late = { chargeId: "01900000-0000-7000-8000-0000000000ff" };
    expect(step(asked, { ...inputs.confirm, ...late }, confirm)).toEqual({ checkout: asked, effects: [] });
    expect(step(asked, { ...inputs["not-me"], ...late }, confirm)).toEqual({ checkout: asked, effects: [] });
    const paid = inPhase(phases.shown);
    expect(step(paid, { ...inputs["not-me"], ...late }, confirm)).toEqual({ checkout: paid, effects: [] });
  });

  it("is asked for anew when what it was for has changed", () => {
    const changed: InputOf<"charged"> = { ...inputs.charged, outcome: { kind: "changed" } };
    const { checkout, effects } = step(inPhase(phases.committing), changed, confirm);
    expect(checkout.phase).toEqual(phases.identified);
    expect(effects).toMatchObject([{ kind: "assess", identity, offer }]);
  });

  it("does not count for the one who was recognised once somebody else is in front", () => {
    const asked = inPhase(phases.confirming);
    const { checkout, effects } = run(asked, confirm, ...frames(2, picture(face({ person: "p-2" }))));
    expect(checkout.phase).toMatchObject({ kind: "identified", identity: { personId: "p-2" } });
    expect(effects).toMatchObject([{ kind: "assess", identity: { personId: "p-2" } }]);
  });

  it("is needed of whoever stepped in front of somebody who was asked, for what is sold now", () => {
    const now = { ...offer, orderRevision: 5 };
    const others = frames(2, picture(face({ person: "p-3" }))).map((frame) => ({ ...frame, offer: now }));
    for (const asked of [phases.confirming, phases.asking]) {
      const named = run(inPhase(asked), touch, ...others);
      expect(named.checkout.phase).toMatchObject({
        kind: "identified",
        offer: now,
        identity: { personId: "p-3", activation: "presence" },
      });
      const { checkout, effects } = step(named.checkout, inputs.assessed, touch);
      expect(checkout.phase).toMatchObject({ kind: "confirming", identity: { personId: "p-3" } });
      expect(effects).toEqual([]);
      expect(step(named.checkout, inputs.assessed, presence).checkout.phase.kind).toBe("committing");
    }
  });

  it("is no longer waited for when somebody whom nobody knows stands there instead", () => {
    const stranger = picture(face({ person: "p-2", similarity: 0.2, second: 0.1 }));
    const asked = inPhase(phases.confirming);
    expect(
      run(asked, confirm, ...frames(2, stranger), ...frames(1, picture(face()), 400)).checkout.phase.kind,
    ).toBe("confirming");
    for (const mode of [confirm, presence])
      expect(run(asked, mode, ...frames(3, stranger)).checkout.phase.kind).toBe("idle");
  });

  it("of a name that was chosen is not asked away by the camera, which sees the other of the two", () => {
    const chosen = {
      ...identity,
      personId: "p-2",
      question: { ...question, answeredBy: "choice", operatorId: "op" },
    } as const;
    const asked = inPhase({
      ...phases.confirming,
      identity: chosen,
      payable: { ...payable, allergyWarning: ["peanut"] },
    });
    const twins = new TestBounds();
    twins.twins.push(["p-1", "p-2"]);
    const seen = frames(6).map((frame) => ({ ...frame, bounds: twins }));
    expect(run(asked, touch, ...seen).checkout.phase).toMatchObject({ kind: "confirming", identity: chosen });
  });

  it("stays with the one who looks down at the button", () => {
    const { checkout } = run(
      inPhase(phases.confirming),
      confirm,
      ...frames(5, picture()),
      ...frames(5, picture(face({ quality: { pitchDeg: 60 } })), 700),
    );
    expect(checkout.phase.kind).toBe("confirming");
  });
});

describe("a card", () => {
  it("that is read again while 'paid' is shown changes nothing; the next diner's does", () => {
    const paid = inPhase(phases.shown);
    expect(step(paid, { ...inputs.card, personId: "p-1" }, touch).checkout).toBe(paid);
    expect(step(paid, { ...inputs.card, personId: null }, touch).checkout).toBe(paid);
    expect(step(paid, inputs.card, touch).checkout.phase.kind).toBe("identified");
  });

  it("of nobody is told so", () => {
    expect(viewOf(step(idle, { ...inputs.card, personId: null }, touch).checkout, "touch")).toMatchObject({
      kind: "refused",
      reason: "person-unknown",
    });
  });

  it("pays what was frozen when the diner began to look", () => {
    const dearer: Offer = { ...offer, orderRevision: 9 };
    const { effects } = run(idle, touch, inputs.activate, { ...inputs.card, offer: dearer });
    expect(effects).toMatchObject([
      { kind: "assess", offer: { orderRevision: 4 }, identity: { method: "card" } },
    ]);
  });
});

describe("a number and a PIN", () => {
  it.each([
    { kind: "wrong", attemptsLeft: 2 },
    { kind: "locked", untilMs: 5000 },
  ] as const)("that is $kind is told with what to expect", (outcome) => {
    const { checkout } = step(inPhase(phases["checking-pin"]), { ...inputs["pin-checked"], outcome }, touch);
    expect(viewOf(checkout, "touch")).toMatchObject({
      kind: "refused",
      reason: "person-unknown",
      pin: outcome,
    });
  });

  it("whose answer comes after it was cancelled charges nobody", () => {
    const { checkout, effects } = run(idle, touch, inputs["pin-entered"], inputs.cancel, {
      ...inputs["pin-checked"],
      attempt: 2,
    });
    expect([checkout.phase.kind, effects]).toEqual(["idle", []]);
  });

  it("whose answer belongs to an earlier entry is not taken for the later one", () => {
    const second = run(idle, touch, inputs["pin-entered"], inputs.cancel, inputs["pin-entered"]).checkout;
    expect(second.phase).toMatchObject({ kind: "checking-pin", attempt: 3 });
    expect(step(second, { ...inputs["pin-checked"], attempt: 2 }, touch).checkout.phase.kind).toBe(
      "checking-pin",
    );
    expect(step(second, { ...inputs["pin-checked"], attempt: 3 }, touch).checkout.phase.kind).toBe(
      "identified",
    );
  });
});

describe("a failed disk", () => {
  const failures: readonly (readonly [string, Phase, CheckoutInput])[] = [
    ["at the commit", phases.committing, { ...inputs.charged, outcome: { kind: "failed" } }],
    ["at the question", phases.identified, { ...inputs.assessed, assessment: { kind: "failed" } }],
    ["at the PIN", phases["checking-pin"], { ...inputs["pin-checked"], outcome: { kind: "failed" } }],
  ];
  it.each(failures)("%s is told, and the till closes behind it", (_, phase, failure) => {
    const { checkout } = step(inPhase(phase), failure, touch);
    expect(viewOf(checkout, "touch")).toMatchObject({ kind: "refused", reason: "disk-unsafe" });
    expect(step(checkout, inputs.card, touch).checkout.phase).toEqual({
      kind: "closed",
      reason: "disk-unsafe",
      bystander: null,
    });
    expect(step(checkout, inputs["pin-entered"], touch).checkout.phase).toEqual({
      kind: "closed",
      reason: "disk-unsafe",
      bystander: null,
    });
    expect(step(checkout, inputs.activate, touch).checkout.phase).toEqual({
      kind: "closed",
      reason: "disk-unsafe",
      bystander: null,
    });
    expect(step(checkout, inputs["time-passed"], touch).checkout.phase).toEqual({
      kind: "closed",
      reason: "disk-unsafe",
      bystander: null,
    });
  });
});

describe("the end of a meal", () => {
  const over: InputOf<"till"> = { kind: "till", closedReason: "no-meal-now", atMono: later(60) };
  it("lets the one who began before finish, then closes", () => {
    const looking = run(idle, touch, inputs.activate, over).checkout;
    expect(looking.phase.kind).toBe("looking");
    const paid = run(looking, touch, ...frames(3), inputs.assessed, inputs.charged).checkout;
    expect(viewOf(paid, "touch").kind).toBe("paid");
    expect(step(paid, { ...inputs["time-passed"] }, touch).checkout.phase).toEqual({
      kind: "closed",
      reason: "no-meal-now",
      bystander: null,
    });
  });

  it("opens again with the next one", () => {
    expect(
      step(inPhase(phases.closed), { kind: "till", closedReason: null, atMono: later(60) }, touch).checkout
        .phase.kind,
    ).toBe("idle");
  });

  it("is how the machine starts: closed until the loop has looked", () => {
    expect(viewOf(INITIAL_CHECKOUT, "touch")).toEqual({ kind: "closed", reason: "till-closed" });
  });
});

describe("presence mode: the Xi'an case", () => {
  const served = inPhase(phases["cooling-down"]);
  const other = picture(face({ person: "p-2" }));

  it("never begins again with the one who stays in the picture, however long", () => {
    const { checkout } = run(served, presence, ...frames(200));
    expect(checkout.phase.kind).toBe("cooling-down");
  });

  it("begins again after the place was seen empty, not after a flicker, nor while no frames come", () => {
    expect(
      run(served, presence, ...frames(2, picture()), ...frames(1, picture(face()), 300)).checkout.phase.kind,
    ).toBe("cooling-down");
    expect(run(served, presence, ...frames(3, picture())).checkout.phase.kind).toBe("idle");
    expect(run(served, presence, inputs.camera, inputs["time-passed"]).checkout.phase.kind).toBe(
      "cooling-down",
    );
  });

  it("takes faces far behind for an empty place", () => {
    const queue = picture(face({ side: 40, quality: { eyeDistancePx: 12 } }));
    expect(run(served, presence, ...frames(3, queue)).checkout.phase.kind).toBe("idle");
  });

  it("goes over to another person who is clearly in front, with the evidence of enough frames", () => {
    expect(run(served, presence, ...frames(1, other)).checkout.phase.kind).toBe("cooling-down");
    expect(run(served, presence, ...frames(2, other)).checkout.phase).toMatchObject({
      kind: "identified",
      identity: { personId: "p-2", activation: "presence" },
    });
  });

  it("does not charge anyone while two faces shift before the camera", () => {
    const shifting = picture(face({ centreX: 250 }), face({ centreX: 420, person: "p-2" }));
    const all = Array.from({ length: 40 }, (_, index) =>
      frames(1, index % 2 === 0 ? shifting : picture(face()), 100 + index * 100),
    ).flat();
    expect(run(served, presence, ...all).checkout.phase.kind).toBe("cooling-down");
  });

  it("looks anew when a stranger stands there, but not when the served one is merely seen badly", () => {
    const stranger = picture(face({ person: "p-9", similarity: 0.2 }));
    expect(run(served, presence, ...frames(3, stranger)).checkout.phase.kind).toBe("idle");
    const badly = picture(face({ person: "p-1", similarity: 0.4 }));
    expect(run(served, presence, ...frames(20, badly)).checkout.phase.kind).toBe("cooling-down");
  });

  it("waits for an unknown face to leave after it was shown another way, instead of asking for ever", () => {
    const unknown = picture(face({ person: null }));
    const shown = run(idle, presence, ...frames(5, unknown), inputs["time-passed"]).checkout;
    expect(viewOf(shown, "presence")).toEqual({ kind: "other-way", reason: "unknown-face" });
    const cooling = step(shown, { kind: "time-passed", atMono: later(120_000) }, presence).checkout;
    expect(run(cooling, presence, ...frames(50, unknown, 120_100)).checkout.phase.kind).toBe("cooling-down");
  });

  it("begins only with someone in front, and gives up quietly when they pass by", () => {
    expect(run(idle, presence, ...frames(5, picture())).checkout.phase.kind).toBe("idle");
    const passing = run(idle, presence, ...frames(1), ...frames(3, picture(), 300)).checkout;
    expect(passing.phase.kind).toBe("idle");
  });

  it("never looks on its own at a price that was not agreed", () => {
    const menu: Offer = { ...offer, period: { ...lunch, pricing: { kind: "menu" } } };
    const inputsOfMenu = frames(6).map((one) => ({ ...one, offer: menu }));
    expect(run(idle, presence, ...inputsOfMenu).checkout.phase.kind).toBe("idle");
    expect(
      run(served, presence, ...frames(6, other).map((one) => ({ ...one, offer: menu }))).checkout.phase.kind,
    ).toBe("cooling-down");
  });

  it("says that the camera is lost while it waits, and takes a card", () => {
    const lost = step(idle, inputs.camera, presence).checkout;
    expect(viewOf(lost, "presence")).toEqual({ kind: "other-way", reason: "camera-lost" });
    expect(step(lost, inputs.card, presence).checkout.phase.kind).toBe("identified");
    const loading = step(idle, { ...inputs.camera, lost: "faces-loading" }, presence).checkout;
    expect(viewOf(loading, "presence")).toEqual({ kind: "other-way", reason: "faces-loading" });
    expect(step(loading, inputs.card, presence).checkout.phase.kind).toBe("identified");
    expect(viewOf(step(lost, { ...inputs.camera, lost: null }, presence).checkout, "presence")).toEqual({
      kind: "idle",
    });
  });
});

describe("after a result", () => {
  it("an unknown face may press again at once, and another way stays long enough to be taken", () => {
    expect(step(inPhase(shownOtherWay), inputs.activate, touch).checkout.phase.kind).toBe("looking");
    expect(deadlineOf(inPhase(shownOtherWay), touch)).toBe(later(touch.otherWayMsMin));
    expect(step(inPhase(shownOtherWay), inputs.cancel, touch).checkout.phase.kind).toBe("idle");
  });
});
