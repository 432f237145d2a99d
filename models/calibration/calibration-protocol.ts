/** Messages between the calibrator and its process; structured clones over Node's own channel. */

import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";

export interface CalibrationSetUp {
  readonly model: string;
  readonly embeddingLength: number;
  /** Room made beforehand. */
  readonly peopleCount: number;
  readonly target: CalibrationTarget;
}

export const chunkTemplatesMax = 96;

export type CalibrationRequest =
  | { readonly kind: "set-up"; readonly setUp: CalibrationSetUp }
  /** Row i of `embeddings` is a template of the i-th person; a person's stand together, also over two chunks. */
  | {
      readonly kind: "templates";
      readonly personIds: readonly string[];
      readonly embeddings: Float32Array;
    }
  | { readonly kind: "finish" };

export type CalibrationAnswer =
  /** The next may come. */
  { readonly kind: "taken" } | { readonly kind: "done"; readonly calibration: GalleryCalibration };
