import { Worker } from "node:worker_threads";
import { KILL_POINT_VARIABLE, type KillPoint } from "./kill-point.ts";

/** `CANTEEN_KILL_POINT=after-commit:17` means: the 17th time that it gets there. Each thread counts for itself. */
const [point, times = "1"] = (process.env[KILL_POINT_VARIABLE] ?? "").split(":");
let left = Number(times);
const passed = new Set<KillPoint>();

/** Whether this thread has been there. */
export const wasAt = (earlier: KillPoint): boolean => passed.has(earlier);

/** The process ends itself here, when it was told to. */
export function at(reached: KillPoint): void {
  passed.add(reached);
  if (reached !== point) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, "SIGKILL");
}

/**
 * For what is one call into SQLite and knows no step: another thread ends the process within a few milliseconds of
 * its beginning. It waits ready, since a thread takes longer to start than a copy to be made.
 */
const bell = new Int32Array(new SharedArrayBuffer(4));
const WITHIN_MS = 4;
const KILLER = `
const { workerData: { bell, waitMs } } = require("node:worker_threads");
Atomics.wait(bell, 0, 0);
Atomics.wait(bell, 0, 1, waitMs);
process.kill(process.pid, "SIGKILL");`;
if (point?.includes("-inside-copy")) {
  const waitMs = Math.random() * WITHIN_MS;
  new Worker(KILLER, { eval: true, execArgv: [], workerData: { bell, waitMs } }).unref();
}

export function soonAfter(reached: KillPoint): void {
  if (reached !== point) return;
  Atomics.store(bell, 0, 1);
  Atomics.notify(bell, 0);
}
