/** From the real gallery to the verdict at the till: what must not become an accept, whatever the thresholds' source. */

import { describe, expect, test } from "vitest";
import { monoMs } from "../../device/platform/units.ts";
import { GalleryBounds, NO_DISPUTES } from "../../device/roster/identity-bounds.ts";
import { noEvidence, type Verdict, weighFrame } from "../../device/serving-line/identity-decision.ts";
import { face, picture, settings } from "../../device/serving-line/serving-line-fixture.ts";
import { uncalibratedThresholds } from "../../models/calibration/pack-bounds.ts";
import type { ObservedSearch } from "../../models/face-engine-port.ts";
import { Gallery } from "../../models/gallery.ts";
import { randomOf, randomUnit } from "../../models/gallery-fixture.ts";

const model = "frf512-mfn192-flip";
const length = 704;
const frameCount = 8;
const random = randomOf(21);
const identity = settings().checkout.identity;

const template = (personId: string, embedding: Float32Array) => ({
  templateId: `${personId}-t`,
  personId,
  model,
  embedding,
});

function galleryOf(people: Readonly<Record<string, Float32Array>>): Gallery {
  const gallery = new Gallery(model, length);
  gallery.add(Object.entries(people).map(([personId, embedding]) => template(personId, embedding)));
  return gallery;
}

/** Thresholds as they are before the gallery was calibrated. */
function freshBounds(): GalleryBounds {
  return new GalleryBounds({
    disputes: NO_DISPUTES,
    uncalibrated: () => uncalibratedThresholds(model, { fpirMax: 0.001 }),
    disputedSimilarityMax: () => 0.83,
  });
}

/** The verdict over each of several frames, 100 ms apart, of a face that varies about `shown`. */
function verdicts(gallery: Gallery, shown: Float32Array, bounds: GalleryBounds, spread = 0.3): Verdict[] {
  let evidence = noEvidence(monoMs(0));
  return Array.from({ length: frameCount }, (_, i) => {
    const search: ObservedSearch = gallery.observe(randomUnit(random, length, shown, spread));
    const observation = picture({ ...face(), model, search });
    const capturedMono = monoMs(i * 100);
    const weighed = weighFrame(
      evidence,
      { observation, capturedMono },
      monoMs(i * 100 + 20),
      identity,
      bounds,
    );
    evidence = weighed.evidence;
    return weighed.verdict;
  });
}

const kindsOf = (all: readonly Verdict[]) => [...new Set(all.map(({ kind }) => kind))];

describe("at the till", () => {
  test("somebody who is enrolled once is identified, so that the rest of these says something", () => {
    const ann = randomUnit(random, length);
    const gallery = galleryOf({ ann, bob: randomUnit(random, length) });
    expect(verdicts(gallery, ann, freshBounds()).at(-1)).toMatchObject({
      kind: "identified",
      personId: "ann",
    });
  });

  test("one face under two ids, copied exactly, is nobody's before the calibration", () => {
    const one = randomUnit(random, length);
    const gallery = galleryOf({ ann: one, bob: one, cy: randomUnit(random, length) });
    for (const verdict of verdicts(gallery, one, freshBounds()))
      expect(verdict).toMatchObject({ kind: "doubt", failure: "ambiguous" });
  });

  test("two photos of one face under two ids are nobody's before the calibration", () => {
    for (let round = 0; round < 30; round += 1) {
      const one = randomUnit(random, length);
      const photo = () => randomUnit(random, length, one, 0.2);
      const gallery = galleryOf({ ann: photo(), bob: photo() });
      expect(kindsOf(verdicts(gallery, one, freshBounds()))).toEqual(["doubt"]);
    }
  });

  test("once they are known for a pair they are asked about, and neither of them is ever identified", () => {
    const one = randomUnit(random, length);
    const photo = () => randomUnit(random, length, one, 0.2);
    for (const people of [
      { ann: one, bob: one },
      { ann: photo(), bob: photo() },
    ]) {
      const bounds = freshBounds();
      bounds.addPair(model, { personIds: ["ann", "bob"], similarity: 0.95 });
      const seen = verdicts(galleryOf({ ...people, cy: randomUnit(random, length) }), one, bounds);
      expect(kindsOf(seen)).toEqual(["agreeing", "look-alike"]);
      for (const verdict of seen)
        if (verdict.kind === "look-alike")
          expect([verdict.personId, ...verdict.lookAlikeIds].toSorted()).toEqual(["ann", "bob"]);
    }
  });

  test("a gallery of one identifies its person, and a stranger who is as near as any is nobody", () => {
    const ann = randomUnit(random, length);
    const alone = galleryOf({ ann });
    expect(verdicts(alone, ann, freshBounds()).at(-1)).toMatchObject({ kind: "identified", personId: "ann" });
    // The nearest of 586,800 comparisons of two people of the development set was 0.547.
    const near = mixed(ann, randomUnit(random, length), 0.547);
    expect(kindsOf(verdicts(alone, near, freshBounds(), 0))).toEqual(["doubt"]);
    expect(kindsOf(verdicts(alone, randomUnit(random, length), freshBounds()))).toEqual(["doubt"]);
  });

  test("an empty gallery knows nobody", () => {
    const gallery = galleryOf({});
    gallery.setExpected(["ann"]);
    for (const verdict of verdicts(gallery, randomUnit(random, length), freshBounds()))
      expect(verdict).toMatchObject({ kind: "doubt", failure: "unknown-face", bestPersonId: null });
  });
});

/** A unit vector whose similarity to `a` is as wanted. */
function mixed(a: Float32Array, other: Float32Array, similarity: number): Float32Array {
  const dot = a.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0);
  const rest = other.map((value, i) => value - dot * (a[i] ?? 0));
  const restLength = Math.hypot(...rest);
  const across = Math.sqrt(1 - similarity ** 2) / restLength;
  return rest.map((value, i) => value * across + (a[i] ?? 0) * similarity);
}
