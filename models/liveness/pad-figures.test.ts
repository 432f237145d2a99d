import { expect, test } from "vitest";
import { padFigures, scoreMinForBpcer } from "./pad-figures.ts";

const scores = (kind: string, list: readonly (number | null)[]) => list.map((score) => ({ kind, score }));
const presentations = [
  ...scores("live", [0.9, 0.8, 0.7, 0.4, null]),
  ...scores("print", [0.6, 0.1]),
  ...scores("screen", [0.2, 0.3, 0.5, null]),
];

test("attacks are counted kind by kind, the mark itself counts as live, and the worst kind is named", () => {
  const { bpcer, apcer, apcerMax, unanswered } = padFigures(presentations, 0.5);
  expect([bpcer.count, bpcer.of]).toEqual([1, 4]);
  expect([apcer["print"]?.value, apcer["screen"]?.value]).toEqual([0.5, 1 / 3]);
  expect(apcerMax).toBe(0.5);
  expect(unanswered).toEqual({ live: 1, attacks: 1 });
});

test("a score that is no number is never called live", () => {
  const { bpcer, apcer } = padFigures(
    [...scores("live", [Number.NaN]), ...scores("print", [Number.NaN])],
    0.5,
  );
  expect([bpcer.value, apcer["print"]?.value]).toEqual([1, 0]);
});

test("the mark for a share of the live leaves no more than that share under it", () => {
  for (const bpcerMax of [0, 0.25, 0.5]) {
    const scoreMin = scoreMinForBpcer(presentations, bpcerMax);
    expect(padFigures(presentations, scoreMin).bpcer.value).toBeLessThanOrEqual(bpcerMax);
  }
  expect(scoreMinForBpcer(presentations, 0.25)).toBe(0.7);
});
