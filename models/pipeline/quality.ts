/** How much a face can be trusted for matching, from its landmarks and its aligned crop. */

import type { FaceQuality, FiveLandmarks } from "../face-engine-port.ts";
import { alignedSidePx } from "./align.ts";
import { greyOf } from "./rgb-image.ts";

/**
 * A generic face in millimetres (x right, y down, z towards the camera), with the ArcFace template's proportions at
 * 63 mm between the eyes; depths are those of an average adult head, which is enough for ±5°.
 */
const genericFaceMm = [
  [-31.5, 0, 0],
  [31.5, 0, 0],
  [0.2, 36, 27],
  [-25.7, 72.6, 5],
  [26.4, 72.4, 5],
] as const;

/** Each part rises from 0 at `none` to 1 at `full` (or falls, where `none` is the larger). */
const scales = {
  eyeDistancePx: { none: 12, full: 40 },
  yawDeg: { none: 50, full: 15 },
  pitchDeg: { none: 45, full: 15 },
  rollDeg: { none: 60, full: 20 },
  sharpness: { none: 15, full: 150 },
  dark: { none: 30, full: 70 },
  bright: { none: 245, full: 205 },
} as const;

/** @param aligned the crop of `alignFace`: 112×112×3, 0…255. */
export function measureQuality(landmarks: FiveLandmarks, aligned: Float32Array): FaceQuality {
  const [left, right] = landmarks;
  const eyeDistancePx = Math.hypot(right[0] - left[0], right[1] - left[1]);
  const pose = estimatePose(landmarks);
  const { sharpness, brightness } = measureLight(aligned);
  const overall = Math.min(
    scaled(eyeDistancePx, scales.eyeDistancePx),
    scaled(Math.abs(pose.yawDeg), scales.yawDeg),
    scaled(Math.abs(pose.pitchDeg), scales.pitchDeg),
    scaled(Math.abs(pose.rollDeg), scales.rollDeg),
    scaled(sharpness, scales.sharpness),
    scaled(brightness, scales.dark),
    scaled(brightness, scales.bright),
  );
  return { overall, eyeDistancePx, ...pose, sharpness, brightness };
}

function scaled(value: number, { none, full }: { readonly none: number; readonly full: number }): number {
  return Math.min(Math.max((value - none) / (full - none), 0), 1);
}

export interface Pose {
  /** Positive when the face looks to the right side of the picture. */
  readonly yawDeg: number;
  /** Positive when it looks down. */
  readonly pitchDeg: number;
  /** Positive when the head leans clockwise in the picture. */
  readonly rollDeg: number;
}

/** Pose from five points under weak perspective: the affine map from the generic face, by least squares. */
export function estimatePose(landmarks: FiveLandmarks): Pose {
  const rowX = affineRow(landmarks.map(([x]) => x));
  const rowY = affineRow(landmarks.map(([, y]) => y));
  const scale = (Math.hypot(...rowX) + Math.hypot(...rowY)) / 2 || 1;
  const roll = Math.atan2(rowY[0], rowX[0]);
  // Undo the roll, so that yaw shows only in x and pitch only in y.
  const depthX = Math.cos(roll) * rowX[2] + Math.sin(roll) * rowY[2];
  const depthY = -Math.sin(roll) * rowX[2] + Math.cos(roll) * rowY[2];
  return {
    yawDeg: arcSineDeg(depthX / scale),
    pitchDeg: arcSineDeg(depthY / scale),
    rollDeg: (roll * 180) / Math.PI,
  };
}

function arcSineDeg(sine: number): number {
  return (Math.asin(Math.min(Math.max(sine, -1), 1)) * 180) / Math.PI;
}

const centredFace = (() => {
  const mean = [0, 1, 2].map((axis) => genericFaceMm.reduce((sum, point) => sum + (point[axis] ?? 0), 0) / 5);
  return genericFaceMm.map(
    ([x, y, z]) => [x - (mean[0] ?? 0), y - (mean[1] ?? 0), z - (mean[2] ?? 0)] as const,
  );
})();

/** Least squares of `values` ≈ constant + row · point, over the five points of the generic face (Cramer's rule). */
function affineRow(values: readonly number[]): readonly [number, number, number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const normal = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  const right: [number, number, number] = [0, 0, 0];
  for (const [i, point] of centredFace.entries()) {
    const value = (values[i] ?? mean) - mean;
    for (let row = 0; row < 3; row += 1) {
      right[row] = (right[row] ?? 0) + (point[row] ?? 0) * value;
      for (let column = 0; column < 3; column += 1) {
        const at = row * 3 + column;
        normal[at] = (normal[at] ?? 0) + (point[row] ?? 0) * (point[column] ?? 0);
      }
    }
  }
  const whole = determinant(normal);
  const solve = (column: number) =>
    determinant(normal.map((n, at) => (at % 3 === column ? (right[Math.floor(at / 3)] ?? 0) : n)));
  return [solve(0) / whole, solve(1) / whole, solve(2) / whole];
}

function determinant(m: readonly number[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = m;
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

/** Variance of the 4-neighbour Laplacian and mean of the grey crop; the outer quarter is left out (hair, background). */
function measureLight(aligned: Float32Array): { readonly sharpness: number; readonly brightness: number } {
  const side = alignedSidePx;
  const grey = new Float32Array(side * side);
  for (let i = 0; i < grey.length; i += 1) {
    grey[i] = greyOf(aligned[i * 3] ?? 0, aligned[i * 3 + 1] ?? 0, aligned[i * 3 + 2] ?? 0);
  }
  const margin = side / 8;
  let sum = 0;
  let laplacianSum = 0;
  let laplacianSquares = 0;
  let count = 0;
  for (let y = margin; y < side - margin; y += 1) {
    for (let x = margin; x < side - margin; x += 1) {
      const at = y * side + x;
      const centre = grey[at] ?? 0;
      const laplacian =
        (grey[at - 1] ?? 0) +
        (grey[at + 1] ?? 0) +
        (grey[at - side] ?? 0) +
        (grey[at + side] ?? 0) -
        4 * centre;
      sum += centre;
      laplacianSum += laplacian;
      laplacianSquares += laplacian ** 2;
      count += 1;
    }
  }
  return { sharpness: laplacianSquares / count - (laplacianSum / count) ** 2, brightness: sum / count };
}
