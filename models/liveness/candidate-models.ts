/** Liveness models that were measured and are not shipped: they cost more than they gave (README.md, "Liveness"). */

import path from "node:path";
import * as ort from "onnxruntime-node";
import type { Box } from "../face-engine-port.ts";
import { type RgbImage, resampleRegion } from "../pipeline/rgb-image.ts";
import { runModel } from "../pipeline/sessions.ts";

export const candidatesFile = path.join(import.meta.dirname, "candidates.json");

interface Candidate {
  readonly file: string;
  readonly sidePx: number;
  /** Side of the square over the longer side of the box. */
  readonly cropScale: number;
  /** 0 (attack) … 1 (live), from the outputs. */
  readonly liveOf: (outputs: readonly Float32Array[]) => number;
  /** What its own package takes for live. */
  readonly scoreMin: number;
}

export const candidates: Readonly<Record<string, Candidate>> = {
  "human-antispoof": {
    file: "human-antispoof.onnx",
    sidePx: 128,
    cropScale: 1.4,
    liveOf: ([real]) => real?.[0] ?? 0,
    scoreMin: 0.5,
  },
  "human-liveness": {
    file: "human-liveness.onnx",
    sidePx: 32,
    cropScale: 1.4,
    liveOf: ([live]) => live?.[0] ?? 0,
    scoreMin: 0.5,
  },
  "face-anti-spoofing": {
    file: "face-anti-spoofing.onnx",
    sidePx: 256,
    cropScale: 1,
    // The package's score grows with the attack, and under 0.2 is live.
    liveOf: ([scores, leaves]) =>
      1 -
      Math.min(
        (scores ?? new Float32Array()).reduce(
          (sum, score, i) => sum + Math.abs(score) * (leaves?.[i] ?? 0),
          0,
        ),
        1,
      ),
    scoreMin: 0.8,
  },
};

export async function openCandidate(file: string, folder: string): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(path.join(folder, file), { intraOpNumThreads: 1, interOpNumThreads: 1 });
}

export async function measureCandidate(
  { sidePx, cropScale, liveOf }: Candidate,
  session: ort.InferenceSession,
  image: RgbImage,
  box: Box,
): Promise<number> {
  const side = Math.max(box[2], box[3]) * cropScale;
  const region = {
    x: box[0] + box[2] / 2 - side / 2,
    y: box[1] + box[3] / 2 - side / 2,
    width: side,
    height: side,
  };
  const rgb = resampleRegion(image, region, sidePx, sidePx);
  const plane = sidePx * sidePx;
  const input = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i += 1)
    for (let channel = 0; channel < 3; channel += 1)
      input[channel * plane + i] = (rgb[i * 3 + channel] ?? 0) / 255;
  return liveOf(await runModel(session, input, [1, 3, sidePx, sidePx]));
}
