/** The whole pipeline over one picture: decode → detect → landmarks → quality → align → liveness → embed. */

import type { Face, ImageAnalysis, StageMs } from "../face-engine-port.ts";
import { alignFace } from "./align.ts";
import { decodeImage, type PictureLimits } from "./decode.ts";
import { type Detection, detectFaces } from "./detect.ts";
import { embedFace } from "./embed.ts";
import { measureEyesOpen } from "./eyes.ts";
import { type FaceLandmarks, findLandmarks } from "./landmarks.ts";
import { fuseLiveness, measureTexture } from "./liveness.ts";
import { type GreyPicture, greyPictureOf, measureMotion } from "./motion.ts";
import { measureQuality } from "./quality.ts";
import type { RgbImage } from "./rgb-image.ts";
import type { FaceModels } from "./sessions.ts";
import { embedForSides, type SideEmbedding } from "./side-packs.ts";

export interface AnalysisOptions {
  /** Only the largest are landmarked and embedded. */
  readonly faceCountMax: number;
  /** Look for faces that are small in a large photo; costs time that a camera frame does not have. */
  readonly smallFaces: boolean;
  /** Without it `liveness` is null: a seventh of a frame's time. */
  readonly liveness: boolean;
  /** The frame shortly before, for motion; absent for a photo. */
  readonly previous?: GreyPicture | null;
  readonly limits: PictureLimits;
}

export interface Analysis extends Omit<ImageAnalysis, "otherSearches"> {
  /** Faces found beyond `faceCountMax`. */
  readonly faceCountDropped: number;
  /** For the next frame's motion; null where nobody asked for liveness. */
  readonly grey: GreyPicture | null;
  /** For each face what the side packs make of it. */
  readonly sideEmbeddings: readonly (readonly SideEmbedding[])[];
}

/**
 * Under this the second landmark model calls a box no face: on the development set the detector's false boxes got at
 * most 0.2 (one 0.77), faces at least 0.94.
 */
const faceProbabilityMin = 0.3;
/** Boxes that are passed over for one picture at most: bounds the time for a picture full of false ones. */
const doubtedCountMax = 4;

type StageName = Exclude<keyof StageMs, "search" | "total">;

/**
 * @param sides packs that embed each face as well.
 * @throws FaceEngineError `image-unreadable` or `image-too-large`.
 */
export async function analyzeImage(
  models: FaceModels,
  bytes: Uint8Array,
  options: AnalysisOptions,
  sides: readonly FaceModels[] = [],
): Promise<Analysis> {
  const startedMs = performance.now();
  const spentMs: Record<StageName, number> = { decode: 0, detect: 0, landmarks: 0, liveness: 0, embed: 0 };
  const timed = async <T>(stage: StageName, work: () => Promise<T>): Promise<T> => {
    const beganMs = performance.now();
    const result = await work();
    spentMs[stage] += performance.now() - beganMs;
    return result;
  };
  const image = await timed("decode", () => decodeImage(bytes, options.limits));
  const found = await timed("detect", () => detectFaces(models.detector, image, options.smallFaces));
  const largestFirst = found.toSorted((a, b) => b.box[2] * b.box[3] - a.box[2] * a.box[3]);
  const chosen = await chooseFaces(largestFirst, options.faceCountMax, (box) =>
    timed("landmarks", () => findLandmarks(models, image, box)),
  );
  const grey = options.liveness ? await timed("liveness", () => Promise.resolve(greyPictureOf(image))) : null;
  const faces: Face[] = [];
  const sideEmbeddings: (readonly SideEmbedding[])[] = [];
  for (const found of chosen.faces) {
    const face = await analyzeFace(models, image, found, timed);
    const cues = grey && (await timed("liveness", () => livenessOf(models, image, found, grey, options)));
    faces.push({ ...face, ...cues });
    sideEmbeddings.push(await timed("embed", () => embedForSides(models, sides, image, found)));
  }
  return {
    widthPx: image.widthPx,
    heightPx: image.heightPx,
    faces,
    sideEmbeddings,
    faceCountDropped: largestFirst.length - faces.length - chosen.notFaces,
    grey,
    stageMs: { ...spentMs, search: 0, total: performance.now() - startedMs },
  };
}

interface FoundFace extends Detection {
  readonly landmarks: FaceLandmarks;
}

/**
 * The largest faces with their landmarks. A box that the landmarks call no face (hair, a ball) is passed over, but only
 * for one that they believe: a masked face alone in the picture stays.
 */
export async function chooseFaces(
  largestFirst: readonly Detection[],
  faceCountMax: number,
  landmarksOf: (box: Detection["box"]) => Promise<FaceLandmarks>,
): Promise<{ readonly faces: readonly FoundFace[]; readonly notFaces: number }> {
  const believed: FoundFace[] = [];
  const doubted: FoundFace[] = [];
  for (const detection of largestFirst) {
    if (believed.length === faceCountMax || doubted.length === doubtedCountMax) break;
    const landmarks = await landmarksOf(detection.box);
    const isFace = landmarks.faceProbability >= faceProbabilityMin;
    (isFace ? believed : doubted).push({ ...detection, landmarks });
  }
  if (believed.length === 0) return { faces: doubted.slice(0, faceCountMax), notFaces: 0 };
  return { faces: believed, notFaces: doubted.length };
}

async function analyzeFace(
  models: FaceModels,
  image: RgbImage,
  { box, score, landmarks }: FoundFace,
  timed: <T>(stage: StageName, work: () => Promise<T>) => Promise<T>,
): Promise<Face> {
  const { aligned, embedding } = await timed("embed", async () => {
    const crop = { aligned: alignFace(image, landmarks.five), image, landmarks };
    return { aligned: crop.aligned, embedding: await embedFace(models, crop) };
  });
  return {
    box,
    detectionScore: Math.min(score, 1),
    landmarks: landmarks.five,
    quality: measureQuality(landmarks.five, aligned),
    liveness: null,
    model: models.pack.id,
    embedding,
  };
}

async function livenessOf(
  models: FaceModels,
  image: RgbImage,
  { box, landmarks }: FoundFace,
  grey: GreyPicture,
  { previous = null }: AnalysisOptions,
): Promise<Pick<Face, "liveness" | "eyesOpen" | "motion">> {
  const motion = previous && measureMotion(previous, grey, box);
  const texture = await measureTexture(models.liveness, image, box);
  const eyesOpen = await measureEyesOpen(models.eyes, image, landmarks.outline);
  return { liveness: fuseLiveness(texture, motion), eyesOpen, ...(motion === null ? {} : { motion }) };
}
