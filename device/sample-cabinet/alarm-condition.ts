/** What a measurement says about a limit; `between` lies in the dead band. */
export type Verdict = "on" | "off" | "between" | "unknown";

/**
 * One condition with its delay: it holds after `on` for long enough, and no more after `off` for long enough.
 * Pure; times are of the monotonic clock.
 */
export interface Condition {
  readonly isActive: boolean;
  /** The verdict that counts now; `unknown` stops nothing that runs, but nothing fires on it either. */
  readonly verdict: Verdict;
  /** Since when the verdict speaks against `isActive`. */
  readonly changingSinceMonoMs: number | null;
}

export interface Delays {
  readonly onDelayMs: number;
  readonly offDelayMs: number;
}

export const QUIET: Condition = { isActive: false, verdict: "unknown", changingSinceMonoMs: null };
/** As it was left by the process before. */
export const HOLDING: Condition = { isActive: true, verdict: "unknown", changingSinceMonoMs: null };

export function judgeCondition(
  condition: Condition,
  verdict: Verdict,
  atMonoMs: number,
  delays: Delays,
): Condition {
  if (verdict === "unknown") return { ...condition, verdict };
  const isChanging = condition.isActive ? verdict === "off" : verdict === "on";
  const changingSinceMonoMs = isChanging ? (condition.changingSinceMonoMs ?? atMonoMs) : null;
  return settleCondition({ ...condition, verdict, changingSinceMonoMs }, atMonoMs, delays);
}

/** The delay may have passed. */
export function settleCondition(condition: Condition, atMonoMs: number, delays: Delays): Condition {
  const dueMonoMs = dueMonoMsOf(condition, delays);
  if (dueMonoMs === null || atMonoMs < dueMonoMs) return condition;
  return { isActive: !condition.isActive, verdict: condition.verdict, changingSinceMonoMs: null };
}

/** When the condition changes if nothing else comes. */
export function dueMonoMsOf(
  { isActive, verdict, changingSinceMonoMs }: Condition,
  { onDelayMs, offDelayMs }: Delays,
): number | null {
  if (changingSinceMonoMs === null || verdict === "unknown") return null;
  return changingSinceMonoMs + (isActive ? offDelayMs : onDelayMs);
}

/** Above `limit` is on, `deadBand` or more below it is off. */
export function verdictAbove(value: number | null, limit: number, deadBand: number): Verdict {
  if (value === null) return "unknown";
  if (value > limit) return "on";
  return value <= limit - deadBand ? "off" : "between";
}
