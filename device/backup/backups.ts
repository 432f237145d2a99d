import type { KeyObject } from "node:crypto";
import { rmSync, statfsSync, statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Journal } from "../journal/journal-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { MonoMs } from "../platform/units.ts";
import { type BackupFile, backupsIn, removeUnfinished } from "./backup-files.ts";
import type { BackupJob, BackupOutcome } from "./backup-worker.ts";

export interface BackupOptions {
  readonly dbFile: string;
  readonly folder: string;
  /** From `backupKeyOf`. */
  readonly key: KeyObject;
  readonly journal: Pick<Journal, "head" | "readAfter" | "onAppended">;
  /** All copies together. One that would not fit is not made, and `doctor` says so. */
  readonly bytesMax: number;
  /** Free space that a backup leaves alone. */
  readonly freeBytesMin: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Backups {
  /** Makes one now, or waits for the one under way. @returns null when it was made, else why not. */
  make(): Promise<string | null>;
  close(): Promise<void>;
}

const PERIOD_MS = 3_600_000;
const LOOK_PERIOD_MS = 60_000;
/** So long a copy with what a withdrawal deleted may wait for its successor. */
const FORGET_WAIT_MS_MAX = 3_600_000;
const KEPT_COUNT = 2;
/** Entries whose consent is withdrawn must not live on in an older copy. */
const WITHDRAWAL = "person.withdrawn";
const LOOK_LIMITS = { countMax: 1000, bytesMax: 16 * 1024 * 1024 };

/**
 * A sealed copy of the database each hour in which something was written. Two are kept: the newest, and one before it
 * in case that the damage had already reached the newest. A withdrawn consent makes a new copy at once and takes the
 * older ones away, so that a deleted template is not in any.
 */
export function startBackups(options: BackupOptions): Backups {
  return new HourlyBackups(options);
}

class HourlyBackups implements Backups {
  readonly #options: BackupOptions;
  readonly #timer: Timer;
  readonly #unsubscribe: () => void;
  #under: { readonly worker: Worker; readonly done: Promise<string | null> } | null = null;
  #lastMs: MonoMs | null = null;
  /** Entries up to here were looked through for withdrawals. */
  #lookedSeq: number;
  #withdrawnSeq = 0;
  /** Since when copies older than the newest withdrawal wait for their successor. */
  #overdueSinceMs: MonoMs | null = null;
  #closed = false;

  constructor(options: BackupOptions) {
    this.#options = options;
    // What was being made when the power went: a plain copy, and space that the next one may need.
    removeUnfinished(options.folder);
    // A withdrawal that the newest copy knows of may still have its older copies to take away.
    this.#lookedSeq = backupsIn(options.folder).at(-1)?.headSeq ?? 0;
    this.#timer = options.clock.every(LOOK_PERIOD_MS, () => this.#look());
    this.#unsubscribe = options.journal.onAppended(() => this.#lookForWithdrawals());
  }

  make(): Promise<string | null> {
    if (this.#closed) return Promise.resolve("closed");
    if (this.#under !== null) return this.#under.done;
    const room = this.#room();
    if (room !== null) return Promise.resolve(room);
    const { dbFile, folder, key, clock } = this.#options;
    const job: BackupJob = { dbFile, folder, key, atMs: clock.now() };
    const worker = new Worker(new URL("backup-worker.ts", import.meta.url), { workerData: job });
    this.#lastMs = clock.mono();
    const done = outcomeOf(worker).then((outcome) => {
      this.#under = null;
      return this.#settle(outcome);
    });
    this.#under = { worker, done };
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    this.#unsubscribe();
    const under = this.#under;
    if (under === null) return;
    await under.worker.terminate();
    await under.done;
    // Its plain copy must not lie about for as long as the terminal is off.
    removeUnfinished(this.#options.folder);
  }

  #look(): void {
    const { journal, folder, clock, logger } = this.#options;
    try {
      this.#lookForWithdrawals();
      const backups = backupsIn(folder);
      const newest = backups[0]?.headSeq ?? 0;
      this.#forgetWithdrawn(backups);
      const isDue = this.#lastMs === null || clock.mono() - this.#lastMs >= PERIOD_MS;
      const isStale = this.#withdrawnSeq > newest;
      if ((isDue && journal.head().seq > newest) || isStale) void this.make();
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.warn({ code: error.code }, "no backup was made: the journal cannot be read");
    }
  }

  #lookForWithdrawals(): void {
    const entries = this.#options.journal.readAfter(this.#lookedSeq, LOOK_LIMITS);
    this.#lookedSeq = entries.at(-1)?.seq ?? this.#lookedSeq;
    this.#withdrawnSeq = entries.findLast(({ kind }) => kind === WITHDRAWAL)?.seq ?? this.#withdrawnSeq;
  }

  /** Why there is no room for another copy beside the plain one it is made from; null when there is. */
  #room(): string | null {
    const { dbFile, folder, bytesMax, freeBytesMin, logger } = this.#options;
    const { size } = statSync(dbFile);
    const { bavail, bsize } = statfsSync(dbFile);
    const why =
      size > bytesMax
        ? "backup-over-budget"
        : bavail * bsize - 2 * size < freeBytesMin
          ? "backup-no-space"
          : null;
    if (why === null) this.#keepOnly(size * 2 > bytesMax ? 0 : KEPT_COUNT - 1, backupsIn(folder));
    else logger.error({ code: why, databaseBytes: size }, "no backup was made");
    return why;
  }

  #settle(outcome: BackupOutcome): string | null {
    const { folder, logger } = this.#options;
    if (outcome.kind === "failed") {
      if (!this.#closed) logger.error({ code: outcome.code }, "no backup was made");
      return outcome.code;
    }
    const all = backupsIn(folder);
    this.#forgetWithdrawn(all);
    const fitting = Math.floor(this.#options.bytesMax / Math.max(1, all[0]?.bytes ?? 1));
    this.#keepOnly(Math.min(KEPT_COUNT, fitting), all);
    logger.info({ headSeq: outcome.headSeq }, "a sealed backup was made");
    return null;
  }

  /**
   * What a withdrawal deleted is still in the older copies. They go once a newer one is there, and after an hour in which
   * none could be made (over budget, no space): a child's face does not wait for a disk, and the money is in the cloud.
   */
  #forgetWithdrawn(newestFirst: readonly BackupFile[]): void {
    const older = newestFirst.filter(({ headSeq }) => headSeq < this.#withdrawnSeq);
    if (older.length === 0) {
      this.#overdueSinceMs = null;
      return;
    }
    const { clock, logger } = this.#options;
    this.#overdueSinceMs ??= clock.mono();
    const isReplaced = older.length < newestFirst.length;
    const isOverdue = clock.mono() - this.#overdueSinceMs >= FORGET_WAIT_MS_MAX;
    if (!isReplaced && !isOverdue) return;
    if (!isReplaced)
      logger.warn({}, "backups with what a withdrawal deleted go, though there is no newer one");
    for (const { file } of older) rmSync(file, { force: true });
  }

  #keepOnly(count: number, newestFirst: readonly BackupFile[]): void {
    // The last good copy goes only when its successor is there, whatever the budget says.
    for (const { file } of newestFirst.slice(Math.max(1, count))) rmSync(file, { force: true });
  }
}

function outcomeOf(worker: Worker): Promise<BackupOutcome> {
  return new Promise((resolve) => {
    worker.once("message", (outcome: BackupOutcome) => resolve(outcome));
    worker.once("error", () => resolve({ kind: "failed", code: "worker-failed" }));
    worker.once("exit", () => resolve({ kind: "failed", code: "stopped" }));
  });
}
