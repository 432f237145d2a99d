import { describe, expect, test } from "vitest";
import { detCurveSvg } from "./det-curve.ts";
import {
  type EvaluationProtocol,
  evaluate,
  fnirAt,
  fpirAt,
  leaveOneOutImpostors,
  rateOf,
  similarityMinFor,
  type Trial,
} from "./evaluation.ts";

const trial = (similarity: number, correct = true, margin = 1): Trial => ({ similarity, correct, margin });

describe("error rates", () => {
  test("the threshold lets exactly the allowed share of impostors reach it", () => {
    const impostors = Array.from({ length: 900 }, (_, i) => trial(i / 1000));
    for (const [target, allowed] of [
      [0.01, 9],
      [0.0034, 3],
      [0.001, 0],
    ] as const) {
      const similarityMin = similarityMinFor(impostors, target);
      expect(fpirAt(impostors, similarityMin).count).toBe(allowed);
    }
  });

  test("a probe is missed when it is wrong, under the threshold, or leads by too little", () => {
    const genuine = [trial(0.9), trial(0.9, false), trial(0.4), trial(0.9, true, 0.01)];
    expect(fnirAt(genuine, 0.5).count).toBe(2);
    expect(fnirAt(genuine, 0.5, 0.05).count).toBe(3);
  });

  test("Wilson's interval of 0 of 900 ends at 0.43 %, and of nothing it is everything", () => {
    const { low, high } = rateOf(0, 900);
    expect(low).toBe(0);
    expect(high).toBeCloseTo(0.00425, 4);
    expect(rateOf(0, 0)).toMatchObject({ low: 0, high: 1 });
  });
});

describe("the protocol on made-up people", () => {
  /** Person i points along axis i; each photo leans a little to another axis. */
  const length = 16;
  const embedding = (axis: number, lean: number) => {
    const vector = new Float32Array(length);
    vector[axis] = 1;
    vector[(axis + 7) % length] = lean;
    const norm = Math.hypot(...vector);
    return vector.map((value) => value / norm);
  };
  const protocol: EvaluationProtocol = {
    gallery: { ann: ["ann1", "ann2", "ann3"], bob: ["bob1", "bob2", "bob3"] },
    distractors: { eve: ["eve1"] },
    probes: [
      ["ann", "ann4"],
      ["ann", "ann5"],
      ["bob", "bob4"],
      ["bob", "lost"],
    ],
    single_shot_probes: [["eve", "eve2"]],
    impostors: ["stranger1", "stranger2"],
  };
  const axes = { ann: 0, bob: 1, eve: 2, stranger: 3 } as const;
  const embeddings = new Map<string, Float32Array | null>([["lost", null]]);
  for (const [name, axis] of Object.entries(axes)) {
    for (let i = 1; i <= 5; i += 1) embeddings.set(`${name}${i}`, embedding(axis, i * 0.1));
  }

  test("counts who is found, and a photo without a face as a miss", () => {
    const scenarios = evaluate("m", length, protocol, embeddings);
    expect(scenarios.map(({ name, rank1 }) => [name, rank1.count, rank1.of])).toEqual([
      ["3 enrolled, 1 frame", 3, 4],
      ["3 enrolled, 2 frames", 2, 2],
      ["1 enrolled, 1 frame", 4, 5],
      ["1 enrolled, 2 frames", 2, 2],
    ]);
    expect(scenarios[0]?.points.map(({ fnir }) => fnir.count)).toEqual([1, 1]);
  });

  test("leaves each known person out in turn for more impostors", () => {
    const impostors = leaveOneOutImpostors("m", length, protocol, embeddings);
    expect(impostors).toHaveLength(7);
    for (const { similarity, correct } of impostors) {
      expect(similarity).toBeLessThan(0.5);
      expect(correct).toBe(false);
    }
  });

  test("is drawn as one curve a scenario, with names made safe", () => {
    const svg = detCurveSvg("a < b & c", evaluate("m", length, protocol, embeddings));
    expect(svg.match(/<polyline/g)).toHaveLength(4);
    expect(svg).toContain("a &lt; b &amp; c");
    expect(svg).not.toContain("NaN");
  });
});
