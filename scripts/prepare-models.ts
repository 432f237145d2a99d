/** Command line of the model preparation: `node scripts/prepare-models.ts`. */

import path from "node:path";
import { isFaceEngineErrorCode } from "../models/face-engine-error.ts";
import { type PreparationProgress, prepareModels } from "../models/preparation.ts";

export { prepareModels } from "../models/preparation.ts";

const root = path.join(import.meta.dirname, "..");
export const artifactsFolderDefault = path.join(root, "models", "artifacts");
export const cacheFolderDefault = path.join(root, ".canteen", "cache", "models");

/** One line for a person who waits. */
export function progressLine({ step, subject, done, total }: PreparationProgress): string {
  if (step === "wait") return "models: another preparation is running, waiting for it";
  return `models: ${done + 1}/${total} ${step === "fetch" ? "fetching" : "converting"} ${subject}`;
}

async function main(): Promise<void> {
  const startedMs = performance.now();
  const { written } = await prepareModels({
    artifactsFolder: artifactsFolderDefault,
    cacheFolder: cacheFolderDefault,
    onProgress: (progress) => console.log(progressLine(progress)),
  });
  const tookS = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    written.length === 0 ? "models: all there" : `models: ${written.length} prepared in ${tookS} s`,
  );
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    const { code, message, hint, cause } = error as {
      code?: string;
      message?: string;
      hint?: { zh: string; en: string };
      cause?: unknown;
    };
    console.error(`models: ${message ?? String(error)}`);
    if (cause instanceof Error) console.error(cause.message.trim());
    if (code !== undefined && isFaceEngineErrorCode(code) && hint !== undefined)
      console.error(`${hint.zh}\n${hint.en}`);
    process.exitCode = 1;
  });
}
