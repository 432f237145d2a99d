/**
 * The crop that face-api gives its recognition net, for schools that enrolled with it: a square around the face by
 * dlib's proportions, not turned upright, scaled to 150×150 as TensorFlow's `resizeBilinear` does.
 * Source: @vladmandic/face-api 1.7.15 (MIT), `FaceLandmarks.alignDlib` and `NetInput.toBatchTensor`.
 */

import type { Point } from "../face-engine-port.ts";
import type { RgbImage } from "./rgb-image.ts";

export const faceApiSidePx = 150;
const meanRgb = [122.782, 117.001, 104.298] as const;

/** Whole pixels, inside the picture. */
export interface FaceApiBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** @param outline the 68 landmarks in pixels of the picture. */
export function faceApiBox(
  outline: readonly Point[],
  image: Pick<RgbImage, "widthPx" | "heightPx">,
): FaceApiBox {
  const leftEye = centreOf(outline.slice(36, 42));
  const rightEye = centreOf(outline.slice(42, 48));
  const mouth = centreOf(outline.slice(48, 68));
  const toMouth = ([x, y]: Point) => Math.hypot(mouth[0] - x, mouth[1] - y);
  const side = Math.floor((toMouth(leftEye) + toMouth(rightEye)) / 2 / 0.45);
  const [x, y] = centreOf([leftEye, rightEye, mouth]);
  const left = Math.min(Math.floor(Math.max(0, x - 0.5 * side)), image.widthPx - 1);
  const top = Math.min(Math.floor(Math.max(0, y - 0.43 * side)), image.heightPx - 1);
  const width = Math.max(1, Math.min(side, image.widthPx - left));
  return { x: left, y: top, width, height: Math.max(1, Math.min(side, image.heightPx - top)) };
}

function centreOf(points: readonly Point[]): Point {
  const [x, y] = points.reduce<[number, number]>(([sumX, sumY], [u, v]) => [sumX + u, sumY + v], [0, 0]);
  return [x / points.length, y / points.length];
}

/** Pads to a square with black around, scales, and normalises: 1×3×150×150, (RGB − mean) / 255. */
export function faceApiInput(image: RgbImage, box: FaceApiBox): Float32Array {
  const side = Math.max(box.width, box.height);
  // Of an odd number the larger half goes to the right and below.
  const offsetX = Math.floor((side - box.width) / 2);
  const offsetY = Math.floor((side - box.height) / 2);
  const value = (x: number, y: number, channel: number): number => {
    const u = Math.min(x, side - 1) - offsetX;
    const v = Math.min(y, side - 1) - offsetY;
    if (u < 0 || v < 0 || u >= box.width || v >= box.height) return 0;
    return image.data[((box.y + v) * image.widthPx + box.x + u) * 3 + channel] ?? 0;
  };
  const plane = faceApiSidePx ** 2;
  const input = new Float32Array(3 * plane);
  const scale = side / faceApiSidePx;
  for (let i = 0; i < plane; i += 1) {
    const x = (i % faceApiSidePx) * scale;
    const y = Math.floor(i / faceApiSidePx) * scale;
    const left = Math.floor(x);
    const top = Math.floor(y);
    for (let channel = 0; channel < 3; channel += 1) {
      const upper = value(left, top, channel) * (1 - x + left) + value(left + 1, top, channel) * (x - left);
      const lower =
        value(left, top + 1, channel) * (1 - x + left) + value(left + 1, top + 1, channel) * (x - left);
      input[channel * plane + i] =
        (upper * (1 - y + top) + lower * (y - top) - (meanRgb[channel] ?? 0)) / 255;
    }
  }
  return input;
}
