import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NO_BUG } from "./planted-bug.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { simulate, simulationRoot } from "./simulation.ts";
import type { SimulationResult } from "./simulation-port.ts";

const USAGE = `npm run simulate -- [--seed S] [--days D] [--runs N | --minutes M] [--processes P] [--kitchen yes|no] [--diners N] [--bug NAME]

One school for D days (default 3) under the faults that seed S draws (default 1).
--runs N       N runs with the seeds S, S+1, …
--minutes M    as many as fit into M minutes
--processes P  in P processes, each with every P-th seed
--kitchen yes|no  with receiving and a sample cabinet behind the first till, or without; else the seed decides
--diners N     so many people eat there; else the seed decides
--bug NAME     with a planted bug: ${PLANTED_BUGS.map(({ name }) => name).join(", ")}

A failing run prints its seed and its last events, and ends with exit code 1.`;

interface Total {
  runs: number;
  cpuSeconds: number;
  readonly failedSeeds: number[];
  readonly counts: Map<string, number>;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      days: { type: "string", default: "3" },
      runs: { type: "string", default: "1" },
      minutes: { type: "string" },
      processes: { type: "string", default: "1" },
      step: { type: "string", default: "1" },
      bug: { type: "string", default: "none" },
      kitchen: { type: "string", default: "drawn" },
      diners: { type: "string", default: "drawn" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const started = performance.now();
  const processes = Number(values.processes);
  const total = processes > 1 ? await inProcesses(processes, values) : await here(values);
  const { user, system } = process.cpuUsage();
  total.cpuSeconds += (user + system) / 1e6;
  report(total, (performance.now() - started) / 1000);
  process.send?.({ ...total, counts: [...total.counts] });
  return total.failedSeeds.length === 0 ? 0 : 1;
}

interface Wanted {
  readonly seed: string;
  readonly days: string;
  readonly runs: string;
  readonly minutes?: string | undefined;
  readonly step: string;
  readonly bug: string;
  readonly kitchen: string;
  readonly diners: string;
}

async function here({ seed, days, runs, minutes, step, bug: name, kitchen, diners }: Wanted): Promise<Total> {
  const bug = [NO_BUG, ...PLANTED_BUGS].find((one) => one.name === name);
  if (bug === undefined) throw new Error(`no bug ${name}\n\n${USAGE}`);
  const endMs = minutes === undefined ? null : performance.now() + Number(minutes) * 60_000;
  const total: Total = { runs: 0, cpuSeconds: 0, failedSeeds: [], counts: new Map() };
  const isOver = (): boolean => endMs !== null && performance.now() >= endMs;
  for (let run = 0; endMs === null ? run < Number(runs) : !isOver(); run++) {
    const result = await simulate({
      seed: Number(seed) + run * Number(step),
      days: Number(days),
      bug,
      isOver,
      ...(kitchen === "drawn" ? {} : { kitchen: kitchen === "yes" }),
      ...(diners === "drawn" ? {} : { diners: Number(diners) }),
    });
    add(total, result);
    if (result.violation !== null) {
      tell(result, { bug: name, kitchen, diners });
    }
  }
  return total;
}

function add(total: Total, { seed, violation, counts }: SimulationResult): void {
  total.runs += 1;
  if (violation !== null) total.failedSeeds.push(seed);
  for (const [what, times] of counts) total.counts.set(what, (total.counts.get(what) ?? 0) + times);
}

function tell(
  { seed, days, violation, lastEvents }: SimulationResult,
  { bug, kitchen, diners }: Pick<Wanted, "bug" | "kitchen" | "diners">,
): void {
  process.stdout.write(`\n${violation?.message}\n`);
  if (violation?.cause instanceof Error) process.stdout.write(`${violation.cause.stack}\n`);
  process.stdout.write(`The last events:\n  ${lastEvents.join("\n  ")}\n`);
  const more = [
    ...(kitchen === "drawn" ? [] : ["--kitchen", kitchen]),
    ...(diners === "drawn" ? [] : ["--diners", diners]),
    ...(bug === "none" ? [] : ["--bug", bug]),
  ];
  const wanted = ["--seed", seed, "--days", days, ...more].join(" ");
  process.stdout.write(`Again: npm run simulate -- ${wanted}\n`);
}

/** Each process takes every n-th seed. */
async function inProcesses(processes: number, wanted: Wanted): Promise<Total> {
  const total: Total = { runs: 0, cpuSeconds: 0, failedSeeds: [], counts: new Map() };
  const children = Array.from({ length: processes }, (_, index) => {
    const { minutes } = wanted;
    const child = fork(fileURLToPath(import.meta.url), [
      ...["--seed", String(Number(wanted.seed) + index), "--step", String(processes), "--days", wanted.days],
      ...(minutes === undefined
        ? ["--runs", String(Math.ceil(Number(wanted.runs) / processes))]
        : ["--minutes", minutes]),
      ...["--bug", wanted.bug, "--kitchen", wanted.kitchen, "--diners", wanted.diners],
    ]);
    child.on("message", (message) => {
      const part = message as Omit<Total, "counts"> & { readonly counts: readonly [string, number][] };
      total.runs += part.runs;
      total.cpuSeconds += part.cpuSeconds;
      total.failedSeeds.push(...part.failedSeeds);
      for (const [what, times] of part.counts) total.counts.set(what, (total.counts.get(what) ?? 0) + times);
    });
    return once(child, "exit");
  });
  for (const [code] of await Promise.all(children))
    if (code !== 0 && total.failedSeeds.length === 0) throw new Error(`a process ended with ${code}`);
  return total;
}

function report({ runs, failedSeeds, counts, cpuSeconds }: Total, seconds: number): void {
  const meals = counts.get("meals") ?? 0;
  const perSecond = Math.round(meals / seconds);
  const rows = [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([what, times]) => `| ${what} | ${times} |`);
  process.stdout.write(`\n| what | times |\n|---|---|\n${rows.join("\n")}\n\n`);
  process.stdout.write(
    `${runs} runs, ${meals} meals in ${seconds.toFixed(1)} s (${perSecond} a second, ${perSecond * 3600} an hour), files in ${simulationRoot()}\n`,
  );
  process.stdout.write(
    `${cpuSeconds.toFixed(1)} s of processor, ${((1000 * cpuSeconds) / Math.max(1, meals)).toFixed(1)} ms for a meal\n`,
  );
  process.stdout.write(
    failedSeeds.length === 0 ? "no rule was broken\n" : `failed seeds: ${failedSeeds.join(", ")}\n`,
  );
}
