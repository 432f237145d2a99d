/** The whole pipeline over one picture: decode → detect → landmarks → quality → align → liveness → embed. */

import type { Face, ImageAnalysis, StageMs } from "../face-engine-port.ts";
import { alignFace } from "./align.ts";
import { decodeImage } from "./decode.ts";
import { type Detection, detectFaces } from "./detect.ts";
import { embedFace } from "./embed.ts";
import { findLandmarks } from "./landmarks.ts";
import { measureLiveness } from "./liveness.ts";
import { measureQuality } from "./quality.ts";
import type { RgbImage } from "./rgb-image.ts";
import type { FaceModels } from "./sessions.ts";

export interface AnalysisOptions {
  /** Only the largest are landmarked and embedded. */
  readonly faceCountMax: number;
  /** Look for faces that are small in a large photo; costs time that a camera frame does not have. */
  readonly smallFaces: boolean;
  /** Without it `liveness` is null: a seventh of a frame's time. */
  readonly liveness: boolean;
}

export interface Analysis extends ImageAnalysis {
  /** Faces found beyond `faceCountMax`. */
  readonly faceCountDropped: number;
}

type StageName = Exclude<keyof StageMs, "search" | "total">;

/** @throws FaceEngineError `image-unreadable` or `image-too-large`. */
export async function analyzeImage(
  models: FaceModels,
  bytes: Uint8Array,
  options: AnalysisOptions,
): Promise<Analysis> {
  const startedMs = performance.now();
  const spentMs: Record<StageName, number> = { decode: 0, detect: 0, landmarks: 0, liveness: 0, embed: 0 };
  const timed = async <T>(stage: StageName, work: () => Promise<T>): Promise<T> => {
    const beganMs = performance.now();
    const result = await work();
    spentMs[stage] += performance.now() - beganMs;
    return result;
  };
  const image = await timed("decode", () => decodeImage(bytes));
  const found = await timed("detect", () => detectFaces(models.detector, image, options.smallFaces));
  const largestFirst = found.toSorted((a, b) => b.box[2] * b.box[3] - a.box[2] * a.box[3]);
  const faces: Face[] = [];
  for (const detection of largestFirst.slice(0, options.faceCountMax)) {
    faces.push(await analyzeFace(models, image, detection, options.liveness, timed));
  }
  return {
    widthPx: image.widthPx,
    heightPx: image.heightPx,
    faces,
    faceCountDropped: largestFirst.length - faces.length,
    stageMs: { ...spentMs, search: 0, total: performance.now() - startedMs },
  };
}

async function analyzeFace(
  models: FaceModels,
  image: RgbImage,
  { box, score }: Detection,
  wantsLiveness: boolean,
  timed: <T>(stage: StageName, work: () => Promise<T>) => Promise<T>,
): Promise<Face> {
  const landmarks = await timed("landmarks", () => findLandmarks(models.landmarker, image, box));
  const { aligned, embedding } = await timed("embed", async () => {
    const crop = { aligned: alignFace(image, landmarks.five), image, landmarks };
    return { aligned: crop.aligned, embedding: await embedFace(models, crop) };
  });
  return {
    box,
    detectionScore: Math.min(score, 1),
    landmarks: landmarks.five,
    quality: measureQuality(landmarks.five, aligned),
    liveness: wantsLiveness
      ? await timed("liveness", () => measureLiveness(models.liveness, image, box))
      : null,
    model: models.pack.id,
    embedding,
  };
}
