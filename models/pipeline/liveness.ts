/** Passive liveness: fr_liveness (a MiniFASNet of the Silent-Face-Anti-Spoofing family) on a wide crop. */

import type * as ort from "onnxruntime-node";
import type { Box } from "../face-engine-port.ts";
import { type Region, type RgbImage, resampleRegion } from "./rgb-image.ts";
import { runModel } from "./sessions.ts";

const inputSide = 128;
/** The model saw crops of 2.7 times the face box: what surrounds the face gives a screen or a print away. */
const cropScale = 2.7;

/** @returns 0 (attack) … 1 (live): the softmax of class 0. */
export async function measureLiveness(
  session: ort.InferenceSession,
  image: RgbImage,
  box: Box,
): Promise<number> {
  const rgb = resampleRegion(image, livenessRegion(image, box), inputSide, inputSide);
  const plane = inputSide * inputSide;
  const input = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i += 1) {
    // Blue first, 0…255, as the model was trained.
    for (let channel = 0; channel < 3; channel += 1)
      input[channel * plane + i] = rgb[i * 3 + 2 - channel] ?? 0;
  }
  const [logits = new Float32Array(0)] = await runModel(session, input, [1, 3, inputSide, inputSide]);
  const top = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - top));
  return (powers[0] ?? 0) / powers.reduce((sum, power) => sum + power, 0);
}

/** 2.7 × the box, made smaller where the picture is, and shifted to lie inside it: as in training. */
export function livenessRegion(image: Pick<RgbImage, "widthPx" | "heightPx">, box: Box): Region {
  const scale = Math.min(cropScale, image.widthPx / box[2], image.heightPx / box[3]);
  const width = box[2] * scale;
  const height = box[3] * scale;
  const x = Math.min(Math.max(box[0] + box[2] / 2 - width / 2, 0), image.widthPx - width);
  const y = Math.min(Math.max(box[1] + box[3] / 2 - height / 2, 0), image.heightPx - height);
  return { x, y, width, height };
}
