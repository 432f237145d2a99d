/** face-api itself on wasm, and its descriptor converted: what the tests hold against each other. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { onnxOfFaceApiRecognition } from "./face-api-to-onnx.ts";
import { encodeOnnx } from "./onnx-file.ts";

const require = createRequire(import.meta.url);

export type FaceApi = typeof import("@vladmandic/face-api");

export interface FaceApiPair {
  readonly faceApi: FaceApi;
  /** The converted descriptor of 1×3×150×150 normalised numbers. */
  convertedOf(input: Float32Array): Promise<Float32Array>;
}

export async function openFaceApiPair(): Promise<FaceApiPair> {
  const wasm = require("@tensorflow/tfjs-backend-wasm") as { setWasmPaths(folder: string): void };
  wasm.setWasmPaths(
    `${path.join(path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist")}${path.sep}`,
  );
  // face-api's types leave these two of tfjs out.
  const tf = require("@tensorflow/tfjs") as {
    setBackend(name: string): Promise<boolean>;
    ready(): Promise<void>;
  };
  const faceApi = require("@vladmandic/face-api/dist/face-api.node-wasm.js") as FaceApi;
  await tf.setBackend("wasm");
  await tf.ready();
  const folder = path.join(path.dirname(require.resolve("@vladmandic/face-api/package.json")), "model");
  await faceApi.nets.faceRecognitionNet.loadFromDisk(folder);
  const manifest = await readFile(path.join(folder, "face_recognition_model-weights_manifest.json"));
  const weights = await readFile(path.join(folder, "face_recognition_model.bin"));
  const session = await ort.InferenceSession.create(encodeOnnx(onnxOfFaceApiRecognition(manifest, weights)));
  return {
    faceApi,
    convertedOf: async (input) => {
      const outputs = await session.run({ input: new ort.Tensor("float32", input, [1, 3, 150, 150]) });
      const found = Object.values(outputs)[0]?.data;
      if (!(found instanceof Float32Array)) throw new Error("the descriptor is a float tensor");
      return found;
    },
  };
}

/** 1 − cosine. */
export function cosineDistance(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
