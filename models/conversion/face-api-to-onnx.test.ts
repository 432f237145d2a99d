import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { onnxOfFaceApiRecognition } from "./face-api-to-onnx.ts";
import { encodeOnnx } from "./onnx-file.ts";

const require = createRequire(import.meta.url);
const folder = path.dirname(require.resolve("@vladmandic/face-api/package.json"));
const side = 150;

test("the converted descriptor is that of face-api itself, to 1e-5 of the cosine", async () => {
  const wasm = require("@tensorflow/tfjs-backend-wasm") as { setWasmPaths(folder: string): void };
  wasm.setWasmPaths(
    `${path.join(path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist")}${path.sep}`,
  );
  // face-api's types leave these two of tfjs out.
  const tf = require("@tensorflow/tfjs") as {
    setBackend(name: string): Promise<boolean>;
    ready(): Promise<void>;
  };
  const faceApi =
    require("@vladmandic/face-api/dist/face-api.node-wasm.js") as typeof import("@vladmandic/face-api");
  await tf.setBackend("wasm");
  await tf.ready();
  await faceApi.nets.faceRecognitionNet.loadFromDisk(path.join(folder, "model"));

  const manifest = await readFile(path.join(folder, "model", "face_recognition_model-weights_manifest.json"));
  const weights = await readFile(path.join(folder, "model", "face_recognition_model.bin"));
  const session = await ort.InferenceSession.create(encodeOnnx(onnxOfFaceApiRecognition(manifest, weights)));

  for (const phase of [0, 1, 2]) {
    const pixels = Int32Array.from({ length: side * side * 3 }, (_, i) =>
      Math.round(127 + 120 * Math.sin(i * 0.0007 * (phase + 1)) * Math.cos((i % (side * 3)) * 0.02 + phase)),
    );
    const expected = await faceApi.nets.faceRecognitionNet.computeFaceDescriptor(
      faceApi.tf.tensor3d(pixels, [side, side, 3], "int32"),
    );
    if (!(expected instanceof Float32Array)) throw new Error("one image gives one descriptor");
    const mean = [122.782, 117.001, 104.298];
    const planes = Float32Array.from({ length: pixels.length }, (_, i) => {
      const channel = Math.floor(i / (side * side));
      return ((pixels[(i % (side * side)) * 3 + channel] ?? 0) - (mean[channel] ?? 0)) / 255;
    });
    const outputs = await session.run({ input: new ort.Tensor("float32", planes, [1, 3, side, side]) });
    const found = Object.values(outputs)[0]?.data;
    if (!(found instanceof Float32Array)) throw new Error("the descriptor is a float tensor");
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
    expect(found).toHaveLength(128);
    expect(1 - dot(found, expected) / Math.sqrt(dot(found, found) * dot(expected, expected))).toBeLessThan(
      1e-5,
    );
  }
});
