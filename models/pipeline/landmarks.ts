/**
 * Landmarks of a face: 68 points by fr_landmark, and the five that alignment and pose need.
 *
 * fr_landmark loses faces that are turned far; MTCNN's onet errs elsewhere. A pack that looks twice lets both see the
 * detector's box, turns the face upright by their mean, and takes the mean of what both say of that crop and of its
 * mirror image.
 */

import type * as ort from "onnxruntime-node";
import type { Box, FiveLandmarks, Point } from "../face-engine-port.ts";
import { sampleUpright, type UprightSquare, uprightMap } from "./align.ts";
import { greyOf, type RgbImage, resampleRegion } from "./rgb-image.ts";
import { type FaceModels, runModel } from "./sessions.ts";

const outlineSidePx = 64;
const onetSidePx = 48;
/** What each model likes to see of an upright face, close to the detector's box; in pixels of the template. */
const outlineSquare: UprightSquare = { centreY: 62, side: 110 };
const onetSquare: UprightSquare = { centreY: 66, side: 100 };

/** In pixels of the picture. */
export interface FaceLandmarks {
  /** Eye centres (left of the image first), nose tip, mouth corners. */
  readonly five: FiveLandmarks;
  /** All 68: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, mouth 48–67 (iBUG 300-W); always of the first look. */
  readonly outline: readonly Point[];
  /** Onet's second opinion on whether the box holds a face, 0…1; 1 where the pack looks once. */
  readonly faceProbability: number;
}

/** What onet says of one crop: points in 0…1 of it. */
interface OnetOpinion {
  readonly five: FiveLandmarks;
  readonly faceProbability: number;
}

/** Finds the landmarks in a square as high as the box, around the box's centre; looks twice where the pack says so. */
export async function findLandmarks(models: FaceModels, image: RgbImage, box: Box): Promise<FaceLandmarks> {
  const { landmarker, onet } = models;
  const side = box[3];
  const region = { x: box[0] + box[2] / 2 - side / 2, y: box[1], width: side, height: side };
  const toPicture = ([x, y]: Point): Point => [region.x + x * side, region.y + y * side];
  const outlineCrop = resampleRegion(image, region, outlineSidePx, outlineSidePx);
  const outline = (await outlineOf(landmarker, outlineCrop)).map(toPicture);
  const five = fiveOf68(outline);
  if (onet === null) return { five, outline, faceProbability: 1 };
  const onetCrop = resampleRegion(image, region, onetSidePx, onetSidePx);
  const first = await onetOpinion(onet, onetCrop);
  const seen = meanOf([five, mapped(first.five, toPicture)]);
  return { ...(await lookAgain(landmarker, onet, image, seen)), outline };
}

/** The second look: both models, on the upright face and on its mirror image. */
async function lookAgain(
  landmarker: ort.InferenceSession,
  onet: ort.InferenceSession,
  image: RgbImage,
  seen: FiveLandmarks,
): Promise<Omit<FaceLandmarks, "outline">> {
  const outlineLook = lookAlong(image, seen, outlineSquare, outlineSidePx);
  const onetLook = lookAlong(image, seen, onetSquare, onetSidePx);
  const opinion = await onetOpinion(onet, onetLook.crop);
  const opinionMirrored = await onetOpinion(onet, mirrored(onetLook.crop, onetSidePx));
  const straight = fiveOf68(await outlineOf(landmarker, outlineLook.crop));
  const turned = fiveOf68(await outlineOf(landmarker, mirrored(outlineLook.crop, outlineSidePx)));
  return {
    five: meanOf([
      mapped(straight, outlineLook.toPicture),
      mapped(unmirrored(turned), outlineLook.toPicture),
      mapped(opinion.five, onetLook.toPicture),
      mapped(unmirrored(opinionMirrored.five), onetLook.toPicture),
    ]),
    faceProbability: (opinion.faceProbability + opinionMirrored.faceProbability) / 2,
  };
}

function lookAlong(image: RgbImage, seen: FiveLandmarks, square: UprightSquare, sidePx: number) {
  const map = uprightMap(seen, square);
  const toPicture = ([x, y]: Point): Point => [
    map.a * x - map.b * y + map.x0,
    map.b * x + map.a * y + map.y0,
  ];
  return { crop: sampleUpright(image, map, sidePx), toPicture };
}

/** @returns 68 points, 0…1 of the crop. */
async function outlineOf(session: ort.InferenceSession, crop: Float32Array): Promise<readonly Point[]> {
  const input = new Float32Array(outlineSidePx * outlineSidePx);
  for (let i = 0; i < input.length; i += 1) {
    input[i] = greyOf(crop[i * 3] ?? 0, crop[i * 3 + 1] ?? 0, crop[i * 3 + 2] ?? 0) / 256;
  }
  const [points = new Float32Array(0)] = await runModel(session, input, [1, 1, outlineSidePx, outlineSidePx]);
  return Array.from(
    { length: points.length / 2 },
    (_, i): Point => [points[i * 2] ?? 0, points[i * 2 + 1] ?? 0],
  );
}

async function onetOpinion(session: ort.InferenceSession, crop: Float32Array): Promise<OnetOpinion> {
  const side = onetSidePx;
  const input = new Float32Array(3 * side * side);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        // Trained on column-major pictures: its rows are our columns.
        input[(channel * side + x) * side + y] = ((crop[(y * side + x) * 3 + channel] ?? 0) - 127.5) / 128;
      }
    }
  }
  const [points, logits] = await runModel(session, input, [1, 3, side, side]);
  const point = (i: number): Point => [points?.[i] ?? 0, points?.[i + 5] ?? 0];
  return {
    five: [point(0), point(1), point(2), point(3), point(4)],
    // The softmax of two.
    faceProbability: 1 / (1 + Math.exp((logits?.[0] ?? 0) - (logits?.[1] ?? 0))),
  };
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

function mirrored(crop: Float32Array, sidePx: number): Float32Array {
  const out = new Float32Array(crop.length);
  for (let y = 0; y < sidePx; y += 1) {
    for (let x = 0; x < sidePx; x += 1) {
      const source = (y * sidePx + sidePx - 1 - x) * 3;
      out.set(crop.subarray(source, source + 3), (y * sidePx + x) * 3);
    }
  }
  return out;
}

/** Points of the mirror image as points of the crop: what was left is right. */
function unmirrored([left, right, nose, mouthLeft, mouthRight]: FiveLandmarks): FiveLandmarks {
  return mapped([right, left, nose, mouthRight, mouthLeft], ([x, y]) => [1 - x, y]);
}

function mapped([a, b, c, d, e]: FiveLandmarks, map: (point: Point) => Point): FiveLandmarks {
  return [map(a), map(b), map(c), map(d), map(e)];
}

function meanOf(list: readonly FiveLandmarks[]): FiveLandmarks {
  const mean = (at: 0 | 1 | 2 | 3 | 4): Point => {
    const sum = list.reduce<[number, number]>(([x, y], five) => [x + five[at][0], y + five[at][1]], [0, 0]);
    return [sum[0] / list.length, sum[1] / list.length];
  };
  return [mean(0), mean(1), mean(2), mean(3), mean(4)];
}
