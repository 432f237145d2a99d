/**
 * How often a copy of a face passes for live, and how often somebody live is doubted: on made attacks.
 *
 *   node scripts/eval-liveness.ts --set FOLDER [--half dev|test] [--people N] [--seed S] [--candidates] [--out FILE]
 *
 * FOLDER holds <person>/<photo>. The people are split in halves: constants are chosen on `dev`, figures are those of
 * `test`. The attacks are formulas (scripts/liveness/): these figures compare models and settings, and say nothing about
 * a phone or a print in somebody's hand.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import type * as ort from "onnxruntime-node";
import { monoMs } from "../device/platform/units.ts";
import {
  LIVENESS_DEFAULTS,
  type LivenessFace,
  type LivenessVerdict,
  noLivenessYet,
  weighLiveness,
} from "../device/serving-line/liveness-check.ts";
import { type Rate, rateOf } from "../models/evaluation.ts";
import {
  candidates,
  candidatesFile,
  measureCandidate,
  openCandidate,
} from "../models/liveness/candidate-models.ts";
import {
  bonaFide,
  type PadFigures,
  type Presentation,
  padFigures,
  scoreMinForBpcer,
} from "../models/liveness/pad-figures.ts";
import { packOf, readManifest } from "../models/manifest.ts";
import { analyzeImage } from "../models/pipeline/analyze.ts";
import { decodeImage } from "../models/pipeline/decode.ts";
import { measureTexture } from "../models/pipeline/liveness.ts";
import type { GreyPicture } from "../models/pipeline/motion.ts";
import { type FaceModels, openModels } from "../models/pipeline/sessions.ts";
import { prepareModels } from "../models/preparation.ts";
import { hasBlackCorner, readPhoto } from "./liveness/float-picture.ts";
import { attackKinds, framePeriodMs, presentationFrames } from "./liveness/presentations.ts";
import { artifactsFolderDefault, cacheFolderDefault } from "./prepare-models.ts";

type Half = "dev" | "test";
/** Attacks are slow to draw: one live person in three is attacked too. */
const attackedEvery = 3;
/** Where the models are compared with each other: at the mark that doubts this share of the live. */
const bpcerCompared = 0.1;

interface Visit {
  readonly kind: string;
  /** Mean over the frames by model; null without a face. */
  readonly scores: Readonly<Record<string, number | null>>;
  readonly assist: LivenessVerdict["kind"];
  readonly strict: LivenessVerdict["kind"];
}

interface Measures {
  readonly models: FaceModels;
  readonly others: readonly { readonly name: string; readonly session: ort.InferenceSession }[];
  readonly msByModel: Map<string, number>;
}

async function evaluateLiveness(
  set: string,
  options: {
    readonly half: Half;
    readonly people: number;
    readonly seed: string;
    readonly withCandidates: boolean;
  },
): Promise<readonly Visit[]> {
  const measures = await openMeasures(options.withCandidates);
  const visits: Visit[] = [];
  let done = 0;
  for await (const { person, file } of peopleOf(set, options.half)) {
    if (done === options.people) break;
    const photo = await readPhoto(file);
    if (hasBlackCorner(photo)) continue;
    const kinds = done % attackedEvery === 0 ? ([bonaFide, ...attackKinds] as const) : ([bonaFide] as const);
    for (const kind of kinds) {
      const frames = await presentationFrames(kind, photo, `${options.seed}/${person}`);
      visits.push(await measureVisit(kind, frames, measures));
    }
    done += 1;
    if (done % 10 === 0) console.error(`${done}/${options.people} people`);
  }
  for (const [name, ms] of measures.msByModel) console.error(`${name}: at best ${ms.toFixed(1)} ms`);
  return visits;
}

