/** Face detection: fr_detect (an Ultra-Light-Fast face detector, 320×240) over the whole picture and over tiles of it. */

import type * as ort from "onnxruntime-node";
import type { Box } from "../face-engine-port.ts";
import { type Region, type RgbImage, resampleInto } from "./rgb-image.ts";
import { runModel } from "./sessions.ts";

export interface Detection {
  readonly box: Box;
  /** 0…1 */
  readonly score: number;
}

const inputWidth = 320;
const inputHeight = 240;
const scoreMin = 0.6;
/** Boxes that overlap more are the same face. */
const overlapMax = 0.35;
/** Source pixels per detector pixel of a tile: a face of 60 px keeps 24, enough for this detector. */
const tileScale = 2.5;
/** Neighbouring tiles share this part of their size, so that a face on a seam is whole in one of them. */
const tileOverlap = 0.3;
/** Bounds the time for one very large photo (25 megapixels would need 60): then tiles grow instead. */
const tileCountMax = 24;

/**
 * Finds faces, most certain first, overlapping ones merged.
 * @param smallFaces also look at tiles of a picture much larger than the detector: for photos, not camera frames.
 */
export async function detectFaces(
  session: ort.InferenceSession,
  image: RgbImage,
  smallFaces: boolean,
): Promise<readonly Detection[]> {
  const whole: Region = { x: 0, y: 0, width: image.widthPx, height: image.heightPx };
  const found = await detectInRegion(session, image, whole);
  if (smallFaces) {
    for (const tile of tilesOf(image)) found.push(...(await detectInRegion(session, image, tile)));
  }
  const kept = suppressOverlaps(found);
  if (kept.length > 0 || !smallFaces) return kept;
  // A crop that is all face has no border for the detector to see: look again from further away.
  const margin = Math.max(image.widthPx, image.heightPx) / 2;
  return suppressOverlaps(
    await detectInRegion(session, image, {
      x: -margin,
      y: -margin,
      width: image.widthPx + 2 * margin,
      height: image.heightPx + 2 * margin,
    }),
  );
}

/** The tiles of a large picture, row by row; none where the whole picture is already shown finely enough. */
export function tilesOf(image: Pick<RgbImage, "widthPx" | "heightPx">): readonly Region[] {
  if (Math.max(image.widthPx / inputWidth, image.heightPx / inputHeight) <= tileScale) return [];
  for (let scale = tileScale; ; scale *= 1.25) {
    const columns = tileStarts(image.widthPx, inputWidth * scale);
    const rows = tileStarts(image.heightPx, inputHeight * scale);
    if (columns.length * rows.length > tileCountMax) continue;
    const size = { width: inputWidth * scale, height: inputHeight * scale };
    return rows.flatMap((y) => columns.map((x) => ({ x, y, ...size })));
  }
}

function tileStarts(lengthPx: number, tilePx: number): readonly number[] {
  if (lengthPx <= tilePx) return [(lengthPx - tilePx) / 2];
  const count = Math.ceil((lengthPx - tilePx) / (tilePx * (1 - tileOverlap))) + 1;
  return Array.from({ length: count }, (_, i) => (i * (lengthPx - tilePx)) / (count - 1));
}

/** Letterboxes the region to 320×240 (grey around the picture) and gives the faces in pixels of the picture. */
async function detectInRegion(
  session: ort.InferenceSession,
  image: RgbImage,
  region: Region,
): Promise<Detection[]> {
  const scale = Math.max(region.width / inputWidth, region.height / inputHeight);
  const frame = centred(region, inputWidth * scale, inputHeight * scale);
  const input = letterboxInput(image, frame);
  const [scores = new Float32Array(0), boxes = new Float32Array(0)] = await runModel(session, input, [
    1,
    3,
    inputHeight,
    inputWidth,
  ]);
  const found: Detection[] = [];
  for (let i = 0; i * 2 + 1 < scores.length; i += 1) {
    const score = scores[i * 2 + 1] ?? 0;
    if (score < scoreMin) continue;
    const x0 = frame.x + (boxes[i * 4] ?? 0) * frame.width;
    const y0 = frame.y + (boxes[i * 4 + 1] ?? 0) * frame.height;
    const x1 = frame.x + (boxes[i * 4 + 2] ?? 0) * frame.width;
    const y1 = frame.y + (boxes[i * 4 + 3] ?? 0) * frame.height;
    if (x1 - x0 < 1 || y1 - y0 < 1) continue;
    found.push({ box: [x0, y0, x1 - x0, y1 - y0], score });
  }
  return found;
}

function centred(region: Region, width: number, height: number): Region {
  const x = region.x + (region.width - width) / 2;
  const y = region.y + (region.height - height) / 2;
  return { x, y, width, height };
}

/** 1×3×240×320, (x − 127) / 128, RGB planes; 0 (mid grey) where the frame lies outside the picture. */
function letterboxInput(image: RgbImage, frame: Region): Float32Array {
  const scale = frame.width / inputWidth;
  const left = clampInt(Math.round(-frame.x / scale), 0, inputWidth);
  const top = clampInt(Math.round(-frame.y / scale), 0, inputHeight);
  const right = clampInt(Math.round((image.widthPx - frame.x) / scale), left, inputWidth);
  const bottom = clampInt(Math.round((image.heightPx - frame.y) / scale), top, inputHeight);
  const width = right - left;
  const height = bottom - top;
  const input = new Float32Array(3 * inputWidth * inputHeight);
  if (width === 0 || height === 0) return input;
  const inside: Region = {
    x: frame.x + left * scale,
    y: frame.y + top * scale,
    width: width * scale,
    height: height * scale,
  };
  resampleInto(image, inside, width, height, {
    target: input,
    start: top * inputWidth + left,
    rowStep: inputWidth,
    pixelStep: 1,
    channelStep: inputWidth * inputHeight,
    scale: 1 / 128,
    offset: -127 / 128,
  });
  return input;
}

/** Greedy non-maximum suppression. A box that lies mostly inside a kept one goes too: tiles cut faces. */
export function suppressOverlaps(found: readonly Detection[]): readonly Detection[] {
  const kept: Detection[] = [];
  for (const candidate of found.toSorted((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => !isSameFace(box, candidate.box))) kept.push(candidate);
  }
  return kept;
}

function isSameFace(a: Box, b: Box): boolean {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return false;
  const shared = width * height;
  const areas = a[2] * a[3] + b[2] * b[3];
  return shared / (areas - shared) > overlapMax || shared / Math.min(a[2] * a[3], b[2] * b[3]) > 0.7;
}

function clampInt(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
