import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Entropy, seededEntropy } from "../../device/platform/entropy.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { startAedes, startMosquitto, type TestBroker } from "../../device/sync/testing/brokers.ts";
import { CardSchool, type CardSchoolOptions } from "../crash/card-school.ts";
import { hasTool } from "../require-tool.ts";

/** One kind of fault and what came of it: a row of the report. */
export interface TrialResult {
  readonly name: string;
  /** What was done, and how often. */
  readonly done: string;
  /** Payments that a screen showed meanwhile. */
  readonly shownCount: number;
  /** What was wrong afterwards; empty: nothing. */
  readonly problems: readonly string[];
  /** Why it could not be tried here; null: it was. */
  readonly skipped: string | null;
}

export interface TrialContext {
  /** An empty folder of this trial's own. */
  readonly folder: string;
  readonly seed: number;
  readonly entropy: Entropy;
  /** How often, where a trial repeats something. */
  readonly rounds: number;
  /** Once aborted no further round begins; what was done until then is compared and reported all the same. */
  readonly signal: AbortSignal;
  /** A line for whoever waits. */
  readonly progress: (line: string) => void;
}

export interface Trial {
  readonly name: string;
  /** Why it cannot be tried on this machine, or null. */
  readonly missing?: () => string | null;
  /** @returns what was done and what is wrong. */
  run(context: TrialContext): Promise<Pick<TrialResult, "done" | "shownCount" | "problems">>;
}

export const clock = new SystemClock();

/** mosquitto where there is one; aedes speaks the same. */
export function startBroker(...options: Parameters<typeof startMosquitto>): Promise<TestBroker> {
  return hasTool("mosquitto") ? startMosquitto(...options) : startAedes(...options);
}

const NEVER = new AbortController().signal;

export async function runTrial(
  trial: Trial,
  context: Pick<TrialContext, "folder" | "seed" | "rounds"> & Partial<TrialContext>,
): Promise<TrialResult> {
  const { name } = trial;
  const skipped = trial.missing?.() ?? null;
  if (skipped !== null) return { name, done: "", shownCount: 0, problems: [], skipped };
  mkdirSync(context.folder, { recursive: true });
  try {
    const result = await trial.run({
      ...{ entropy: seededEntropy(context.seed), signal: NEVER, progress: () => {} },
      ...context,
    });
    return { name, skipped, ...result };
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { name, done: "not finished", shownCount: 0, problems: [problem], skipped };
  }
}

/** A school at a broker, closed afterwards whatever happens. */
export async function withSchool<T>(
  { folder, seed }: Pick<TrialContext, "folder" | "seed">,
  broker: Pick<TestBroker, "port">,
  more: Partial<CardSchoolOptions>,
  use: (school: CardSchool) => Promise<T>,
): Promise<T> {
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const school = await CardSchool.open({
    ...{ folder: join(folder, "school"), seed, people: 600 },
    ...{ terminalMqttUrl: url, cloudBroker: { url } },
    ...more,
  });
  try {
    return await use(school);
  } finally {
    await school.close();
  }
}

/** The last life: everything reaches the cloud, and both are compared with what the screen said. */
export async function settle(school: CardSchool): Promise<string[]> {
  const last = await school.start();
  const late = await school.drained();
  await last.stop();
  return [...(late === null ? [] : [late]), ...school.verify(), ...school.compare()];
}

/** Until `condition` holds. @returns whether it came to hold in time. */
export async function until(condition: () => boolean, waitMsMax: number): Promise<boolean> {
  const endMono = clock.mono() + waitMsMax;
  while (!condition()) {
    if (clock.mono() > endMono) return false;
    await clock.delay(20);
  }
  return true;
}
