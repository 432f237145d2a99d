import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MonoMs, monoMs } from "../platform/units.ts";
import {
  challengeEndMono,
  LIVENESS_CHALLENGES,
  LIVENESS_DEFAULTS,
  type LivenessFace,
  type LivenessLevel,
  type LivenessSettings,
  type LivenessVerdict,
  noLivenessYet,
  weighLiveness,
} from "./liveness-check.ts";

const assist: LivenessSettings = { ...LIVENESS_DEFAULTS, level: "assist" };
const strict: LivenessSettings = { ...LIVENESS_DEFAULTS, level: "strict" };
/** The millisecond says what is asked for. */
const asksBlink = monoMs(999);
const asksLeft = monoMs(1000);
const asksRight = monoMs(1001);

interface Look {
  readonly live?: number | null;
  readonly together?: number | null;
  readonly eyes?: number;
  readonly yaw?: number;
  readonly x?: number;
  readonly scored?: boolean;
  /** Milliseconds since the visit began; by default 100 after the last. */
  readonly atMs?: number;
}

function faceOf({ live = 0.9, together, eyes = 0.95, yaw = 0, x = 100 }: Look): LivenessFace {
  return {
    box: [x, 100, 100, 120],
    liveness: live,
    eyesOpen: eyes,
    ...(together === undefined ? {} : { motion: { faceShare: 0.02, together } }),
    quality: {
      overall: 1,
      eyeDistancePx: 60,
      yawDeg: yaw,
      pitchDeg: 0,
      rollDeg: 0,
      sharpness: 200,
      brightness: 120,
    },
  };
}

/** The verdict after each look. */
function visit(
  settings: LivenessSettings,
  looks: readonly Look[],
  sinceMono: MonoMs = asksBlink,
): LivenessVerdict[] {
  let state = noLivenessYet(sinceMono);
  let atMs = 0;
  return looks.map((look) => {
    atMs = look.atMs ?? atMs + 100;
    const frame = { capturedMono: monoMs(sinceMono + atMs), scored: look.scored ?? true };
    const step = weighLiveness(state, faceOf(look), frame, settings);
    state = step.state;
    return step.verdict;
  });
}

const last = (verdicts: readonly LivenessVerdict[]) => verdicts.at(-1);
const doubtful: readonly Look[] = [{ live: 0.3 }, { live: 0.3 }];
const blink: readonly Look[] = [{ eyes: 0.9 }, { eyes: 0.1 }, { eyes: 0.9 }];
const slowBlink: readonly Look[] = [
  { eyes: 0.9 },
  { eyes: 0.1 },
  { eyes: 0.1, atMs: 1300 },
  { eyes: 0.1, atMs: 2300 },
  { eyes: 0.9 },
];

