/**
 * The same frames through this project's engine and through @vladmandic/face-api on its wasm backend, in one run.
 * `node scripts/bench-face-api.ts`.
 */

import { createRequire } from "node:module";
import path from "node:path";
import sharp from "sharp";
import { createFaceEngine } from "../models/face-engine.ts";
import type { FaceEngine, GalleryTemplate } from "../models/face-engine-port.ts";
import { randomOf, randomUnits } from "./bench-search.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface FaceApiRow {
  readonly pipeline: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
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
const wasmFolder = path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));

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
  const rows = [await benchOurs(frames, rounds * 4, options.enrolled ?? 20_000)];
  const faceApi = await loadFaceApi();
  for (const [pipeline, run] of faceApi)
    rows.push(await measure(`face-api wasm, ${pipeline}`, frames, rounds, run));
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
    return await measure(
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

function* randomTemplates(engine: FaceEngine, count: number): Generator<GalleryTemplate, void> {
  const random = randomOf(count);
  for (let i = 0; i < count; i += 1) {
    const embedding = randomUnits(1, engine.embeddingLength, random);
    yield { templateId: String(i), personId: String(i), model: engine.model, embedding };
  }
}

async function measure(
  pipeline: string,
  frames: readonly Buffer[],
  rounds: number,
  run: (jpeg: Buffer) => Promise<number>,
): Promise<FaceApiRow> {
  const tookMs: number[] = [];
  let framesWithFace = 0;
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const frame of frames) {
      const beganMs = performance.now();
      const faces = await run(frame);
      if (round === 0) framesWithFace += faces > 0 ? 1 : 0;
      else tookMs.push(performance.now() - beganMs);
    }
  }
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.min(Math.floor(share * tookMs.length), tookMs.length - 1)] ?? 0;
  const totalMs = tookMs.reduce((sum, ms) => sum + ms, 0);
  return {
    pipeline,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
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

if (import.meta.main) {
  const rows = await benchFaceApi();
  console.table(
    rows.map((row) => ({
      ...row,
      p50Ms: row.p50Ms.toFixed(1),
      p99Ms: row.p99Ms.toFixed(1),
      framesPerS: row.framesPerS.toFixed(1),
    })),
  );
}
