/** What calibration takes from a gallery and what it says about it. Numbers and ids only; no embedding comes back. */

/** A rate with its 95 % interval. */
export interface EstimatedRate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What the terminal wants, and what no calibration may go beyond. */
export interface CalibrationTarget {
  /** Largest share of strangers' visits that may end as somebody enrolled, over 0 and under 1. */
  readonly fpirMax: number;
  /** No calibrated threshold is lower, whatever the gallery says. */
  readonly similarityFloor: number;
  readonly marginFloor: number;
  /** Nor a margin that is larger. */
  readonly marginCap: number;
  /** No calibrated threshold is higher: above it too many of the enrolled would be missed. */
  readonly similarityCap: number;
  /** How far under the least similarity two enrolled people may be and still count as look-alikes, at most. */
  readonly lookAlikeSlackMax: number;
  /** What is assumed of two strangers' similarity while the gallery has too few people to show it. */
  readonly assumed: Moments;
}

/** Mean and standard deviation of the similarity of two different people, a photo against a fused template. */
export interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

/** One enrolled template held against the gallery without its own person: what a stranger's visit would have given. */
export interface StrangerVisit {
  /** To the most similar of the others, −1…1. */
  readonly similarity: number;
  /** Its lead over the second of the others; 2 where there is only one. */
  readonly margin: number;
}

/** One enrolled template held against the mean of its person's other templates. */
export interface GenuineVisit {
  readonly similarity: number;
  /** Lead over the most similar of all others; negative where that one wins. */
  readonly margin: number;
}

/** Everything that the decision needs of a gallery; what the worker measures. */
export interface GallerySample {
  readonly peopleCount: number;
  readonly templateCount: number;
  readonly strangers: readonly StrangerVisit[];
  readonly genuine: readonly GenuineVisit[];
  /** Of all comparisons of two different people; null with fewer than two people. */
  readonly pairs: Moments | null;
  /** How many of these comparisons fell in each of `histogramBins` equal steps from −1 to 1. */
  readonly histogram: Float64Array;
}

/** Steps of 0.005. */
export const histogramBins = 400;

export interface ChosenThresholds {
  readonly similarityMin: number;
  readonly marginMin: number;
  /** False where the cap forbids the threshold that the target would need. */
  readonly targetMet: boolean;
  readonly fpirMax: number;
  readonly fpir: EstimatedRate;
  /** Null where nobody has two templates. Optimistic: photos of one enrolment are alike. */
  readonly fnir: EstimatedRate | null;
  /** How much of the estimate rests on the synthetic cohort: 1 with nobody enrolled, towards 0 with thousands. */
  readonly cohortShare: number;
  /** Visits left out of the tail because the nearest other can only be a relative or the same person twice. */
  readonly setAsideCount: number;
  readonly curve: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly similarity: number;
  /** Share of comparisons of two different people that reach this similarity. */
  readonly fmr: number;
  /** Share of strangers' visits that reach it with the chosen margin. */
  readonly fpir: number;
}

/** Two people whom the thresholds do not separate; `personIds` in rising order. */
export interface LookAlikePair {
  readonly personIds: readonly [string, string];
  /** Between their fused templates. */
  readonly similarity: number;
}

export interface GalleryCalibration extends ChosenThresholds {
  readonly model: string;
  readonly peopleCount: number;
  readonly templateCount: number;
  /** Pairs from this similarity on are look-alikes. */
  readonly lookAlikeMin: number;
  /** Falling similarity. Everybody who has a look-alike is in it, with the nearest `lookAlikesPerPersonMax`. */
  readonly lookAlikes: readonly LookAlikePair[];
  readonly tookMs: number;
}
