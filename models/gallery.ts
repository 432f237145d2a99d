/**
 * The gallery: every enrolled person in memory, and the exact two nearest people to a probe.
 *
 * A person's templates are fused into one, their mean made length 1: with three photos enrolled that halves the
 * missed faces against taking the best of the three (README.md: ablation), and it is a third of the work.
 *
 * Search runs over int8 copies first and settles in float64, with a proof instead of a hope that nothing was missed:
 * with x̂, ŷ the de-quantised vectors, |x·y − x̂·ŷ| ≤ ‖x‖·‖y−ŷ‖ + ‖x−x̂‖·‖ŷ‖ (Cauchy–Schwarz). ‖y−ŷ‖ is measured for
 * every template when it is added; the few that quantise badly are always settled. The candidates of the int8 pass
 * are enough when the best that was left out, plus that bound, is under the second person found; otherwise four
 * times as many are taken.
 */

import { exactSearch, MetricKind } from "usearch";
import { embeddingLengthTolerance, templateRefusal } from "./embedding-check.ts";
import type { GalleryLoad, GalleryTemplate, SearchResult, TemplateRefusal } from "./face-engine-port.ts";

const candidateCountFirst = 64;
const candidateCountGrowth = 4;
const int8Max = 127;
/** Float32 sums of the pre-search and of the bound itself, with room to spare. */
const roundingSlack = 1e-4;
/** A template whose quantisation error is larger is settled in float64 at every search. */
const quantisationErrorMax = 0.02;
const rowCapacityMin = 64;
/** A dot product of longer int8 vectors could pass 2²⁴, where float32 stops holding every integer. */
const embeddingLengthMax = 1040;

export interface SearchOptions {
  readonly excludePersonId?: string;
}

interface Person {
  readonly personId: string;
  templateCount: number;
  /** Length of the sum of this person's templates, before it was made 1. */
  sumLength: number;
}

/**
 * Adds a template to a fused one, in place: the sum of all, made length 1.
 * @param sumLength length of the sum so far; 0 for none.
 * @returns the new sum's length. Opposite templates, whose sum is nothing, leave the newer one.
 */
export function addTemplate(fused: Float32Array, sumLength: number, embedding: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < fused.length; i += 1)
    squares += ((fused[i] ?? 0) * sumLength + (embedding[i] ?? 0)) ** 2;
  const length = Math.sqrt(squares);
  const keep = length < embeddingLengthTolerance ? 0 : sumLength;
  const divisor = keep === 0 && sumLength > 0 ? 1 : length;
  for (let i = 0; i < fused.length; i += 1)
    fused[i] = ((fused[i] ?? 0) * keep + (embedding[i] ?? 0)) / divisor;
  return divisor;
}

export class Gallery {
  readonly model: string;
  readonly embeddingLength: number;
  /** Value of one int8 step: five standard deviations of a random unit vector's component fit. */
  private readonly step: number;
  private floats: Float32Array;
  private bytes: Int8Array;
  /** Person of each row; its length is the number of rows in use. */
  private readonly people: Person[] = [];
  private readonly rowOf = new Map<string, number>();
  private readonly roughRows = new Set<number>();

  constructor(model: string, embeddingLength: number, rowCapacity: number = rowCapacityMin) {
    if (embeddingLength > embeddingLengthMax)
      throw new Error(`embeddings of ${embeddingLength} numbers are too long`);
    this.model = model;
    this.embeddingLength = embeddingLength;
    this.step = 5 / Math.sqrt(embeddingLength) / int8Max;
    const capacity = Math.max(rowCapacity, rowCapacityMin);
    this.floats = new Float32Array(capacity * embeddingLength);
    this.bytes = new Int8Array(capacity * embeddingLength);
  }

  get size(): { readonly people: number; readonly templates: number } {
    return {
      people: this.people.length,
      templates: this.people.reduce((sum, { templateCount }) => sum + templateCount, 0),
    };
  }

  /** Adds templates, to people who are there or new ones; those that are not fit are named in the result and skipped. */
  add(templates: readonly GalleryTemplate[]): GalleryLoad {
    const refused: { templateId: string; reason: TemplateRefusal }[] = [];
    for (const template of templates) {
      const reason = templateRefusal(template, this.model, this.embeddingLength);
      if (reason === null) this.fuse(template);
      else refused.push({ templateId: template.templateId, reason });
    }
    return { accepted: templates.length - refused.length, refused };
  }

  /** Replaces one person's templates in place of the old ones; others are not touched. */
  replacePerson(personId: string, templates: readonly GalleryTemplate[]): GalleryLoad {
    this.removePerson(personId);
    return this.add(templates.map((template) => ({ ...template, personId })));
  }

  /** The last row moves into the gap; a removed template leaves no trace in memory. */
  removePerson(personId: string): void {
    const row = this.rowOf.get(personId);
    const last = this.people.length - 1;
    const lastPerson = this.people[last];
    if (row === undefined || lastPerson === undefined) return;
    const length = this.embeddingLength;
    this.floats.copyWithin(row * length, last * length, (last + 1) * length);
    this.bytes.copyWithin(row * length, last * length, (last + 1) * length);
    this.floats.fill(0, last * length, (last + 1) * length);
    this.bytes.fill(0, last * length, (last + 1) * length);
    this.people[row] = lastPerson;
    this.people.length = last;
    this.rowOf.set(lastPerson.personId, row);
    this.rowOf.delete(personId);
    if (this.roughRows.delete(last)) this.roughRows.add(row);
    else this.roughRows.delete(row);
    if (row === last) this.roughRows.delete(row);
  }

