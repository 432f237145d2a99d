import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FrameObservation } from "../../models/face-engine-port.ts";
import { monoMs } from "../platform/units.ts";
import { lookFailureOf, noEvidence, sawSomeone, type Verdict, weighFrame } from "./identity-decision.ts";
import { livenessSettings } from "./liveness-check.ts";
import { type FaceShape, face, picture, settings, TestBounds } from "./serving-line-fixture.ts";

const bounds = new TestBounds();
const identity = settings().checkout.identity;
const strict = { ...identity, liveness: livenessSettings({ liveness: "assist" }) };

interface Shown {
  readonly observation: FrameObservation;
  /** On the test's clock. */
  readonly capturedMono: number;
  readonly judgedMono: number;
}

/** Weighs frames 100 ms apart, each judged 20 ms after its capture. */
function weigh(observations: readonly FrameObservation[], rules = identity): Verdict[] {
  return weighShown(
    observations.map((observation, index) => ({
      observation,
      capturedMono: index * 100,
      judgedMono: index * 100 + 20,
    })),
    rules,
  ).verdicts;
}

function weighShown(shown: readonly Shown[], rules = identity) {
  let evidence = noEvidence(monoMs(0));
  const verdicts: Verdict[] = [];
  for (const { observation, capturedMono, judgedMono } of shown) {
    const weighed = weighFrame(
      evidence,
      { observation, capturedMono: monoMs(capturedMono) },
      monoMs(judgedMono),
      rules,
      bounds,
    );
    evidence = weighed.evidence;
    verdicts.push(weighed.verdict);
  }
  return { evidence, verdicts };
}

const frame = (shape: FaceShape = {}): FrameObservation => picture(face(shape));
const repeat = (count: number, observation: FrameObservation): FrameObservation[] =>
  Array.from({ length: count }, () => observation);
const last = (verdicts: readonly Verdict[]): Verdict | undefined => verdicts.at(-1);

describe("a person is identified", () => {
  it("after two frames when both are well over the bounds, with the mean of their numbers as the evidence", () => {
    const verdicts = weigh([
      frame({ similarity: 0.9, second: 0.3 }),
      frame({ similarity: 0.7, second: 0.3 }),
    ]);
    expect(verdicts.map(({ kind }) => kind)).toEqual(["agreeing", "identified"]);
    const identified = last(verdicts);
    if (identified?.kind !== "identified") throw new Error("not identified");
    expect(identified.personId).toBe("p-1");
    expect(identified.decision).toMatchObject({ model: "model-a", frames: 2 });
    expect(identified.decision.similarity).toBeCloseTo(0.8);
    expect(identified.decision.margin).toBeCloseTo(0.5);
  });

  it("after as many as configured when one of them is only just over a bound", () => {
    for (const close of [frame({ similarity: 0.53 }), frame({ similarity: 0.8, second: 0.68 })]) {
      const kinds = weigh([frame(), close, frame()]).map(({ kind }) => kind);
      expect(kinds).toEqual(["agreeing", "agreeing", "identified"]);
    }
  });

  it("although one frame fell short by little, when the mean over all of them suffices", () => {
    const short = frame({ similarity: 0.46 });
    const kinds = (last: number) =>
      weigh([frame({ similarity: 0.52 }), short, frame({ similarity: last })]).map(({ kind }) => kind);
    expect(kinds(0.53)).toEqual(["agreeing", "doubt", "identified"]);
    expect(kinds(0.51)).toEqual(["agreeing", "doubt", "agreeing"]);
  });

  it("never by one frame that reached the bounds, however good, among such as fell short", () => {
    const short = frame({ similarity: 0.49 });
    const verdicts = weigh([short, short, frame({ similarity: 0.95 }), short, short]);
    expect(verdicts.map(({ kind }) => kind)).not.toContain("identified");
  });

  it("by the largest face in the middle, while smaller ones stand behind and beside", () => {
    const crowd = picture(
      face({ side: 120, person: "p-2", centreX: 200 }),
      face({ side: 200 }),
      face({ side: 130, centreX: 40, person: "p-3" }),
    );
    expect(last(weigh(repeat(3, crowd)))).toMatchObject({ kind: "identified", personId: "p-1" });
  });

  it("without a second-best when nobody else is enrolled", () => {
    expect(last(weigh(repeat(3, frame({ second: null }))))).toMatchObject({
      kind: "identified",
      decision: { margin: null },
    });
  });

  it("although a blurred frame came in between, which counts neither for nor against", () => {
    const blurred = frame({ quality: { overall: 0.1 } });
    expect(weigh([frame(), blurred, blurred, frame()]).map(({ kind }) => kind)).toEqual([
      "agreeing",
      "hint",
      "hint",
      "identified",
    ]);
  });
});

