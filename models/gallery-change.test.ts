/** That one person's coming and going is one person's work, whatever the size of the gallery. */

import { expect, test } from "vitest";
import { Gallery } from "./gallery.ts";
import { randomOf, randomUnit } from "./gallery-fixture.ts";

const length = 64;

function galleryOf(people: number, random: () => number): Gallery {
  // Room beforehand: growing is seldom, and not what is looked at here.
  const gallery = new Gallery("m", length, people + 1);
  for (let i = 0; i < people; i += 1) gallery.add([template(`p${i}`, randomUnit(random, length))]);
  return gallery;
}

const template = (personId: string, embedding: Float32Array) => ({
  templateId: `${personId}-t`,
  personId,
  model: "m",
  embedding,
});

/** Numbers written to typed arrays of either kind while `work` runs: what a change costs, without a clock. */
function numbersWritten(work: () => void): number {
  let written = 0;
  const spied = [Float32Array.prototype, Int8Array.prototype].map((prototype) => {
    const { set, copyWithin, fill } = prototype;
    Object.assign(prototype, {
      set(this: Int8Array, source: ArrayLike<number>, at?: number) {
        written += source.length;
        return Reflect.apply(set, this, [source, at]);
      },
      copyWithin(this: Int8Array, to: number, from: number, end?: number) {
        written += (end ?? this.length) - from;
        return Reflect.apply(copyWithin, this, [to, from, end]);
      },
      fill(this: Int8Array, value: number, from = 0, to = this.length) {
        written += to - from;
        return Reflect.apply(fill, this, [value, from, to]);
      },
    });
    return () => {
      for (const name of ["set", "copyWithin", "fill"]) Reflect.deleteProperty(prototype, name);
    };
  });
  try {
    work();
  } finally {
    for (const undo of spied) undo();
  }
  return written;
}

test("a person who is replaced or removed moves no more numbers in a gallery of thousands than in one of ten", () => {
  const costs = [10, 3000].map((people) => {
    const random = randomOf(people);
    const gallery = galleryOf(people, random);
    gallery.setExpected(["p1", "p2", "p3"]);
    const [straight, expected] = [randomUnit(random, length), randomUnit(random, length)];
    return [
      () => gallery.replacePerson("p7", [template("p7", straight)]),
      () => gallery.replacePerson("p2", [template("p2", expected)]),
      () => gallery.removePerson("p5"),
      () => gallery.removePerson("p1"),
    ].map(numbersWritten);
  });
  expect(costs[1]).toEqual(costs[0]);
  for (const cost of costs[0] ?? []) expect(cost).toBeGreaterThan(0);
  for (const cost of costs[0] ?? []) expect(cost).toBeLessThan(8 * length);
});

test("the others answer as before, to the last bit, while one comes and goes", () => {
  const random = randomOf(4);
  const gallery = galleryOf(300, random);
  const probes = Array.from({ length: 40 }, () => randomUnit(random, length));
  const answers = () => probes.map((probe) => gallery.search(probe, { excludePersonId: "p9" }));
  const before = answers();
  for (let i = 0; i < 20; i += 1) {
    gallery.replacePerson("p9", [template("p9", randomUnit(random, length))]);
    gallery.setExpected(i % 2 === 0 ? ["p9", "p3"] : null);
    expect(answers()).toEqual(before);
  }
  gallery.removePerson("p9");
  expect(answers()).toEqual(before);
  expect(gallery.size).toEqual({ people: 299, templates: 299 });
});
