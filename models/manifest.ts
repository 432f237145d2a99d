/** The model manifest: which npm tarballs the weights come from, what each file must hash to, which packs use them. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { FaceEngineError } from "./face-engine-error.ts";

/** How a file of a tarball becomes an ONNX artifact. */
export type Conversion = "onnx" | "tflite" | "tfjs-graph" | "face-api-recognition";

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as in a lock file: of the whole tarball. */
  readonly integrity: string;
}

export interface Artifact {
  readonly file: string;
  readonly sha256: string;
  readonly package: string;
  /** Paths inside the package; more than one where a model is in several files. */
  readonly members: readonly string[];
  readonly conversion: Conversion;
  /** Tensors of the source that become the outputs; the source's own where absent. */
  readonly outputs?: readonly string[];
}

export type EmbedderName = "fr-feature" | "mobile-face-net" | "face-api-descriptor";

/** One selectable way to turn a face into an embedding. Embeddings of different packs are never compared. */
export interface ModelPack {
  readonly id: string;
  readonly embeddingLength: number;
  readonly embedders: readonly EmbedderName[];
  /** Averages the embedding of the face with that of its mirror image. */
  readonly flip: boolean;
  /** 2: landmarks by two models, found again on the upright face (`pipeline/landmarks.ts`). */
  readonly landmarkLooks: 1 | 2;
}

export interface Manifest {
  readonly defaultPack: string;
  readonly packages: readonly PinnedPackage[];
  readonly artifacts: readonly Artifact[];
  readonly packs: readonly ModelPack[];
}

export const manifestFileDefault = path.join(import.meta.dirname, "manifest.json");

/** @throws FaceEngineError `manifest-unreadable`. */
export async function readManifest(file: string = manifestFileDefault): Promise<Manifest> {
  try {
    // The file is ours and committed; its form is checked by manifest.test.ts.
    const manifest: Manifest = JSON.parse(await readFile(file, "utf8"));
    if (!Array.isArray(manifest.artifacts) || !Array.isArray(manifest.packs))
      throw new Error("lists are missing");
    return manifest;
  } catch (cause) {
    throw new FaceEngineError("manifest-unreadable", `model manifest ${file} can't be used`, { cause });
  }
}

/** @throws FaceEngineError `manifest-unreadable` when there is no such pack. */
export function packOf(manifest: Manifest, id: string = manifest.defaultPack): ModelPack {
  const pack = manifest.packs.find((candidate) => candidate.id === id);
  if (pack !== undefined) return pack;
  const known = manifest.packs.map((candidate) => candidate.id).join(", ");
  throw new FaceEngineError(
    "manifest-unreadable",
    `model pack "${id}" is not in the manifest, which has ${known}`,
  );
}

/** Lower-case hex SHA-256 of a file, read as a stream. Rejects as `fs` does where it can't be read. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/**
 * Checks that the prepared weights are those that were pinned.
 * @throws FaceEngineError `weights-missing` or `weights-changed`, with the file's name.
 */
export async function checkWeights(
  manifest: Manifest,
  artifactsFolder: string,
  files: readonly string[],
): Promise<void> {
  for (const { file, sha256 } of manifest.artifacts) {
    if (!files.includes(file)) continue;
    const found = await sha256OfFile(path.join(artifactsFolder, file)).catch((cause: unknown) => {
      throw new FaceEngineError("weights-missing", `${file} can't be read in ${artifactsFolder}`, { cause });
    });
    if (found !== sha256) {
      throw new FaceEngineError("weights-changed", `${file} has SHA-256 ${found}, but ${sha256} is pinned`);
    }
  }
}
