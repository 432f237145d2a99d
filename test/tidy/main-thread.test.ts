import { describe, expect, it } from "vitest";
import { moduleReferences } from "./parse-source.ts";
import { plantedTree, repositoryTree, type SourceTree } from "./source-tree.ts";

/** Milliseconds to seconds of work each: in the main thread they would hold up every diner and the page. */
const HEAVY_PACKAGES = new Set(["sharp", "onnxruntime-node", "usearch"]);
/** Programs of their own threads and processes. */
const WORKERS = new Set([
  "models/face-worker.ts",
  "models/calibration/calibration-process.ts",
  "device/photos/photo-worker.ts",
]);

/** Chains of imports that bring a heavy package into the thread of `entry`; the workers' own do not count. */
function heavyChains(tree: SourceTree, entry: string): string[] {
  const found: string[] = [];
  const cameFrom = new Map([[entry, entry]]);
  for (const [path, chain] of cameFrom) {
    for (const { specifier, target, typeOnly } of moduleReferences(path, tree.get(path) ?? "")) {
      if (typeOnly || (target !== null && WORKERS.has(target))) continue;
      if (HEAVY_PACKAGES.has(specifier)) found.push(`${chain} → ${specifier}`);
      if (target !== null && !cameFrom.has(target)) cameFrom.set(target, `${chain} → ${target}`);
    }
  }
  return found;
}

describe("the main thread", () => {
  it("loads nothing that decodes pictures or runs models: that is the worker's", () => {
    expect(heavyChains(repositoryTree(), "device/main.ts")).toEqual([]);
  });

  it("is judged by what it imports, not by the worker that it starts", () => {
    const tree = plantedTree({
      "device/main.ts": 'import "../models/engine.ts";',
      "models/engine.ts": 'new Worker(new URL("./face-worker.ts", import.meta.url)); import "./decode.ts";',
      "models/face-worker.ts": 'import "onnxruntime-node";',
      "models/decode.ts": 'import sharp from "sharp"; import type { Tensor } from "onnxruntime-node";',
    });
    expect(heavyChains(tree, "device/main.ts")).toEqual([
      "device/main.ts → models/engine.ts → models/decode.ts → sharp",
    ]);
  });
});
