import { createRequire } from "node:module";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { beforeAll, expect, test } from "vitest";
import { encodeOnnx } from "./onnx-file.ts";
import { sourcesOf } from "./package-members-for-tests.ts";
import { onnxOfTfjsGraph } from "./tfjs-graph-to-onnx.ts";

const candidatesFile = path.join(import.meta.dirname, "..", "liveness", "candidates.json");
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs") as typeof import("@tensorflow/tfjs");

beforeAll(async () => {
  const wasm = require("@tensorflow/tfjs-backend-wasm") as { setWasmPaths(folder: string): void };
  const folder = path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  wasm.setWasmPaths(`${path.join(folder, "dist")}${path.sep}`);
  await tf.setBackend("wasm");
  await tf.ready();
});

/** Three made-up pictures through TensorFlow.js itself and through the conversion. */
async function bothWays(file: string, sidePx: number): Promise<readonly (readonly [number[], number[]])[]> {
  const [graph = new Uint8Array(), weights = new Uint8Array()] = await sourcesOf(file, candidatesFile);
  const { modelTopology, weightsManifest } = JSON.parse(new TextDecoder().decode(graph));
  const model = await tf.loadGraphModel({
    load: async () => ({
      modelTopology,
      weightSpecs: weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights),
      weightData: Uint8Array.from(weights).buffer,
    }),
  });
  const session = await ort.InferenceSession.create(encodeOnnx(onnxOfTfjsGraph(graph, weights, file)));
  const pairs: [number[], number[]][] = [];
  for (const phase of [0, 1, 2]) {
    const rows = new Float32Array(sidePx * sidePx * 3);
    const planes = new Float32Array(rows.length);
    for (let at = 0; at < sidePx * sidePx; at += 1) {
      const [x, y] = [at % sidePx, Math.floor(at / sidePx)];
      for (let channel = 0; channel < 3; channel += 1) {
        const value = 0.5 + 0.5 * Math.sin((y * (3 + phase)) / sidePx + channel) * Math.cos(x * 0.2 - phase);
        rows[at * 3 + channel] = value;
        planes[channel * sidePx * sidePx + at] = value;
      }
    }
    const expected = model.execute(tf.tensor4d(rows, [1, sidePx, sidePx, 3]));
    const { input } = { input: new ort.Tensor("float32", planes, [1, 3, sidePx, sidePx]) };
    const found = Object.values(await session.run({ input }))[0]?.data;
    if (!(expected instanceof tf.Tensor) || !(found instanceof Float32Array))
      throw new Error("one picture gives one tensor of floats");
    pairs.push([Array.from(await expected.data()), Array.from(found)]);
  }
  return pairs;
}

test.each([
  ["human-antispoof.onnx", 128],
  ["human-liveness.onnx", 32],
])("%s gives what TensorFlow.js gives, to 1e-3", async (file, sidePx) => {
  const pairs = await bothWays(file, sidePx);
  for (const [expected, found] of pairs) {
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of found.entries())
      expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThan(1e-3);
  }
  // Pictures that all gave the same number would prove little.
  expect(new Set(pairs.map(([expected]) => expected[0]?.toFixed(3))).size).toBeGreaterThan(1);
});

test("an operator without a conversion is refused by name", () => {
  const graph = {
    modelTopology: { node: [{ name: "a", op: "Elu", input: [] }] },
    weightsManifest: [{ weights: [] }],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(graph));
  expect(() => onnxOfTfjsGraph(bytes, new Uint8Array(), "test")).toThrow('"Elu" has no conversion');
});

test("a shard that does not fit its list of weights is refused", () => {
  const weights = [{ name: "w", shape: [2], dtype: "float32" }];
  const graph = { modelTopology: { node: [] }, weightsManifest: [{ weights }] };
  const bytes = new TextEncoder().encode(JSON.stringify(graph));
  expect(() => onnxOfTfjsGraph(bytes, new Uint8Array(7), "test")).toThrow('end inside "w"');
  expect(() => onnxOfTfjsGraph(bytes, new Uint8Array(9), "test")).toThrow("1 bytes of weights are left over");
});
