import path from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { readManifest } from "../manifest.ts";
import { convertMembers } from "./convert.ts";
import { sourcesOf } from "./package-members-for-tests.ts";
import {
  float32OfHalf,
  readTflite,
  type TfliteGraph,
  type TfliteOperator,
  withoutDequantize,
} from "./tflite-file.ts";

/**
 * Runs a graph as TensorFlow Lite defines its operators, N×H×W×C, one loop each, no folding: slow, and written apart
 * from the conversion, so that a mistake there shows here.
 */
function interpret(
  graph: TfliteGraph,
  input: Float32Array,
  wanted: readonly number[] = graph.outputs,
): readonly Float32Array[] {
  const values = new Map<number, Float32Array>();
  const readValue = (index = -1): Float32Array => {
    const value = values.get(index) ?? graph.tensors[index]?.data;
    if (!(value instanceof Float32Array)) throw new Error(`tensor ${index} has no value yet`);
    return value;
  };
  values.set(graph.inputs[0] ?? -1, input);
  for (const operator of graph.operators) {
    if (wanted.every((index) => values.has(index))) break;
    const [first, second] = operator.inputs;
    const output = operator.outputs[0] ?? -1;
    values.set(
      output,
      step(
        operator,
        readValue(first),
        operator.kind === "reshape" || operator.kind === "strided-slice"
          ? null
          : second === undefined
            ? null
            : readValue(second),
      ),
    );
  }
  return wanted.map(readValue);

  function step(operator: TfliteOperator, a: Float32Array, b: Float32Array | null): Float32Array {
    const wide = b ?? new Float32Array(1);
    switch (operator.kind) {
      case "relu":
        return a.map((x) => Math.max(x, 0));
      case "abs":
        return a.map(Math.abs);
      case "neg":
        return a.map((x) => -x);
      case "reshape":
        return a;
      case "add":
        return a.map((x, i) => x + (wide[i % wide.length] ?? 0));
      case "sub":
        return a.map((x, i) => x - (wide[i % wide.length] ?? 0));
      case "mul": // The smaller operand (the slope) comes first in this graph and repeats along the channels.
        return wide.map((x, i) => x * (a[i % a.length] ?? 0));
      case "leaky-relu":
        return a.map((x) => (x < 0 ? x * operator.option(0, "float32", 0) : x));
      case "less":
        return a.map((x) => (x < (wide[0] ?? 0) ? 1 : 0));
      case "greater-equal":
        return a.map((x) => (x >= (wide[0] ?? 0) ? 1 : 0));
      case "cast":
      case "strided-slice":
        return a;
      case "concatenation":
        return Float32Array.from(operator.inputs.flatMap((index) => [...readValue(index)]));
      case "average-pool":
        return averagePool(operator, a);
      case "conv":
      case "depthwise-conv":
        return convolve(operator, a, wide);
      case "max-pool":
        return maxPool(operator, a);
      case "fully-connected":
        return fullyConnected(operator, a, wide);
      default:
        throw new Error(`${operator.kind} is not in this graph`);
    }
  }

  function fullyConnected(operator: TfliteOperator, x: Float32Array, rows: Float32Array): Float32Array {
    return readValue(operator.inputs[2]).map((bias, o) =>
      x.reduce((sum, value, i) => sum + value * (rows[o * x.length + i] ?? 0), bias),
    );
  }

  /** Of windows that lie side by side without padding, as in this graph. */
  function averagePool(operator: TfliteOperator, x: Float32Array): Float32Array {
    const [, inHeight = 0, inWidth = 0, count = 0] = graph.tensors[operator.inputs[0] ?? -1]?.shape ?? [];
    const [, outHeight = 0, outWidth = 0] = graph.tensors[operator.outputs[0] ?? -1]?.shape ?? [];
    const [across, down] = [inWidth / outWidth, inHeight / outHeight];
    const out = new Float32Array(outHeight * outWidth * count);
    for (const [at, value] of x.entries()) {
      const ox = Math.floor((Math.floor(at / count) % inWidth) / across);
      const oy = Math.floor(Math.floor(at / count / inWidth) / down);
      const target = (oy * outWidth + ox) * count + (at % count);
      out[target] = (out[target] ?? 0) + value / (across * down);
    }
    return out;
  }

  function maxPool(operator: TfliteOperator, x: Float32Array): Float32Array {
    const [, inHeight = 0, inWidth = 0, count = 0] = graph.tensors[operator.inputs[0] ?? -1]?.shape ?? [];
    const [, outHeight = 0, outWidth = 0] = graph.tensors[operator.outputs[0] ?? -1]?.shape ?? [];
    const [strideX, strideY] = [operator.option(1, "int32", 1), operator.option(2, "int32", 1)];
    const [width, height] = [operator.option(3, "int32", 1), operator.option(4, "int32", 1)];
    const same = operator.option(0, "int8", 0) === 0;
    const padTop = same ? Math.floor(Math.max((outHeight - 1) * strideY + height - inHeight, 0) / 2) : 0;
    const padLeft = same ? Math.floor(Math.max((outWidth - 1) * strideX + width - inWidth, 0) / 2) : 0;
    const out = new Float32Array(outHeight * outWidth * count).fill(-Infinity);
    for (const [at] of out.entries()) {
      const oy = Math.floor(at / count / outWidth);
      const ox = Math.floor(at / count) % outWidth;
      for (let ky = 0; ky < height; ky += 1) {
        for (let kx = 0; kx < width; kx += 1) {
          const iy = oy * strideY + ky - padTop;
          const ix = ox * strideX + kx - padLeft;
          if (iy < 0 || iy >= inHeight || ix < 0 || ix >= inWidth) continue;
          out[at] = Math.max(out[at] ?? 0, x[(iy * inWidth + ix) * count + (at % count)] ?? 0);
        }
      }
    }
    return out;
  }

  function convolve(operator: TfliteOperator, x: Float32Array, filter: Float32Array): Float32Array {
    const shapeOf = (index = -1): readonly number[] => graph.tensors[index]?.shape ?? [];
    const [, inHeight = 0, inWidth = 0, inCount = 0] = shapeOf(operator.inputs[0]);
    const [, outHeight = 0, outWidth = 0, outCount = 0] = shapeOf(operator.outputs[0]);
    const [, height = 0, width = 0] = shapeOf(operator.inputs[1]);
    const bias = readValue(operator.inputs[2]);
    const same = operator.option(0, "int8", 0) === 0;
    const [strideX, strideY] = [operator.option(1, "int32", 1), operator.option(2, "int32", 1)];
    const padTop = same ? Math.floor(Math.max((outHeight - 1) * strideY + height - inHeight, 0) / 2) : 0;
    const padLeft = same ? Math.floor(Math.max((outWidth - 1) * strideX + width - inWidth, 0) / 2) : 0;
    const deep = operator.kind === "conv";
    const out = new Float32Array(outHeight * outWidth * outCount);
    for (let oy = 0; oy < outHeight; oy += 1) {
      for (let ox = 0; ox < outWidth; ox += 1) {
        for (let o = 0; o < outCount; o += 1) {
          let sum = bias[o] ?? 0;
          for (let ky = 0; ky < height; ky += 1) {
            const iy = oy * strideY + ky - padTop;
            if (iy < 0 || iy >= inHeight) continue;
            for (let kx = 0; kx < width; kx += 1) {
              const ix = ox * strideX + kx - padLeft;
              if (ix < 0 || ix >= inWidth) continue;
              const at = (iy * inWidth + ix) * inCount;
              if (!deep) {
                sum += (x[at + o] ?? 0) * (filter[(ky * width + kx) * outCount + o] ?? 0);
                continue;
              }
              const row = ((o * height + ky) * width + kx) * inCount;
              for (let i = 0; i < inCount; i += 1) sum += (x[at + i] ?? 0) * (filter[row + i] ?? 0);
            }
          }
          out[(oy * outWidth + ox) * outCount + o] = sum;
        }
      }
    }
    return out;
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (u: Float32Array, v: Float32Array) => u.reduce((sum, x, i) => sum + x * (v[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** One made-up picture through the converted graph, as it ships, and through the source's operators: all outputs of both. */
async function bothWays(
  file: string,
  side: number,
  manifestFile?: string,
): Promise<{ readonly converted: readonly Float32Array[]; readonly reference: readonly Float32Array[] }> {
  const { artifacts } = await readManifest(manifestFile);
  const artifact = artifacts.find((candidate) => candidate.file === file);
  if (artifact === undefined) throw new Error(`${file} is not in the manifest`);
  const { members, outputs: names } = artifact;
  const [bytes = new Uint8Array()] = await sourcesOf(file, manifestFile);
  const source = readTflite(bytes);
  const graph = withoutDequantize(source);
  const rows = new Float32Array(side * side * 3);
  const planes = new Float32Array(rows.length);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const value = Math.sin(y * 0.11 + channel) * Math.cos(x * 0.07 - channel);
        rows[(y * side + x) * 3 + channel] = value;
        planes[(channel * side + y) * side + x] = value;
      }
    }
  }
  const wanted = names?.map((wantedName) => graph.tensors.findIndex(({ name }) => name === wantedName));
  const session = await ort.InferenceSession.create(
    await convertMembers(artifact, new Map([[members[0] ?? "", bytes]])),
  );
  const outputs = await session.run({ input: new ort.Tensor("float32", planes, [1, 3, side, side]) });
  const converted = session.outputNames.map((name) => {
    const data = outputs[name]?.data;
    if (data instanceof Float32Array) return data;
    throw new Error(`output ${name} is no tensor of floats`);
  });
  return { converted, reference: interpret(graph, rows, wanted) };
}

describe("conversion of TensorFlow Lite to ONNX", () => {
  test("MobileFaceNet on onnxruntime gives what its TensorFlow Lite operators give, one by one", async () => {
    const both = await bothWays("mobile-face-net.onnx", 112);
    const [converted = new Float32Array(), reference = new Float32Array()] = [
      both.converted[0],
      both.reference[0],
    ];
    expect(converted).toHaveLength(192);
    expect(1 - cosine(converted, reference)).toBeLessThan(1e-6);
    for (const [i, value] of converted.entries()) expect(value).toBeCloseTo(reference[i] ?? Number.NaN, 2);
  });

  test("MTCNN's onet gives the same points, without the softmax that nobody asks for", async () => {
    const both = await bothWays("mtcnn-onet.onnx", 48);
    const [converted = new Float32Array(), reference] = [both.converted[0], both.reference[0]];
    expect(converted).toHaveLength(10);
    for (const [i, value] of converted.entries()) expect(value).toBeCloseTo(reference?.[i] ?? Number.NaN, 5);
  });

  test("FaceAntiSpoofing with its half-precision weights gives the same scores and takes the same leaf", async () => {
    const candidates = path.join(import.meta.dirname, "..", "liveness", "candidates.json");
    const { converted, reference } = await bothWays("face-anti-spoofing.onnx", 256, candidates);
    expect(converted.map((output) => output.length)).toEqual([8, 8]);
    for (const [at, output] of converted.entries())
      for (const [i, value] of output.entries())
        expect(Math.abs(value - (reference[at]?.[i] ?? Number.NaN))).toBeLessThan(1e-3);
    expect(converted[1]?.reduce((sum, value) => sum + value, 0)).toBe(1);
  });

  test("half-precision constants are read, subnormal and infinite ones too", () => {
    expect([0x3c00, 0xc000, 0x0001, 0x7c00, 0xfc00].map(float32OfHalf)).toEqual([
      1,
      -2,
      2 ** -24,
      Infinity,
      -Infinity,
    ]);
  });

  test("bytes that are no TensorFlow Lite file are refused", () => {
    expect(() => readTflite(new Uint8Array(64))).toThrow("TFL3");
  });
});
