/** From the files of an npm package to the bytes of one ONNX artifact. */

import type { Artifact } from "../manifest.ts";
import { pruneChannels } from "./channel-pruning.ts";
import { onnxOfFaceApiRecognition } from "./face-api-to-onnx.ts";
import { decodeOnnx, encodeOnnx, flushTinyWeights, type OnnxModel } from "./onnx-file.ts";
import { respellPrelu } from "./prelu-spelling.ts";
import { onnxOfTfjsGraph } from "./tfjs-graph-to-onnx.ts";
import { readTflite } from "./tflite-file.ts";
import { onnxOfTflite } from "./tflite-to-onnx.ts";

/**
 * Converts, flushes tiny weights to zero, leaves dead channels out and spells PRelu for speed (README.md: Speed);
 * deterministic, so that the result's SHA-256 can be pinned.
 * @param members bytes by path inside the package; must hold all of `artifact.members`.
 */
export async function convertMembers(
  artifact: Artifact,
  members: ReadonlyMap<string, Uint8Array>,
): Promise<Uint8Array> {
  const parts = artifact.members.map((member) => {
    const bytes = members.get(member);
    if (bytes === undefined) throw new Error(`${member} of ${artifact.package} was not read`);
    return bytes;
  });
  const model = convert(artifact, parts);
  flushTinyWeights(model);
  pruneChannels(model);
  respellPrelu(model);
  return encodeOnnx(model);
}

function convert(artifact: Artifact, [first, second]: readonly Uint8Array[]): OnnxModel {
  if (first === undefined) throw new Error(`${artifact.file} must come from a file`);
  switch (artifact.conversion) {
    case "onnx":
      return decodeOnnx(first);
    case "tflite":
      return onnxOfTflite(readTflite(first), artifact.file, artifact.outputs);
    case "tfjs-graph":
      if (second === undefined) throw new Error(`${artifact.file} must come from a graph and its weights`);
      return onnxOfTfjsGraph(first, second, artifact.file);
    case "face-api-recognition":
      if (second === undefined) throw new Error(`${artifact.file} must come from a manifest and its weights`);
      return onnxOfFaceApiRecognition(first, second);
  }
}