describe("the count starts again", () => {
  const cases: readonly (readonly [string, FrameObservation])[] = [
    ["when another person wins a frame", frame({ person: "p-2" })],
    ["when nobody is there", picture()],
    ["when a second face comes as near", picture(face(), face({ centreX: 500, side: 150 }))],
    ["when a frame is far below the similarity", frame({ similarity: 0.43 })],
    ["when a frame is quite ambiguous", frame({ similarity: 0.8, second: 0.77 })],
    ["when the model changes", frame({ model: "model-b" })],
    ["when a frame has impossible numbers", frame({ similarity: Number.NaN })],
  ];
  it.each(cases)("%s", (_, breaking) => {
    const close = frame({ similarity: 0.53 });
    const verdicts = weigh([close, close, breaking, close, close]);
    expect(verdicts.map(({ kind }) => kind)).not.toContain("identified");
    expect(last(weigh([close, close, breaking, close, close, close]))).toMatchObject({
      kind: "identified",
      personId: "p-1",
    });
  });

  it("when too long passed between two frames", () => {
    const at = (capturedMono: number): Shown => ({
      observation: frame(),
      capturedMono,
      judgedMono: capturedMono,
    });
    const gap = identity.frameGapMsMax;
    expect(last(weighShown([at(0), at(gap)]).verdicts)?.kind).toBe("identified");
    expect(last(weighShown([at(0), at(1 + gap)]).verdicts)?.kind).toBe("agreeing");
  });
});

describe("a frame is as if it had not come", () => {
  const good = (capturedMono: number, judgedMono = capturedMono): Shown => ({
    observation: frame(),
    capturedMono,
    judgedMono,
  });
  it.each([
    ["when it is too old", good(300, 301 + identity.frameAgeMsMax)],
    ["when it shows the same instant again", good(200)],
    ["when it is older than the one before", good(150, 300)],
    ["when it comes from the future", good(400, 300)],
  ])("%s", (_, stale) => {
    const { verdicts, evidence } = weighShown([good(100), good(200), stale]);
    expect(last(verdicts)).toEqual({ kind: "stale" });
    expect(evidence.frameCount).toBe(2);
  });

  it("when it was captured before the diner pressed", () => {
    const evidence = noEvidence(monoMs(1000));
    const early = { observation: frame(), capturedMono: monoMs(999) };
    expect(weighFrame(evidence, early, monoMs(1010), identity, bounds)).toEqual({
      evidence,
      verdict: { kind: "stale" },
    });
  });
});

describe("the diner is told", () => {
  const hints: readonly (readonly [string, FrameObservation])[] = [
    ["one-at-a-time", picture(face({ centreX: 250 }), face({ centreX: 400, side: 140, person: "p-2" }))],
    ["one-at-a-time", picture(face({ side: 150 }), face({ centreX: 630, side: 260, person: "p-2" }))],
    ["come-closer", frame({ quality: { eyeDistancePx: identity.eyeDistancePxMin - 1 } })],
    ["look-here", frame({ quality: { yawDeg: -identity.yawDegMax - 1 } })],
    ["look-here", frame({ quality: { pitchDeg: identity.pitchDegMax + 1 } })],
    ["look-here", frame({ quality: { rollDeg: identity.rollDegMax + 1 } })],
    ["more-light", frame({ quality: { brightness: identity.brightnessMin - 1 } })],
    ["hold-still", frame({ quality: { sharpness: identity.sharpnessMin - 1 } })],
    ["look-here", frame({ quality: { overall: identity.qualityMin - 0.01 } })],
  ];
  it.each(hints)("%s, and the frame does not count", (hint, observation) => {
    expect(weigh(repeat(5, observation))).toEqual(repeat(5, observation).map(() => ({ kind: "hint", hint })));
  });

  it("nothing about a face at the edge alone: nobody is in front", () => {
    expect(weigh([frame({ centreX: 30 }), frame({ centreY: 10 })])).toEqual([
      { kind: "nobody" },
      { kind: "nobody" },
    ]);
  });
});

