import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS, weightReading } from "./receiving-fixture.ts";
import {
  CLOSED_GATE,
  disarmed,
  judgeGate,
  observeLoss,
  observeReading,
  READING_AGE_MS_MAX,
  type SoftwareTare,
  tareCommanded,
  type WeightGate,
  WINDOW_BYTES_MAX,
  WINDOW_READINGS_MAX,
} from "./weight-gate.ts";

const NO_TARE: SoftwareTare = { containerG: 0, packsG: 0 };

type Said = Parameters<typeof weightReading>;

/** A gate that has seen readings of these grams, 100 ms apart. */
function seen(readings: readonly (number | null | [Said[0], Said[2]])[], tare = NO_TARE): WeightGate {
  return readings.reduce<WeightGate>((gate, said, index) => {
    const [grams, more] = Array.isArray(said) ? said : [said, {}];
    return observeReading(gate, weightReading(grams, index * 100, more), LIMITS, tare);
  }, CLOSED_GATE);
}

function reasonOf(gate: WeightGate, tare = NO_TARE, monoMs = 1000): string {
  const verdict = judgeGate(gate, LIMITS, tare, monoMs);
  return verdict.kind === "ready" ? `${verdict.weight.netG} g` : verdict.reason;
}

describe("the weight gate", () => {
  test.each<[string, WeightGate, string]>([
    ["nothing was heard yet", CLOSED_GATE, "scale-lost"],
    ["the line went away", observeLoss(seen([0, 5000])), "scale-lost"],
    ["overload", seen([0, [null, { overload: true }]]), "overload"],
    ["underload", seen([0, [null, { underload: true }]]), "underload"],
    ["another unit", seen([0, [5000, { unit: "lb", grams: null }]]), "wrong-unit"],
    ["another unit of mass that is exact", seen([0, [5000, { unit: "g" }]]), "wrong-unit"],
    ["half grams", seen([0, [5000, { grams: null }]]), "not-whole-grams"],
    ["still moving", seen([0, [5000, { stable: false }]]), "moving"],
    ["a status without a weight", seen([0, null]), "moving"],
    ["goods that lay there from the start", seen([5000]), "not-returned-to-zero"],
    ["the pan that was just taken", disarmed(seen([0, 5000])), "not-returned-to-zero"],
    ["under Min", seen([0, 190]), "below-min"],
    ["exactly Min", seen([0, 200]), "200 g"],
    ["exactly Max", seen([0, 60_000]), "60000 g"],
    ["over Max", seen([0, 60_010]), "above-max"],
    [
      "over Max with what the scale took off",
      seen([0, [59_000, { mode: "net", tare: "2.000" }]]),
      "above-max",
    ],
    ["a steady weight", seen([0, 5000]), "5000 g"],
  ])("%s", (_, gate, expected) => {
    expect(reasonOf(gate)).toBe(expected);
  });

  test("a reading that has grown old is none", () => {
    expect(reasonOf(seen([0, 5000]), NO_TARE, 100 + READING_AGE_MS_MAX)).toBe("5000 g");
    expect(reasonOf(seen([0, 5000]), NO_TARE, 101 + READING_AGE_MS_MAX)).toBe("no-reading");
  });

  test("twenty divisions must be left once the tare is off", () => {
    const tare = { containerG: 1500, packsG: 0 };
    expect(reasonOf(seen([0, 1699], tare), tare)).toBe("too-close-to-zero");
    expect(reasonOf(seen([0, 1700], tare), tare)).toBe("200 g");
    const packs = { containerG: 0, packsG: 900 };
    expect(reasonOf(seen([0, 1000], packs), packs)).toBe("too-close-to-zero");
  });

  test("an emptied container on the pan is an empty pan", () => {
    const tare = { containerG: 1500, packsG: 0 };
    const taken = disarmed(seen([0, 8000], tare));
    const emptied = observeReading(taken, weightReading(1500, 300), LIMITS, tare);
    expect(emptied.isArmed).toBe(true);
    // A tare keyed with a digit too many does not make goods an empty pan.
    const mistyped = { containerG: 15_000, packsG: 0 };
    expect(observeReading(taken, weightReading(8000, 300), LIMITS, mistyped).isArmed).toBe(false);
    // With no container chosen the same reading is goods.
    expect(observeReading(taken, weightReading(1500, 300), LIMITS, NO_TARE).isArmed).toBe(false);
  });

  test("passing zero while it moves is no empty pan", () => {
    const taken = disarmed(seen([0, 8000]));
    expect(observeReading(taken, weightReading(0, 300, { stable: false }), LIMITS, NO_TARE).isArmed).toBe(
      false,
    );
  });

  test("a container on top of the scale's own tare is one too many", () => {
    const tare = { containerG: 1500, packsG: 0 };
    const gate = seen([0, [5000, { mode: "net", tare: "1.500" }]], tare);
    expect(reasonOf(gate, tare)).toBe("tared-twice");
  });

  test("goods that were taken and tared away are not fresh goods once the tare is off", () => {
    const net = (grams: number): [number, Said[2]] => [grams, { mode: "net", tare: "5.000" }];
    const tared = observeReading(
      disarmed(seen([0, 5000])),
      weightReading(0, 300, net(0)[1]),
      LIMITS,
      NO_TARE,
    );
    const added = observeReading(tared, weightReading(3000, 400, net(0)[1]), LIMITS, NO_TARE);
    expect(reasonOf(added)).toBe("3000 g");
    const cleared = observeReading(tared, weightReading(5000, 500), LIMITS, NO_TARE);
    expect(reasonOf(cleared)).toBe("not-returned-to-zero");
    expect(reasonOf(seen([0, net(0), net(-5000), 0, 4000]))).toBe("4000 g");
    // A dialect that does not say that its tare is on.
    const byCommand = observeReading(
      tareCommanded(disarmed(seen([0, 5000])), true),
      weightReading(0, 300, { mode: null }),
      LIMITS,
      NO_TARE,
    );
    expect(byCommand.isArmed).toBe(true);
    const back = observeReading(
      tareCommanded(byCommand, false),
      weightReading(5000, 400, { mode: null }),
      LIMITS,
      NO_TARE,
    );
    expect(reasonOf(back)).toBe("not-returned-to-zero");
  });

  test("whether the pan was empty is known through a lost line", () => {
    const back = observeReading(observeLoss(seen([0])), weightReading(5000, 500), LIMITS, NO_TARE);
    expect(reasonOf(back)).toBe("5000 g");
    const taken = observeReading(
      observeLoss(disarmed(seen([0, 5000]))),
      weightReading(5000, 500),
      LIMITS,
      NO_TARE,
    );
    expect(reasonOf(taken)).toBe("not-returned-to-zero");
  });

  test("the window keeps the first and the newest readings, and stays bounded", () => {
    const gate = seen([0, ...Array.from({ length: 200 }, () => 5000)]);
    expect(gate.window).toHaveLength(WINDOW_READINGS_MAX);
    expect(gate.window[0]?.receivedMonoMs).toBe(100);
    expect(gate.window.at(-1)?.receivedMonoMs).toBe(20_000);
    const wordy = seen([
      0,
      ...Array.from({ length: 50 }, (): [number, Said[2]] => [5000, { raw: new Uint8Array(900) }]),
    ]);
    expect(wordy.window.reduce((sum, { raw }) => sum + raw.length, 0)).toBeLessThanOrEqual(WINDOW_BYTES_MAX);
    expect(wordy.window.at(-1)?.receivedMonoMs).toBe(5000);
  });

  test("another weight begins another window", () => {
    expect(seen([0, 5000, 5000, 7000]).window).toHaveLength(1);
    expect(seen([0, 5000, 5010, 5000]).window).toHaveLength(3);
    expect(seen([0, 5000, [5000, { stable: false }], 5000]).window).toHaveLength(1);
  });

  test("whatever a scale says, a weight that passes is steady, in range, and after an empty pan", () => {
    const reading = fc.record({
      grams: fc.option(fc.integer({ min: -2000, max: 70_000 })),
      stable: fc.boolean(),
      overload: fc.boolean(),
      unit: fc.constantFrom("kg" as const, "lb" as const, null),
      isTaken: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(reading, { maxLength: 40 }),
        fc.integer({ min: 0, max: 3000 }),
        (said, containerG) => {
          const tare = { containerG, packsG: 0 };
          let gate = CLOSED_GATE;
          let emptied = false;
          for (const [index, { grams, isTaken, ...more }] of said.entries()) {
            gate = observeReading(gate, weightReading(grams, index * 100, more), LIMITS, tare);
            if (grams !== null && more.stable && more.unit === "kg" && grams - containerG <= 50)
              emptied = true;
            const verdict = judgeGate(gate, LIMITS, tare, index * 100);
            if (verdict.kind === "waiting") continue;
            const { shownG, netG, window } = verdict.weight;
            expect(emptied).toBe(true);
            expect(more).toMatchObject({ stable: true, overload: false, unit: "kg" });
            expect(shownG).toBeGreaterThanOrEqual(LIMITS.minG);
            expect(shownG).toBeLessThanOrEqual(LIMITS.maxG);
            expect(netG).toBeGreaterThanOrEqual(20 * LIMITS.divisionG);
            expect(window.every((kept) => kept.stable && Math.abs((kept.grams ?? 0) - shownG) <= 20)).toBe(
              true,
            );
            if (!isTaken) continue;
            gate = disarmed(gate);
            emptied = false;
          }
        },
      ),
    );
  });
});
