/** For tests: the prepared weights, made on first use, so that `npm test` passes in a clean clone. */

import path from "node:path";
import { prepareModels } from "./preparation.ts";

/** @returns the folder of the prepared weights. */
export async function artifactsForTests(): Promise<string> {
  const artifactsFolder = path.join(import.meta.dirname, "artifacts");
  await prepareModels({
    artifactsFolder,
    cacheFolder: path.join(import.meta.dirname, "..", ".canteen", "cache", "models"),
  });
  return artifactsFolder;
}

/** One of the six photos of several people that the package @vladmandic/face-api carries. Never copied. */
export function samplePhoto(number: 1 | 2 | 3 | 4 | 5 | 6): string {
  const demo = path.join(import.meta.dirname, "..", "node_modules", "@vladmandic", "face-api", "demo");
  return path.join(demo, `sample${number}.jpg`);
}
