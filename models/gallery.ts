/**
 * The gallery: every enrolled person in memory, and the exact two nearest people to a probe.
 *
 * A person's templates are fused into one, their mean made length 1: with three photos enrolled that halves the
 * missed faces against taking the best of the three (README.md: ablation), and it is a third of the work.
 *
 * Search runs over int8 copies first and settles in float64, with a proof instead of a hope that nothing was missed:
 * with x̂, ŷ the de-quantised vectors, |x·y − x̂·ŷ| ≤ ‖x‖·‖y−ŷ‖ + ‖x−x̂‖·‖ŷ‖ (Cauchy–Schwarz). ‖y−ŷ‖ is measured for
 * every template when it is added; the few that quantise badly are always settled (both are rotated first, see
 * rotation.ts: as they are, most templates of real faces would quantise badly). The candidates of the int8 pass
 * are enough when the best that was left out, plus that bound, is under the second person found; otherwise four
 * times as many are taken.
 *
 * The int8 copies lie in two blocks, the people who are expected at this meal and the others: one pass over both gives
 * the two nearest of everybody and, with the same proof, the two nearest of the expected.
 */

import { embeddingLengthTolerance, templateRefusal } from "./embedding-check.ts";
import type {
  Candidate,
  GalleryLoad,
  GallerySize,
  GalleryTemplate,
  ObservedSearch,
  SearchResult,
  TemplateRefusal,
} from "./face-engine-port.ts";
import { GalleryBlock, type GalleryPerson, int8Max } from "./gallery-block.ts";
import { type Rotation, rotationOf } from "./rotation.ts";

/** So many that for random vectors the bound holds at once; with 64 every third search scanned everything again. */
const candidateCountFirst = 256;
const candidateCountGrowth = 4;
/** Float32 sums of the pre-search and of the bound itself, with room to spare. */
const roundingSlack = 1e-4;
/** A template whose quantisation error is larger is settled in float64 at every search. */
const quantisationErrorMax = 0.014;
const rowCapacityMin = 64;
/** A dot product of longer int8 vectors could pass 2²⁴, where float32 stops holding every integer. */
const embeddingLengthMax = 1040;

export interface SearchOptions {
  readonly excludePersonId?: string;
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
  private readonly lengths: ReadonlyMap<string, number>;
  /** Value of one int8 step: five standard deviations of a random unit vector's component fit. */
  private readonly step: number;
  private readonly rotation: Rotation;
  private floats: Float32Array;
  /** Person of each row of `floats`; its length is the number of rows in use. */
  private readonly people: GalleryPerson[] = [];
  private readonly byId = new Map<string, GalleryPerson>();
  private readonly others: GalleryBlock;
  /** Empty while nobody is expected in particular. */
  private readonly expected: GalleryBlock;
  private expectedIds: ReadonlySet<string> | null = null;
  private templateCount = 0;

  constructor(model: string, embeddingLength: number, rowCapacity: number = rowCapacityMin) {
    if (embeddingLength > embeddingLengthMax)
      throw new Error(`embeddings of ${embeddingLength} numbers are too long`);
    this.model = model;
    this.embeddingLength = embeddingLength;
    this.lengths = new Map([[model, embeddingLength]]);
    this.step = 5 / Math.sqrt(embeddingLength) / int8Max;
    this.rotation = rotationOf(embeddingLength);
    this.floats = new Float32Array(Math.max(rowCapacity, rowCapacityMin) * embeddingLength);
    this.others = new GalleryBlock(embeddingLength, rowCapacity);
    this.expected = new GalleryBlock(embeddingLength, 0);
  }

  get size(): GallerySize {
    return { people: this.people.length, templates: this.templateCount };
  }

