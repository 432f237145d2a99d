import { Backoff, type BackoffLimits } from "../../device/platform/backoff.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";

export interface SimulatedStormOptions {
  readonly terminals: number;
  readonly limits: BackoffLimits;
  /** How long nobody answers. */
  readonly downMs: number;
  /** What the broker accepts in a second, beyond which connections wait in its queue; as measured. */
  readonly connectionsPerSecondMax: number;
  /** A connection that has waited so long in the queue is given up: the link's own limit. */
  readonly connectWaitMsMax: number;
  readonly seed: number;
}

export interface SimulatedStorm {
  /** Per second from the loss on. */
  readonly attempts: readonly number[];
  readonly accepted: readonly number[];
  /** The most that waited in the broker's queue. */
  readonly queuedMax: number;
  readonly givenUp: number;
  /** From the broker's return until the last terminal is there. */
  readonly quietMs: number;
}

const STEP_MS = 10;
const STEPS_MAX = 360_000;

/**
 * The return of any number of terminals to a broker that was gone, in steps of ten milliseconds: each terminal's
 * waits come from the real `Backoff`, the broker is a queue that empties at its measured rate.
 */
export function simulateStorm(options: SimulatedStormOptions): SimulatedStorm {
  const { terminals, limits, downMs, connectionsPerSecondMax, connectWaitMsMax, seed } = options;
  const entropy = seededEntropy(seed);
  const due: number[][] = [];
  const at = (ms: number, terminal: number): void => {
    const step = Math.floor(ms / STEP_MS);
    due[step] ??= [];
    due[step].push(terminal);
  };
  const backoffs = Array.from({ length: terminals }, (_, terminal) => {
    const backoff = new Backoff(limits, entropy);
    // All had been connected for long when they lost it.
    at(backoff.nextWaitMs(limits.stableMsMin), terminal);
    return backoff;
  });
  const queue: { readonly terminal: number; readonly sinceMs: number }[] = [];
  const [attempts, accepted]: [number[], number[]] = [[], []];
  let [queuedMax, givenUp, left, credit, lastMs] = [0, 0, terminals, 0, downMs];
  for (let step = 0; left > 0 && step < STEPS_MAX; step++) {
    const nowMs = step * STEP_MS;
    const second = Math.floor(nowMs / 1000);
    for (const terminal of due[step] ?? []) {
      attempts[second] = (attempts[second] ?? 0) + 1;
      if (nowMs >= downMs) queue.push({ terminal, sinceMs: nowMs });
      else at(nowMs + STEP_MS + (backoffs[terminal]?.nextWaitMs() ?? 0), terminal);
    }
    queuedMax = Math.max(queuedMax, queue.length);
    credit = Math.min(connectionsPerSecondMax, credit + (connectionsPerSecondMax * STEP_MS) / 1000);
    while (credit >= 1 && queue.length > 0) {
      credit -= 1;
      const { terminal = 0, sinceMs = 0 } = queue.shift() ?? {};
      if (nowMs - sinceMs > connectWaitMsMax) {
        // The broker spends its time on it all the same.
        givenUp += 1;
        at(nowMs + STEP_MS + (backoffs[terminal]?.nextWaitMs() ?? 0), terminal);
        continue;
      }
      accepted[second] = (accepted[second] ?? 0) + 1;
      left -= 1;
      lastMs = nowMs;
    }
  }
  const seconds = Math.ceil((lastMs + 1) / 1000);
  const filled = (counts: readonly number[]): number[] =>
    Array.from({ length: seconds }, (_, index) => counts[index] ?? 0);
  return {
    ...{ attempts: filled(attempts), accepted: filled(accepted), queuedMax, givenUp },
    quietMs: lastMs - downMs,
  };
}
