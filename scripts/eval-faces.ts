/**
 * Open-set evaluation through the terminal's own engine: `node scripts/eval-faces.ts --set FOLDER [--pack ID]`.
 *
 * FOLDER holds `<person>/<photo>` and a `protocol.json`. Prints the table; writes `<out>.json` and `<out>.svg`.
 */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { calibrate } from "../models/calibration/gallery-calibrator.ts";
import { targetOf } from "../models/calibration/pack-bounds.ts";
import { detCurveSvg } from "../models/det-curve.ts";
import {
  type EvaluationProtocol,
  evaluate,
  leaveOneOutImpostors,
  type Rate,
  type Scenario,
} from "../models/evaluation.ts";
import { EvaluationProtocolError, parseProtocol } from "../models/evaluation-protocol.ts";
import {
  enrolledPhotos,
  findSiblings,
  type SiblingFinding,
  templatesOf,
} from "../models/evaluation-siblings.ts";
import { fpirDefault, suggestThresholds, type ThresholdSuggestion } from "../models/evaluation-thresholds.ts";
import { embedFiles } from "../models/face-embed.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface FaceEvaluation {
  readonly pack: string;
  readonly set: string;
  readonly photos: number;
  /** A miss of a probe, and no template of an enrolled photo; those that can't be read are among them. */
  readonly photosWithoutFace: readonly string[];
  readonly photosUnreadable: readonly string[];
  readonly msPerPhoto: number;
  readonly scenarios: readonly Scenario[];
  readonly suggestion: ThresholdSuggestion;
  /** Null where the protocol names no twins. */
  readonly siblings: SiblingReport | null;
}

/** What this terminal's own calibration of the set's enrolled people makes of the twins. */
export interface SiblingReport {
  readonly similarityMin: number;
  readonly marginMin: number;
  /** Pairs from this similarity on always get a question. */
  readonly lookAlikeMin: number;
  readonly pairs: readonly SiblingFinding[];
}

/** Runs the protocol of `set` with one pack. */
export async function evaluateFaces(set: string, packId?: string): Promise<FaceEvaluation> {
  const protocol = await readProtocol(set);
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
  const engine = await createFaceEngine({
    artifactsFolder: artifactsFolderDefault,
    faceCountMax: 1,
    ...(packId === undefined ? {} : { packId }),
  });
  try {
    const startedMs = performance.now();
    const photosUnreadable: string[] = [];
    const siblingPhotos = await siblingPhotosOf(set, protocol);
    const photos = [...new Set([...photosOf(protocol), ...[...siblingPhotos.values()].flat()])];
    const embeddings = await embedPhotos(engine, set, photos, photosUnreadable);
    const msPerPhoto = (performance.now() - startedMs) / embeddings.size;
    const scenarios = evaluate(engine.model, engine.embeddingLength, protocol, embeddings);
    const strangers = leaveOneOutImpostors(engine.model, engine.embeddingLength, protocol, embeddings);
    return {
      pack: engine.model,
      set: path.basename(set),
      photos: embeddings.size,
      photosWithoutFace: [...embeddings]
        .filter(([, embedding]) => embedding === null)
        .map(([photo]) => photo),
      photosUnreadable,
      msPerPhoto,
      scenarios,
      suggestion: suggestThresholds(scenarios, strangers),
      siblings: await siblingsOf(engine, protocol, siblingPhotos, embeddings),
    };
  } finally {
    await engine.close();
  }
}

async function readProtocol(set: string): Promise<EvaluationProtocol> {
  const file = path.join(set, "protocol.json");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new EvaluationProtocolError(`${file} can't be read: a set needs its protocol`, { cause });
  });
  try {
    return parseProtocol(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof EvaluationProtocolError) throw cause;
    throw new EvaluationProtocolError(`${file} is no JSON`, { cause });
  }
}

