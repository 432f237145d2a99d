import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GalleryCalibration } from "../../models/calibration/calibration-port.ts";
import { GalleryBounds, NO_DISPUTES } from "./identity-bounds.ts";
import type { Dispute, DisputeBook } from "./identity-bounds-port.ts";

const model = "m1";
const calibration: GalleryCalibration = {
  model,
  peopleCount: 3,
  templateCount: 9,
  similarityMin: 0.56,
  marginMin: 0.09,
  targetMet: true,
  fpirMax: 0.001,
  fpir: { value: 0.001, low: 0.0005, high: 0.002 },
  fnir: null,
  cohortShare: 0.5,
  setAsideCount: 0,
  curve: [],
  lookAlikeMin: 0.5,
  lookAlikes: [
    { personIds: ["a", "b"], similarity: 0.8 },
    { personIds: ["a", "c"], similarity: 0.6 },
  ],
  tookMs: 5,
  cpuMs: 1,
};

const bookOf = (...disputes: Dispute[]): DisputeBook => ({
  disputesOf: (personId) =>
    disputes.filter((one) => one.personId === personId || one.otherPersonId === personId),
});
const dispute = (change: Partial<Dispute> = {}): Dispute => ({
  chargeId: "c1",
  personId: "a",
  otherPersonId: "d",
  model,
  similarity: 0.7,
  atMs: 1,
  ...change,
});
const boundsWith = (disputes: DisputeBook = NO_DISPUTES) =>
  new GalleryBounds({
    disputes,
    uncalibrated: () => ({ similarityMin: 0.58, marginMin: 0.1 }),
    disputedSimilarityMax: () => 0.83,
  });

describe("bounds of a gallery", () => {
  it("are the uncalibrated ones until a calibration is there, for each model by itself", () => {
    const bounds = boundsWith();
    const configured = { similarityMin: 0.58, marginMin: 0.1, source: "configured", targetMet: false };
    expect(bounds.thresholds(model)).toEqual({ model, ...configured });
    bounds.calibrated(calibration);
    expect(bounds.thresholds(model)).toEqual({
      model,
      similarityMin: 0.56,
      marginMin: 0.09,
      source: "calibrated",
      targetMet: true,
    });
    expect(bounds.thresholds("m2")).toEqual({ model: "m2", ...configured });
  });

  it("ask about two whom any pack finds alike, as long as that pack has both of them", () => {
    const bounds = boundsWith();
    expect(bounds.lookAlikesOf("a", model)).toBeNull();
    bounds.calibrated(calibration);
    bounds.calibrated({
      ...calibration,
      model: "m2",
      lookAlikes: [{ personIds: ["a", "b"], similarity: 0.4 }],
    });
    // The newest pack has only one of the two yet.
    expect(bounds.barOf("b", "m3").lookAlikes).toEqual([
      { personId: "a", similarity: 0.8, source: "gallery" },
    ]);
    expect(bounds.barOf("b", "m2").lookAlikes).toEqual([
      { personId: "a", similarity: 0.4, source: "gallery" },
    ]);
    expect(bounds.lookAlikesOf("a", model)).toEqual(["b", "c"]);
    expect(bounds.lookAlikesOf("c", "m2")).toEqual([]);
    bounds.forget("b", model);
    bounds.forget("b", "m2");
    expect(bounds.barOf("b", "m3").lookAlikes).toEqual([]);
    expect(bounds.barOf("a", "m3").lookAlikes).toMatchObject([{ personId: "c" }]);
  });

  it("are the stricter ones again while more came than the calibration knew, until the next", () => {
    const bounds = boundsWith();
    const small = { ...calibration, peopleCount: 1, similarityMin: 0.53 };
    bounds.calibrated(small);
    bounds.changed("a", model);
    bounds.changed("a", model);
    expect(bounds.thresholds(model)).toMatchObject({ similarityMin: small.similarityMin });
    bounds.changed("b", model);
    expect(bounds.thresholds(model)).toMatchObject({
      similarityMin: 0.58,
      marginMin: Math.max(small.marginMin, 0.1),
      source: "configured",
      targetMet: false,
    });
    expect(bounds.barOf("a", model).similarityMin).toBe(0.58);
    bounds.calibrated({ ...small, similarityMin: 0.9 }, new Set(["b", "c"]));
    expect(bounds.thresholds(model).similarityMin).toBe(0.9);
    bounds.calibrated(small);
    expect(bounds.thresholds(model)).toMatchObject({ similarityMin: small.similarityMin });
  });

  it("name both of a pair, nearest first, and nobody else", () => {
    const bounds = boundsWith();
    bounds.calibrated(calibration);
    expect(bounds.barOf("a", model).lookAlikes).toEqual([
      { personId: "b", similarity: 0.8, source: "gallery" },
      { personId: "c", similarity: 0.6, source: "gallery" },
    ]);
    expect(bounds.barOf("b", model).lookAlikes.map(({ personId }) => personId)).toEqual(["a"]);
    expect(bounds.barOf("z", model).lookAlikes).toEqual([]);
  });

  it("forget whoever left, on both sides, and take a new pair at once", () => {
    const bounds = boundsWith();
    bounds.calibrated(calibration);
    bounds.forget("b", model);
    expect(bounds.pairs(model)).toEqual([{ personIds: ["a", "c"], similarity: 0.6 }]);
    bounds.addPair(model, { personIds: ["b", "c"], similarity: 0.9 });
    expect(bounds.barOf("c", model).lookAlikes.map(({ personId }) => personId)).toEqual(["b", "a"]);
  });

  it("ask about both people of a dispute, and raise the bar of the one who was charged", () => {
    const bounds = boundsWith(bookOf(dispute()));
    bounds.calibrated(calibration);
    expect(bounds.barOf("a", model)).toMatchObject({
      similarityMin: 0.73,
      lookAlikes: [{ personId: "d", similarity: null, source: "disputed" }, {}, {}],
    });
    expect(bounds.barOf("d", model)).toMatchObject({
      similarityMin: 0.56,
      lookAlikes: [{ personId: "a", similarity: null, source: "disputed" }],
    });
  });

  it("raise the bar also where nobody said who it was, but not for another model's scale", () => {
    const unknown = boundsWith(bookOf(dispute({ otherPersonId: null })));
    expect(unknown.barOf("a", model)).toMatchObject({ similarityMin: 0.73, lookAlikes: [] });
    expect(unknown.barOf("a", "m2")).toMatchObject({ similarityMin: 0.58, lookAlikes: [] });
  });

  it("never sink under the thresholds nor rise above the cap, whatever was disputed", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 1 })), (similarities) => {
        const disputes = similarities.map((similarity, i) => dispute({ chargeId: `c${i}`, similarity }));
        const { similarityMin } = boundsWith(bookOf(...disputes)).barOf("a", model);
        expect(similarityMin).toBeGreaterThanOrEqual(0.58);
        expect(similarityMin).toBeLessThanOrEqual(0.83);
      }),
    );
  });
});
