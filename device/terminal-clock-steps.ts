import type { Journal } from "./journal/journal-port.ts";
import type { Clock, Timer } from "./platform/clock.ts";
import type { IdSource } from "./platform/entropy.ts";
import { isFault } from "./platform/errors.ts";
import type { Logger } from "./platform/logger.ts";
import type { ClockStep } from "./platform/time-trust.ts";

const RETRY_MS = 5000;

export interface ClockStepRecord {
  stepped(step: ClockStep): void;
  close(): void;
}

/**
 * Puts each step of the wall clock on record. A full disk takes it later: the terminal goes on, and the entry must not
 * be missing, since a restart without network believes the clock again unless it is there. Steps that wait become one.
 */
export function recordClockSteps(options: {
  readonly journal: () => Pick<Journal, "append">;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly logger: Logger;
}): ClockStepRecord {
  const { ids, clock, logger } = options;
  let waiting: ClockStep | null = null;
  let retry: Timer | null = null;
  const record = (): void => {
    retry = null;
    if (waiting === null) return;
    try {
      const { byMs, wallBeforeMs, wallAfterMs } = waiting;
      options.journal().append({
        id: ids.next(),
        kind: "device.clock-stepped",
        body: { byMs, wallBeforeMs, wallAfterMs },
      });
      waiting = null;
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.error({ code: error.code }, "the clock's step could not be recorded yet");
      retry = clock.after(RETRY_MS, record);
    }
  };
  return {
    stepped: (step) => {
      logger.warn({ byMs: step.byMs }, "the wall clock was set");
      waiting =
        waiting === null
          ? step
          : { ...step, byMs: waiting.byMs + step.byMs, wallBeforeMs: waiting.wallBeforeMs };
      if (retry === null) record();
    },
    close: () => retry?.cancel(),
  };
}
