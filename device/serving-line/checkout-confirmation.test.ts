import { describe, expect, it } from "vitest";
import {
  frames,
  identity,
  inPhase,
  inputs,
  offer,
  payable,
  phases,
  presence,
  question,
  run,
  touch,
} from "./checkout-fixture.ts";
import { step } from "./checkout-machine.ts";
import type { InputOf, Phase } from "./checkout-types.ts";
import { viewOf } from "./checkout-view.ts";
import { face, picture, settings, TestBounds } from "./serving-line-fixture.ts";

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