async function* peopleOf(
  set: string,
  half: Half,
): AsyncGenerator<{ readonly person: string; readonly file: string }> {
  const entries = await readdir(set, { withFileTypes: true });
  for (const { name } of entries
    .filter((entry) => entry.isDirectory())
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    // By the name, so that the halves stay what they are when people are added.
    const odd = (createHash("sha256").update(name).digest()[0] ?? 0) % 2 === 1;
    if (odd !== (half === "test")) continue;
    const [photo] = (await readdir(path.join(set, name))).sort();
    if (photo !== undefined) yield { person: name, file: path.join(set, name, photo) };
  }
}

async function openMeasures(withCandidates: boolean): Promise<Measures> {
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
  const manifest = await readManifest();
  const models = await openModels(manifest, packOf(manifest), artifactsFolderDefault, 1);
  const others: { name: string; session: ort.InferenceSession }[] = [];
  if (withCandidates) {
    const folder = path.join(cacheFolderDefault, "liveness-candidates");
    await prepareModels({
      artifactsFolder: folder,
      cacheFolder: cacheFolderDefault,
      manifestFile: candidatesFile,
    });
    for (const [name, { file }] of Object.entries(candidates))
      others.push({ name, session: await openCandidate(file, folder) });
  }
  return { models, others, msByModel: new Map() };
}

async function measureVisit(
  kind: string,
  frames: readonly Uint8Array<ArrayBuffer>[],
  measures: Measures,
): Promise<Visit> {
  const sums = new Map<string, number[]>();
  const add = (name: string, score: number) => sums.set(name, [...(sums.get(name) ?? []), score]);
  const faces: (LivenessFace | null)[] = [];
  let previous: GreyPicture | null = null;
  for (const bytes of frames) {
    const options = { faceCountMax: 1, smallFaces: false, liveness: true, previous };
    const analysis = await analyzeImage(measures.models, bytes, options);
    previous = analysis.grey;
    const [face] = analysis.faces;
    faces.push(face ?? null);
    if (face === undefined) continue;
    add("fused", face.liveness ?? 0);
    const image = await decodeImage(bytes);
    add(
      "fr-liveness",
      await timed("fr-liveness", () => measureTexture(measures.models.liveness, image, face.box)),
    );
    for (const { name, session } of measures.others) {
      const candidate = candidates[name];
      // The slow one sees one frame of each visit.
      if (candidate === undefined || (candidate.sidePx > 200 && sums.has(name))) continue;
      add(name, await timed(name, () => measureCandidate(candidate, session, image, face.box)));
    }
  }
  const names = ["fused", "fr-liveness", ...measures.others.map(({ name }) => name)];
  const scores = Object.fromEntries(names.map((name) => [name, meanOf(sums.get(name) ?? [])]));
  return { kind, scores, assist: decide(faces, "assist"), strict: decide(faces, "strict") };

  async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    const result = await work();
    const ms = performance.now() - beganMs;
    measures.msByModel.set(name, Math.min(ms, measures.msByModel.get(name) ?? ms));
    return result;
  }
}

const meanOf = (list: readonly number[]): number | null =>
  list.length === 0 ? null : list.reduce((sum, value) => sum + value, 0) / list.length;

/** What the serving line would say after these frames. */
function decide(
  faces: readonly (LivenessFace | null)[],
  level: "assist" | "strict",
): LivenessVerdict["kind"] {
  const settings = { ...LIVENESS_DEFAULTS, level };
  let state = noLivenessYet(monoMs(0));
  let verdict: LivenessVerdict = { kind: "undecided" };
  for (const [at, face] of faces.entries()) {
    if (face === null) continue;
    const frame = { capturedMono: monoMs(at * framePeriodMs), scored: true };
    ({ state, verdict } = weighLiveness(state, face, frame, settings));
    if (verdict.kind === "refused") break;
  }
  return verdict.kind;
}

interface ModelFigures {
  readonly model: string;
  /** At the mark of its own package, or 0.5. */
  readonly own: PadFigures;
  readonly compared: PadFigures;
}

