import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";
import { histogramBins } from "./calibration-port.ts";
import { chooseThresholds, lookAlikeMin } from "./choose-thresholds.ts";

/** What an empty gallery gives: the assumed strangers alone decide. Milliseconds, so it needs no process of its own. */
export function calibrationOfNobody(model: string, target: CalibrationTarget): GalleryCalibration {
  const beganMs = performance.now();
  const sample = {
    ...{ peopleCount: 0, templateCount: 0 },
    ...{ strangers: [], genuine: [], pairs: null, histogram: new Float64Array(histogramBins) },
  };
  const chosen = chooseThresholds(sample, target);
  const level = lookAlikeMin(sample, target, chosen);
  const tookMs = performance.now() - beganMs;
  const counted = { peopleCount: 0, templateCount: 0, lookAlikes: [] };
  return { ...chosen, model, ...counted, lookAlikeMin: level, tookMs, cpuMs: tookMs };
}
