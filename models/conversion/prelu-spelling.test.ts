import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { block, expectNear, type Fate, modelOf, outputOf } from "./block-for-tests.ts";
import { channelBlock, pruneChannels } from "./channel-pruning.ts";
import { decodeOnnx, encodeOnnx } from "./onnx-file.ts";
import { respellPrelu } from "./prelu-spelling.ts";

describe("the other spelling of PRelu", () => {
  test("gives the same as PRelu for every slope, below zero and over one", async () => {
    await fc.assert(
      fc.asyncProperty(block, async (described) => {
        const model = modelOf(described);
        const wanted = await outputOf(model);
        pruneChannels(model);
        expect(respellPrelu(model)).toBe(2);
        expect(model.graph.node.map(({ opType }) => opType)).not.toContain("PRelu");
        expectNear(await outputOf(decodeOnnx(encodeOnnx(model))), wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("is not used where channels do not fill whole blocks", () => {
    const fates: Fate[] = Array.from({ length: channelBlock + 1 }, () => "alive");
    const model = modelOf({ fates, slopes: fates.map(() => 0.2), stride: 1, padded: true, seed: 4 });
    expect(respellPrelu(model)).toBe(0);
  });
});
