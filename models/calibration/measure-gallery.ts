import { type BlockProducts, blockRows } from "./block-products.ts";
import {
  type GallerySample,
  histogramBins,
  type LookAlikePair,
  type Moments,
  type StrangerVisit,
} from "./calibration-port.ts";
import type { GalleryMeans, SampledTemplate } from "./gallery-sample.ts";

/** Holds every sampled template against all people but its own. */
export async function measureGallery(means: GalleryMeans, products: BlockProducts): Promise<GallerySample> {
  const { sampled, embeddingLength } = means;
  const tally = new Tally();
  const strangers: StrangerVisit[] = [];
  const genuine: StrangerVisit[] = [];
  const probes = new Float32Array(Math.min(blockRows, sampled.length) * embeddingLength);
  for (let from = 0; from < sampled.length; from += blockRows) {
    const part = sampled.slice(from, from + blockRows);
    for (const [i, { embedding }] of part.entries()) probes.set(embedding, i * embeddingLength);
    const nearest = await nearestOthers(
      means,
      products,
      part,
      probes.subarray(0, part.length * embeddingLength),
      tally,
    );
    for (const [i, { ownSimilarity }] of part.entries()) {
      const [first, second] = [nearest.first[i] ?? -1, nearest.second[i] ?? -1];
      // With one person there is no other to be mistaken for, and nothing to learn.
      if (means.personIds.length > 1) strangers.push({ similarity: first, margin: first - second });
      if (ownSimilarity !== null) genuine.push({ similarity: ownSimilarity, margin: ownSimilarity - first });
    }
  }
  return {
    peopleCount: means.personIds.length,
    templateCount: means.templateCount,
    strangers,
    genuine,
    pairs: tally.moments(),
    histogram: tally.histogram,
  };
}

interface Nearest {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

async function nearestOthers(
  means: GalleryMeans,
  products: BlockProducts,
  part: readonly SampledTemplate[],
  probes: Float32Array,
  tally: Tally,
): Promise<Nearest> {
  const first = new Float32Array(part.length).fill(-1);
  const second = new Float32Array(part.length).fill(-1);
  const block = new Float32Array(blockRows * means.embeddingLength);
  for (const start of means.blockStarts()) {
    const end = Math.min(start + blockRows, means.personIds.length);
    const scores = await products.of(probes, means.rows(start, end, block));
    const columns = end - start;
    for (const [i, { row }] of part.entries()) {
      let best = first[i] ?? -1;
      let next = second[i] ?? -1;
      for (let column = 0; column < columns; column += 1) {
        if (start + column === row) continue;
        const score = scores[i * columns + column] ?? 0;
        tally.add(score);
        if (score > best) {
          next = best;
          best = score;
        } else if (score > next) next = score;
      }
      first[i] = best;
      second[i] = next;
    }
  }
  return { first, second };
}

/** Counts, sum and squares of all comparisons; their single values are too many to keep. */
class Tally {
  readonly histogram = new Float64Array(histogramBins);
  private count = 0;
  private sum = 0;
  private squares = 0;

  add(score: number): void {
    this.count += 1;
    this.sum += score;
    this.squares += score * score;
    const bin = Math.floor(((score + 1) * histogramBins) / 2);
    const place = bin < 0 ? 0 : bin >= histogramBins ? histogramBins - 1 : bin;
    this.histogram[place] = (this.histogram[place] ?? 0) + 1;
  }

  moments(): Moments | null {
    if (this.count === 0) return null;
    const mean = this.sum / this.count;
    return { mean, deviation: Math.sqrt(Math.max(0, this.squares / this.count - mean * mean)) };
  }
}

/** Pairs that one person may appear in; the nearest are kept, and nobody who has one is left out. */
export const lookAlikesPerPersonMax = 8;

/** Every pair of people whose fused templates are at least `similarityMin` alike: all pairs, nothing sampled. */
export async function findLookAlikes(
  means: GalleryMeans,
  products: BlockProducts,
  similarityMin: number,
): Promise<readonly LookAlikePair[]> {
  const near = new NearPairs(means.personIds);
  const starts = means.blockStarts();
  const count = means.personIds.length;
  const left = new Float32Array(blockRows * means.embeddingLength);
  const right = new Float32Array(blockRows * means.embeddingLength);
  for (const [i, rowStart] of starts.entries()) {
    const rows = means.rows(rowStart, Math.min(rowStart + blockRows, count), left);
    for (const columnStart of starts.slice(i)) {
      const columns = Math.min(columnStart + blockRows, count) - columnStart;
      const scores = await products.of(rows, means.rows(columnStart, columnStart + columns, right));
      for (let place = 0; place < scores.length; place += 1) {
        const score = scores[place] ?? 0;
        if (!(score >= similarityMin)) continue;
        const row = rowStart + Math.floor(place / columns);
        const column = columnStart + (place % columns);
        if (row < column) near.offer(row, column, Math.min(1, score));
      }
    }
  }
  return near.pairs();
}

interface Near {
  readonly other: number;
  readonly similarity: number;
}

/** The nearest of each person, bounded: a gallery of one person under a thousand ids must not fill the memory. */
class NearPairs {
  readonly #personIds: readonly string[];
  readonly #nearOf = new Map<number, Near[]>();

  constructor(personIds: readonly string[]) {
    this.#personIds = personIds;
  }

  offer(a: number, b: number, similarity: number): void {
    this.#keep(a, { other: b, similarity });
    this.#keep(b, { other: a, similarity });
  }

  pairs(): readonly LookAlikePair[] {
    const found = new Map<string, LookAlikePair>();
    for (const [row, near] of this.#nearOf) {
      for (const { other, similarity } of near) {
        const [low, high] = row < other ? [row, other] : [other, row];
        const ids = [this.#personIds[low] ?? "", this.#personIds[high] ?? ""] as const;
        const personIds = ids[0] < ids[1] ? ids : ([ids[1], ids[0]] as const);
        found.set(`${low} ${high}`, { personIds, similarity });
      }
    }
    return [...found.values()].sort(
      (a, b) => b.similarity - a.similarity || (a.personIds[0] < b.personIds[0] ? -1 : 1),
    );
  }

  #keep(row: number, near: Near): void {
    const kept = this.#nearOf.get(row);
    if (kept === undefined) this.#nearOf.set(row, [near]);
    else if (kept.length < lookAlikesPerPersonMax) kept.push(near);
    else {
      const least = kept.reduce((a, b) => (b.similarity < a.similarity ? b : a));
      if (near.similarity > least.similarity) kept[kept.indexOf(least)] = near;
    }
  }
}