  /**
   * The two most similar people, exact as float64 brute force over the fused templates.
   * Equal similarities go by person id, so that the answer does not depend on the order of enrolment.
   * @param probe L2-normalised, of this gallery's model; the caller has checked it with `embeddingRefusal`.
   */
  search(probe: Float32Array, options: SearchOptions = {}): SearchResult {
    if (this.people.length === 0) return { best: null, runnerUp: null };
    const quantised = this.quantise(probe, new Int8Array(this.embeddingLength));
    const errorMax =
      quantisationErrorMax * 1.01 + quantised.error * (1 + quantisationErrorMax) + roundingSlack;
    const settled = new TopTwo();
    const done = new Set<number>();
    const settle = (row: number) => {
      const personId = this.people[row]?.personId ?? "";
      if (done.has(row) || personId === options.excludePersonId) return;
      done.add(row);
      settled.offer(personId, this.dot(row, probe));
    };
    for (const row of this.roughRows) settle(row);
    for (let wanted = candidateCountFirst; ; wanted *= candidateCountGrowth) {
      const count = Math.min(wanted, this.people.length);
      const candidates = this.nearestQuantised(quantised.bytes, count);
      for (const row of candidates.rows) settle(row);
      const restMax = candidates.leastSimilarity + errorMax;
      if (count === this.people.length || restMax < settled.runnerUpSimilarity) return settled.result();
    }
  }

  /** The `count` nearest rows by the int8 dot product, which float32 holds exactly. */
  private nearestQuantised(
    probe: Int8Array,
    count: number,
  ): { readonly rows: readonly number[]; readonly leastSimilarity: number } {
    // usearch reads a matrix from the start of its buffer whatever its offset, so the view must begin there.
    const matrix = this.bytes.subarray(0, this.people.length * this.embeddingLength);
    const matches = exactSearch(matrix, probe, this.embeddingLength, count, MetricKind.IP, 1);
    const leastDot = 1 - (matches.distances[count - 1] ?? 0);
    return { rows: Array.from(matches.keys, Number), leastSimilarity: leastDot * this.step ** 2 };
  }

  private dot(row: number, probe: Float32Array): number {
    const base = row * this.embeddingLength;
    let sum = 0;
    for (let i = 0; i < probe.length; i += 1) sum += (this.floats[base + i] ?? 0) * (probe[i] ?? 0);
    return sum;
  }

  /** @returns the int8 numbers (written into `target`) and ‖x − x̂‖. */
  private quantise(
    vector: Float32Array,
    target: Int8Array,
  ): { readonly bytes: Int8Array; readonly error: number } {
    let squares = 0;
    for (const [i, value] of vector.entries()) {
      const rounded = Math.min(Math.max(Math.round(value / this.step), -int8Max), int8Max);
      target[i] = rounded;
      squares += (value - rounded * this.step) ** 2;
    }
    return { bytes: target, error: Math.sqrt(squares) };
  }

  private fuse({ personId, embedding }: GalleryTemplate): void {
    const row = this.rowOf.get(personId) ?? this.people.length;
    const person = this.people[row] ?? { personId, templateCount: 0, sumLength: 0 };
    this.growTo(row + 1);
    const base = row * this.embeddingLength;
    const fused = this.floats.subarray(base, base + this.embeddingLength);
    person.sumLength = addTemplate(fused, person.sumLength, embedding);
    person.templateCount += 1;
    this.people[row] = person;
    this.rowOf.set(personId, row);
    const { error } = this.quantise(fused, this.bytes.subarray(base, base + this.embeddingLength));
    if (error > quantisationErrorMax) this.roughRows.add(row);
    else this.roughRows.delete(row);
  }

  private growTo(rows: number): void {
    const length = this.embeddingLength;
    if (rows * length <= this.floats.length) return;
    const capacity = Math.ceil(Math.max(rows, (this.floats.length / length) * 1.25));
    const floats = new Float32Array(capacity * length);
    floats.set(this.floats);
    this.floats.fill(0);
    this.floats = floats;
    const bytes = new Int8Array(capacity * length);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}

/** Keeps the best two distinct people of those offered. */
class TopTwo {
  private best: { personId: string; similarity: number } | null = null;
  private second: { personId: string; similarity: number } | null = null;

  get runnerUpSimilarity(): number {
    return this.second?.similarity ?? Number.NEGATIVE_INFINITY;
  }

  offer(personId: string, similarity: number): void {
    const candidate = { personId, similarity };
    if (this.best === null || isBefore(candidate, this.best)) {
      if (this.best !== null && this.best.personId !== personId) this.second = this.best;
      this.best = candidate;
    } else if (
      this.best.personId !== personId &&
      (this.second === null || isBefore(candidate, this.second))
    ) {
      this.second = candidate;
    }
  }

  result(): SearchResult {
    return { best: this.best, runnerUp: this.second };
  }
}

function isBefore(
  a: { readonly personId: string; readonly similarity: number },
  b: { readonly personId: string; readonly similarity: number },
): boolean {
  return a.similarity > b.similarity || (a.similarity === b.similarity && a.personId < b.personId);
}
