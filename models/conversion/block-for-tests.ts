/** For tests of rewriting: a block of a MobileFaceNet with dead channels of every kind, and what it gives. */

import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { expect } from "vitest";
import {
  encodeOnnx,
  floatTensor,
  floatValue,
  intAttribute,
  intsAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx-file.ts";

const side = 9;

/** What one inner channel is made dead by, or nothing. */
export type Fate = "alive" | "no weights" | "no weights, some bias" | "constant between" | "unread";

export interface Block {
  readonly fates: readonly Fate[];
  readonly slopes: readonly number[];
  readonly stride: number;
  readonly padded: boolean;
  readonly seed: number;
}

const fate = fc.constantFrom<Fate>(
  "alive",
  "no weights",
  "no weights, some bias",
  "constant between",
  "unread",
);
export const block: fc.Arbitrary<Block> = fc.integer({ min: 1, max: 20 }).chain((count) =>
  fc.record({
    fates: fc.array(fate, { minLength: count, maxLength: count }),
    slopes: fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: count, maxLength: count }),
    stride: fc.constantFrom(1, 2),
    padded: fc.boolean(),
    seed: fc.nat(),
  }),
);

/** The block of a MobileFaceNet: 1×1 to many, PRelu, depthwise, PRelu, 1×1 to few, added to its input where it fits. */
export function modelOf({ fates, slopes, stride, padded, seed }: Block): OnnxModel {
  const inner = fates.length;
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const weight = (name: string, dims: number[], value: (at: number) => number): OnnxTensor =>
    floatTensor(
      name,
      dims,
      Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, at) => value(at)),
    );
  const isDead = (channel: number) => fates[channel]?.startsWith("no weights") ?? false;
  const isFlat = (channel: number) => isDead(channel) || fates[channel] === "constant between";
  const bias = (channel: number) => (fates[channel] === "no weights" ? 0 : random());
  const convolution = (input: string[], output: string, group: number, attribute: OnnxNode["attribute"]) => ({
    opType: "Conv",
    input,
    output: [output],
    attribute: [...attribute, intAttribute("group", group)],
  });
  const pads = intsAttribute("pads", padded ? [1, 1, 1, 1] : [0, 0, 0, 0]);
  const hasSum = stride === 1 && padded;
  const outSide = Math.floor((side + (padded ? 2 : 0) - 3) / stride) + 1;
  return {
    irVersion: 7,
    producerName: "test",
    opsetImport: [{ domain: "", version: 12 }],
    graph: {
      name: "block",
      node: [
        convolution(["input", "w1", "b1"], "wide", 1, []),
        { opType: "PRelu", input: ["wide", "s1"], output: ["bent"], attribute: [] },
        convolution(["bent", "w2", "b2"], "deep", inner, [pads, intsAttribute("strides", [stride, stride])]),
        { opType: "PRelu", input: ["deep", "s2"], output: ["bent2"], attribute: [] },
        convolution(["bent2", "w3", "b3"], hasSum ? "narrow" : "output", 1, []),
        ...(hasSum ? [{ opType: "Add", input: ["input", "narrow"], output: ["output"], attribute: [] }] : []),
      ],
      initializer: [
        weight("w1", [inner, 4, 1, 1], (at) => (isDead(Math.floor(at / 4)) ? 0 : random())),
        weight("b1", [inner], bias),
        weight("s1", [inner, 1, 1], (channel) => slopes[channel] ?? 0),
        weight("w2", [inner, 1, 3, 3], (at) => (isFlat(Math.floor(at / 9)) ? 0 : random())),
        weight("b2", [inner], bias),
        weight("s2", [inner, 1, 1], (channel) => slopes[inner - 1 - channel] ?? 0),
        weight("w3", [4, inner, 1, 1], (at) => (fates[at % inner] === "unread" ? 0 : random())),
        weight("b3", [4], random),
      ],
      input: [floatValue("input", [1, 4, side, side])],
      output: [floatValue("output", [1, 4, outSide, outSide])],
      valueInfo: [],
    },
  };
}

export async function outputOf(model: OnnxModel): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(encodeOnnx(model), { logSeverityLevel: 3 });
  const data = Float32Array.from({ length: 4 * side * side }, (_, i) => Math.sin(i * 0.71) * 3);
  const { output } = await session.run({ input: new ort.Tensor("float32", data, [1, 4, side, side]) });
  await session.release();
  if (!(output?.data instanceof Float32Array)) throw new Error("a float output was expected");
  return output.data;
}

export function expectNear(found: Float32Array, wanted: Float32Array): void {
  expect(found).toHaveLength(wanted.length);
  const scale = wanted.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  for (const [i, value] of wanted.entries()) {
    expect(Math.abs((found[i] ?? Number.NaN) - value) / scale).toBeLessThan(1e-5);
  }
}
