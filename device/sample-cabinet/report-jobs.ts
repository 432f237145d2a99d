import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import { localMinute } from "./local-time.ts";
import type { ReportWish } from "./report.ts";
import { type ReportMessage, type ReportOrder, reportMessageSchema } from "./report-message.ts";
import {
  REPORT_DAYS_MAX,
  type ReportJob,
  type ReportRefusal,
  type ReportRequest,
  type Reports,
  reportDays,
} from "./report-port.ts";

/** A month of eight probes takes seconds; what takes this long has hung. */
const MAKING_MS_MAX = 10 * 60_000;
/** Long enough to be read through and printed; names of staff do not lie about for longer. */
const KEPT_MS_MAX = 60 * 60_000;
/** The largest report that may be asked for needs about half of it. */
const HEAP_MB_MAX = 1024;
const PROGRAM = fileURLToPath(new URL("report-process.ts", import.meta.url));

export interface ReportJobsOptions {
  readonly cabinets: Reports["cabinets"];
  readonly zone: string;
  readonly journalFile: string;
  /** This terminal's own, for nothing else: it is emptied at the start. */
  readonly folder: string;
  readonly wish: (request: ReportRequest, madeAtMs: number) => ReportWish;
  readonly diskSafe: () => boolean;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Only for tests: a process that dies or says nothing. */
  readonly program?: string;
}

export function createReports(options: ReportJobsOptions): Reports {
  rmSync(options.folder, { recursive: true, force: true });
  return new ReportJobs(options);
}

class ReportJobs implements Reports {
  readonly cabinets: Reports["cabinets"];
  readonly #options: ReportJobsOptions;
  #job: ReportJob | null = null;
  #process: ChildProcess | null = null;
  /** Of the job: until it must be made, then until it is forgotten. */
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: ReportJobsOptions) {
    this.#options = options;
    this.cabinets = options.cabinets;
  }

  today(): string {
    return localMinute(this.#options.clock.now(), this.#options.zone).slice(0, 10);
  }

  current(): ReportJob | null {
    return this.#job;
  }

  fileOf(reportId: string): string | null {
    return this.#job?.kind === "made" && this.#job.reportId === reportId ? this.#file(reportId) : null;
  }

  begin(request: ReportRequest): ReturnType<Reports["begin"]> {
    const reason = this.#refusal(request);
    if (reason !== null) return { kind: "refused", reason };
    this.#forget();
    const { clock, ids, folder, journalFile } = this.#options;
    const reportId = ids.next();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#job = { kind: "making", reportId, request, phase: "reading", percent: 0 };
    this.#start({
      journalFile,
      outFile: this.#file(reportId),
      wish: this.#options.wish(request, clock.now()),
    });
    this.#timer = clock.after(MAKING_MS_MAX, () => this.#process?.kill("SIGKILL"));
    return { kind: "begun", reportId };
  }

  discard(reportId: string): void {
    if (this.#job?.reportId === reportId) this.#forget();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#process;
    const ended = child === null ? null : new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#forget();
    await ended;
  }

  #refusal({ fromDate, toDate, cabinetId }: ReportRequest): ReportRefusal | null {
    const days = reportDays(fromDate, toDate);
    if (days === null) return "dates-wrong";
    if (days > REPORT_DAYS_MAX) return "too-many-days";
    if (cabinetId !== null && !this.cabinets.some((each) => each.cabinetId === cabinetId))
      return "cabinet-unknown";
    if (this.#job?.kind === "making" || this.#isClosed) return "report-under-way";
    return this.#options.diskSafe() ? null : "disk-unsafe";
  }

  #file(reportId: string): string {
    return join(this.#options.folder, `${reportId}.html`);
  }

  #start(order: ReportOrder): void {
    const child = fork(this.#options.program ?? PROGRAM, [], {
      execArgv: [...process.execArgv, `--max-old-space-size=${HEAP_MB_MAX}`],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process = child;
    lowerPriority(child);
    child.on("message", (message) => {
      const said = reportMessageSchema.safeParse(message);
      if (child === this.#process && said.success) this.#hear(said.data);
    });
    // Where it could not even be started there is no exit.
    child.on("error", () => this.#ended(child));
    child.on("exit", () => this.#ended(child));
    child.send(order, () => {});
  }

  #hear(message: ReportMessage): void {
    const job = this.#job;
    if (job?.kind !== "making") return;
    const { reportId, request } = job;
    if (message.kind === "going") {
      this.#job = { ...job, phase: message.phase, percent: message.percent };
      return;
    }
    this.#job = { ...message, reportId, request };
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(KEPT_MS_MAX, () => this.discard(reportId));
  }

  /** By itself, or because it was given up; without a last word it failed. */
  #ended(child: ChildProcess): void {
    if (child !== this.#process) return;
    this.#process = null;
    if (this.#job?.kind !== "making") return;
    this.#options.logger.error({ code: "report-failed" }, "the report's process ended without a report");
    this.#hear({ kind: "failed", ...FAILED });
  }

  #forget(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const child = this.#process;
    this.#process = null;
    child?.kill("SIGKILL");
    this.#job = null;
    rmSync(this.#options.folder, { recursive: true, force: true });
  }
}

/** Sales and alarms come first: it gets what they leave of the processor. */
function lowerPriority({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or the system does not allow it: the report is made all the same.
  }
}

const FAILED = {
  code: "report-failed",
  hint: {
    zh: "报告没有生成：请再试一次，或缩短日期范围",
    en: "No report was made: try again, or choose fewer days",
  },
};