/** All photos of twins whom the protocol does not enrol anyway; none for one without a folder. */
async function siblingPhotosOf(
  set: string,
  { siblings = [], gallery, distractors }: EvaluationProtocol,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const photos = new Map<string, readonly string[]>();
  for (const person of new Set(siblings.flat())) {
    if (Object.hasOwn(gallery, person) || Object.hasOwn(distractors, person)) continue;
    const entries = await readdir(path.join(set, person), { withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => path.join(person, name));
    photos.set(person, files.toSorted());
  }
  return photos;
}

async function siblingsOf(
  { model, embeddingLength }: FaceEngine,
  protocol: EvaluationProtocol,
  siblingPhotos: ReadonlyMap<string, readonly string[]>,
  embeddings: ReadonlyMap<string, Float32Array | null>,
): Promise<SiblingReport | null> {
  const pairs = protocol.siblings ?? [];
  if (pairs.length === 0) return null;
  const people = enrolledPhotos(protocol, siblingPhotos);
  const templates = templatesOf(model, people, embeddings);
  const calibration = await calibrate({
    model,
    embeddingLength,
    parts: [templates],
    peopleCount: people.size,
    target: targetOf(model, { fpirMax: fpirDefault }),
  });
  const { similarityMin, marginMin, lookAlikeMin } = calibration;
  return { similarityMin, marginMin, lookAlikeMin, pairs: findSiblings(pairs, templates, calibration) };
}

function photosOf(protocol: EvaluationProtocol): readonly string[] {
  const pairs = [...protocol.probes, ...protocol.single_shot_probes].map(([, photo]) => photo);
  const enrolled = [...Object.values(protocol.gallery), ...Object.values(protocol.distractors)].flat();
  return [...new Set([...enrolled, ...pairs, ...protocol.impostors])];
}

async function embedPhotos(
  engine: FaceEngine,
  set: string,
  photos: readonly string[],
  unreadable: string[],
): Promise<Map<string, Float32Array | null>> {
  const embeddings = new Map<string, Float32Array | null>();
  for await (const embedded of embedFiles(
    engine,
    photos.map((photo) => path.join(set, photo)),
  )) {
    const photo = path.relative(set, embedded.file);
    if ("error" in embedded) unreadable.push(photo);
    const embedding = "error" in embedded ? undefined : embedded.faces[0]?.embedding;
    embeddings.set(photo, embedding === undefined ? null : Float32Array.from(embedding));
    if (embeddings.size % 250 === 0) console.error(`${embeddings.size}/${photos.length} photos`);
  }
  return embeddings;
}

function percent({ value, low, high }: Rate): string {
  return `${(value * 100).toFixed(2)} % (${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)})`;
}

/** The table as lines of text. */
export function reportOf(evaluation: FaceEvaluation): readonly string[] {
  const { pack, set, photos, photosWithoutFace, photosUnreadable, msPerPhoto } = evaluation;
  const { scenarios, suggestion, siblings } = evaluation;
  return [
    ...photosUnreadable.map((photo) => `can't be read, counts as a photo without a face: ${photo}`),
    `${set}: ${photos} photos, ${photosWithoutFace.length} without a face, ${msPerPhoto.toFixed(0)} ms a photo, pack ${pack}`,
    "scenario | rank-1 | FNIR at FPIR 1 % | FNIR at FPIR 0.34 % (95 % intervals)",
    ...scenarios.map(({ name, rank1, points }) =>
      [
        name,
        percent(rank1),
        ...points.map(({ fnir, similarityMin }) => `${percent(fnir)} at ${similarityMin.toFixed(3)}`),
      ].join(" | "),
    ),
    `thresholds for FPIR ${suggestion.fpirTarget * 100} % over ${suggestion.impostorTrials} impostor trials: ` +
      `similarityMin ${suggestion.similarityMin}, marginMin ${suggestion.marginMin}: ` +
      `FPIR ${percent(suggestion.fpir)}, FNIR (3 enrolled, 1 frame) ${percent(suggestion.fnir)}`,
    ...(siblings === null ? [] : siblingLines(siblings)),
  ];
}

function siblingLines({ similarityMin, marginMin, lookAlikeMin, pairs }: SiblingReport): readonly string[] {
  return [
    `twins, both enrolled; calibrated: similarityMin ${similarityMin}, marginMin ${marginMin}, ` +
      `question from ${lookAlikeMin.toFixed(3)}`,
    ...pairs.map(({ people, similarity, asked, acceptedAsOther }) => {
      if (similarity === null) return `${people.join(" / ")} | not measured: one has no photo with a face`;
      const { count, of } = acceptedAsOther;
      const alone = `photos accepted as the other if only that one is enrolled: ${count} of ${of}`;
      return `${people.join(" / ")} | ${similarity.toFixed(3)} | ${asked ? "asks" : "DOES NOT ASK"} | ${alone}`;
    }),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      set: { type: "string" },
      pack: { type: "string" },
      out: { type: "string", default: ".canteen/eval-faces" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || values.set === undefined) {
    console.log("node scripts/eval-faces.ts --set FOLDER [--pack ID] [--out FILE-WITHOUT-EXTENSION]");
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const evaluation = await evaluateFaces(values.set, values.pack).catch((error: unknown) => {
    if (!(error instanceof EvaluationProtocolError)) throw error;
    console.error(error.message);
    return null;
  });
  if (evaluation === null) {
    process.exitCode = 2;
    return;
  }
  for (const line of reportOf(evaluation)) console.log(line);
  await mkdir(path.dirname(values.out), { recursive: true });
  // Scores of single trials stay out: the file is for people, and they name nobody but weigh megabytes.
  const json = JSON.stringify(
    evaluation,
    (key, value) => (key === "genuine" || key === "impostors" ? undefined : value),
    2,
  );
  await writeFile(`${values.out}.json`, json);
  await writeFile(
    `${values.out}.svg`,
    detCurveSvg(`${evaluation.pack} on ${evaluation.set}`, evaluation.scenarios),
  );
  console.log(`written: ${values.out}.json, ${values.out}.svg`);
}

if (import.meta.main) await main();
