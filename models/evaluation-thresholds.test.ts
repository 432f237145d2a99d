import { expect, test } from "vitest";
import { scenarioOf, type Trial } from "./evaluation.ts";
import { suggestThresholds } from "./evaluation-thresholds.ts";

const trial = (similarity: number, margin: number): Trial => ({ correct: true, similarity, margin });

test("the margin is the largest that costs nobody who was accepted", () => {
  const genuine = [trial(0.9, 0.155), trial(0.8, 0.4)];
  const suggested = suggestThresholds([scenarioOf("s", 3, 1, genuine, [])], [trial(0.4, 0.1)]);
  expect(suggested.marginMin).toBe(0.15);
  expect(suggested.fnir.count).toBe(0);
});

test("where every probe is missed the search for a margin ends", () => {
  const missed = [{ correct: false, similarity: -1, margin: 0 }];
  const suggested = suggestThresholds([scenarioOf("s", 3, 1, missed, [])], [trial(0.4, 0.1)]);
  expect(suggested.marginMin).toBe(0.3);
  expect(suggestThresholds([], []).fnir.of).toBe(0);
});
