import { fileURLToPath } from "node:url";
import { CARD_PERIOD_MS } from "../crash/card-payer.ts";
import type { CardSchool } from "../crash/card-school.ts";
import type { TerminalProcess } from "../crash/terminal-process.ts";
import { KILL_POINT_VARIABLE, type KillPoint, LINE_POINTS } from "./kill-point.ts";
import { leftOver, wrongBackups } from "./storage-check.ts";
import {
  clock,
  settle,
  startBroker,
  type Trial,
  type TrialContext,
  type TrialResult,
  until,
  withSchool,
} from "./trial.ts";

const LIFE_MS_MAX = 1500;
const PAID_PER_LIFE_MAX = Math.ceil(LIFE_MS_MAX / CARD_PERIOD_MS);
/** So long one payment may take where a life waits for it; the moment of the kill is drawn after that. */
const PAY_MS_MAX = 240_000;
/** So often everything reaches the cloud, and journal, cloud and screen are held against each other. */
const COMPARE_EVERY_KILLS = 50;
/** A point that is not reached in this time is none that matters now. */
const POINT_MS_MAX = 20_000;
const preload = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const KILLING = preload("./kill-points.ts");
export const HURRIED_FLAGS: readonly string[] = ["--import", preload("./hurried.ts")];

export const randomKills: Trial = {
  name: "SIGKILL at random moments",
  run: async (context) => {
    const broker = await startBroker();
    try {
      const people = 200 + context.rounds * PAID_PER_LIFE_MAX;
      return await withSchool(context, broker, { people }, (school) => killAndCompare(school, context));
    } finally {
      await broker.close();
    }
  },
};

async function killAndCompare(
  school: CardSchool,
  { rounds, entropy, signal, progress }: TrialContext,
): Promise<Pick<TrialResult, "done" | "shownCount" | "problems">> {
  const problems: string[] = [];
  let [kills, comparisons] = [0, 0];
  const done = (): string =>
    `${kills} kills, ${school.entryCount()} entries, ${school.prunedCount()} of them pruned; compared ${comparisons} times`;
  const compare = async (): Promise<void> => {
    comparisons += 1;
    const { dataFolder } = school;
    const found = [...(await settle(school)), ...(await wrongBackups(dataFolder)), ...leftOver(dataFolder)];
    problems.push(...found.map((problem) => `after ${kills} kills: ${problem}`));
    progress(`${done()}, ${school.shown.length} payments shown: ${outcomeOf(problems)}`);
  };
  await school.firstPayment();
  while (kills < rounds && problems.length === 0 && !signal.aborted) {
    kills += 1;
    // Every second one has its hourly backups and its pruning within seconds.
    const lifeMs = entropy.uniform() * LIFE_MS_MAX;
    // On a busy machine nobody would pay within these lives: as many are shown as there are kills, however long it takes.
    await randomLife(school, { lifeMs, hurried: kills % 2 === 0, shownMin: kills + 1 });
    problems.push(...school.verify().map((problem) => `kill ${kills}: ${problem}`));
    if (kills % COMPARE_EVERY_KILLS === 0) await compare();
  }
  if (kills % COMPARE_EVERY_KILLS !== 0) await compare();
  return { done: done(), shownCount: school.shown.length, problems };
}

const outcomeOf = (problems: readonly string[]): string => (problems.length === 0 ? "held" : "BROKEN");

interface RandomLife {
  readonly lifeMs: number;
  readonly hurried: boolean;
  /** It does not end before so many payments were shown in all lives together. */
  readonly shownMin: number;
}

async function randomLife(school: CardSchool, { lifeMs, hurried, shownMin }: RandomLife): Promise<void> {
  const terminal = await school.start(hurried ? { nodeFlags: HURRIED_FLAGS } : {});
  const payer = school.pay(terminal);
  await until(() => school.shown.length >= shownMin, PAY_MS_MAX);
  await clock.delay(lifeMs);
  await terminal.kill();
  await payer.ended();
}

export const killsAtPoints: Trial = {
  name: "SIGKILL at named points",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, { people: 600 + context.rounds * 40 }, async (school) => {
        const problems: string[] = [];
        const reached = new Map<string, number>();
        await school.firstPayment();
        for (
          let round = 0;
          round < context.rounds && problems.length === 0 && !context.signal.aborted;
          round++
        ) {
          const point = LINE_POINTS[round % LINE_POINTS.length] ?? LINE_POINTS[0];
          const times = 9 + Math.floor(context.entropy.uniform() * 7);
          if (await killAt(school, { point, times })) reached.set(point, (reached.get(point) ?? 0) + 1);
          problems.push(...school.verify().map((problem) => `${point}: ${problem}`));
        }
        problems.push(...(await settle(school)));
        const done = [...reached].map(([point, times]) => `${point} ${times}`).join(", ");
        if (reached.size === 0) problems.push("no point was ever reached");
        return { done, shownCount: school.shown.length, problems };
      });
    } finally {
      await broker.close();
    }
  },
};

export interface PointKill {
  readonly point: KillPoint;
  /** At the how-manieth time that it gets there. */
  readonly times: number;
  /** A life of seconds with its hourly backups, which prunes what half a year would. */
  readonly hurried?: boolean;
}

/** One life that ends at the point. @returns false where it did not get there in time and was killed anyway. */
export async function killAt(
  school: CardSchool,
  { point, times, hurried = false }: PointKill,
): Promise<boolean> {
  const env = { [KILL_POINT_VARIABLE]: `${point}:${times}` };
  const nodeFlags = [...(hurried ? HURRIED_FLAGS : []), "--import", KILLING];
  let terminal: TerminalProcess;
  try {
    terminal = await school.start({ nodeFlags, env });
  } catch (error) {
    // The point came while it started: that counts as well. Any other end is a failure of its own.
    if (error instanceof Error && error.message.endsWith("SIGKILL")) return true;
    throw error;
  }
  const payer = school.pay(terminal);
  const ended = terminal.ended();
  const signal = await Promise.race([ended, clock.delay(POINT_MS_MAX).then(() => "late" as const)]);
  if (signal === "late") await terminal.kill();
  await payer.ended();
  if (signal === null) throw new Error(`the terminal ended by itself on its way to ${point}`);
  return signal === "SIGKILL";
}
