import { expect, test } from "vitest";
import { enrolledPhotos, findSiblings, templatesOf } from "./evaluation-siblings.ts";

const length = 16;

/** Along one axis, leaning to a second one. */
function embedding(axis: number, lean: number, to = 15): Float32Array {
  const vector = new Float32Array(length);
  vector[axis] = 1;
  vector[to] = lean;
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

const protocol = {
  gallery: { ann: ["ann1", "ann2"], zoe: ["zoe1"] },
  distractors: { bob: ["bob1"] },
  probes: [],
  single_shot_probes: [],
  impostors: [],
};
const embeddings = new Map([
  ["ann1", embedding(0, 0.1)],
  ["ann2", embedding(0, 0.2)],
  ["amy1", embedding(0, 0.3)],
  ["bob1", embedding(1, 0.1)],
  ["zoe1", embedding(2, 0.1)],
  ["lost", null],
]);
const calibration = {
  model: "m",
  similarityMin: 0.6,
  marginMin: 0.1,
  lookAlikeMin: 0.55,
  lookAlikes: [{ personIds: ["amy", "ann"] as const, similarity: 0.98 }],
};
const people = enrolledPhotos(
  protocol,
  new Map([
    ["amy", ["amy1"]],
    ["ghost", ["lost"]],
  ]),
);
const templates = templatesOf("m", people, embeddings);

test("twins who are outside of the protocol are enrolled beside everybody in it", () => {
  expect(new Set(templates.map(({ personId }) => personId))).toEqual(new Set(["amy", "ann", "bob", "zoe"]));
});

test("twins whom the calibration names are asked, and without their own enrolment pass as the other", () => {
  const [found] = findSiblings([["ann", "amy"]], templates, calibration);
  expect(found).toMatchObject({ people: ["ann", "amy"], asked: true });
  expect(found?.similarity).toBeCloseTo(0.989, 2);
  expect(found?.acceptedAsOther).toMatchObject({ count: 3, of: 3 });
});

test("a pair that the threshold separates is not asked and passes as nobody", () => {
  const [found] = findSiblings([["bob", "zoe"]], templates, calibration);
  expect(found?.asked).toBe(false);
  expect(found?.acceptedAsOther).toMatchObject({ count: 0, of: 2 });
});

test("a pair without a photo of one of them is told as unknown, not as safe", () => {
  expect(findSiblings([["ann", "ghost"]], templates, calibration)[0]?.similarity).toBeNull();
  expect(findSiblings([["ann", "amy"]], [], calibration)[0]?.similarity).toBeNull();
});