export interface LivenessReport {
  readonly set: string;
  readonly half: Half;
  readonly seed: string;
  readonly synthetic: true;
  readonly models: readonly ModelFigures[];
  /** Share of the visits of each kind that are passed, asked and refused. */
  readonly decisions: Readonly<
    Record<"assist" | "strict", Readonly<Record<string, Readonly<Record<string, Rate>>>>>
  >;
}

function reportOf(
  visits: readonly Visit[],
  head: Pick<LivenessReport, "set" | "half" | "seed">,
): LivenessReport {
  const names = Object.keys(visits[0]?.scores ?? {});
  const models = names.map((model) => {
    const presentations: Presentation[] = visits.map(({ kind, scores }) => ({
      kind,
      score: scores[model] ?? null,
    }));
    const own = padFigures(presentations, candidates[model]?.scoreMin ?? 0.5);
    return {
      model,
      own,
      compared: padFigures(presentations, scoreMinForBpcer(presentations, bpcerCompared)),
    };
  });
  const byKind = Map.groupBy(visits, ({ kind }) => kind);
  const sharesOf = (level: "assist" | "strict") =>
    Object.fromEntries(
      [...byKind].map(([kind, list]) => {
        const share = (wanted: string) =>
          rateOf(list.filter((visit) => visit[level] === wanted).length, list.length);
        return [kind, { live: share("live"), asking: share("asking"), refused: share("refused") }];
      }),
    );
  return {
    ...head,
    synthetic: true,
    models,
    decisions: { assist: sharesOf("assist"), strict: sharesOf("strict") },
  };
}

function percent({ value, low, high }: Rate): string {
  return `${(value * 100).toFixed(0)} % (${(low * 100).toFixed(0)}–${(high * 100).toFixed(0)})`;
}

/** The tables as lines of text. */
function linesOf({ set, half, models, decisions }: LivenessReport): readonly string[] {
  const kinds = Object.keys(models[0]?.own.apcer ?? {});
  const row = (name: string, { scoreMin, bpcer, apcer }: PadFigures) =>
    [
      name,
      scoreMin.toFixed(3),
      percent(bpcer),
      ...kinds.map((kind) => percent(apcer[kind] ?? rateOf(0, 0))),
    ].join(" | ");
  const heading = `model | mark | BPCER | ${kinds.map((kind) => `APCER ${kind}`).join(" | ")}`;
  return [
    `${set}, half "${half}": made attacks; the figures do not carry over to real ones (95 % intervals)`,
    heading,
    ...models.map(({ model, own }) => row(model, own)),
    `the same at a BPCER of ${bpcerCompared * 100} %`,
    ...models.map(({ model, compared }) => row(model, compared)),
    ...(["assist", "strict"] as const).flatMap((level) => [
      `${level}: kind | passes unasked | is asked | is refused`,
      ...Object.entries(decisions[level]).map(([kind, { live, asking, refused }]) =>
        [kind, ...[live, asking, refused].map((rate) => percent(rate ?? rateOf(0, 0)))].join(" | "),
      ),
    ]),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      set: { type: "string" },
      half: { type: "string", default: "test" },
      people: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      candidates: { type: "boolean", default: false },
      out: { type: "string", default: ".canteen/eval-liveness" },
    },
  });
  const { set, seed, out } = values;
  const people = Number(values.people);
  if (set === undefined || (values.half !== "dev" && values.half !== "test") || !Number.isInteger(people)) {
    console.log(
      "node scripts/eval-liveness.ts --set FOLDER [--half dev|test] [--people N] [--seed S] [--candidates] [--out FILE]",
    );
    process.exitCode = 2;
    return;
  }
  const half = values.half;
  const visits = await evaluateLiveness(set, { half, people, seed, withCandidates: values.candidates });
  const report = reportOf(visits, { set: path.basename(set), half, seed });
  for (const line of linesOf(report)) console.log(line);
  await mkdir(path.dirname(out), { recursive: true });
  await writeFile(`${out}.json`, JSON.stringify(report, null, 2));
  console.log(`written: ${out}.json`);
}

if (import.meta.main) await main();
