/** 68 landmarks of a face (fr_landmark), and the five of them that alignment and pose need. */

import type * as ort from "onnxruntime-node";
import type { Box, FiveLandmarks, Point } from "../face-engine-port.ts";
import { greyOf, type RgbImage, resampleRegion } from "./rgb-image.ts";
import { runModel } from "./sessions.ts";

const inputSide = 64;

/** In pixels of the picture. */
export interface FaceLandmarks {
  /** Eye centres (left of the image first), nose tip, mouth corners. */
  readonly five: FiveLandmarks;
  /** All 68: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, mouth 48–67 (iBUG 300-W). */
  readonly outline: readonly Point[];
}

/** Finds the landmarks in a square as high as the box, around the box's centre. */
export async function findLandmarks(
  session: ort.InferenceSession,
  image: RgbImage,
  box: Box,
): Promise<FaceLandmarks> {
  const side = box[3];
  const region = { x: box[0] + box[2] / 2 - side / 2, y: box[1], width: side, height: side };
  const rgb = resampleRegion(image, region, inputSide, inputSide);
  const input = new Float32Array(inputSide * inputSide);
  for (let i = 0; i < input.length; i += 1) {
    input[i] = greyOf(rgb[i * 3] ?? 0, rgb[i * 3 + 1] ?? 0, rgb[i * 3 + 2] ?? 0) / 256;
  }
  const [points = new Float32Array(0)] = await runModel(session, input, [1, 1, inputSide, inputSide]);
  const outline = Array.from(
    { length: points.length / 2 },
    (_, i): Point => [region.x + (points[i * 2] ?? 0) * side, region.y + (points[i * 2 + 1] ?? 0) * side],
  );
  return { five: fiveOf68(outline), outline };
}

function fiveOf68(outline: readonly Point[]): FiveLandmarks {
  const mean = (indices: readonly number[]): Point => {
    let sumX = 0;
    let sumY = 0;
    for (const index of indices) {
      const [x, y] = outline[index] ?? [0, 0];
      sumX += x;
      sumY += y;
    }
    return [sumX / indices.length, sumY / indices.length];
  };
  return [
    mean([36, 37, 38, 39, 40, 41]),
    mean([42, 43, 44, 45, 46, 47]),
    mean([30]),
    mean([48, 60]),
    mean([54, 64]),
  ];
}
