/**
 * The whole terminal as a school runs it: `canteen-edge run` in a process of its own, with encrypted templates on its
 * disk, a folder camera of ten frames a second and a broker. It is measured from outside, by its own /metrics.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "../device/platform/logger.ts";
import type { LivenessLevel } from "../device/serving-line/liveness-check.ts";
import { createEmbeddedBroker } from "../device/sync/embedded-broker.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import { type BenchPerson, demoFolderDefault, embeddingOf, spreadOf } from "./bench-people.ts";
import { benchConfig, enrolAll, openBenchSchool } from "./bench-school.ts";
import { randomOf, randomUnits } from "./bench-search.ts";
import { artifactsFolderDefault } from "./prepare-models.ts";

export interface TerminalRow {
  readonly enrolled: number;
  /** Level of the check; `off` where the camera shows still photos, which a check must refuse. */
  readonly liveness: LivenessLevel;
  /** From the start of the process to "the page is up". */
  readonly startUpMs: number;
  /** From the start of the process until faces are recognised: the gallery is loaded and compared. */
  readonly facesMs: number;
  /** Resident memory, the highest of one sample a second while frames come. */
  readonly rssMb: number;
  readonly framesPerS: number;
  /** Of the main thread, over the same time. */
  readonly eventLoopDelayP50Ms: number;
  readonly eventLoopDelayP99Ms: number;
  /** Meals charged meanwhile. */
  readonly charges: number;
}

export interface TerminalBenchOptions {
  /** Emptied and made again for each size. */
  readonly folder: string;
  readonly people: readonly BenchPerson[];
  readonly enrolledCounts: readonly number[];
  readonly startCount: number;
  readonly watchMs: number;
}

const CLI = join(import.meta.dirname, "..", "device", "canteen-edge.mjs");
const SAMPLE_PERIOD_MS = 1000;
const FACES_LOOK_MS = 50;
/** Every size has the same people on its roster: an empty gallery is a school before its first enrolment. */
const PEOPLE_MIN = 100;
/** The first frames compile what runs on every later one; start-up is a figure of its own. */
const WARM_UP_MS = 3000;

export async function benchTerminal(options: TerminalBenchOptions): Promise<readonly TerminalRow[]> {
  const broker = createEmbeddedBroker({ port: 0, logger: silentLogger });
  const mqttUrl = `mqtt://127.0.0.1:${await broker.start()}`;
  try {
    const rows: TerminalRow[] = [];
    for (const enrolled of options.enrolledCounts) {
      rmSync(options.folder, { recursive: true, force: true });
      const { configFile, liveness } = await prepareFolder(enrolled, mqttUrl, options);
      rows.push({ enrolled, liveness, ...(await benchStarts(configFile, options)) });
    }
    return rows;
  } finally {
    await broker.close();
    rmSync(options.folder, { recursive: true, force: true });
  }
}

async function prepareFolder(
  enrolled: number,
  mqttUrl: string,
  { folder, people }: TerminalBenchOptions,
): Promise<{ readonly configFile: string; readonly liveness: LivenessLevel }> {
  const cameraFolder = join(folder, "camera");
  mkdirSync(folder, { recursive: true });
  cpSync(join(demoFolderDefault, "camera"), cameraFolder, { recursive: true });
  const config = benchConfig({
    dataFolder: join(folder, "data"),
    activation: "presence",
    cameraFolder,
    mqttUrl,
    kioskPort: await freePort(),
  });
  const store = await openBenchSchool(config, Math.max(enrolled, PEOPLE_MIN));
  try {
    const { model, embeddings } = await sampleEmbeddings(people);
    enrolAll(store, model, enrolledEmbeddings(enrolled, embeddings));
  } finally {
    await store.close();
  }
  const configFile = join(folder, "canteen.yaml");
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(config));
  return { configFile, liveness: config.face.liveness };
}

async function sampleEmbeddings(
  people: readonly BenchPerson[],
): Promise<{ readonly model: string; readonly embeddings: readonly Float32Array[] }> {
  const engine = await createFaceEngine({ artifactsFolder: artifactsFolderDefault });
  try {
    const embeddings = await Promise.all(people.map(({ photo }) => embeddingOf(engine, photo)));
    return { model: engine.model, embeddings };
  } finally {
    await engine.close();
  }
}

