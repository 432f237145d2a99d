import type { RecognitionStatus } from "../roster/gallery-calibration-port.ts";

/** A calibrated gallery of 1,200 people, or what a test changes of it. */
export function fakeRecognition(change: Partial<RecognitionStatus> = {}): RecognitionStatus {
  const curve = Array.from({ length: 61 }, (_, i) => {
    const similarity = 0.2 + i / 100;
    const fpir = Math.min(1, 0.6 * Math.exp(-Math.max(0, similarity - 0.38) / 0.032));
    return { similarity, fmr: Math.min(0.05, 0.05 * Math.exp(-(similarity - 0.2) / 0.034)), fpir };
  });
  return {
    thresholds: {
      model: "pair-704",
      similarityMin: 0.584,
      marginMin: 0.1,
      source: "calibrated",
      targetMet: true,
    },
    fpirMax: 0.001,
    calibration: {
      model: "pair-704",
      peopleCount: 1200,
      templateCount: 3600,
      similarityMin: 0.584,
      marginMin: 0.1,
      targetMet: true,
      fpirMax: 0.001,
      fpir: { value: 0.000_99, low: 0.000_42, high: 0.002_3 },
      fnir: { value: 0.012, low: 0.008, high: 0.018 },
      cohortShare: 0.08,
      setAsideCount: 2,
      curve,
      lookAlikeMin: 0.53,
      lookAlikes: [],
      tookMs: 2900,
      cpuMs: 1,
    },
    lookAlikes: [{ personIds: ["p1", "p2"], similarity: 0.79, isProbablySame: true }],
    state: { kind: "idle", finishedAtMs: Date.UTC(2026, 8, 1, 4), tookMs: 3100, failure: null },
    errorRate: null,
    ...change,
  };
}
