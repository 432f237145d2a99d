/** Whether the eyes are open: fr_eye on each eye. For a blink that was asked for, not for quality. */

import type * as ort from "onnxruntime-node";
import type { Point } from "../face-engine-port.ts";
import { greyOf, type RgbImage, resampleRegion } from "./rgb-image.ts";
import { runModel } from "./sessions.ts";

const inputSide = 24;
/** The square is this many times as wide as the eye, as the package's own `fr_eye.js` cuts it. */
const eyeScale = 1.6;
/** First of the six points of each eye (iBUG 300-W): the corners are the first and the fourth. */
const eyeStarts = [36, 42] as const;

/** @returns 0 (both closed) … 1 (both open): one less the mean probability of "closed". */
export async function measureEyesOpen(
  session: ort.InferenceSession,
  image: RgbImage,
  outline: readonly Point[],
): Promise<number> {
  let closed = 0;
  for (const start of eyeStarts)
    closed += await closedProbability(session, image, outline.slice(start, start + 6));
  return 1 - closed / eyeStarts.length;
}

async function closedProbability(
  session: ort.InferenceSession,
  image: RgbImage,
  eye: readonly Point[],
): Promise<number> {
  const lids = [eye[1], eye[2], eye[4], eye[5]].filter((point) => point !== undefined);
  const centreX = lids.reduce((sum, [x]) => sum + x, 0) / lids.length;
  const centreY = lids.reduce((sum, [, y]) => sum + y, 0) / lids.length;
  const side = Math.max(((eye[3]?.[0] ?? 0) - (eye[0]?.[0] ?? 0)) * eyeScale, 1);
  const region = { x: centreX - side / 2, y: centreY - side / 2, width: side, height: side };
  const rgb = resampleRegion(image, region, inputSide, inputSide);
  const input = new Float32Array(inputSide * inputSide);
  for (let i = 0; i < input.length; i += 1)
    input[i] = greyOf(rgb[i * 3] ?? 0, rgb[i * 3 + 1] ?? 0, rgb[i * 3 + 2] ?? 0) / 255;
  const [logits] = await runModel(session, input, [1, 1, inputSide, inputSide]);
  return 1 / (1 + Math.exp((logits?.[1] ?? 0) - (logits?.[0] ?? 0)));
}
