/** The same frames through this project's engine and through @vladmandic/face-api on its wasm backend, in one run. */

import { createRequire } from "node:module";
import path from "node:path";
import sharp from "sharp";
import { createFaceEngine } from "../models/face-engine.ts";
import type { FaceEngine, GalleryTemplate } from "../models/face-engine-port.ts";
import { spreadOf } from "./bench-people.ts";
import { randomOf, randomUnits } from "./bench-search.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface FaceApiRow {
  readonly pipeline: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Time of all threads on a processor, median: what a busy machine does not stretch. */
  readonly cpuP50Ms: number;
  readonly framesPerS: number;
  readonly framesWithFace: number;
}

export interface FaceApiBenchOptions {
  /** JPEG files of 640×480; default: the people of face-api's sample photos, cut to frames. */
  readonly frames?: readonly Buffer[];
  readonly rounds?: number;
  /** People in the gallery that our frames are searched in. */
  readonly enrolled?: number;
}

const require = createRequire(import.meta.url);
const faceApiFolder = path.dirname(require.resolve("@vladmandic/face-api/package.json"));
export const wasmFolder = path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));

/** One person a frame: [sample photo, left, top] of a 640×480 window. */
const windows = [
  [1, 750, 300],
  [3, 950, 100],
  [3, 350, 250],
  [5, 880, 60],
  [6, 1050, 200],
] as const;

/** 640×480 JPEG frames with one main person each, cut from the photos inside @vladmandic/face-api. */
export async function sampleFrames(): Promise<readonly Buffer[]> {
  return Promise.all(
    windows.map(([photo, left, top]) =>
      sharp(path.join(faceApiFolder, "demo", `sample${photo}.jpg`))
        .extract({ left, top, width: 640, height: 480 })
        .jpeg({ quality: 90 })
        .toBuffer(),
    ),
  );
}

/** Bytes of a JPEG in, faces with embeddings out, one frame at a time, one thread each. */
export async function benchFaceApi(options: FaceApiBenchOptions = {}): Promise<readonly FaceApiRow[]> {
  const frames = options.frames ?? (await sampleFrames());
  const rounds = options.rounds ?? 5;
  const ours = await benchOurs(frames, rounds * 4, options.enrolled ?? 20_000);
  return [ours, ...(await benchTheirs(frames, rounds))];
}

/** face-api with either of its detectors. */
export async function benchTheirs(frames: readonly Buffer[], rounds: number): Promise<readonly FaceApiRow[]> {
  const rows: FaceApiRow[] = [];
  for (const [pipeline, run] of await loadFaceApi())
    rows.push(await measurePipeline(`face-api wasm, ${pipeline}`, frames, rounds, run));
  return rows;
}

/** As the terminal runs it: default pack with the mirror image, search included, liveness off. */
async function benchOurs(frames: readonly Buffer[], rounds: number, enrolled: number): Promise<FaceApiRow> {
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
  const engine = await createFaceEngine({
    artifactsFolder: artifactsFolderDefault,
    threadCount: 1,
    faceCountMax: 1,
    frameLiveness: false,
  });
  try {
    await engine.loadGallery(randomTemplates(engine, enrolled), { peopleCount: enrolled });
    return await measurePipeline(
      `canteen-edge, ${engine.model}, search in ${enrolled}`,
      frames,
      rounds,
      async (jpeg) => {
        const { faces } = await engine.observe({ bytes: Uint8Array.from(jpeg) });
        return faces.length;
      },
    );
  } finally {
    await engine.close();
  }
}

/** People whom no camera ever saw. */
export function* randomTemplates(engine: FaceEngine, count: number): Generator<GalleryTemplate, void> {
  const random = randomOf(count);
  for (let i = 0; i < count; i += 1) {
    const embedding = randomUnits(1, engine.embeddingLength, random);
    yield { templateId: String(i), personId: String(i), model: engine.model, embedding };
  }
}

/** One frame after another through `run`, which gives the number of faces; the first round warms up and is not counted. */
export async function measurePipeline(
  pipeline: string,
  frames: readonly Buffer[],
  rounds: number,
  run: (jpeg: Buffer) => Promise<number>,
): Promise<FaceApiRow> {
  const tookMs: number[] = [];
  const cpuMs: number[] = [];
  let framesWithFace = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const frame of frames) {
      const beganMs = performance.now();
      const before = process.cpuUsage();
      const faces = await run(frame);
      const { user, system } = process.cpuUsage(before);
      if (round === 0) {
        framesWithFace += faces > 0 ? 1 : 0;
        continue;
      }
      tookMs.push(performance.now() - beganMs);
      cpuMs.push((user + system) / 1000);
    }
  }
  const totalMs = tookMs.reduce((sum, ms) => sum + ms, 0);
  return {
    pipeline,
    ...spreadOf(tookMs),
    cpuP50Ms: spreadOf(cpuMs).p50Ms,
    framesPerS: (tookMs.length * 1000) / totalMs,
    framesWithFace: framesWithFace / frames.length,
  };
}

async function loadFaceApi(): Promise<readonly (readonly [string, (jpeg: Buffer) => Promise<number>])[]> {
  const wasm = require("@tensorflow/tfjs-backend-wasm") as { setWasmPaths(folder: string): void };
  wasm.setWasmPaths(`${path.join(wasmFolder, "dist")}${path.sep}`);
  const faceApi =
    require("@vladmandic/face-api/dist/face-api.node-wasm.js") as typeof import("@vladmandic/face-api");
  // face-api's types leave these two of tfjs out.
  const tf = require("@tensorflow/tfjs") as {
    setBackend(name: string): Promise<boolean>;
    ready(): Promise<void>;
  };
  await tf.setBackend("wasm");
  await tf.ready();
  const { ssdMobilenetv1, tinyFaceDetector, faceLandmark68Net, faceRecognitionNet } = faceApi.nets;
  for (const net of [ssdMobilenetv1, tinyFaceDetector, faceLandmark68Net, faceRecognitionNet]) {
    await net.loadFromDisk(path.join(faceApiFolder, "model"));
  }
  const runWith =
    (detector: InstanceType<typeof faceApi.SsdMobilenetv1Options | typeof faceApi.TinyFaceDetectorOptions>) =>
    async (jpeg: Buffer) => {
      const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const image = faceApi.tf.tensor3d(data, [info.height, info.width, 3], "int32");
      try {
        const found = await faceApi.detectAllFaces(image, detector).withFaceLandmarks().withFaceDescriptors();
        return found.length;
      } finally {
        image.dispose();
      }
    };
  return [
    ["SSD + landmarks + descriptor", runWith(new faceApi.SsdMobilenetv1Options({ minConfidence: 0.5 }))],
    ["Tiny + landmarks + descriptor", runWith(new faceApi.TinyFaceDetectorOptions({ inputSize: 416 }))],
  ];
}
