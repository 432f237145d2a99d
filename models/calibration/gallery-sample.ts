/**
 * A gallery as calibration holds it: every person's fused template in 16 bits, and a sample of single templates with
 * what each gave against its own person's others. 20,000 people are 28 MB, and nothing is kept after a run.
 */

import { embeddingRefusal } from "../embedding-check.ts";
import { addTemplate } from "../gallery.ts";
import { blockRows } from "./block-products.ts";

/** One step of a 16-bit number: the dot product of two such vectors is wrong by 2·10⁻⁵ at most in practice. */
const step = 1 / 32_767;
const rowCapacityMin = 256;

export interface SampledTemplate {
  readonly row: number;
  readonly embedding: Float32Array;
  /** To the mean of the person's other templates; null where it is the only one. */
  readonly ownSimilarity: number | null;
}

export class GalleryMeans {
  readonly embeddingLength: number;
  readonly personIds: string[] = [];
  readonly sampled: SampledTemplate[] = [];
  templateCount = 0;
  #steps: Int16Array;
  readonly #sampleMax: number;
  readonly #random: () => number;
  #open: { readonly personId: string; readonly templates: Float32Array[] } | null = null;
  readonly #known = new Set<string>();

  /** @param random decides which templates are sampled; a seeded one gives the same answer for the same gallery. */
  constructor(
    embeddingLength: number,
    options: { readonly peopleCount: number; readonly sampleMax: number; readonly random: () => number },
  ) {
    this.embeddingLength = embeddingLength;
    this.#steps = new Int16Array(Math.max(options.peopleCount, rowCapacityMin) * embeddingLength);
    this.#sampleMax = options.sampleMax;
    this.#random = options.random;
  }

  /** Takes a template; those of one person come one after another. What is no embedding is passed over. */
  add(personId: string, embedding: Float32Array): void {
    if (embeddingRefusal(embedding, this.embeddingLength) !== null) return;
    if (this.#open?.personId !== personId) {
      this.finish();
      // A person who comes again would count as somebody else who is exactly alike.
      if (this.#known.has(personId)) throw new Error("templates of one person come one after another");
      this.#known.add(personId);
      this.#open = { personId, templates: [] };
    }
    this.#open?.templates.push(Float32Array.from(embedding));
  }

  /** Closes the last person. */
  finish(): void {
    if (this.#open === null) return;
    const { personId, templates } = this.#open;
    this.#open = null;
    const row = this.personIds.length;
    this.personIds.push(personId);
    this.#store(row, fusedOf(templates, this.embeddingLength));
    for (const [i, embedding] of templates.entries()) this.#sample({ row, embedding, others: templates, i });
  }

  /** Rows `from` up to `to` as float32. @param into at least that many numbers. */
  rows(from: number, to: number, into: Float32Array): Float32Array {
    const source = this.#steps.subarray(from * this.embeddingLength, to * this.embeddingLength);
    for (let i = 0; i < source.length; i += 1) into[i] = (source[i] ?? 0) * step;
    return into.subarray(0, source.length);
  }

  /** First rows of the blocks in which the means are read. */
  blockStarts(): readonly number[] {
    const count = Math.ceil(this.personIds.length / blockRows);
    return Array.from({ length: count }, (_, block) => block * blockRows);
  }

  #store(row: number, fused: Float32Array): void {
    const base = row * this.embeddingLength;
    if (base + this.embeddingLength > this.#steps.length) {
      const larger = new Int16Array(Math.ceil((row + 1) * 1.25) * this.embeddingLength);
      larger.set(this.#steps);
      this.#steps = larger;
    }
    for (const [i, value] of fused.entries())
      this.#steps[base + i] = Math.round(Math.max(-1, Math.min(1, value)) / step);
  }

  /** Reservoir sampling (Vitter's algorithm R): each template is as likely as any other to be in the sample. */
  #sample(one: {
    readonly row: number;
    readonly embedding: Float32Array;
    readonly others: readonly Float32Array[];
    readonly i: number;
  }): void {
    this.templateCount += 1;
    const place =
      this.sampled.length < this.#sampleMax
        ? this.sampled.length
        : Math.floor(this.#random() * this.templateCount);
    if (place >= this.#sampleMax) return;
    const rest = one.others.filter((_, other) => other !== one.i);
    const ownSimilarity = rest.length === 0 ? null : dot(one.embedding, fusedOf(rest, this.embeddingLength));
    this.sampled[place] = { row: one.row, embedding: one.embedding, ownSimilarity };
  }
}

/** A person's templates as the gallery searches them. */
export function fusedOf(templates: readonly Float32Array[], embeddingLength: number): Float32Array {
  const fused = new Float32Array(embeddingLength);
  let sumLength = 0;
  for (const template of templates) sumLength = addTemplate(fused, sumLength, template);
  return fused;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
