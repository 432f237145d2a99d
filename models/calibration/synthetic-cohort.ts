/**
 * A synthetic cohort: what a gallery would meet of strangers if faces were random directions.
 *
 * The recipe, fitted to nobody's photos: templates are random directions on a sphere of k dimensions, plus one shared
 * direction. The shared part gives the mean similarity m of two strangers, and k its deviation: with t the dot product
 * of two random directions in k dimensions, whose density is proportional to (1−t²)^((k−3)/2) and whose variance is
 * 1/k, the similarity is m + (1−m)·t. The cohort is taken as endlessly large, so its rates are integrals and not
 * counts of drawn templates: the same gallery always has the same answer.
 *
 * Real faces have a longer tail than such directions, because some faces are more common than others. So the
 * deviation is widened by a tenth and a little; README.md has the figures behind the constants.
 */

import type { Moments } from "./calibration-port.ts";

/** The assumed moments count as much as those of a gallery of this many people. */
const assumedPeople = 50;
const widening = 1.12;
const gridSteps = 4000;
/** Two dimensions would put most of the density at the ends, which no faces do. */
const dimensionsMin = 4;

/** The gallery's own moments, drawn towards the assumed ones while it has few people. */
export function blendedMoments(gallery: Moments | null, peopleCount: number, assumed: Moments): Moments {
  const weight = gallery === null ? 0 : peopleCount / (peopleCount + assumedPeople);
  const own = gallery ?? assumed;
  const variance = weight * own.deviation ** 2 + (1 - weight) * assumed.deviation ** 2;
  return { mean: weight * own.mean + (1 - weight) * assumed.mean, deviation: Math.sqrt(variance) };
}

export class SyntheticCohort {
  /** Similarities of the grid's steps, rising, and the share of comparisons under each. */
  readonly #similarities = new Float64Array(gridSteps + 1);
  readonly #under = new Float64Array(gridSteps + 1);

  constructor({ mean, deviation }: Moments) {
    const spread = Math.min(Math.max(1 - mean, 1e-3), 2);
    const dimensions = Math.max((spread / (deviation * widening)) ** 2, dimensionsMin);
    let sum = 0;
    let before = 0;
    for (let i = 0; i <= gridSteps; i += 1) {
      const t = (2 * i) / gridSteps - 1;
      const density = Math.max(0, 1 - t * t) ** ((dimensions - 3) / 2);
      sum += i === 0 ? 0 : (before + density) / 2;
      before = density;
      this.#similarities[i] = mean + spread * t;
      this.#under[i] = sum;
    }
    for (let i = 0; i <= gridSteps; i += 1) this.#under[i] = (this.#under[i] ?? 0) / sum;
  }

  /** Share of comparisons of two different people that reach `similarity`. */
  fmr(similarity: number): number {
    return 1 - this.#underAt(similarity);
  }

  /**
   * Share of strangers' visits to a gallery of `peopleCount` whose nearest reaches a similarity and leads by
   * `marginMin`: over each place of the nearest, that the others are all further off than the margin.
   * @returns a function of the similarity.
   */
  fpirOf(peopleCount: number, marginMin: number): (similarity: number) => number {
    const above = new Float64Array(gridSteps + 2);
    for (let i = gridSteps; i > 0; i -= 1) {
      const share = (this.#under[i] ?? 0) - (this.#under[i - 1] ?? 0);
      const othersOff = this.#underAt((this.#similarities[i] ?? 0) - marginMin) ** (peopleCount - 1);
      above[i] = (above[i + 1] ?? 0) + peopleCount * share * othersOff;
    }
    const first = this.#similarities[0] ?? 0;
    const step = ((this.#similarities[gridSteps] ?? 1) - first) / gridSteps;
    return (similarity) => {
      if (peopleCount === 0) return 0;
      const place = Math.max(1, Math.floor((similarity - first) / step));
      return Math.min(1, above[Math.min(place, gridSteps + 1)] ?? 0);
    };
  }

  #underAt(similarity: number): number {
    const first = this.#similarities[0] ?? 0;
    const last = this.#similarities[gridSteps] ?? 1;
    const place = ((similarity - first) / (last - first)) * gridSteps;
    if (!(place > 0)) return 0;
    if (place >= gridSteps) return 1;
    const below = Math.floor(place);
    const low = this.#under[below] ?? 0;
    return low + ((this.#under[below + 1] ?? 1) - low) * (place - below);
  }
}
