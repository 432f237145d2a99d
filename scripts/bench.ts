/**
 * `npm run bench [-- --quick] [--out FILE]`: everything the terminal is measured by, in one run on this machine.
 * Prints a table and writes JSON. Nothing else should run meanwhile; the load before and after is part of the result.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchCheckout, type CheckoutRow } from "./bench-checkout.ts";
import { benchFaceApi, type FaceApiRow } from "./bench-face-api.ts";
import { type BenchMachine, type BenchPerson, benchMachine, benchPeople } from "./bench-people.ts";
import { benchSearch, type SearchRow } from "./bench-search.ts";
import { benchTerminal, type TerminalRow } from "./bench-terminal.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface BenchReport {
  readonly machine: BenchMachine;
  readonly at: string;
  readonly quick: boolean;
  readonly checkout: readonly CheckoutRow[];
  readonly terminal: readonly TerminalRow[];
  readonly faceApi: readonly FaceApiRow[];
  readonly search: readonly SearchRow[];
}

type BenchFigures = Omit<BenchReport, "machine" | "at" | "quick">;

/** How much of each is run. */
export interface BenchSize {
  readonly enrolledCounts: readonly number[];
  readonly chargeCount: number;
  readonly sustainedFrames: number;
  readonly startCount: number;
  readonly watchMs: number;
  readonly faceApiRounds: number;
  readonly searchCounts: readonly number[];
  readonly searchQueries: number;
}

const FULL: BenchSize = {
  enrolledCounts: [1000, 20_000],
  chargeCount: 200,
  sustainedFrames: 100,
  startCount: 3,
  watchMs: 20_000,
  faceApiRounds: 4,
  searchCounts: [1000, 20_000, 50_000],
  searchQueries: 100,
};

const QUICK: BenchSize = {
  ...FULL,
  chargeCount: 30,
  sustainedFrames: 30,
  startCount: 1,
  watchMs: 10_000,
  faceApiRounds: 1,
  searchCounts: [1000, 20_000],
  searchQueries: 30,
};

const AIMS = { decidingP99MsMax: 150, faceApiTimesMin: 10, rssMbMax: 450, eventLoopP99MsMax: 20 };
const ROOT = join(import.meta.dirname, "..");
const SCRATCH = join(ROOT, ".canteen", "bench-run");

/** Runs every part one after another, so that none disturbs another. */
export async function bench(
  size: BenchSize,
  people: readonly BenchPerson[],
  onPart: (part: string) => void,
  onFigures: (figures: Partial<BenchFigures>) => void = () => {},
): Promise<BenchFigures> {
  onPart("charges / 扣款");
  const checkout = await benchCheckout({ ...size, folder: join(SCRATCH, "checkout"), people });
  onFigures({ checkout });
  onPart("whole terminal / 整机");
  const terminal = await benchTerminal({
    ...size,
    folder: join(SCRATCH, "terminal"),
    people,
    enrolledCounts: [0, ...size.enrolledCounts.slice(-1)],
  });
  onFigures({ checkout, terminal });
  onPart("face-api on wasm");
  const enrolled = size.enrolledCounts.at(-1) ?? 0;
  const frames = people.map(({ frame }) => frame);
  const faceApi = await benchFaceApi({ frames, rounds: size.faceApiRounds, enrolled });
  onFigures({ checkout, terminal, faceApi });
  onPart("search / 检索");
  const search = await benchSearch({ enrolledCounts: size.searchCounts, queryCount: size.searchQueries });
  return { checkout, terminal, faceApi, search };
}

/** The report as lines for a person; an aim stands beside its figure. */
export function tableOf(report: BenchReport): string {
  return [...machineLines(report), ...figureRows(report).map(([name, value]) => line(name, value))].join(
    "\n",
  );
}

const NAME_WIDTH = 66;
const line = (name: string, value: string) => `${name.padEnd(NAME_WIDTH)} ${value}`;