  /** Adds templates, to people who are there or new ones; those that are not fit are named in the result and skipped. */
  add(templates: readonly GalleryTemplate[]): GalleryLoad {
    const refused: { templateId: string; reason: TemplateRefusal }[] = [];
    for (const template of templates) {
      const reason = templateRefusal(template, this.lengths);
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
    const person = this.byId.get(personId);
    const last = this.people.at(-1);
    if (person === undefined || last === undefined) return;
    person.block.remove(person);
    const length = this.embeddingLength;
    this.floats.copyWithin(person.row * length, last.row * length, (last.row + 1) * length);
    this.floats.fill(0, last.row * length, (last.row + 1) * length);
    last.row = person.row;
    this.people[last.row] = last;
    this.people.length -= 1;
    this.byId.delete(personId);
    this.templateCount -= person.templateCount;
  }

  /** From now on `observe` also answers among these; null: nobody in particular. Ids that are not here are allowed. */
  setExpected(personIds: Iterable<string> | null): void {
    this.expectedIds = personIds === null ? null : new Set(personIds);
    this.expected.reserve(Math.min(this.expectedIds?.size ?? 0, this.people.length));
    for (const person of this.people) this.blockFor(person.personId).moveHere(person);
    this.others.trim();
    this.expected.trim();
  }

  /**
   * The two most similar people, exact as float64 brute force over the fused templates.
   * Equal similarities go by person id, so that the answer does not depend on the order of enrolment.
   * @param probe L2-normalised, of this gallery's model; the caller has checked it with `embeddingRefusal`.
   */
  search(probe: Float32Array, options: SearchOptions = {}): SearchResult {
    return this.nearest(probe, options.excludePersonId).everybody.result();
  }

  /** As `search`, and in the same pass the two most similar of the expected people. */
  observe(probe: Float32Array): ObservedSearch {
    const { everybody, expected } = this.nearest(probe, undefined);
    return { ...everybody.result(), expected: this.expectedIds === null ? null : expected.result() };
  }

  private nearest(
    probe: Float32Array,
    excludePersonId: string | undefined,
  ): { readonly everybody: TopTwo; readonly expected: TopTwo } {
    const everybody = new TopTwo();
    const expected = new TopTwo();
    const bytes = new Int8Array(this.embeddingLength);
    const probeError = this.quantise(probe, bytes);
    const errorMax = quantisationErrorMax * 1.01 + probeError * (1 + quantisationErrorMax) + roundingSlack;
    const settleBlock = (block: GalleryBlock, offer: (candidate: Candidate) => void, wanted: TopTwo) => {
      const done = new Set<GalleryPerson>();
      const settle = (person: GalleryPerson) => {
        if (done.has(person) || person.personId === excludePersonId) return;
        done.add(person);
        offer({ personId: person.personId, similarity: this.dot(person.row, probe) });
      };
      for (const person of block.rough) settle(person);
      const { length: size } = block.people;
      for (let count = 0; count < size; ) {
        count = Math.min(count === 0 ? candidateCountFirst : count * candidateCountGrowth, size);
        const candidates = block.nearest(bytes, count);
        for (const person of candidates.people) settle(person);
        if (candidates.leastDot * this.step ** 2 + errorMax < wanted.runnerUpSimilarity) return;
      }
    };
    // Who is not among the two nearest expected people cannot be among the two nearest of everybody either.
    const offerExpected = (candidate: Candidate) => {
      expected.offer(candidate);
      everybody.offer(candidate);
    };
    settleBlock(this.expected, offerExpected, expected);
    settleBlock(this.others, (candidate) => everybody.offer(candidate), everybody);
    return { everybody, expected };
  }

  private blockFor(personId: string): GalleryBlock {
    return this.expectedIds?.has(personId) ? this.expected : this.others;
  }

  private dot(row: number, probe: Float32Array): number {
    const base = row * this.embeddingLength;
    let sum = 0;
    for (let i = 0; i < probe.length; i += 1) sum += (this.floats[base + i] ?? 0) * (probe[i] ?? 0);
    return sum;
  }

  /** Writes the int8 numbers x̂, of the vector rotated, into `target`. @returns ‖x − x̂‖. */
  private quantise(vector: Float32Array, target: Int8Array): number {
    const rotated = this.rotation.apply(vector);
    let squares = 0;
    for (let i = 0; i < rotated.length; i += 1) {
      const value = rotated[i] ?? 0;
      const rounded = Math.min(Math.max(Math.round(value / this.step), -int8Max), int8Max);
      target[i] = rounded;
      squares += (value - rounded * this.step) ** 2;
    }
    return Math.sqrt(squares);
  }

  private fuse({ personId, embedding }: GalleryTemplate): void {
    const person = this.byId.get(personId) ?? this.newPerson(personId);
    const base = person.row * this.embeddingLength;
    const fused = this.floats.subarray(base, base + this.embeddingLength);
    person.sumLength = addTemplate(fused, person.sumLength, embedding);
    person.templateCount += 1;
    this.templateCount += 1;
    const { block } = person;
    block.setRough(person, this.quantise(fused, block.bytesOf(person)) > quantisationErrorMax);
  }

  private newPerson(personId: string): GalleryPerson {
    const block = this.blockFor(personId);
    const row = this.people.length;
    const person = { personId, templateCount: 0, sumLength: 0, row, block, blockRow: 0, isRough: false };
    this.people.push(person);
    this.byId.set(personId, person);
    this.growTo(row + 1);
    block.add(person);
    return person;
  }

  private growTo(rows: number): void {
    const length = this.embeddingLength;
    if (rows * length <= this.floats.length) return;
    const capacity = Math.ceil(Math.max(rows, (this.floats.length / length) * 1.25));
    const floats = new Float32Array(capacity * length);
    floats.set(this.floats);
    this.floats.fill(0);
    this.floats = floats;
  }
}

/** Keeps the best two distinct people of those offered. */
class TopTwo {
  private best: Candidate | null = null;
  private second: Candidate | null = null;

  get runnerUpSimilarity(): number {
    return this.second?.similarity ?? Number.NEGATIVE_INFINITY;
  }

  /** Each person is offered once. */
  offer(candidate: Candidate): void {
    if (this.best === null || isBefore(candidate, this.best)) {
      this.second = this.best;
      this.best = candidate;
    } else if (this.second === null || isBefore(candidate, this.second)) {
      this.second = candidate;
    }
  }

  result(): SearchResult {
    return { best: this.best, runnerUp: this.second };
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.similarity > b.similarity || (a.similarity === b.similarity && a.personId < b.personId);
}
