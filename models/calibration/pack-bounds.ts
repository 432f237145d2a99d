/**
 * What calibration may choose within for each model pack, because the similarities of packs are not comparable.
 * Constants chosen by looking at figures of the development set (README.md); nothing is fitted to its photos.
 */

import type { CalibrationTarget } from "./calibration-port.ts";

export interface PackBounds extends Omit<CalibrationTarget, "fpirMax"> {
  /** Used until the gallery was calibrated. */
  readonly uncalibrated: { readonly similarityMin: number; readonly marginMin: number };
  /** Two ids whose fused templates are this alike are one person, or twins: somebody has to look. */
  readonly samePersonMin: number;
}

/** FNIR of the development set at FPIR 1 %, three photos and one (README.md, the pack's card). */
const errorRateByPack: Readonly<Record<string, { readonly zh: string; readonly en: string }>> = {
  "face-api-128": {
    zh: "这个模型误差大：公开测试集上，误认率 1 % 时每 100 次真人识别漏认 12 次（录入 3 张）到 36 次（1 张）；误认率 0.34 % 时漏认 18 到 47 次。请尽快换模型并重新采集。",
    en: "This model errs often: on a public set, with 1 % false matches, 12 of 100 genuine visits are missed with 3 photos enrolled and 36 with one; with 0.34 %, 18 and 47. Enrol people anew with another model.",
  },
};

/**
 * fr-feature and MobileFaceNet joined: strangers 0.01 ± 0.11, the enrolled 0.78 (5 % of them under 0.59). Of one person's
 * means of three and three photos 95 % are over 0.755, two strangers' means at most 0.49, twins' 0.70 and 0.79.
 */
const joined: PackBounds = {
  similarityFloor: 0.52,
  similarityCap: 0.66,
  marginFloor: 0.06,
  marginCap: 0.1,
  lookAlikeSlackMax: 0.08,
  assumed: { mean: 0.02, deviation: 0.12 },
  uncalibrated: { similarityMin: 0.58, marginMin: 0.1 },
  samePersonMin: 0.75,
};

const boundsByPack: Readonly<Record<string, PackBounds>> = {
  "frf512-mfn192-flip": joined,
  "frf512-mfn192-flip-look2": joined,
  "frf512-mfn192": joined,
  /** Strangers 0.01 ± 0.10, the enrolled 0.74. */
  "fr-feature-512": {
    ...joined,
    similarityFloor: 0.48,
    similarityCap: 0.62,
    assumed: { mean: 0.02, deviation: 0.105 },
    uncalibrated: { similarityMin: 0.55, marginMin: 0.1 },
  },
  /** Strangers 0.01 ± 0.15, the enrolled 0.82. */
  "mobile-face-net-192": {
    ...joined,
    similarityFloor: 0.6,
    similarityCap: 0.74,
    assumed: { mean: 0.02, deviation: 0.155 },
    uncalibrated: { similarityMin: 0.66, marginMin: 0.1 },
    samePersonMin: 0.8,
  },
  /** Strangers 0.84 ± 0.03, the enrolled 0.965: a narrow place between, and most of the target is missed. */
  "face-api-128": {
    similarityFloor: 0.945,
    similarityCap: 0.975,
    marginFloor: 0.01,
    marginCap: 0.02,
    lookAlikeSlackMax: 0.015,
    assumed: { mean: 0.845, deviation: 0.034 },
    uncalibrated: { similarityMin: 0.965, marginMin: 0.02 },
    samePersonMin: 0.98,
  },
};

/** A pack that nobody looked at yet: hardly anybody is accepted, and a gallery of thousands may change that. */
const unknownPack: PackBounds = {
  ...joined,
  similarityFloor: 0.66,
  similarityCap: 0.975,
  uncalibrated: { similarityMin: 0.975, marginMin: 0.1 },
  samePersonMin: 0.98,
};

export function hasPackBounds(model: string): boolean {
  return Object.hasOwn(boundsByPack, model);
}

export function packBounds(model: string): PackBounds {
  return (hasPackBounds(model) ? boundsByPack[model] : undefined) ?? unknownPack;
}

/** What somebody wrote into the configuration; each only ever makes it stricter than the pack's own bounds. */
export interface WrittenBounds {
  readonly fpirMax: number;
  readonly similarityMin?: number | undefined;
  readonly marginMin?: number | undefined;
}

/** What to calibrate for: the pack's bounds with the configured floors in them. */
export function targetOf(model: string, written: WrittenBounds): CalibrationTarget {
  const { uncalibrated: _, samePersonMin: __, ...bounds } = packBounds(model);
  const similarityFloor = Math.max(bounds.similarityFloor, written.similarityMin ?? 0);
  const marginFloor = Math.max(bounds.marginFloor, written.marginMin ?? 0);
  return {
    ...bounds,
    fpirMax: written.fpirMax,
    similarityFloor,
    similarityCap: Math.max(bounds.similarityCap, similarityFloor),
    marginFloor,
    marginCap: Math.max(bounds.marginCap, marginFloor),
  };
}

/** What holds until the gallery was calibrated: the stricter of the pack's and the configured. */
export function uncalibratedThresholds(
  model: string,
  written: WrittenBounds,
): { readonly similarityMin: number; readonly marginMin: number } {
  const { uncalibrated } = packBounds(model);
  return {
    similarityMin: Math.max(uncalibrated.similarityMin, written.similarityMin ?? 0),
    marginMin: Math.max(uncalibrated.marginMin, written.marginMin ?? 0),
  };
}

export const samePersonMin = (model: string): number => packBounds(model).samePersonMin;

/** Nobody's bar is raised above this by disputes, or a few of them would keep somebody from ever paying by face. */
export function disputedSimilarityMax(model: string): number {
  // Half-way from the highest threshold to a perfect match: for the joined packs 0.83, where half of the genuine are.
  return (packBounds(model).similarityCap + 1) / 2;
}

/** How often the pack errs, for the operator; null where there is nothing to warn of. */
export function errorRateOf(model: string): { readonly zh: string; readonly en: string } | null {
  return Object.hasOwn(errorRateByPack, model) ? (errorRateByPack[model] ?? null) : null;
}
