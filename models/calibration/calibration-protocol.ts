/** Messages between the calibrator and its worker thread. */

import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";

export interface CalibrationSetUp {
  readonly model: string;
  readonly embeddingLength: number;
  /** Room made beforehand. */
  readonly peopleCount: number;
  readonly target: CalibrationTarget;
  /**
   * Room for `chunkTemplatesMax` templates, written on one side and read on the other: fresh buffers for 50,000
   * templates would be memory that the process gives back late.
   */
  readonly chunk: Float32Array<SharedArrayBuffer>;
}

export const chunkTemplatesMax = 96;

export type CalibrationRequest =
  /** The first of `chunk`'s rows hold the templates of these people, in order; a person's stand together, also over two chunks. */
  { readonly kind: "templates"; readonly personIds: readonly string[] } | { readonly kind: "finish" };

export type CalibrationAnswer =
  /** The chunk was read; it may be written again. */
  { readonly kind: "taken" } | { readonly kind: "done"; readonly calibration: GalleryCalibration };
