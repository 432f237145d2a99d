import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "./calibrate-gallery.ts";
import {
  type CalibrationTarget,
  type GallerySample,
  histogramBins,
  type StrangerVisit,
} from "./calibration-port.ts";
import { chooseThresholds, lookAlikeMin } from "./choose-thresholds.ts";

const target: CalibrationTarget = {
  fpirMax: 0.001,
  similarityFloor: 0.3,
  similarityCap: 0.95,
  marginFloor: 0.06,
  marginCap: 0.1,
  lookAlikeSlackMax: 0.08,
  assumed: { mean: 0.02, deviation: 0.12 },
};
const nothing: GallerySample = {
  peopleCount: 0,
  templateCount: 0,
  strangers: [],
  genuine: [],
  pairs: null,
  histogram: new Float64Array(histogramBins),
};

/** A gallery whose strangers' visits have an exponential tail of this scale above 0.35. */
function galleryOf(
  peopleCount: number,
  visitCount: number,
  scale: number,
  random: () => number = seededRandom(),
): GallerySample {
  const strangers: StrangerVisit[] = Array.from({ length: visitCount }, () => ({
    similarity: Math.min(1, 0.35 - scale * Math.log(1 - random())),
    margin: 0.3 * random(),
  }));
  return {
    ...nothing,
    peopleCount,
    templateCount: visitCount,
    strangers,
    pairs: { mean: 0.01, deviation: 0.11 },
  };
}

const anySample: fc.Arbitrary<GallerySample> = fc.record({
  peopleCount: fc.integer({ min: 0, max: 20_000 }),
  templateCount: fc.nat(60_000),
  strangers: fc.array(
    fc.record({
      similarity: fc.double({ min: -1, max: 1, noNaN: true }),
      margin: fc.double({ min: 0, max: 2, noNaN: true }),
    }),
    { maxLength: 120 },
  ),
  genuine: fc.array(
    fc.record({
      similarity: fc.double({ min: -1, max: 1, noNaN: true }),
      margin: fc.double({ min: -2, max: 2, noNaN: true }),
    }),
    { maxLength: 40 },
  ),
  pairs: fc.option(
    fc.record({
      mean: fc.double({ min: -0.5, max: 0.95, noNaN: true }),
      deviation: fc.double({ min: 0, max: 0.5, noNaN: true }),
    }),
  ),
  histogram: fc.constant(new Float64Array(histogramBins)),
});

function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

