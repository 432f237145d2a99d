/** From an aligned face to the embedding that the terminal compares. */

import type * as ort from "onnxruntime-node";
import type { EmbedderName } from "../manifest.ts";
import { alignedSidePx } from "./align.ts";
import { faceApiBox, faceApiInput, faceApiSidePx } from "./face-api-crop.ts";
import type { FaceLandmarks } from "./landmarks.ts";
import type { RgbImage } from "./rgb-image.ts";
import { type FaceModels, runModel } from "./sessions.ts";

/** (value − mean) / divisor, as each embedder was trained. */
const normalisation: Readonly<
  Record<Exclude<EmbedderName, "face-api-descriptor">, { mean: number; divisor: number }>
> = {
  "fr-feature": { mean: 127, divisor: 128 },
  "mobile-face-net": { mean: 127.5, divisor: 128 },
};

/** One face as the embedders need it. */
export interface FaceCrop {
  /** 112×112×3 values 0…255, row-major, RGB: what `alignFace` gives. */
  readonly aligned: Float32Array;
  readonly image: RgbImage;
  readonly landmarks: FaceLandmarks;
}

/**
 * Embeds one face with every embedder of the pack: each part L2-normalised, joined, and normalised again, so that
 * the dot product of two embeddings is the mean of the parts' cosine similarities.
 */
export async function embedFace(models: FaceModels, crop: FaceCrop): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const { name, session } of models.embedders) {
    const straight = await embedOnce(session, name, crop, false);
    // face-api's descriptor stays as the library makes it, so that what was enrolled with it still matches.
    const mirrored = models.pack.flip && name !== "face-api-descriptor";
    parts.push(normalised(mirrored ? added(straight, await embedOnce(session, name, crop, true)) : straight));
  }
  return normalised(joined(parts));
}

async function embedOnce(
  session: ort.InferenceSession,
  name: EmbedderName,
  { aligned, image, landmarks }: FaceCrop,
  mirrored: boolean,
): Promise<Float32Array> {
  const side = name === "face-api-descriptor" ? faceApiSidePx : alignedSidePx;
  const input =
    name === "face-api-descriptor"
      ? faceApiInput(image, faceApiBox(landmarks.outline, image))
      : planesOf(aligned, normalisation[name], mirrored);
  const [vector = new Float32Array(0)] = await runModel(session, input, [1, 3, side, side]);
  return vector;
}

/** Rows of pixels → 3 planes, normalised; mirrored left to right where asked. */
function planesOf(
  aligned: Float32Array,
  { mean, divisor }: { readonly mean: number; readonly divisor: number },
  mirrored: boolean,
): Float32Array {
  const side = alignedSidePx;
  const plane = side * side;
  const planes = new Float32Array(3 * plane);
  const step = mirrored ? -3 : 3;
  for (let y = 0; y < side; y += 1) {
    let source = (mirrored ? (y + 1) * side - 1 : y * side) * 3;
    for (let target = y * side; target < (y + 1) * side; target += 1) {
      planes[target] = ((aligned[source] ?? 0) - mean) / divisor;
      planes[target + plane] = ((aligned[source + 1] ?? 0) - mean) / divisor;
      planes[target + 2 * plane] = ((aligned[source + 2] ?? 0) - mean) / divisor;
      source += step;
    }
  }
  return planes;
}

function added(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] ?? 0));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Divides by the Euclidean length; a zero vector stays zero (and the gallery refuses it). */
export function normalised(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  return length > 0 ? vector.map((value) => value / length) : vector;
}