function machineLines({ machine, at, quick }: BenchReport): string[] {
  const { cpu, cores, node, loadBefore, loadAfter } = machine;
  return [
    `${cpu}, ${cores} cores, Node ${node}, ${at}${quick ? ", quick" : ""}`,
    `load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
    "",
  ];
}

function figureRows(report: BenchReport): [string, string][] {
  return [
    ...report.checkout.flatMap(checkoutRows),
    ...report.terminal.flatMap(terminalRows),
    ...faceApiRows(report.faceApi),
    ...report.search.map((row): [string, string] => [
      `search, ${row.enrolled} enrolled, ${row.method}`,
      `${spread(row, 2)}, same two ${(row.sameAnswer * 100).toFixed(0)} %`,
    ]),
  ];
}

function checkoutRows(row: CheckoutRow): [string, string][] {
  const { enrolled, charges, framesToAgree, decidingFrame, visit, commit, framesPerS } = row;
  const isAimed = enrolled >= 20_000;
  const met = aim(decidingFrame.p99Ms <= AIMS.decidingP99MsMax, `p99 ≤ ${AIMS.decidingP99MsMax} ms`);
  return [
    [
      `${enrolled} enrolled, ${charges} charges: deciding JPEG in → committed`,
      `${spread(decidingFrame)}${isAimed ? met : ""}`,
    ],
    [`${enrolled} enrolled: ${framesToAgree} frames back to back → committed`, spread(visit)],
    [`${enrolled} enrolled: the journal's transaction of it`, spread(commit, 2)],
    [`${enrolled} enrolled: frames a second, sustained`, framesPerS.toFixed(1)],
  ];
}

function terminalRows(row: TerminalRow): [string, string][] {
  const { enrolled, liveness, startUpMs, facesMs, rssMb, framesPerS, charges } = row;
  const delay = { p50Ms: row.eventLoopDelayP50Ms, p99Ms: row.eventLoopDelayP99Ms };
  const delayMet = aim(delay.p99Ms < AIMS.eventLoopP99MsMax, `p99 < ${AIMS.eventLoopP99MsMax} ms`);
  const rssMet = aim(rssMb <= AIMS.rssMbMax, `≤ ${AIMS.rssMbMax} MB`);
  return [
    [`terminal, ${enrolled} enrolled: start → page is up`, `${(startUpMs / 1000).toFixed(1)} s`],
    [`terminal, ${enrolled} enrolled: start → faces are recognised`, `${(facesMs / 1000).toFixed(1)} s`],
    [`terminal, ${enrolled} enrolled: resident memory`, `${rssMb.toFixed(0)} MB${rssMet}`],
    [
      `terminal, ${enrolled} enrolled: event-loop delay, liveness ${liveness}, ${framesPerS.toFixed(1)} frames/s, ${charges} charges`,
      `${spread(delay)}${delayMet}`,
    ],
  ];
}

function faceApiRows(rows: readonly FaceApiRow[]): [string, string][] {
  const [ours, ...theirs] = rows;
  if (ours === undefined) return [];
  return rows.map((row) => {
    const times = row.p50Ms / ours.p50Ms;
    const isAimed = row === theirs[0];
    const met = aim(times >= AIMS.faceApiTimesMin, `≥ ${AIMS.faceApiTimesMin} times`);
    const ratio = row === ours ? "" : `, ours is ${times.toFixed(1)} times as fast${isAimed ? met : ""}`;
    return [
      row.pipeline,
      `${spread(row)}, ${row.framesPerS.toFixed(1)}/s, face in ${(row.framesWithFace * 100).toFixed(0)} %${ratio}`,
    ];
  });
}

function spread({ p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number }, digits = 1): string {
  return `p50 ${p50Ms.toFixed(digits)} ms, p99 ${p99Ms.toFixed(digits)} ms`;
}

function aim(isMet: boolean, text: string): string {
  return `  [aim ${text}: ${isMet ? "met" : "NOT MET"}]`;
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
    console.log("npm run bench -- [--quick] [--out FILE]");
    return;
  }
  const outFile = resolve(values.out ?? join(ROOT, ".canteen", "bench.json"));
  const say = (part: string) => process.stderr.write(`${part}…\n`);
  await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
  const people = await benchPeople();
  const [loadBefore = 0] = loadavg();
  mkdirSync(dirname(outFile), { recursive: true });
  const write = (content: object) => writeFileSync(outFile, `${JSON.stringify(content, null, 2)}\n`);
  // A run of ten minutes that is stopped in its last part keeps what it has measured.
  const keep = (figures: Partial<BenchFigures>) => write({ unfinished: true, loadBefore, ...figures });
  const parts = await bench(values.quick ? QUICK : FULL, people, say, keep);
  const report: BenchReport = {
    machine: benchMachine(loadBefore),
    at: new Date().toISOString(),
    quick: values.quick,
    ...parts,
  };
  write(report);
  console.log(tableOf(report));
  console.log(`\n${outFile}`);
}

if (import.meta.main) await main();
