/** Alignment: the similarity that moves five landmarks onto the embedders' template, and the crop it gives. */

import type { FiveLandmarks, Point } from "../face-engine-port.ts";
import { addBilinear, type RgbImage } from "./rgb-image.ts";

export const alignedSidePx = 112;

/** The usual ArcFace template for 112×112, in pixels. */
const template: FiveLandmarks = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/** x' = a·x − b·y + x0, y' = b·x + a·y + y0. */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly x0: number;
  readonly y0: number;
}

/** More samples a pixel than 8×8 show nothing new; a face that large is shrunk a little coarsely instead. */
const samplesPerAxisMax = 8;

/**
 * Least-squares similarity from one set of points to another: rotation, one scale, shift, no mirroring.
 * In the plane Umeyama's solution has this closed form (Umeyama 1991).
 */
export function similarityBetween(from: readonly Point[], to: readonly Point[]): Similarity {
  const [fromX, fromY] = centreOf(from);
  const [toX, toY] = centreOf(to);
  let dot = 0;
  let cross = 0;
  let spread = 0;
  for (const [i, [x, y]] of from.entries()) {
    const [u, v] = to[i] ?? [toX, toY];
    dot += (x - fromX) * (u - toX) + (y - fromY) * (v - toY);
    cross += (x - fromX) * (v - toY) - (y - fromY) * (u - toX);
    spread += (x - fromX) ** 2 + (y - fromY) ** 2;
  }
  const a = dot / Math.max(spread, Number.EPSILON);
  const b = cross / Math.max(spread, Number.EPSILON);
  return { a, b, x0: toX - a * fromX + b * fromY, y0: toY - b * fromX - a * fromY };
}

function centreOf(points: readonly Point[]): Point {
  const sum = points.reduce<[number, number]>(([x, y], [u, v]) => [x + u, y + v], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/**
 * Aligns one face to the crop that the embedders expect.
 * @returns 112×112×3 values 0…255, row-major, RGB, a new array.
 */
export function alignFace(image: RgbImage, landmarks: FiveLandmarks): Float32Array {
  return sampleSquare(image, similarityBetween(template, landmarks), alignedSidePx);
}

/** A square that stands upright with a face; lengths in pixels of the template, centred in it across. */
export interface UprightSquare {
  readonly centreY: number;
  readonly side: number;
}

/** From 0…1 of that square to the picture in which the face has these landmarks. */
export function uprightMap(landmarks: FiveLandmarks, { centreY, side }: UprightSquare): Similarity {
  const { a, b, x0, y0 } = similarityBetween(template, landmarks);
  const left = (alignedSidePx - side) / 2;
  const top = centreY - side / 2;
  return { a: a * side, b: b * side, x0: a * left - b * top + x0, y0: b * left + a * top + y0 };
}

/** Reads what `map` (from 0…1 of a square to the picture) shows, as `sampleSquare` does. */
export function sampleUpright(image: RgbImage, map: Similarity, sidePx: number): Float32Array {
  const a = map.a / sidePx;
  const b = map.b / sidePx;
  // Samples are taken at the centres of pixels, half a pixel from their edges, here and in the picture.
  return sampleSquare(
    image,
    { a, b, x0: map.x0 + (a - b) / 2 - 0.5, y0: map.y0 + (a + b) / 2 - 0.5 },
    sidePx,
  );
}

/**
 * Reads a square crop of a picture along a similarity from the crop's pixels to the picture's.
 *
 * When the picture is finer than the crop, each pixel is the mean of a grid of bilinear samples: no aliasing.
 * @returns side×side×3 values 0…255, row-major, RGB, a new array.
 */
export function sampleSquare(image: RgbImage, { a, b, x0, y0 }: Similarity, sidePx: number): Float32Array {
  const samples = Math.min(Math.max(1, Math.ceil(Math.hypot(a, b) - 0.25)), samplesPerAxisMax);
  const out = new Float32Array(sidePx * sidePx * 3);
  const sums = new Float64Array(3);
  for (let v = 0; v < sidePx; v += 1) {
    for (let u = 0; u < sidePx; u += 1) {
      sums.fill(0);
      for (let i = 0; i < samples; i += 1) {
        for (let j = 0; j < samples; j += 1) {
          const subU = u + (j + 0.5) / samples - 0.5;
          const subV = v + (i + 0.5) / samples - 0.5;
          addBilinear(image, a * subU - b * subV + x0, b * subU + a * subV + y0, sums);
        }
      }
      const at = (v * sidePx + u) * 3;
      for (let channel = 0; channel < 3; channel += 1)
        out[at + channel] = (sums[channel] ?? 0) / samples ** 2;
    }
  }
  return out;
}