describe("liveness over the frames of a visit", () => {
  const table: readonly (readonly [string, LivenessLevel, readonly Look[], LivenessVerdict])[] = [
    ["off never asks", "off", [{ live: 0 }], { kind: "live" }],
    ["one frame says nothing yet", "assist", [{}], { kind: "undecided" }],
    ["two frames of a live face pass unasked", "assist", [{}, {}], { kind: "live" }],
    ["one bad frame of three does not ask", "assist", [{}, {}, { live: 0.2 }], { kind: "live" }],
    ["a doubtful face is asked", "assist", doubtful, { kind: "asking", challenge: "blink" }],
    [
      "a low score alone is asked, not refused",
      "assist",
      [{ live: 0 }, { live: 0 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "a low score on a plane is refused",
      "assist",
      [{ live: 0 }, { live: 0.05, together: 0.9 }],
      { kind: "refused", reason: "attack" },
    ],
    [
      "a plane with a good score is asked",
      "assist",
      [{}, { together: 0.9 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "one look of a plane among free ones is forgiven",
      "assist",
      [{ together: 0 }, { together: 0 }, { together: 0.9 }],
      { kind: "live" },
    ],
    [
      "faces without a score are asked",
      "assist",
      [{ live: null }, {}],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "a score that is no number is none",
      "assist",
      [{ live: Number.NaN }, {}],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "motion that is no number is a plane's",
      "assist",
      [{}, { together: Number.NaN }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "strict passes what is clear in every frame",
      "strict",
      [{ live: 0.95 }, { live: 0.92 }],
      { kind: "live" },
    ],
    [
      "strict asks when one frame is not",
      "strict",
      [{ live: 0.95 }, { live: 0.8 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "strict refuses a low score at once",
      "strict",
      [{ live: 0 }, { live: 0 }],
      { kind: "refused", reason: "attack" },
    ],
    [
      "strict asks a face without a score",
      "strict",
      [{ live: null }, {}],
      { kind: "asking", challenge: "blink" },
    ],
    ["a blink answers", "assist", [...doubtful, ...blink], { kind: "live" }],
    [
      "eyes that stay closed do not",
      "assist",
      [...doubtful, { eyes: 0.1 }, { eyes: 0.1 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "eyes closed for two seconds have not blinked",
      "assist",
      [...doubtful, ...slowBlink],
      { kind: "asking", challenge: "blink" },
    ],
    ["a second try at a blink answers", "assist", [...doubtful, ...slowBlink, ...blink], { kind: "live" }],
    [
      "eyes half closed are neither",
      "assist",
      [...doubtful, { eyes: 0.9 }, { eyes: 0.5 }, { eyes: 0.9 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "eyes in a blurred or turned frame are not looked at",
      "assist",
      [...doubtful, { eyes: 0.9 }, { eyes: 0.1, scored: false }, { eyes: 0.9 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "eyes that only open do not",
      "assist",
      [...doubtful, { eyes: 0.1 }, { eyes: 0.9 }],
      { kind: "asking", challenge: "blink" },
    ],
    [
      "strict refuses a blink whose texture is an attack's",
      "strict",
      [{ live: 0.5 }, { live: 0.5 }, ...Array.from({ length: 12 }, () => ({ live: 0 }))],
      { kind: "refused", reason: "attack" },
    ],
    [
      "no answer in time is refused",
      "assist",
      [...doubtful, { atMs: 200 + assist.challengeMsMax + 1 }],
      { kind: "refused", reason: "challenge-missed" },
    ],
    [
      "another face in the place of the first has to blink itself",
      "assist",
      [...doubtful, { eyes: 0.9 }, { eyes: 0.1, x: 300 }, { eyes: 0.9, x: 300 }],
      { kind: "asking", challenge: "blink" },
    ],
  ];
  test.each(table)("%s (%s)", (_, level, looks, expected) => {
    expect(last(visit({ ...assist, level }, looks))).toEqual(expected);
  });

  test("which question is asked depends on the millisecond in which the visit began", () => {
    const asked = [asksBlink, asksLeft, asksRight].map((since) => last(visit(assist, doubtful, since)));
    expect(asked).toEqual(LIVENESS_CHALLENGES.map((challenge) => ({ kind: "asking", challenge })));
  });

  test("who is never seen with open eyes is asked to turn", () => {
    const shut = doubtful.map((look) => ({ ...look, eyes: 0.1 }));
    expect(last(visit(assist, shut, asksBlink))).toEqual({ kind: "asking", challenge: "turn-right" });
    const firstBlurred = [{ live: 0.3, scored: false }, ...shut];
    expect(last(visit(assist, firstBlurred, asksBlink))).toEqual({ kind: "asking", challenge: "turn-right" });
  });

  test("a turned head answers, although its score is not counted then", () => {
    const turn = [...doubtful, { yaw: -10, scored: false }, { yaw: 25, scored: false, live: 0 }];
    expect(visit(assist, turn, asksLeft).map(({ kind }) => kind)).toEqual([
      "undecided",
      "asking",
      "asking",
      "live",
    ]);
  });

  test("a turn to the other side does not answer, however far", () => {
    for (const [since, away] of [
      [asksLeft, -1],
      [asksRight, 1],
    ] as const) {
      const turn = [10, 30, 45].map((yaw) => ({ yaw: yaw * away, scored: false }));
      expect(last(visit(assist, [...doubtful, ...turn], since))?.kind).toBe("asking");
      const back = [...doubtful, { yaw: -20 * away, scored: false }];
      expect(last(visit(assist, back, since))?.kind).toBe("live");
    }
  });

  test("a new face that is already turned has not turned", () => {
    const swap = [...doubtful, { yaw: 30, x: 400, scored: false }, { yaw: 32, x: 400, scored: false }];
    expect(last(visit(assist, swap, asksLeft))).toEqual({ kind: "asking", challenge: "turn-left" });
  });

  test("whoever passed and is replaced is asked again", () => {
    const swapped = [...doubtful, ...blink, { x: 400 }];
    expect(
      visit(assist, swapped)
        .map(({ kind }) => kind)
        .slice(-2),
    ).toEqual(["live", "asking"]);
  });

  test("the machine is told how long the question leaves, and a little more for naming whoever answered it", () => {
    let state = noLivenessYet(asksBlink);
    expect(challengeEndMono(state, assist)).toBeNull();
    const times = [100, 200, 300, 400, 500];
    const looks = [...doubtful, ...blink];
    const ends = times.map((ms, i) => {
      const frame = { capturedMono: monoMs(asksBlink + ms), scored: true };
      ({ state } = weighLiveness(state, faceOf(looks[i] ?? {}), frame, assist));
      return challengeEndMono(state, assist);
    });
    expect(ends).toEqual([null, 6199, 6199, 6199, 7699]);
  });

  test("without an answer no still picture ever passes strict, whatever its scores do under the clear mark", () => {
    const look = fc.record({
      live: fc.double({ min: 0, max: 0.899, noNaN: true }),
      together: fc.constant(null),
    });
    fc.assert(
      fc.property(fc.array(look, { minLength: 1, maxLength: 40 }), (looks) => {
        expect(visit(strict, looks).some(({ kind }) => kind === "live")).toBe(false);
      }),
    );
  });

  test("a frame that is no number anywhere never makes a face live", () => {
    const nothing = {
      live: Number.NaN,
      together: Number.NaN,
      eyes: Number.NaN,
      yaw: Number.NaN,
      x: Number.NaN,
    };
    for (const settings of [assist, strict])
      for (const since of [asksBlink, asksLeft, asksRight])
        expect(
          visit(
            settings,
            Array.from({ length: 30 }, () => nothing),
            since,
          ),
        ).not.toContainEqual({ kind: "live" });
  });
});
