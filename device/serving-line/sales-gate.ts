import type { Journal } from "../journal/journal-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { CanteenError } from "../platform/errors.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { MonoMs } from "../platform/units.ts";

/** A trial costs one small write; a disk that just failed is left alone in between. */
const TRIAL_PERIOD_MS = 5000;

/** Why sales are stopped, and which charge may or may not be on the disk. */
interface Stop {
  readonly code: string;
  readonly chargeId: string | null;
  /** Made once: a trial whose own outcome was unknown is found by it, not repeated. */
  readonly entryId: string;
}

/**
 * Stops all sales after a fault of the disk until an entry could be written again.
 *
 * A commit that failed may still be there after the file is opened again, and the next successful commit settles it:
 * SQLite then either has the charge, or has written over where it would have been. So the trial is an entry
 * (`device.fault`) that says, in the same transaction, whether the doubtful charge exists. Nothing is charged anew:
 * the diner was told that it failed and may have left.
 */
export interface SalesGate {
  readonly stopped: boolean;
  stop(fault: CanteenError, chargeId: string | null): void;
  /** Tries to write again when it is time to. @returns whether sales may go on. */
  tryResume(): boolean;
}

export function createSalesGate(options: {
  readonly journal: Journal;
  readonly ids: IdSource;
  readonly clock: Pick<Clock, "mono">;
  readonly logger: Logger;
}): SalesGate {
  const { journal, ids, clock, logger } = options;
  let current: Stop | null = null;
  let lastTrialMono: MonoMs | null = null;

  return {
    get stopped() {
      return current !== null;
    },
    stop(fault, chargeId) {
      // The first doubtful charge is the one to settle; none can follow it while the gate is shut.
      if (current !== null) return;
      logger.error({ code: fault.code, chargeId }, "sales are stopped: the journal cannot be trusted");
      current = { code: fault.code, chargeId, entryId: ids.next() };
      lastTrialMono = clock.mono();
    },
    tryResume() {
      if (current === null) return true;
      const nowMono = clock.mono();
      if (lastTrialMono !== null && nowMono - lastTrialMono < TRIAL_PERIOD_MS) return false;
      lastTrialMono = nowMono;
      const { code, chargeId, entryId } = current;
      try {
        const charged = journal.transact(() => {
          const found = chargeId !== null && journal.entryById(chargeId) !== undefined;
          const body = { area: "serving-line", code, chargeId, charged: found };
          journal.append({ id: entryId, kind: "device.fault", body });
          return found;
        });
        logger.warn({ code, chargeId, charged }, "sales go on: the journal can be written again");
        current = null;
        return true;
      } catch (error) {
        if (!isFault(error)) throw error;
        logger.debug({ code: error.code }, "the journal still cannot be written");
        return false;
      }
    },
  };
}
