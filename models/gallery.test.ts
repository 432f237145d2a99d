import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GalleryTemplate, SearchResult } from "./face-engine-port.ts";
import { addTemplate, Gallery } from "./gallery.ts";
import { randomOf, randomUnit as randomUnitOf, spike as spikeOf, unit } from "./gallery-fixture.ts";

const length = 48;
const model = "test-48";
const spike = (at: number) => spikeOf(at, length);
const randomUnit = (random: () => number, near?: Float32Array, spread = 1) =>
  randomUnitOf(random, length, near, spread);

/** Float64 over one fused template a person. */
function bruteForce(
  templates: readonly GalleryTemplate[],
  probe: Float32Array,
  exclude?: string,
): SearchResult {
  const fusedOf = new Map<string, { fused: Float32Array; sumLength: number }>();
  for (const { personId, embedding } of templates) {
    const person = fusedOf.get(personId) ?? { fused: new Float32Array(length), sumLength: 0 };
    person.sumLength = addTemplate(person.fused, person.sumLength, embedding);
    fusedOf.set(personId, person);
  }
  const [best = null, runnerUp = null] = [...fusedOf]
    .filter(([personId]) => personId !== exclude)
    .map(([personId, { fused }]) => {
      let similarity = 0;
      for (let i = 0; i < probe.length; i += 1) similarity += (fused[i] ?? 0) * (probe[i] ?? 0);
      return { personId, similarity };
    })
    .sort((a, b) => b.similarity - a.similarity || (a.personId < b.personId ? -1 : 1));
  return { best, runnerUp };
}

function template(personId: string, embedding: Float32Array, templateId = `${personId}-t`): GalleryTemplate {
  return { templateId, personId, model, embedding };
}

describe("search", () => {
  test("answers as float64 brute force does, with clusters, duplicates, ties and vectors that quantise badly", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 900 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (seed, count, spread) => {
          const random = randomOf(seed);
          const centres = Array.from({ length: 4 }, () => randomUnit(random));
          const templates: GalleryTemplate[] = [];
          for (let i = 0; i < count; i += 1) {
            const previous = templates[Math.floor(random() * templates.length)];
            const embedding =
              random() < 0.1 && previous !== undefined
                ? previous.embedding
                : random() < 0.1
                  ? spike(i % length)
                  : randomUnit(random, centres[i % 4], spread);
            templates.push(template(`p${Math.floor(random() * count * 0.7)}`, embedding, `t${i}`));
          }
          const gallery = new Gallery(model, length);
          expect(gallery.add(templates).accepted).toBe(count);
          for (let query = 0; query < 8; query += 1) {
            const probe = query === 0 ? spike(3) : randomUnit(random, centres[query % 4], spread);
            const exclude = query === 7 ? (templates[0]?.personId ?? "") : undefined;
            const found = gallery.search(probe, exclude === undefined ? {} : { excludePersonId: exclude });
            expect(found).toEqual(bruteForce(templates, probe, exclude));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("stays exact while people are replaced and removed in any order", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(
          fc.record({ person: fc.integer({ min: 0, max: 12 }), count: fc.integer({ min: 0, max: 3 }) }),
          { maxLength: 60 },
        ),
        (seed, changes) => {
          const random = randomOf(seed);
          const gallery = new Gallery(model, length);
          const expected = new Map<string, GalleryTemplate[]>();
          for (const [i, { person, count }] of changes.entries()) {
            const personId = `p${person}`;
            const templates = Array.from({ length: count }, (_, k) =>
              template(personId, random() < 0.2 ? spike(i % length) : randomUnit(random), `${i}-${k}`),
            );
            gallery.replacePerson(personId, templates);
            if (count === 0) expected.delete(personId);
            else expected.set(personId, templates);
          }
          const all = [...expected.values()].flat();
          expect(gallery.size).toEqual({ people: expected.size, templates: all.length });
          const probe = randomUnit(random);
          expect(gallery.search(probe)).toEqual(bruteForce(all, probe));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("finds nobody in an empty gallery", () => {
    expect(new Gallery(model, length).search(randomUnit(randomOf(1)))).toEqual({
      best: null,
      runnerUp: null,
    });
  });

  test("has no runner-up in a gallery of one person with several templates", () => {
    const random = randomOf(2);
    const gallery = new Gallery(model, length);
    gallery.add([template("only", randomUnit(random), "a"), template("only", randomUnit(random), "b")]);
    const { best, runnerUp } = gallery.search(randomUnit(random));
    expect(best?.personId).toBe("only");
    expect(runnerUp).toBeNull();
  });

  test("shows one face under two ids as two people of the same similarity, the smaller id first", () => {
    const face = randomUnit(randomOf(3));
    const gallery = new Gallery(model, length);
    gallery.add([template("zoe", face), template("ann", face)]);
    const { best, runnerUp } = gallery.search(face);
    expect([best?.personId, runnerUp?.personId]).toEqual(["ann", "zoe"]);
    expect(best?.similarity).toBe(runnerUp?.similarity);
  });

  test("finds nobody when the only person is excluded", () => {
    const face = randomUnit(randomOf(4));
    const gallery = new Gallery(model, length);
    gallery.add([template("ann", face)]);
    expect(gallery.search(face, { excludePersonId: "ann" })).toEqual({ best: null, runnerUp: null });
  });
});

describe("fusing a person's templates", () => {
  test("gives their mean made length 1, whatever the order", () => {
    const random = randomOf(6);
    const faces = [randomUnit(random), randomUnit(random), randomUnit(random)];
    const mean = unit(Array.from({ length }, (_, i) => faces.reduce((sum, face) => sum + (face[i] ?? 0), 0)));
    for (const order of [faces, faces.toReversed()]) {
      const gallery = new Gallery(model, length);
      gallery.add(order.map((face, i) => template("ann", face, String(i))));
      expect(gallery.size).toEqual({ people: 1, templates: 3 });
      expect(gallery.search(mean).best?.similarity).toBeCloseTo(1, 6);
    }
  });

  test("of opposite templates keeps the newer one instead of dividing by nothing", () => {
    const face = randomUnit(randomOf(7));
    const gallery = new Gallery(model, length);
    gallery.add([
      template(
        "ann",
        face.map((value) => -value),
        "a",
      ),
      template("ann", face, "b"),
    ]);
    expect(gallery.search(face).best?.similarity).toBeCloseTo(1, 6);
  });
});

describe("templates that are not fit", () => {
  const good = randomUnit(randomOf(5));
  test.each([
    ["other-model", { ...template("p", good), model: "another" }],
    ["wrong-length", template("p", good.slice(1))],
    [
      "not-finite",
      template(
        "p",
        good.map((value, i) => (i === 7 ? Number.NaN : value)),
      ),
    ],
    [
      "not-finite",
      template(
        "p",
        good.map((value, i) => (i === 7 ? Number.POSITIVE_INFINITY : value)),
      ),
    ],
    [
      "not-normalised",
      template(
        "p",
        good.map((value) => value * 2),
      ),
    ],
    ["not-normalised", template("p", new Float32Array(length))],
  ])("are refused by name: %s", (reason, bad) => {
    const gallery = new Gallery(model, length);
    expect(gallery.add([bad, template("q", good)])).toEqual({
      accepted: 1,
      refused: [{ templateId: bad.templateId, reason }],
    });
    expect(gallery.size).toEqual({ people: 1, templates: 1 });
    expect(gallery.search(good).best?.personId).toBe("q");
  });
});
