/**
 * `npm run bench:faces [-- --quick] [--out FILE]`: what one camera frame costs, stage by stage, on one thread and on
 * two, beside @vladmandic/face-api and @vladmandic/human on wasm over the same frames. Prints a table, writes JSON.
 *
 * Wall times tell the truth only on a quiet machine; the processor's time beside them holds on a busy one too.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createFaceEngine } from "../models/face-engine.ts";
import type { StageMs } from "../models/face-engine-port.ts";
import { benchTheirs, type FaceApiRow, randomTemplates, sampleFrames } from "./bench-face-api.ts";
import { benchHuman } from "./bench-human.ts";
import { type BenchMachine, benchMachine, type SpreadMs, spreadOf } from "./bench-people.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface StageRun {
  readonly pack: string;
  readonly threads: number;
  readonly liveness: boolean;
  readonly enrolled: number;
  readonly frames: number;
  readonly framesWithFace: number;
  /** By stage of the pipeline, and `total`. */
  readonly stages: Readonly<Record<keyof StageMs, SpreadMs>>;
  /** The whole frame, as the caller waits for it. */
  readonly frame: SpreadMs & { readonly minMs: number };
  /** Time of all threads on a processor. */
  readonly cpu: SpreadMs & { readonly minMs: number };
}

export interface FacesReport {
  readonly machine: BenchMachine;
  readonly at: string;
  readonly quick: boolean;
  readonly tookS: number;
  readonly runs: readonly StageRun[];
  readonly others: readonly FaceApiRow[];
}

export interface StageBenchOptions {
  readonly frames: readonly Buffer[];
  readonly rounds: number;
  readonly threads: number;
  readonly liveness: boolean;
  readonly enrolled: number;
  readonly artifactsFolder?: string;
}

const AIM_P50_MS_MAX = 90;
const ENROLLED = 20_000;
const ROOT = join(import.meta.dirname, "..");
const STAGES = ["decode", "detect", "landmarks", "embed", "liveness", "search", "total"] as const;

/** One pack through the terminal's own engine, one frame at a time; the first round is not counted. */
export async function benchStages(options: StageBenchOptions): Promise<StageRun> {
  const { frames, rounds, threads, liveness, enrolled } = options;
  const engine = await createFaceEngine({
    artifactsFolder: options.artifactsFolder ?? artifactsFolderDefault,
    threadCount: threads,
    faceCountMax: 1,
    frameLiveness: liveness,
  });
  const stageMs: StageMs[] = [];
  const frameMs: number[] = [];
  const cpuMs: number[] = [];
  let framesWithFace = 0;
  try {
    await engine.loadGallery(randomTemplates(engine, enrolled), { peopleCount: enrolled });
    for (let round = 0; round <= rounds; round += 1) {
      for (const jpeg of frames) {
        const beganMs = performance.now();
        const before = process.cpuUsage();
        const observed = await engine.observe({ bytes: Uint8Array.from(jpeg) });
        const { user, system } = process.cpuUsage(before);
        if (round === 0) continue;
        frameMs.push(performance.now() - beganMs);
        cpuMs.push((user + system) / 1000);
        stageMs.push(observed.stageMs);
        if (observed.faces.length > 0) framesWithFace += 1;
      }
    }
  } finally {
    await engine.close();
  }
  const spreadOfStage = (stage: keyof StageMs) => spreadOf(stageMs.map((spent) => spent[stage]));
  return {
    pack: engine.model,
    threads,
    liveness,
    enrolled,
    frames: frameMs.length,
    framesWithFace: framesWithFace / Math.max(frameMs.length, 1),
    stages: {
      decode: spreadOfStage("decode"),
      detect: spreadOfStage("detect"),
      landmarks: spreadOfStage("landmarks"),
      embed: spreadOfStage("embed"),
      liveness: spreadOfStage("liveness"),
      search: spreadOfStage("search"),
      total: spreadOfStage("total"),
    },
    frame: { ...spreadOf(frameMs), minMs: Math.min(...frameMs) },
    cpu: { ...spreadOf(cpuMs), minMs: Math.min(...cpuMs) },
  };
}

