/** Opens the models of one pack on onnxruntime's CPU provider. */

import path from "node:path";
import * as ort from "onnxruntime-node";
import { checkWeights, type EmbedderName, type Manifest, type ModelPack } from "../manifest.ts";

export interface FaceModels {
  readonly pack: ModelPack;
  readonly detector: ort.InferenceSession;
  readonly landmarker: ort.InferenceSession;
  /** The second source of landmarks; `null` for a pack that looks once. */
  readonly onet: ort.InferenceSession | null;
  readonly liveness: ort.InferenceSession;
  readonly eyes: ort.InferenceSession;
  /** In the pack's order. */
  readonly embedders: readonly { readonly name: EmbedderName; readonly session: ort.InferenceSession }[];
}

export const embedderFiles: Readonly<Record<EmbedderName, string>> = {
  "fr-feature": "fr-feature.onnx",
  "mobile-face-net": "mobile-face-net.onnx",
  "face-api-descriptor": "face-api-descriptor.onnx",
};

const detectorFile = "fr-detect.onnx";
const landmarkFile = "fr-landmark.onnx";
const onetFile = "mtcnn-onet.onnx";
const livenessFile = "fr-liveness.onnx";
const eyesFile = "fr-eye.onnx";

/** @throws FaceEngineError `weights-missing` or `weights-changed`, for any model that the pack needs. */
export async function checkPack(manifest: Manifest, pack: ModelPack, artifactsFolder: string): Promise<void> {
  await checkWeights(manifest, artifactsFolder, [
    detectorFile,
    landmarkFile,
    ...(pack.landmarkLooks === 2 ? [onetFile] : []),
    livenessFile,
    eyesFile,
    ...pack.embedders.map((name) => embedderFiles[name]),
  ]);
}

/** @throws FaceEngineError `weights-missing` or `weights-changed`: no model runs whose hash is not the pinned one. */
export async function openModels(
  manifest: Manifest,
  pack: ModelPack,
  artifactsFolder: string,
  threadCount: number,
): Promise<FaceModels> {
  const looksTwice = pack.landmarkLooks === 2;
  await checkPack(manifest, pack, artifactsFolder);
  const open = (file: string) =>
    ort.InferenceSession.create(path.join(artifactsFolder, file), {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      intraOpNumThreads: threadCount,
      interOpNumThreads: 1,
      // An arena and planned blocks keep what the largest input ever took; nothing is gained at one face a run.
      enableCpuMemArena: false,
      enableMemPattern: false,
    });
  const embedders = await Promise.all(
    pack.embedders.map(async (name) => ({ name, session: await open(embedderFiles[name]) })),
  );
  const [detector, landmarker, liveness, eyes] = [
    await open(detectorFile),
    await open(landmarkFile),
    await open(livenessFile),
    await open(eyesFile),
  ];
  const onet = looksTwice ? await open(onetFile) : null;
  return { pack, detector, landmarker, onet, liveness, eyes, embedders };
}

/** Runs a model of one input and gives its float outputs in declared order. */
export async function runModel(
  session: ort.InferenceSession,
  data: Float32Array,
  dims: readonly number[],
): Promise<readonly Float32Array[]> {
  const [inputName = "input"] = session.inputNames;
  const outputs = await session.run({ [inputName]: new ort.Tensor("float32", data, dims) });
  return session.outputNames.map((name) => {
    const output = outputs[name]?.data;
    if (output instanceof Float32Array) return output;
    throw new Error(`output "${name}" of a model is no float32 tensor`);
  });
}
