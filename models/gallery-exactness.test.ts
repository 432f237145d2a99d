/** That the search answers as float64 brute force does, on very many queries: `CANTEEN_LONG=1` for a school's size. */

import { expect, test } from "vitest";
import type { GalleryTemplate, SearchResult } from "./face-engine-port.ts";
import { addTemplate, Gallery } from "./gallery.ts";
import { randomOf, randomUnit, spike, unit } from "./gallery-fixture.ts";

interface Trial {
  readonly people: number;
  readonly length: number;
  readonly queries: number;
}

/** Sizes around the 64 candidates of the first pass and a multiple of it; 100,000 queries in all. */
const trials: readonly Trial[] = [
  { people: 1, length: 48, queries: 1000 },
  { people: 2, length: 48, queries: 4000 },
  { people: 63, length: 48, queries: 15_000 },
  { people: 64, length: 48, queries: 15_000 },
  { people: 65, length: 48, queries: 15_000 },
  { people: 257, length: 48, queries: 25_000 },
  { people: 600, length: 64, queries: 24_000 },
  { people: 600, length: 704, queries: 1000 },
];
const longTrials: readonly Trial[] = [{ people: 50_000, length: 704, queries: 1000 }];

/** Float64 over one template a person. */
class BruteForce {
  private readonly numbers: Float64Array;
  private readonly ids: readonly string[];
  private readonly length: number;

  constructor(templates: readonly GalleryTemplate[], length: number) {
    this.length = length;
    this.ids = templates.map(({ personId }) => personId);
    this.numbers = new Float64Array(templates.length * length);
    for (const [i, { embedding }] of templates.entries()) {
      // As the gallery keeps it: made length 1 once more, which may move a number by its last bit.
      const fused = new Float32Array(length);
      addTemplate(fused, 0, embedding);
      this.numbers.set(fused, i * length);
    }
  }

  search(probe: Float32Array, isAsked: (personId: string) => boolean): SearchResult {
    let [best, second]: { personId: string; similarity: number }[] = [];
    for (const [row, personId] of this.ids.entries()) {
      if (!isAsked(personId)) continue;
      const similarity = this.dot(row, probe);
      const beats = (other: typeof best) =>
        other === undefined ||
        similarity > other.similarity ||
        (similarity === other.similarity && personId < other.personId);
      if (beats(best)) [best, second] = [{ personId, similarity }, best];
      else if (beats(second)) second = { personId, similarity };
    }
    return { best: best ?? null, runnerUp: second ?? null };
  }

  private dot(row: number, probe: Float32Array): number {
    const { numbers, length } = this;
    const base = row * length;
    let sum = 0;
    for (let i = 0; i < length; i += 1) sum += (numbers[base + i] ?? 0) * (probe[i] ?? 0);
    return sum;
  }
}

/**
 * Everything that is hard for a search by rough copies: families that lie close together, twins a hair apart, the same
 * face under two ids (a tie), and vectors of one spike or of two, which do not fit an int8 range.
 */
function crowd({ people, length }: Trial, random: () => number): GalleryTemplate[] {
  const families = Array.from({ length: 8 }, () => randomUnit(random, length));
  const templates: GalleryTemplate[] = [];
  for (let i = 0; i < people; i += 1) {
    const other = templates[Math.floor(random() * i)]?.embedding;
    const kind = random();
    let embedding = randomUnit(random, length);
    if (kind < 0.1 && other !== undefined) embedding = other;
    else if (kind < 0.3 && other !== undefined) embedding = randomUnit(random, length, other, 0.001);
    else if (kind < 0.5) embedding = randomUnit(random, length, families[i % 8], 0.05);
    else if (kind < 0.6) embedding = spike(i % length, length);
    else if (kind < 0.65)
      embedding = unit(spike(i % length, length).map((value, k) => value - (k === 3 ? 1 : 0)));
    templates.push({ templateId: `t${i}`, personId: `p${i}`, model: "m", embedding });
  }
  return templates;
}

function probeOf(query: number, templates: readonly GalleryTemplate[], length: number, random: () => number) {
  const near = templates[Math.floor(random() * templates.length)]?.embedding;
  const spreads = [0, 0.001, 0.02, 0.1, 0.5];
  const spread = spreads[query % 6];
  return spread === undefined ? randomUnit(random, length) : randomUnit(random, length, near, spread);
}

test.each(process.env["CANTEEN_LONG"] === undefined ? trials : longTrials)(
  "$queries queries of $people people with $length numbers all answer as float64 brute force",
  (trial) => {
    const random = randomOf(trial.people * 1000 + trial.length);
    const templates = crowd(trial, random);
    const gallery = new Gallery("m", trial.length);
    gallery.add(templates);
    const isExpected = (personId: string) => Number(personId.slice(1)) % 3 === 0;
    gallery.setExpected(templates.map(({ personId }) => personId).filter(isExpected));
    const brute = new BruteForce(templates, trial.length);
    let wrong = 0;
    for (let query = 0; query < trial.queries; query += 1) {
      const probe = probeOf(query, templates, trial.length, random);
      const found = gallery.observe(probe);
      // The expected are a third of the work again, so they are looked at each tenth time.
      const asked = query % 10 === 0;
      const sameExpected = !asked || isSame(found.expected, brute.search(probe, isExpected));
      if (
        !isSame(
          found,
          brute.search(probe, () => true),
        ) ||
        !sameExpected
      )
        wrong += 1;
    }
    expect(wrong).toBe(0);
  },
  600_000,
);

/** Bit for bit: both add up the same products in the same order. */
function isSame(a: SearchResult | null, b: SearchResult): boolean {
  return (
    a?.best?.personId === b.best?.personId &&
    a?.best?.similarity === b.best?.similarity &&
    a?.runnerUp?.personId === b.runnerUp?.personId &&
    a?.runnerUp?.similarity === b.runnerUp?.similarity
  );
}
