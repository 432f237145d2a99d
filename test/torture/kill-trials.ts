import { fileURLToPath } from "node:url";
import type { CardSchool } from "../crash/card-school.ts";
import type { TerminalProcess } from "../crash/terminal-process.ts";
import { KILL_POINT_VARIABLE, KILL_POINTS, type KillPoint } from "./kill-point.ts";
import { clock, settle, startBroker, type Trial, withSchool } from "./trial.ts";

const LIFE_MS_MAX = 1500;
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
        const endMono = clock.mono() + (context.msMax ?? Number.POSITIVE_INFINITY);
        let kills = 0;
        while (kills < context.rounds && problems.length === 0 && clock.mono() < endMono) {
          kills += 1;
          const terminal = await school.start();
          const payer = school.pay(terminal);
          await clock.delay(context.entropy.uniform() * LIFE_MS_MAX);
          await terminal.kill();
          await payer.ended();
          problems.push(...school.verify().map((problem) => `kill ${kills}: ${problem}`));
        }
        problems.push(...(await settle(school)));
        return { done: `${kills} kills`, shownCount: school.shown.length, problems };
      });
    } finally {
      await broker.close();
    }
  },
};

export const killsAtPoints: Trial = {
  name: "SIGKILL at named points",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, { people: 600 + context.rounds * 200 }, async (school) => {
        const problems: string[] = [];
        const reached = new Map<string, number>();
        await school.firstPayment();
        for (let round = 0; round < context.rounds && problems.length === 0; round++) {
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