describe("thresholds from a gallery", () => {
  it("are finite and within floor and cap for any gallery at all", () => {
    fc.assert(
      fc.property(anySample, fc.double({ min: 1e-6, max: 0.5, noNaN: true }), (sample, fpirMax) => {
        const chosen = chooseThresholds(sample, { ...target, fpirMax });
        expect(numbersIn(chosen).every(Number.isFinite)).toBe(true);
        expect(chosen.similarityMin).toBeGreaterThanOrEqual(target.similarityFloor);
        expect(chosen.similarityMin).toBeLessThanOrEqual(target.similarityCap);
        expect(chosen.marginMin).toBeGreaterThanOrEqual(target.marginFloor);
        expect(chosen.marginMin).toBeLessThanOrEqual(target.marginCap);
        if (chosen.targetMet) expect(chosen.fpir.value).toBeLessThanOrEqual(fpirMax);
        expect(chosen.fpir.low).toBeLessThanOrEqual(chosen.fpir.value);
        expect(chosen.fpir.value).toBeLessThanOrEqual(chosen.fpir.high);
      }),
      { numRuns: 150 },
    );
  });

  it("rise as fewer strangers may pass", () => {
    const oneMargin = { ...target, marginFloor: 0.1 };
    fc.assert(
      fc.property(
        anySample,
        fc.double({ min: 1e-6, max: 0.2, noNaN: true }),
        fc.double({ min: 1, max: 50, noNaN: true }),
        (sample, fpirMax, factor) => {
          const strict = chooseThresholds(sample, { ...oneMargin, fpirMax });
          const lax = chooseThresholds(sample, { ...oneMargin, fpirMax: Math.min(0.9, fpirMax * factor) });
          expect(strict.similarityMin).toBeGreaterThanOrEqual(lax.similarityMin);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("rise with the number of people when nothing but the synthetic cohort is known", () => {
    const found = [1, 2, 5, 50, 500, 5000, 20_000].map(
      (peopleCount) => chooseThresholds({ ...nothing, peopleCount }, target).similarityMin,
    );
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(new Set(found).size).toBe(found.length);
  });

  it("rise with the visits' similarities", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.2, noNaN: true }), (shift) => {
        const near = galleryOf(500, 1500, 0.03);
        const nearer = {
          ...near,
          strangers: near.strangers.map((visit) => ({ ...visit, similarity: visit.similarity + shift })),
        };
        expect(chooseThresholds(nearer, target).similarityMin).toBeGreaterThanOrEqual(
          chooseThresholds(near, target).similarityMin,
        );
      }),
      { numRuns: 30 },
    );
  });

  it("keep the promised rate, and nearly always the interval, where the tail is the one that is fitted", () => {
    const scale = 0.03;
    const random = seededRandom();
    const promised = Array.from({ length: 20 }, () => {
      const { similarityMin, fpir } = chooseThresholds(galleryOf(20_000, 4000, scale, random), target);
      return { trueRate: Math.exp(-(similarityMin - 0.35) / scale) * 0.67, fpir };
    });
    const mean = promised.reduce((sum, { trueRate }) => sum + trueRate, 0) / promised.length;
    expect(mean).toBeGreaterThan(target.fpirMax / 1.3);
    expect(mean).toBeLessThan(target.fpirMax * 1.3);
    const within = promised.filter(({ trueRate, fpir }) => fpir.low < trueRate && trueRate < fpir.high);
    expect(within.length).toBeGreaterThanOrEqual(18);
  });

  it("are those of the cohort alone with nobody, one or two people enrolled", () => {
    for (const peopleCount of [0, 1, 2]) {
      const strangers = peopleCount < 2 ? [] : [{ similarity: 0.1, margin: 2 }];
      const { cohortShare, targetMet } = chooseThresholds({ ...nothing, peopleCount, strangers }, target);
      expect({ cohortShare, targetMet }).toEqual({ cohortShare: 1, targetMet: true });
    }
  });

  it("say that the target is missed where the cap is in the way, and what is to be expected then", () => {
    const chosen = chooseThresholds(galleryOf(500, 1500, 0.05), { ...target, similarityCap: 0.5 });
    expect(chosen).toMatchObject({ similarityMin: 0.5, targetMet: false });
    expect(chosen.fpir.value).toBeGreaterThan(target.fpirMax);
  });

  it("hardly move for twins, who are set aside", () => {
    const plain = galleryOf(1000, 3000, 0.02);
    const twins = plain.strangers.map((visit, i) =>
      i % 100 === 0 ? { similarity: 0.85, margin: 0.5 } : visit,
    );
    const without = chooseThresholds(plain, target);
    const withTwins = chooseThresholds({ ...plain, strangers: twins }, target);
    expect(withTwins.similarityMin - without.similarityMin).toBeLessThan(0.02);
    expect(withTwins.setAsideCount).toBe(30);
    expect(without.setAsideCount).toBe(0);
  });

  it("give up the larger margin only where it costs the enrolled", () => {
    const sample = galleryOf(500, 1500, 0.02);
    const free = Array.from({ length: 100 }, () => ({ similarity: 0.8, margin: 0.4 }));
    const dear = free.map((visit, i) => (i < 10 ? { similarity: 0.8, margin: 0.075 } : visit));
    expect(chooseThresholds({ ...sample, genuine: free }, target).marginMin).toBe(0.1);
    expect(chooseThresholds({ ...sample, genuine: dear }, target)).toMatchObject({
      marginMin: 0.07,
      fnir: { value: 0 },
    });
  });

  it("put look-alikes where a stranger comes by chance once in a hundred visits, near the threshold", () => {
    const sample = galleryOf(500, 1500, 0.02);
    const chosen = chooseThresholds(sample, target);
    const level = lookAlikeMin(sample, target, chosen);
    expect(level).toBeLessThan(chosen.similarityMin);
    expect(level).toBeGreaterThanOrEqual(chosen.similarityMin - target.lookAlikeSlackMax);
  });
});
