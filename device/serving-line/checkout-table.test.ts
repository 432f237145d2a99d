import { describe, expect, it } from "vitest";
import { InvariantBroken } from "../platform/assert.ts";
import { monoMs } from "../platform/units.ts";
import { inPhase, inputs, phases, presence, T0, touch } from "./checkout-fixture.ts";
import { deadlineOf, step } from "./checkout-machine.ts";
import {
  type CheckoutInput,
  type CheckoutSettings,
  INPUT_KINDS,
  PHASE_KINDS,
  type Phase,
} from "./checkout-types.ts";
import { viewOf } from "./checkout-view.ts";

type Next = Phase["kind"] | "stays" | "bug";
/** What each of the inputs above makes of each of the phases above, in touch mode. "bug": it cannot come then. */
const TABLE: Readonly<Record<Phase["kind"], Readonly<Record<CheckoutInput["kind"], Next>>>> = {
  closed: {
    activate: "stays",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "stays",
    "pin-entered": "stays",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "stays",
  },
  idle: {
    activate: "looking",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "stays",
  },
  looking: {
    activate: "stays",
    confirm: "stays",
    cancel: "idle",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "looking",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "shown",
    till: "closed",
    "time-passed": "shown",
  },
  asking: {
    activate: "stays",
    confirm: "stays",
    cancel: "idle",
    "not-me": "stays",
    choose: "identified",
    choices: "asking",
    "set-order": "stays",
    frame: "asking",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "idle",
  },
  "checking-pin": {
    activate: "stays",
    confirm: "stays",
    cancel: "idle",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "stays",
    "pin-entered": "stays",
    "pin-checked": "identified",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "idle",
  },
  identified: {
    activate: "stays",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "stays",
    "pin-entered": "stays",
    "pin-checked": "stays",
    assessed: "committing",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "stays",
    "time-passed": "stays",
  },
  confirming: {
    activate: "stays",
    confirm: "committing",
    cancel: "idle",
    "not-me": "disputing",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "confirming",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "idle",
  },
  committing: {
    activate: "stays",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "stays",
    "pin-entered": "stays",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "shown",
    disputed: "bug",
    camera: "stays",
    till: "stays",
    "time-passed": "stays",
  },
  disputing: {
    activate: "stays",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "stays",
    "pin-entered": "stays",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "shown",
    camera: "stays",
    till: "stays",
    "time-passed": "stays",
  },
  shown: {
    activate: "stays",
    confirm: "stays",
    cancel: "stays",
    "not-me": "disputing",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "stays",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "stays",
    "time-passed": "idle",
  },
  "cooling-down": {
    activate: "looking",
    confirm: "stays",
    cancel: "stays",
    "not-me": "stays",
    choose: "stays",
    choices: "bug",
    "set-order": "stays",
    frame: "cooling-down",
    card: "identified",
    "pin-entered": "checking-pin",
    "pin-checked": "stays",
    assessed: "bug",
    charged: "bug",
    disputed: "bug",
    camera: "stays",
    till: "closed",
    "time-passed": "stays",
  },
};

/** Where presence mode goes elsewhere. */
const PRESENCE_TABLE: readonly (readonly [Phase["kind"], CheckoutInput["kind"], Phase["kind"]])[] = [
  ["idle", "frame", "looking"],
  ["looking", "cancel", "cooling-down"],
  ["asking", "cancel", "cooling-down"],
  ["asking", "time-passed", "cooling-down"],
  ["checking-pin", "cancel", "cooling-down"],
  ["checking-pin", "time-passed", "cooling-down"],
  ["confirming", "cancel", "cooling-down"],
  ["confirming", "time-passed", "cooling-down"],
  ["shown", "time-passed", "cooling-down"],
];

function expectPair(
  phaseKind: Phase["kind"],
  inputKind: CheckoutInput["kind"],
  next: Next,
  mode: CheckoutSettings,
): void {
  const before = inPhase(phases[phaseKind]);
  if (next === "bug") {
    expect(() => step(before, inputs[inputKind], mode)).toThrow(InvariantBroken);
    return;
  }
  const { checkout } = step(before, inputs[inputKind], mode);
  if (next === "stays") expect(checkout.phase).toEqual(before.phase);
  else expect(checkout.phase.kind).toBe(next);
}

