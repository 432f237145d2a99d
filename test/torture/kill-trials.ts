import { fileURLToPath } from "node:url";
import type { CardSchool } from "../crash/card-school.ts";
import type { TerminalProcess } from "../crash/terminal-process.ts";
import { KILL_POINT_VARIABLE, KILL_POINTS, type KillPoint } from "./kill-point.ts";
import { clock, settle, startBroker, type Trial, withSchool } from "./trial.ts";

const LIFE_MS_MAX = 1500;
/** So often everything reaches the cloud, and journal, cloud and screen are held against each other. */
const COMPARE_EVERY_KILLS = 50;
/** A point that is not reached in this time is none that matters now. */
const POINT_MS_MAX = 8000;
const PRELOAD = fileURLToPath(new URL("./kill-points.ts", import.meta.url));

export const randomKills: Trial = {
  name: "SIGKILL at random moments",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, { people: 600 + context.rounds * 60 }, async (school) => {
        const problems: string[] = [];
        await school.firstPayment();
        let kills = 0;
        let comparisons = 0;
        const done = (): string =>
          `${kills} kills, ${school.entryCount()} entries, compared ${comparisons} times`;
        while (kills < context.rounds && problems.length === 0 && !context.signal.aborted) {
          kills += 1;
          await randomLife(school, context.entropy.uniform() * LIFE_MS_MAX);
          problems.push(...school.verify().map((problem) => `kill ${kills}: ${problem}`));
          if (kills % COMPARE_EVERY_KILLS !== 0) continue;
          comparisons += 1;
          problems.push(...(await settle(school)).map((problem) => `after ${kills} kills: ${problem}`));
          context.progress(`${done()}, ${school.shown.length} payments shown: ${outcomeOf(problems)}`);
        }
        if (kills % COMPARE_EVERY_KILLS !== 0) {
          comparisons += 1;
          problems.push(...(await settle(school)));
        }
        return { done: done(), shownCount: school.shown.length, problems };
      });
    } finally {
      await broker.close();
    }
  },
};

const outcomeOf = (problems: readonly string[]): string => (problems.length === 0 ? "held" : "BROKEN");

async function randomLife(school: CardSchool, lifeMs: number): Promise<void> {
  const terminal = await school.start();
  const payer = school.pay(terminal);
  await clock.delay(lifeMs);
  await terminal.kill();
  await payer.ended();
}

export const killsAtPoints: Trial = {
  name: "SIGKILL at named points",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, { people: 600 + context.rounds * 200 }, async (school) => {
        const problems: string[] = [];
        const reached = new Map<string, number>();
        await school.firstPayment();
        for (
          let round = 0;
          round < context.rounds && problems.length === 0 && !context.signal.aborted;
          round++
        ) {
          const point = KILL_POINTS[round % KILL_POINTS.length] ?? KILL_POINTS[0];
          const times = 1 + Math.floor(context.entropy.uniform() * 6);
          if (await killAt(school, point, 8 + times)) reached.set(point, (reached.get(point) ?? 0) + 1);
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

/** One life that ends at the point. @returns false where it did not get there in time and was killed anyway. */
async function killAt(school: CardSchool, point: KillPoint, times: number): Promise<boolean> {
  const env = { [KILL_POINT_VARIABLE]: `${point}:${times}` };
  let terminal: TerminalProcess;
  try {
    terminal = await school.start({ nodeFlags: ["--import", PRELOAD], env });
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