describe("nobody is named", () => {
  it.each([
    ["unknown-face", frame({ person: null })],
    ["unknown-face", frame({ similarity: 0.499 })],
    ["ambiguous", frame({ similarity: 0.9, second: 0.81 })],
  ] as const)("%s", (failure, observation) => {
    const { verdicts, evidence } = weighShown([{ observation, capturedMono: 0, judgedMono: 0 }]);
    expect(last(verdicts)).toMatchObject({ kind: "doubt", failure });
    expect(lookFailureOf(evidence)).toBe(failure);
    expect(sawSomeone(evidence)).toBe(true);
  });

  it("by a face that is not live, or of which nobody can say so, once the check is configured", () => {
    // These frames show no eyes, so that a blink is not asked for.
    const question = { kind: "hint", hint: "turn-left" };
    expect(last(weigh(repeat(3, frame({ liveness: 0.49 })), strict))).toEqual(question);
    expect(last(weigh(repeat(3, frame({ liveness: null })), strict))).toEqual(question);
    expect(last(weigh(repeat(3, frame({ liveness: 0.5 })), strict))?.kind).toBe("identified");
    expect(last(weigh(repeat(3, frame({ liveness: null })), identity))?.kind).toBe("identified");
  });

  it("and what most frames said is the reason given", () => {
    const failureOf = (...shapes: FaceShape[]): string =>
      lookFailureOf(
        weighShown(
          shapes.map((shape, index) => ({
            observation: frame(shape),
            capturedMono: index * 100,
            judgedMono: index * 100,
          })),
          strict,
        ).evidence,
      );
    const ambiguous = { similarity: 0.9, second: 0.88 };
    expect(failureOf({ person: null }, { person: null }, ambiguous)).toBe("unknown-face");
    expect(failureOf({ person: null }, ambiguous, ambiguous)).toBe("ambiguous");
    expect(failureOf({ liveness: 0 }, { liveness: 0 })).toBe("liveness");
    expect(failureOf()).toBe("unknown-face");
  });
});

/** Any number at all, impossible ones included. */
const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1, 2),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

/** One way for a frame to be wrong; each must be enough to keep it from counting. */
const brokenFrame: fc.Arbitrary<FrameObservation> = fc.oneof(
  fc.double({ min: -2, max: 0.4999, noNaN: true }).map((similarity) => frame({ similarity, second: null })),
  fc
    .constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.01, 7)
    .map((similarity) => frame({ similarity })),
  fc
    .constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1.5, 0.9)
    .map((second) => frame({ similarity: 0.85, second })),
  fc.double({ min: 0.7001, max: 0.8, noNaN: true }).map((second) => frame({ similarity: 0.8, second })),
  fc.constantFrom(0.2, Number.NaN, -1, 1.5).map((overall) => frame({ quality: { overall } })),
  fc
    .constantFrom("eyeDistancePx", "yawDeg", "pitchDeg", "rollDeg", "sharpness", "brightness")
    .map((part) => frame({ quality: { [part]: Number.NaN } })),
  fc.constantFrom(Number.NaN, -0.1, 1.2).map((liveness) => frame({ liveness })),
  fc.constantFrom(Number.NaN, 0, -5, Number.POSITIVE_INFINITY).map((side) => frame({ side })),
  fc.constantFrom(20, 620, Number.NaN).map((centreX) => frame({ centreX })),
  fc
    .constantFrom(Number.NaN, 150, 400)
    .map((side) => picture(face(), face({ person: "p-2", side, centreX: 639 }))),
  fc.constantFrom(Number.NaN, 0, -640).map((widthPx) => ({ ...frame(), widthPx })),
  fc.constant(picture(face({ model: "" }))),
  fc.constant(
    picture({
      ...face(),
      search: { best: { personId: "", similarity: 0.9 }, runnerUp: null, expected: null },
    }),
  ),
  fc.constant(
    picture({
      ...face(),
      search: {
        best: { personId: "p-1", similarity: 0.9 },
        runnerUp: { personId: "p-1", similarity: 0.1 },
        expected: null,
      },
    }),
  ),
  fc.constant(
    picture({
      ...face(),
      search: { best: null, runnerUp: { personId: "p-2", similarity: 0.1 }, expected: null },
    }),
  ),
);

