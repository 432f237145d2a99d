/** What must not become an accept: galleries of nobody and of one, one face under two ids, numbers that are no face. */

import { describe, expect, test } from "vitest";
import { runnerUpSimilarityFloor } from "./face-engine-port.ts";
import { Gallery } from "./gallery.ts";
import { randomOf, randomUnit } from "./gallery-fixture.ts";

const length = 704;
const random = randomOf(8);
const template = (personId: string, embedding: Float32Array) => ({
  templateId: `${personId}-t`,
  personId,
  model: "m",
  embedding,
});

/** The lead that an accept is measured by: the floor stands in for a second person where there is none. */
function leadOf(gallery: Gallery, probe: Float32Array): number {
  const { best, runnerUp } = gallery.search(probe);
  return (best?.similarity ?? -1) - (runnerUp?.similarity ?? runnerUpSimilarityFloor);
}

describe("a gallery", () => {
  test("of nobody names nobody, to the expected as well", () => {
    const gallery = new Gallery("m", length);
    const nobody = { best: null, runnerUp: null };
    expect(gallery.observe(randomUnit(random, length))).toEqual({ ...nobody, expected: null });
    gallery.setExpected(["ann"]);
    expect(gallery.observe(randomUnit(random, length))).toEqual({ ...nobody, expected: nobody });
  });

  test("of one gives no larger lead than one in which a stranger is as near as the floor", () => {
    const ann = randomUnit(random, length);
    const probe = randomUnit(random, length, ann, 0.8);
    const alone = new Gallery("m", length);
    alone.add([template("ann", ann)]);
    const crowded = new Gallery("m", length);
    crowded.add([template("ann", ann), template("bob", at(probe, runnerUpSimilarityFloor))]);
    expect(leadOf(alone, probe)).toBeCloseTo(leadOf(crowded, probe), 3);
    // Somebody who reaches no more than the floor has no lead at all, with whatever similarity is asked for.
    expect(leadOf(alone, at(ann, runnerUpSimilarityFloor))).toBeLessThan(0.001);
  });

  test("with one face under two ids gives no lead, so that neither is accepted", () => {
    const face = randomUnit(random, length);
    const gallery = new Gallery("m", length);
    gallery.add([template("ann", face), template("bob", face), template("cy", randomUnit(random, length))]);
    for (const spread of [0, 0.1, 0.5])
      expect(leadOf(gallery, randomUnit(random, length, face, spread))).toBe(0);
  });

  test("with two photos of one face under two ids gives a lead under the least margin of an accept", () => {
    const face = randomUnit(random, length);
    const gallery = new Gallery("m", length);
    gallery.add([
      template("ann", randomUnit(random, length, face, 0.2)),
      template("bob", randomUnit(random, length, face, 0.2)),
    ]);
    for (let i = 0; i < 200; i += 1)
      expect(leadOf(gallery, randomUnit(random, length, face, 0.3))).toBeLessThan(0.08);
  });
});

/** A unit vector that has this similarity to `vector`. */
function at(vector: Float32Array, similarity: number): Float32Array {
  const other = randomUnit(random, length);
  let dot = 0;
  for (let i = 0; i < length; i += 1) dot += (other[i] ?? 0) * (vector[i] ?? 0);
  const rest = other.map((value, i) => value - dot * (vector[i] ?? 0));
  const norm = Math.hypot(...rest);
  return rest.map(
    (value, i) => (value / norm) * Math.sqrt(1 - similarity ** 2) + similarity * (vector[i] ?? 0),
  );
}
