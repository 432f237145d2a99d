/** Messages between the calibrator and its worker thread. */

import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";

export interface CalibrationSetUp {
  readonly model: string;
  readonly embeddingLength: number;
  /** Room made beforehand. */
  readonly peopleCount: number;
  readonly target: CalibrationTarget;
}

export interface CalibrationChunk {
  /** Person of each template; those of one person stand together, also over two chunks. */
  readonly personIds: readonly string[];
  readonly embeddings: Float32Array<ArrayBuffer>;
}

export type CalibrationRequest =
  | { readonly kind: "templates"; readonly chunk: CalibrationChunk }
  | { readonly kind: "finish" };

export type CalibrationAnswer =
  /** The chunk was taken; the next may come. */
  { readonly kind: "taken" } | { readonly kind: "done"; readonly calibration: GalleryCalibration };