describe("no input with a broken condition is ever accepted", () => {
  it("whatever is wrong with the frame that would complete the count", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 8 }), brokenFrame, (before, broken) => {
        const verdicts = weigh([...before.map((good) => (good ? frame() : broken)), broken], strict);
        expect(last(verdicts)?.kind).not.toBe("identified");
        expect(last(verdicts)?.kind).not.toBe("agreeing");
      }),
      { numRuns: 500 },
    );
  });

  it("however often it is repeated", () => {
    fc.assert(
      fc.property(brokenFrame, (broken) => {
        expect(weigh(repeat(12, broken), strict).map(({ kind }) => kind)).not.toContain("identified");
      }),
    );
  });

  it("in any mixture of people, gaps and nonsense: an accept has its own run of good frames behind it", () => {
    const anyFrame = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("p-1", "p-2").map((person) => frame({ person })) },
      { weight: 1, arbitrary: brokenFrame },
      {
        weight: 1,
        arbitrary: fc
          .record({ similarity: anyNumber, second: anyNumber, liveness: anyNumber, side: anyNumber })
          .map(frame),
      },
    );
    const steps = fc.array(
      fc.record({
        observation: anyFrame,
        stepMs: fc.integer({ min: -100, max: 2000 }),
        delayMs: fc.integer({ min: -50, max: 2000 }),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (moves) => {
        let capturedMono = 0;
        const shown = moves.map(({ observation, stepMs, delayMs }) => {
          capturedMono += stepMs;
          return { observation, capturedMono, judgedMono: capturedMono + delayMs };
        });
        const { verdicts } = weighShown(shown, strict);
        verdicts.forEach((verdict, index) => {
          if (verdict.kind === "identified") expect(isEarned(shown, index, verdict.personId)).toBe(true);
        });
      }),
      { numRuns: 500 },
    );
  });
});

/**
 * The rule once more, the other way round: walks back from the accepted frame over those of the same person, and asks
 * for two that reached both bounds by themselves, and for a third frame or two that were well over them.
 */
function isEarned(shown: readonly Shown[], index: number, personId: string): boolean {
  const leads: number[] = [];
  let laterMono = Number.POSITIVE_INFINITY;
  for (const { observation, capturedMono } of freshOf(shown.slice(0, index + 1)).reverse()) {
    const [only, ...others] = observation.faces;
    if (only === undefined || others.length > 0) continue;
    const { best, runnerUp } = only.search;
    // Somebody else in front: nothing before this frame counts.
    if (best !== null && best.personId !== personId && only.quality.overall >= strict.qualityMin) break;
    const lead = Math.min(
      (best?.similarity ?? Number.NaN) - 0.5,
      (best?.similarity ?? Number.NaN) - (runnerUp?.similarity ?? 0.4) - 0.1,
    );
    const isGood =
      lead >= -strict.nearMissMax &&
      (best?.similarity ?? 2) <= 1.001 &&
      only.quality.overall >= strict.qualityMin;
    if (!isGood) continue;
    if (leads.length > 0 && laterMono - capturedMono > strict.frameGapMsMax) break;
    leads.push(lead);
    laterMono = capturedMono;
  }
  const agreeing = leads.filter((lead) => lead >= 0).length;
  const clear = leads.filter((lead) => lead >= strict.clearLeadMin).length;
  return agreeing >= 2 && (leads.length >= strict.framesToAgree || clear >= 2);
}

function freshOf(shown: readonly Shown[]): Shown[] {
  let newestMono = -1;
  return shown.filter(({ capturedMono, judgedMono }) => {
    const ageMs = judgedMono - capturedMono;
    const isFresh = ageMs >= 0 && ageMs <= strict.frameAgeMsMax && capturedMono > newestMono;
    if (isFresh) newestMono = capturedMono;
    return isFresh;
  });
}
