/**
 * How often a copy of a face passes for live, and how often somebody live is doubted: on made attacks.
 *
 *   node scripts/eval-liveness.ts --set FOLDER [--half dev|test] [--people N] [--seed S] [--candidates] [--jobs N] [--out FILE]
 *
 * FOLDER holds <person>/<photo>. The people are split in halves: constants are chosen on `dev`, figures are those of
 * `test`. The attacks are formulas (scripts/liveness/): these figures compare models and settings, and say nothing about
 * a phone or a print in somebody's hand.
 */

import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
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
import { decodeImage, frameLimits } from "../models/pipeline/decode.ts";
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

/** What one process measured. */
interface Measured {
  readonly visits: readonly Visit[];
  /** The least of each model. */
  readonly msByModel: Readonly<Record<string, number>>;
}

interface EvaluationOptions {
  readonly half: Half;
  readonly people: number;
  readonly seed: string;
  readonly withCandidates: boolean;
  /** Of so many processes the one that takes each `count`-th person. */
  readonly share: { readonly index: number; readonly count: number };
}

/** The same people and figures however many processes share them. */
async function evaluateInProcesses(args: readonly string[], jobs: number): Promise<Measured> {
  const children = Array.from({ length: jobs }, (_, index) =>
    fork(import.meta.filename, [...args, "--share", `${index}/${jobs}`]),
  );
  const parts = await Promise.all(children.map(measuredBy));
  const msByModel: Record<string, number> = {};
  for (const part of parts)
    for (const [name, ms] of Object.entries(part.msByModel))
      msByModel[name] = Math.min(ms, msByModel[name] ?? ms);
  return { visits: parts.flatMap(({ visits }) => visits), msByModel };
}

async function measuredBy(child: ChildProcess): Promise<Measured> {
  let measured: Measured | null = null;
  child.on("message", (message) => {
    measured = message as Measured;
  });
  await once(child, "close");
  if (measured === null) throw new Error(`a process of the evaluation ended early: ${child.exitCode}`);
  return measured;
}

async function evaluateLiveness(set: string, options: EvaluationOptions): Promise<Measured> {
  const measures = await openMeasures(options.withCandidates);
  const visits: Visit[] = [];
  let done = 0;
  for await (const { person, file } of peopleOf(set, options.half)) {
    if (done === options.people) break;
    const photo = await readPhoto(file);
    if (hasBlackCorner(photo)) continue;
    done += 1;
    if ((done - 1) % options.share.count !== options.share.index) continue;
    const kinds =
      (done - 1) % attackedEvery === 0 ? ([bonaFide, ...attackKinds] as const) : ([bonaFide] as const);
    for (const kind of kinds) {
      const frames = await presentationFrames(kind, photo, `${options.seed}/${person}`);
      visits.push(await measureVisit(kind, frames, measures));
    }
    console.error(`${done}/${options.people} people`);
  }
  return { visits, msByModel: Object.fromEntries(measures.msByModel) };
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

const candidatesFolder = path.join(cacheFolderDefault, "liveness-candidates");

/** Before the processes begin, which would do it at the same time. */
async function prepareAll(withCandidates: boolean): Promise<void> {
  const cacheFolder = cacheFolderDefault;
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder });
  if (withCandidates)
    await prepareModels({ artifactsFolder: candidatesFolder, cacheFolder, manifestFile: candidatesFile });
}

async function openMeasures(withCandidates: boolean): Promise<Measures> {
  const manifest = await readManifest();
  // Who it is does not matter here: the pack that embeds fastest.
  const models = await openModels(
    manifest,
    packOf(manifest, "mobile-face-net-192"),
    artifactsFolderDefault,
    1,
  );
  const others: { name: string; session: ort.InferenceSession }[] = [];
  if (withCandidates) {
    for (const [name, { file }] of Object.entries(candidates))
      others.push({ name, session: await openCandidate(file, candidatesFolder) });
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
    const limits = frameLimits;
    const options = { faceCountMax: 1, smallFaces: false, liveness: true, previous, limits };
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
  /** Of the program that made it, with "+" when files were changed since. */
  readonly commit: string;
  readonly people: number;
  readonly msByModel: Readonly<Record<string, number>>;
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
  head: Pick<LivenessReport, "commit" | "set" | "half" | "people" | "seed" | "msByModel">,
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
function linesOf({
  commit,
  set,
  half,
  people,
  seed,
  msByModel,
  models,
  decisions,
}: LivenessReport): readonly string[] {
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
    `${set}, half "${half}", ${people} people, seed ${seed}, commit ${commit}`,
    "made attacks; the figures do not carry over to real ones (95 % intervals)",
    ...Object.entries(msByModel).map(([name, ms]) => `${name}: at best ${ms.toFixed(1)} ms`),
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

function commitNow(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "-uno") === "" ? "" : "+");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      set: { type: "string" },
      half: { type: "string", default: "test" },
      people: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      candidates: { type: "boolean", default: false },
      jobs: { type: "string", default: String(availableParallelism()) },
      share: { type: "string" },
      out: { type: "string", default: ".canteen/eval-liveness" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { set, seed, out } = values;
  const people = Number(values.people);
  if (
    values.help ||
    set === undefined ||
    (values.half !== "dev" && values.half !== "test") ||
    !Number.isInteger(people) ||
    !(Number(values.jobs) >= 1)
  ) {
    console.log(
      "node scripts/eval-liveness.ts --set FOLDER [--half dev|test] [--people N] [--seed S] [--candidates] [--jobs N] [--out FILE]",
    );
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const half: Half = values.half;
  const options = { half, people, seed, withCandidates: values.candidates };
  if (values.share !== undefined) {
    // Ends with its parent.
    process.once("disconnect", () => process.exit(1));
    const [index = 0, count = 1] = values.share.split("/").map(Number);
    process.send?.(await evaluateLiveness(set, { ...options, share: { index, count } }));
    process.removeAllListeners("disconnect");
    process.disconnect?.();
    return;
  }
  await prepareAll(options.withCandidates);
  // Now: the files may be changed while it runs.
  const commit = commitNow();
  const { visits, msByModel } = await evaluateInProcesses(process.argv.slice(2), Number(values.jobs));
  const head = { commit, set: path.basename(set), half, people, seed, msByModel };
  const report = reportOf(visits, head);
  for (const line of linesOf(report)) console.log(line);
  await mkdir(path.dirname(out), { recursive: true });
  await writeFile(`${out}.json`, JSON.stringify(report, null, 2));
  console.log(`written: ${out}.json`);
}

if (import.meta.main) await main();
