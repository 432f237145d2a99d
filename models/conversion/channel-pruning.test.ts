import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { block, expectNear, type Fate, modelOf, outputOf } from "./block-for-tests.ts";
import { pruneChannels } from "./channel-pruning.ts";
import { encodeOnnx, type OnnxModel } from "./onnx-file.ts";

const dimsOf = (model: OnnxModel, output: string) => {
  const node = model.graph.node.find((one) => one.output.includes(output));
  return model.graph.initializer.find(({ name }) => name === node?.input[1])?.dims;
};

describe("pruning of channels", () => {
  test("changes no output, whatever channels are dead and however they came to be", async () => {
    await fc.assert(
      fc.asyncProperty(block, async (described) => {
        const model = modelOf(described);
        const wanted = await outputOf(model);
        pruneChannels(model);
        expectNear(await outputOf(model), wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("drops the dead, keeps the living, and fills the last block", () => {
    const fates: Fate[] = Array.from({ length: 40 }, (_, i) => (i % 4 === 0 ? "alive" : "no weights"));
    const model = modelOf({ fates, slopes: fates.map(() => 0.2), stride: 1, padded: true, seed: 1 });
    expect(pruneChannels(model)).toEqual({ dropped: 24, added: 0 });
    expect(dimsOf(model, "wide")).toEqual([16, 4, 1, 1]);
    expect(dimsOf(model, "deep")).toEqual([16, 1, 3, 3]);
    expect(dimsOf(model, "narrow")).toEqual([4, 16, 1, 1]);
  });

  test("adds channels of zeros where the number is no whole block", async () => {
    const fates: Fate[] = Array.from({ length: 13 }, () => "alive");
    const model = modelOf({ fates, slopes: fates.map(() => 0.2), stride: 1, padded: true, seed: 2 });
    const wanted = await outputOf(model);
    expect(pruneChannels(model)).toEqual({ dropped: 0, added: 3 });
    expect(dimsOf(model, "deep")).toEqual([16, 1, 3, 3]);
    expectNear(await outputOf(model), wanted);
  });

  test("leaves alone what ends in an output or is read by something else than a convolution", () => {
    const fates: Fate[] = Array.from({ length: 16 }, () => "no weights");
    const model = modelOf({ fates, slopes: fates.map(() => 0.2), stride: 1, padded: true, seed: 3 });
    model.graph.node = model.graph.node.map((node) =>
      node.output.includes("bent2") ? { ...node, opType: "Sigmoid", input: ["deep"] } : node,
    );
    const before = encodeOnnx(model);
    expect(pruneChannels(model)).toEqual({ dropped: 0, added: 0 });
    expect(encodeOnnx(model)).toEqual(before);
  });
});