/** The report as lines for a person; the aim stands beside its figure. */
export function tableOf({ machine, at, quick, tookS, runs, others }: FacesReport): string {
  const { cpu, cores, node, loadBefore, loadAfter } = machine;
  const [aimed] = runs;
  return [
    `${cpu}, ${cores} cores, Node ${node}, ${at}${quick ? ", quick" : ""}, took ${tookS.toFixed(0)} s`,
    `load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after; milliseconds, p50 / p99`,
    ...runs.flatMap((run) => ["", ...runLines(run)]),
    "",
    ...others.map((row) => otherLine(row, aimed)),
  ].join("\n");
}

function runLines(run: StageRun): string[] {
  const { pack, threads, liveness, enrolled, frames, framesWithFace, stages, frame, cpu } = run;
  const isAimed = threads === 1 && liveness;
  const met = frame.p50Ms <= AIM_P50_MS_MAX ? "met" : "NOT MET";
  return [
    `canteen-edge, ${pack}, ${threads} thread${threads > 1 ? "s" : ""}, ${liveness ? "with" : "without"} liveness, ` +
      `${enrolled} enrolled, ${frames} frames, face in ${percent(framesWithFace)}`,
    ...STAGES.filter((stage) => liveness || stage !== "liveness").map(
      (stage) => `  ${stage.padEnd(12)} ${pair(stages[stage])}`,
    ),
    `  ${"frame".padEnd(12)} ${pair(frame)}   least ${frame.minMs.toFixed(1)}` +
      (isAimed ? `  [aim p50 ≤ ${AIM_P50_MS_MAX} ms: ${met}]` : ""),
    `  ${"processor".padEnd(12)} ${pair(cpu)}   least ${cpu.minMs.toFixed(1)}`,
  ];
}

function otherLine(row: FaceApiRow, ours: StageRun | undefined): string {
  const times = ours === undefined ? "" : `, ours ${(row.p50Ms / ours.frame.p50Ms).toFixed(1)} times as fast`;
  return `${row.pipeline}: ${pair(row)}, processor ${row.cpuP50Ms.toFixed(0)}, face in ${percent(row.framesWithFace)}${times}`;
}

function pair({ p50Ms, p99Ms }: SpreadMs): string {
  return `${p50Ms.toFixed(1).padStart(7)} / ${p99Ms.toFixed(1).padStart(6)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log("npm run bench:faces -- [--quick] [--out FILE]");
    return;
  }
  const beganMs = performance.now();
  const [loadBefore = 0] = loadavg();
  const outFile = resolve(values.out ?? join(ROOT, ".canteen", "bench-faces.json"));
  const say = (part: string) => process.stderr.write(`${part}…\n`);
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
  const frames = await sampleFrames();
  const rounds = values.quick ? 6 : 40;
  const runs: StageRun[] = [];
  for (const [threads, liveness] of [
    [1, true],
    [1, false],
    [2, true],
  ] as const) {
    say(`canteen-edge, ${threads} thread(s), ${liveness ? "with" : "without"} liveness`);
    runs.push(await benchStages({ frames, rounds, threads, liveness, enrolled: ENROLLED }));
  }
  say("face-api");
  const faceApi = await benchTheirs(frames, values.quick ? 1 : 5);
  say("human");
  const human = await benchHuman(frames, values.quick ? 1 : 5);
  const report: FacesReport = {
    machine: benchMachine(loadBefore),
    at: new Date().toISOString(),
    quick: values.quick,
    tookS: (performance.now() - beganMs) / 1000,
    runs,
    others: [...faceApi, human],
  };
  mkdirSync(dirname(outFile), { recursive: true });
  writeFileSync(outFile, `${JSON.stringify(report, null, 2)}\n`);
  console.log(tableOf(report));
  console.log(`\n${outFile}`);
}

if (import.meta.main) await main();
