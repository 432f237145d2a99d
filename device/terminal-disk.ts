import type { PhotoStore } from "./photos/photo-port.ts";
import type { Clock } from "./platform/clock.ts";
import { DiskGuard, type DiskGuardSettings, type DiskState } from "./platform/disk-guard.ts";
import { DiskReserve } from "./platform/disk-reserve.ts";
import { isFault, systemCode } from "./platform/errors.ts";
import type { Logger } from "./platform/logger.ts";

export interface TerminalDiskOptions {
  readonly folder: string;
  readonly freeBytesMin: number;
  readonly photos: Pick<PhotoStore, "free">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests: a disk of a few megabytes has no room for the real one. */
  readonly reserveBytes?: number;
  readonly probe?: (settings: DiskGuardSettings) => DiskState;
}

export interface TerminalDisk {
  safe(): boolean;
  state(): DiskState;
  close(): void;
}

const CHECK_PERIOD_MS = 5000;
/** A void, an alarm and a receipt take kilobytes; SQLite's log and its copying back take megabytes. */
const RESERVE_BYTES = 16 * 1024 * 1024;

/**
 * What happens as the disk fills, in this order: below `freeBytesMin` sales stop and photos that the cloud has are
 * deleted; when even the reserve's size is not free, the reserve is given up, so that what is under way can finish.
 * With room again the photos stay gone, sales go on, and the reserve is made anew.
 */
export function watchTerminalDisk(options: TerminalDiskOptions): TerminalDisk {
  const { folder, freeBytesMin, clock, logger } = options;
  // What it gives back must stay below the minimum, or sales would go on by it until nothing is left.
  const bytesMax = Math.floor(freeBytesMin / 2);
  const bytes = Math.min(options.reserveBytes ?? RESERVE_BYTES, bytesMax);
  const reserve = new DiskReserve({ folder, bytes });
  const guard = new DiskGuard(clock, { folder, freeBytesMin, checkPeriodMs: CHECK_PERIOD_MS }, options.probe);
  const look = (): void => act(guard.state(), reserve, options);
  look();
  const looking = clock.every(CHECK_PERIOD_MS, look);
  const unsubscribe = guard.onChange((state) => {
    if (state.kind === "safe") logger.info({}, "the disk has room and can be written again");
    else logger.error({ state: state.kind }, "sales are stopped: the disk is full or fails");
    act(state, reserve, options);
  });
  return {
    safe: () => guard.safe(),
    state: () => guard.state(),
    close: () => {
      looking.cancel();
      unsubscribe();
      guard.close();
    },
  };
}

const FULL = ["ENOSPC", "EDQUOT"];

function act(state: DiskState, reserve: DiskReserve, options: TerminalDiskOptions): void {
  const { freeBytesMin, logger } = options;
  const failed = (what: string) => (error: unknown) => {
    if (!isFault(error) && systemCode(error) === undefined) throw error;
    logger.warn({ code: isFault(error) ? error.code : (systemCode(error) ?? "unknown") }, what);
  };
  switch (state.kind) {
    case "safe":
      if (!reserve.isHeld() && state.freeBytes > freeBytesMin + 2 * reserve.bytes)
        reserve.make().catch(failed("the disk's reserve could not be made"));
      return;
    case "low":
      if (state.freeBytes < reserve.bytes && reserve.release())
        logger.warn({}, "the disk's reserve was given up");
      options.photos.free(freeBytesMin - state.freeBytes).then(({ deletedCount }) => {
        if (deletedCount > 0) logger.warn({ deletedCount }, "photos that the cloud has made room");
      }, failed("photos could not make room"));
      return;
    case "failed":
      if (FULL.includes(state.code) && reserve.release()) logger.warn({}, "the disk's reserve was given up");
  }
}