/** The people before the camera first, then strangers, one at a time: memory here is not what is measured. */
function* enrolledEmbeddings(
  enrolled: number,
  people: readonly Float32Array[],
): Generator<Float32Array, void> {
  const random = randomOf(enrolled);
  const length = people[0]?.length ?? 0;
  for (let i = 0; i < enrolled; i += 1) yield people[i] ?? randomUnits(1, length, random);
}

async function benchStarts(
  configFile: string,
  { startCount, watchMs }: TerminalBenchOptions,
): Promise<Omit<TerminalRow, "enrolled" | "liveness">> {
  const startUpMs: number[] = [];
  const facesMs: number[] = [];
  for (let start = 1; start < startCount; start += 1) {
    const terminal = await startTerminalProcess(configFile);
    startUpMs.push(terminal.startUpMs);
    facesMs.push(await terminal.facesReady());
    await terminal.stop();
  }
  const terminal = await startTerminalProcess(configFile);
  startUpMs.push(terminal.startUpMs);
  try {
    facesMs.push(await terminal.facesReady());
    return {
      startUpMs: spreadOf(startUpMs).p50Ms,
      facesMs: spreadOf(facesMs).p50Ms,
      ...(await watch(terminal.url, watchMs)),
    };
  } finally {
    await terminal.stop();
  }
}

async function watch(
  url: string,
  watchMs: number,
): Promise<Omit<TerminalRow, "enrolled" | "liveness" | "startUpMs" | "facesMs">> {
  const scrape = async () => sampleValues(await (await fetch(new URL("/metrics", url))).text());
  await delay(WARM_UP_MS);
  // Reading the event loop's delay resets it.
  const before = await scrape();
  const beganMs = performance.now();
  let rssBytes = 0;
  let delayP50Ms = 0;
  let delayP99Ms = 0;
  let last = before;
  while (performance.now() - beganMs < watchMs) {
    await delay(SAMPLE_PERIOD_MS);
    if (performance.now() - beganMs < watchMs) continue;
    last = await scrape();
    rssBytes = Math.max(rssBytes, last("canteen_resident_memory_bytes"));
    delayP50Ms = last('canteen_event_loop_delay_seconds{quantile="0.5"}') * 1000;
    delayP99Ms = last('canteen_event_loop_delay_seconds{quantile="0.99"}') * 1000;
  }
  const tookMs = performance.now() - beganMs;
  const grown = (name: string) => last(name) - before(name);
  return {
    rssMb: Math.max(rssBytes, before("canteen_resident_memory_bytes")) / 1e6,
    framesPerS: (grown('canteen_frame_stage_seconds_count{stage="total"}') * 1000) / tookMs,
    eventLoopDelayP50Ms: delayP50Ms,
    eventLoopDelayP99Ms: delayP99Ms,
    charges: last('canteen_charges_total{method="face"}'),
  };
}

/** Values of Prometheus' text by their name with labels; 0 for what was never counted. */
export function sampleValues(text: string): (name: string) => number {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) values.set(name, Number(value));
  }
  return (name) => values.get(name) ?? 0;
}

interface TerminalProcess {
  readonly url: string;
  readonly startUpMs: number;
  /** @returns when, since the process was started. */
  facesReady(): Promise<number>;
  stop(): Promise<void>;
}

/** @throws Error when the terminal ends before its page is up. */
async function startTerminalProcess(configFile: string): Promise<TerminalProcess> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, [CLI, "run", "--json", "--config", configFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const url = startedUrl(line);
    if (url !== null)
      return {
        url,
        startUpMs: performance.now() - beganMs,
        facesReady: async () => {
          while (!(await isEngineOk(url))) await delay(FACES_LOOK_MS);
          return performance.now() - beganMs;
        },
        stop: () => stopped(child, exited),
      };
  }
  throw new Error(`the terminal ended before its page was up: ${(await exited).join(" ")}`);
}

async function isEngineOk(url: string): Promise<boolean> {
  const health = (await (await fetch(new URL("/healthz", url))).json()) as {
    readonly parts: { readonly engine: { readonly status: string } };
  };
  return health.parts.engine.status === "ok";
}

async function stopped(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill("SIGTERM");
  await exited;
}

function startedUrl(line: string): string | null {
  try {
    const message = JSON.parse(line) as { event?: string; urls?: { url: string }[] };
    return message.event === "started" ? (message.urls?.[0]?.url ?? null) : null;
  } catch {
    return null;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
