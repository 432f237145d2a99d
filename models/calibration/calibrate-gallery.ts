import { BlockProducts } from "./block-products.ts";
import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";
import { chooseThresholds, lookAlikeMin } from "./choose-thresholds.ts";
import type { GalleryMeans } from "./gallery-sample.ts";
import { findLookAlikes, measureGallery } from "./measure-gallery.ts";

/** Single templates that are held against everybody: enough for a rate of 0.1 %, and 12 MB of them. */
export const templatesSampledMax = 4096;

/** The whole calibration of one gallery; in the worker, because it takes seconds. */
export async function calibrateGallery(
  means: GalleryMeans,
  { model, target }: { readonly model: string; readonly target: CalibrationTarget },
): Promise<GalleryCalibration> {
  const beganMs = performance.now();
  const products = await BlockProducts.open(means.embeddingLength);
  try {
    const sample = await measureGallery(means, products);
    const chosen = chooseThresholds(sample, target);
    const level = lookAlikeMin(sample, target, chosen);
    const lookAlikes = await findLookAlikes(means, products, level);
    const { peopleCount, templateCount } = sample;
    const tookMs = performance.now() - beganMs;
    return { ...chosen, model, peopleCount, templateCount, lookAlikeMin: level, lookAlikes, tookMs };
  } finally {
    await products.close();
  }
}

/** mulberry32 from a fixed seed: the same gallery gives the same sample, and so the same thresholds. */
export function seededRandom(): () => number {
  let state = 0x5eed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
