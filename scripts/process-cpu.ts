import { readFileSync } from "node:fs";

/** Of the times in proc_pid_stat(5), as Linux gives them to programs. */
const TICKS_PER_S = 100;

/**
 * Processor time of another process so far, in seconds, user and system: fields 14 and 15 of proc_pid_stat(5).
 * @throws when there is no such process.
 */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
