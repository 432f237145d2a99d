/**
 * Passive liveness: fr_liveness (a MiniFASNet of the Silent-Face-Anti-Spoofing family) on a wide crop, and whether the
 * face moves as one plane with its surroundings. Other models were measured and do not pay: models/README.md.
 */

import type * as ort from "onnxruntime-node";
import type { Box, FaceMotion } from "../face-engine-port.ts";
import { type Region, type RgbImage, resampleRegion } from "./rgb-image.ts";
import { runModel } from "./sessions.ts";

const inputSide = 128;
/** The model saw crops of 2.7 times the face box: what surrounds the face gives a screen or a print away. */
const cropScale = 2.7;

/** Logits beyond this are all the same to us: a net that is so sure has been wrong too. */
const textureLogitMax = 4;
/** Moves fr_liveness's 0.12 to 0.5, the mark of `assist`: at its own 0.5 it doubts a fifth of live faces. */
const textureLogitOffset = 2;
/** What a plane's motion costs, from the share on that hair and shoulders of a live head reach. */
const togetherFree = 0.2;
const togetherLogits = 8;

/**
 * The share of live by texture and motion; 0.5 is where `assist` begins to doubt. A still face is judged by texture alone,
 * and a face that moves by itself gains nothing: a replayed video shows that too.
 * @param texture 0…1, of `measureTexture`
 */
export function fuseLiveness(texture: number, motion: FaceMotion | null): number {
  const logit = Math.log(texture / (1 - texture));
  const together = motion?.together ?? 0;
  const sum =
    Math.min(Math.max(logit, -textureLogitMax), textureLogitMax) +
    textureLogitOffset -
    togetherLogits * Math.max(together - togetherFree, 0);
  return 1 / (1 + Math.exp(-sum));
}

/** @returns 0 (attack) … 1 (live): the softmax of class 0. */
export async function measureTexture(
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
