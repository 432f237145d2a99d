import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { diskFull, failingSync, failingWrites, flippedPage, readOnly } from "./disk-trials.ts";
import { killsAtPoints, randomKills } from "./kill-trials.ts";
import { backlog, brokerKills, deadLines, lostReceipts } from "./line-trials.ts";
import { damagedPages } from "./page-trials.ts";
import { powerCuts, powerCutsControl } from "./power-cut.ts";
import { reportOf } from "./report.ts";
import { storageKills } from "./storage-trials.ts";
import { runTrial, type Trial, type TrialResult } from "./trial.ts";

const USAGE = `npm run torture -- [--kills N] [--points N] [--rounds N] [--power-cuts N] [--minutes M] [--seed S]
                   [--only WORD] [--report FILE]

A real terminal's process, real SQLite and mosquitto, and everything that can go wrong around them; after each kind of
fault journal verify, and the cloud against the journal against what the screen showed.
--kills N       SIGKILLs at random moments (default 20)
--points N      SIGKILLs at named points around commit, publish and receipt (default 16)
--rounds N      repetitions of the other kinds (default 4)
--power-cuts N  true power cuts: a QEMU guest killed in the middle of a commit (default 0)
--minutes M     begin nothing further after so long; Ctrl-C likewise. What was done is compared and reported
--only WORD     only kinds with this word in their name
--report FILE   where the table goes (default .canteen/torture/report.md)`;

/** Set in the process that does the work. */
const OWN_GROUP = "CANTEEN_TORTURE_GROUP";
const MINUTE_MS = 60_000;
/** As long as a timer of Node can wait. */
const MINUTES_MAX = 35_000;

process.exitCode = process.env[OWN_GROUP] === undefined ? await inGroupOfItsOwn() : await main();

/** Ctrl-C would otherwise reach terminal, broker and guest as well, and the comparison at the end needs them. */
async function inGroupOfItsOwn(): Promise<number> {
  const [, file = "", ...args] = process.argv;
  const worker = spawn(process.execPath, [...process.execArgv, file, ...args], {
    env: { ...process.env, [OWN_GROUP]: "1" },
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  let isInterrupted = false;
  const interrupt = (): void => {
    if (worker.pid !== undefined)
      process.kill(isInterrupted ? -worker.pid : worker.pid, isInterrupted ? "SIGKILL" : "SIGINT");
    isInterrupted = true;
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const [code] = (await once(worker, "exit")) as [number | null];
  return code ?? 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "20" },
      points: { type: "string", default: "16" },
      rounds: { type: "string", default: "4" },
      "power-cuts": { type: "string", default: "0" },
      minutes: { type: "string", default: String(MINUTES_MAX) },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      report: {
        type: "string",
        default: join(resolve(import.meta.dirname, "../.."), ".canteen/torture/report.md"),
      },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const rounds = Number(values.rounds);
  const cuts = Number(values["power-cuts"]);
  const plan: [Trial, number][] = [
    [randomKills, Number(values.kills)],
    [killsAtPoints, Number(values.points)],
    [storageKills, rounds],
    [brokerKills, rounds],
    [deadLines, rounds],
    [lostReceipts, rounds],
    [backlog, 1],
    [diskFull, 1],
    [failingSync, 1],
    [failingWrites, 1],
    [readOnly, 1],
    [flippedPage, rounds * 10],
    [damagedPages, rounds * 100],
    [powerCuts, cuts],
    [powerCutsControl, Math.ceil(cuts / 3)],
  ];
  const wanted = plan.filter(([{ name }, times]) => times > 0 && name.includes(values.only));
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    process.stdout.write("ending: what was done is compared; once more ends at once\n");
    interrupted.abort();
  });
  const late = AbortSignal.timeout(Math.min(Number(values.minutes), MINUTES_MAX) * MINUTE_MS);
  const results = await runAll(wanted, Number(values.seed), AbortSignal.any([late, interrupted.signal]));
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.version}`;
  const text = reportOf(results, { seed: Number(values.seed), machine });
  mkdirSync(dirname(values.report), { recursive: true });
  writeFileSync(values.report, text);
  process.stdout.write(`\n${text}\nwritten to ${values.report}\n`);
  return results.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

async function runAll(
  wanted: readonly (readonly [Trial, number])[],
  seed: number,
  signal: AbortSignal,
): Promise<TrialResult[]> {
  const results: TrialResult[] = [];
  for (const [trial, rounds] of wanted) {
    if (signal.aborted) break;
    const folder = mkdtempSync(join(tmpdir(), "canteen-torture-"));
    const began = performance.now();
    const seconds = (): string => ((performance.now() - began) / 1000).toFixed(0);
    const progress = (line: string): void => void process.stdout.write(`  ${seconds()} s: ${line}\n`);
    const result = await runTrial(trial, { folder, seed, rounds, signal, progress });
    const outcome = result.skipped ?? (result.problems.length === 0 ? "held" : "BROKEN");
    process.stdout.write(`${trial.name}: ${outcome} (${seconds()} s) ${result.done}\n`);
    for (const problem of result.problems) process.stdout.write(`  ${problem}\n`);
    results.push(result);
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}