describe("the whole table of phases and inputs", () => {
  it("lists every phase and every input", () => {
    expect(Object.keys(TABLE).sort()).toEqual([...PHASE_KINDS].sort());
    expect(Object.keys(phases).sort()).toEqual([...PHASE_KINDS].sort());
    expect(Object.keys(inputs).sort()).toEqual([...INPUT_KINDS].sort());
    for (const phaseKind of PHASE_KINDS)
      expect(Object.keys(TABLE[phaseKind]).sort(), phaseKind).toEqual([...INPUT_KINDS].sort());
  });

  const pairs = PHASE_KINDS.flatMap((phaseKind) =>
    INPUT_KINDS.map((inputKind) => [phaseKind, inputKind, TABLE[phaseKind][inputKind]] as const),
  );
  it.each(pairs)("touch: %s, %s → %s", (phaseKind, inputKind, next) => {
    expectPair(phaseKind, inputKind, next, touch);
  });

  const differs = new Map(
    PRESENCE_TABLE.map(([phaseKind, inputKind, next]) => [`${phaseKind} ${inputKind}`, next]),
  );
  const presencePairs = pairs.map(
    ([phaseKind, inputKind, next]) =>
      [phaseKind, inputKind, differs.get(`${phaseKind} ${inputKind}`) ?? next] as const,
  );
  it.each(presencePairs)("presence: %s, %s → %s", (phaseKind, inputKind, next) => {
    expectPair(phaseKind, inputKind, next, presence);
  });

  it("gives an effect exactly where something is asked of the loop", () => {
    for (const phaseKind of PHASE_KINDS) {
      for (const inputKind of INPUT_KINDS) {
        if (TABLE[phaseKind][inputKind] === "bug") continue;
        const { checkout, effects } = step(inPhase(phases[phaseKind]), inputs[inputKind], touch);
        const moved = checkout.phase !== phases[phaseKind];
        const asked: Partial<Record<Phase["kind"], string>> = {
          identified: "assess",
          committing: "commit",
          disputing: "dispute",
          "checking-pin": "check-pin",
        };
        const expected = moved ? asked[checkout.phase.kind] : undefined;
        expect(
          effects.map(({ kind }) => kind),
          `${phaseKind} ${inputKind}`,
        ).toEqual(expected === undefined ? [] : [expected]);
      }
    }
  });

  it("shows 'paid' after an answer of the cashier, and after nothing else", () => {
    for (const phaseKind of PHASE_KINDS.filter((kind) => kind !== "shown")) {
      for (const inputKind of INPUT_KINDS) {
        if (TABLE[phaseKind][inputKind] === "bug") continue;
        for (const mode of [touch, presence]) {
          const { checkout } = step(inPhase(phases[phaseKind]), inputs[inputKind], mode);
          const shows = viewOf(checkout, mode.activation).kind === "paid";
          expect(shows, `${phaseKind} ${inputKind}`).toBe(
            phaseKind === "committing" && inputKind === "charged",
          );
        }
      }
    }
  });

  it("has a deadline in each phase that waits for a person, and in no other", () => {
    const waits = PHASE_KINDS.filter((kind) => deadlineOf(inPhase(phases[kind]), touch) !== null);
    expect(waits).toEqual(["looking", "asking", "checking-pin", "confirming", "shown"]);
    for (const kind of waits) {
      const before = inPhase(phases[kind]);
      const deadline = deadlineOf(before, touch) ?? T0;
      expect(step(before, { kind: "time-passed", atMono: monoMs(deadline - 1) }, touch).checkout).toBe(
        before,
      );
      expect(step(before, { kind: "time-passed", atMono: deadline }, touch).checkout.phase.kind).not.toBe(
        kind === "looking" ? "looking" : kind,
      );
    }
  });
});
