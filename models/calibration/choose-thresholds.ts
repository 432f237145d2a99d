/** From what a gallery shows to the least similarity and margin that keep strangers out. Pure. */

import {
  type CalibrationTarget,
  type ChosenThresholds,
  type CurvePoint,
  type EstimatedRate,
  type GallerySample,
  type GenuineVisit,
  histogramBins,
  type StrangerVisit,
} from "./calibration-port.ts";
import { blendedMoments, SyntheticCohort } from "./synthetic-cohort.ts";
import { fitTail, type Tail, tailRate } from "./tail-fit.ts";

/** The synthetic cohort counts as much as the visits of a gallery of this many people. */
const cohortPeople = 100;
/** How far the cohort's rate may be from the true one, either way; measured on the development set. */
const cohortFactor = 3;
/** Strangers' nearest visits that show how many of such also lead by the margin. */
const leadingVisits = 50;
const marginStep = 0.01;
/** A larger margin may cost this share of the genuine visits: it is there for look-alikes, whom FPIR does not count. */
const marginCostMax = 0.001;
const similarityStep = 0.001;
/** Fewer comparisons than this do not show their share. */
const fmrCountMin = 20;
const curveFrom = 0.2;
const curveTo = 0.8;
const curveStep = 0.01;

/**
 * The least similarity for each margin at which no more than `fpirMax` of strangers' visits pass both, and of these
 * pairs the one that misses fewest of the enrolled; of equal ones that with the larger margin.
 */
export function chooseThresholds(sample: GallerySample, target: CalibrationTarget): ChosenThresholds {
  const estimate = new FpirEstimate(sample, target);
  const candidates = marginsOf(target).map((marginMin) => {
    const needed = estimate.similarityFor(target.fpirMax, marginMin);
    const similarityMin = Math.min(Math.max(needed, target.similarityFloor), target.similarityCap);
    const missed = missedShare(sample.genuine, similarityMin, marginMin);
    return { marginMin, similarityMin, targetMet: needed <= target.similarityCap, missed };
  });
  const least = Math.min(...candidates.map(({ missed }) => missed));
  const chosen = candidates.findLast(({ missed }) => missed <= least + marginCostMax);
  if (chosen === undefined) throw new Error("there is always a margin to choose");
  const { similarityMin, marginMin, targetMet } = chosen;
  return {
    similarityMin,
    marginMin,
    targetMet,
    fpirMax: target.fpirMax,
    fpir: estimate.rate(similarityMin, marginMin),
    fnir: sample.genuine.length === 0 ? null : missRate(sample.genuine, similarityMin, marginMin),
    cohortShare: estimate.cohortShare,
    setAsideCount: estimate.setAsideCount,
    curve: estimate.curve(marginMin),
  };
}

/**
 * Where two enrolled people begin to be look-alikes: as near as one stranger's visit in a hundred comes by chance
 * (ten times the configured rate, if that is less). A threshold lets a stranger pass more seldom, but between two who
 * are this near a bad frame of the one can pass as the other. With few people even a distant pair is seldom by chance;
 * nobody is asked because of it, so the level stays within `lookAlikeSlackMax` of the threshold.
 */
export function lookAlikeMin(
  sample: GallerySample,
  target: CalibrationTarget,
  { similarityMin }: Pick<ChosenThresholds, "similarityMin">,
): number {
  const rate = Math.min(lookAlikeRateMax, lookAlikeRateFactor * target.fpirMax);
  const level = new FpirEstimate(sample, target).similarityFor(rate, 0);
  return Math.max(similarityMin - target.lookAlikeSlackMax, Math.min(similarityMin, level));
}

const lookAlikeRateMax = 0.01;
const lookAlikeRateFactor = 10;

/** The gallery's own visits and the synthetic cohort, weighted by how many people there are. */
class FpirEstimate {
  readonly cohortShare: number;
  readonly #tail: Tail | null;
  readonly #sample: GallerySample;
  readonly #cohort: SyntheticCohort;
  /** Falling similarity. */
  readonly #leading: readonly StrangerVisit[];
  readonly #cohortOf = new Map<number, (similarity: number) => number>();

  constructor(sample: GallerySample, { assumed }: CalibrationTarget) {
    this.#sample = sample;
    this.#tail = fitTail(
      sample.strangers.map(({ similarity }) => similarity),
      sample.peopleCount,
    );
    this.cohortShare = this.#tail === null ? 1 : cohortPeople / (cohortPeople + sample.peopleCount);
    this.#cohort = new SyntheticCohort(blendedMoments(sample.pairs, sample.peopleCount, assumed));
    this.#leading = sample.strangers.toSorted((a, b) => b.similarity - a.similarity).slice(0, leadingVisits);
  }

  get setAsideCount(): number {
    return this.#tail?.setAsideCount ?? 0;
  }

  rate(similarityMin: number, marginMin: number): EstimatedRate {
    const cohort = this.#cohortRate(similarityMin, marginMin);
    const parts: EstimatedRate[] = [
      scaled({ value: cohort, low: cohort / cohortFactor, high: cohort * cohortFactor }, this.cohortShare),
    ];
    if (this.#tail !== null) {
      const leads = this.#leadingShare(marginMin);
      parts.push(scaled(tailRate(this.#tail, similarityMin), leads * (1 - this.cohortShare)));
    }
    const sum = (pick: (rate: EstimatedRate) => number) =>
      Math.min(
        1,
        parts.reduce((total, part) => total + pick(part), 0),
      );
    return { value: sum(({ value }) => value), low: sum(({ low }) => low), high: sum(({ high }) => high) };
  }

  /** The least similarity, in whole steps, at which the rate is at most `fpirMax`; the rate only falls with it. */
  similarityFor(fpirMax: number, marginMin: number): number {
    let low = 0;
    let high = Math.ceil(2 / similarityStep);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.rate(middle * similarityStep, marginMin).value <= fpirMax) high = middle;
      else low = middle + 1;
    }
    return Math.round(low * similarityStep * 1000) / 1000;
  }

  curve(marginMin: number): readonly CurvePoint[] {
    const count = Math.round((curveTo - curveFrom) / curveStep);
    return Array.from({ length: count + 1 }, (_, i) => {
      const similarity = Math.round((curveFrom + i * curveStep) * 1000) / 1000;
      return {
        similarity,
        fmr: this.#fmr(similarity),
        fpir: this.rate(similarity, marginMin).value,
      };
    });
  }

  /** As counted; further out than that shows, the rate that leads to the estimated FPIR of a visit: 1−(1−FMR)^N. */
  #fmr(similarity: number): number {
    const { histogram, peopleCount } = this.#sample;
    const from = Math.round(((similarity + 1) * histogramBins) / 2);
    const all = histogram.reduce((sum, count) => sum + count, 0);
    const reached = histogram.subarray(from).reduce((sum, count) => sum + count, 0);
    if (reached >= fmrCountMin) return reached / all;
    if (peopleCount === 0) return this.#cohort.fmr(similarity);
    return 1 - (1 - this.rate(similarity, 0).value) ** (1 / peopleCount);
  }

  #cohortRate(similarityMin: number, marginMin: number): number {
    const known = this.#cohortOf.get(marginMin);
    const rateOf = known ?? this.#cohort.fpirOf(this.#sample.peopleCount, marginMin);
    if (known === undefined) this.#cohortOf.set(marginMin, rateOf);
    return rateOf(similarityMin);
  }

  /** Of the nearest visits those that also lead by the margin; one more than was seen, so that it is never none. */
  #leadingShare(marginMin: number): number {
    const leading = this.#leading.filter(({ margin }) => margin >= marginMin).length;
    return Math.min(1, (leading + 1) / Math.max(1, this.#leading.length));
  }
}

function scaled({ value, low, high }: EstimatedRate, by: number): EstimatedRate {
  return { value: value * by, low: low * by, high: high * by };
}

function marginsOf({ marginFloor, marginCap }: CalibrationTarget): readonly number[] {
  const count = Math.max(0, Math.floor((marginCap - marginFloor) / marginStep + 1e-9));
  return Array.from(
    { length: count + 1 },
    (_, i) => Math.round((marginFloor + i * marginStep) * 1000) / 1000,
  );
}

function missedShare(genuine: readonly GenuineVisit[], similarityMin: number, marginMin: number): number {
  if (genuine.length === 0) return 0;
  const missed = genuine.filter(
    ({ similarity, margin }) => !(similarity >= similarityMin && margin >= marginMin),
  );
  return missed.length / genuine.length;
}

/** With Wilson's score interval, which holds for rates near zero too (Wilson 1927). */
function missRate(genuine: readonly GenuineVisit[], similarityMin: number, marginMin: number): EstimatedRate {
  const value = missedShare(genuine, similarityMin, marginMin);
  const count = genuine.length;
  const z = 1.96;
  const centre = (value + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const half =
    (z / (1 + z ** 2 / count)) * Math.sqrt((value * (1 - value)) / count + z ** 2 / (4 * count ** 2));
  return { value, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
