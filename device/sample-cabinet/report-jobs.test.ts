import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { openDatabase } from "../journal/database.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";
import { REPORT_WISH, reportRig } from "./report-fixture.ts";
import { createReports, type ReportJobsOptions } from "./report-jobs.ts";
import type { ReportJob, Reports } from "./report-port.ts";
import { verifyReport } from "./report-verify.ts";

const REQUEST = { fromDate: REPORT_WISH.fromDate, toDate: REPORT_WISH.toDate, cabinetId: null };

/** A process is waited for by the system's own clock; nothing is measured. */
function ended(reports: Reports): Promise<ReportJob> {
  return vi.waitUntil(
    () => {
      const job = reports.current();
      return job !== null && job.kind !== "making" ? job : null;
    },
    { timeout: 180_000, interval: 20 },
  );
}

function jobs(folder: string, change: Partial<ReportJobsOptions> = {}): Reports {
  const clock = new VirtualClock();
  const reports = createReports({
    cabinets: [{ cabinetId: "cabinet-1", name: { zh: "一号留样柜", en: "Cabinet 1" } }],
    zone: "Asia/Shanghai",
    journalFile: databaseFile(folder),
    folder: join(folder, "reports"),
    wish: (request, madeAtMs) => ({ ...REPORT_WISH, ...request, madeAtMs }),
    diskSafe: () => true,
    clock,
    ids: idSource(clock, seededEntropy(3)),
    logger: silentLogger,
    ...change,
  });
  onTestFinished(() => reports.close());
  return reports;
}

/** A program that stands for the report's process. */
function program(folder: string, source: string): string {
  const file = join(folder, "program.mjs");
  writeFileSync(file, source);
  return file;
}

test("a process of its own makes the report beside the open journal, and what it made verifies", async () => {
  const rig = await reportRig();
  const folder = temporaryFolder();
  const db = openDatabase({
    file: databaseFile(folder),
    clock: new VirtualClock(),
    migrations: TERMINAL_MIGRATIONS,
  });
  onTestFinished(() => void db.close());
  const journal = openJournal({
    db,
    clock: rig.clock,
    timeTrust: { current: () => "synced" },
    projections: TERMINAL_PROJECTIONS.filter(({ name }) => name.includes("samples")),
  });
  journal.transact(() => {
    for (const { id, kind, body } of rig.entries())
      if (kind !== "journal.checkpoint") journal.append({ id, kind, body });
  });
  const reports = jobs(folder);
  const begun = reports.begin(REQUEST);
  expect(begun.kind).toBe("begun");
  expect(reports.begin(REQUEST)).toEqual({ kind: "refused", reason: "report-under-way" });
  const job = await ended(reports);
  if (job.kind !== "made") throw new Error(`the job is ${JSON.stringify(job)}`);
  const file = reports.fileOf(job.reportId) ?? "";
  const found = verifyReport(readFileSync(file, "utf8"), db);
  expect(found).toMatchObject({ ok: true, closing: job.closing, entries: job.entries });
  expect(job.code).toBe(`CR1|school/line-1|2026-09-07|2026-09-09|${job.entries}|${job.closing}`);
  expect(job.qrSvg).toContain("<svg");
  expect(job.bytes).toBe(readFileSync(file).length);
  reports.discard(job.reportId);
  expect([existsSync(file), reports.current(), reports.fileOf(job.reportId)]).toEqual([false, null, null]);
});

test("it says why there is no report: wrong dates, too many, an unknown cabinet, a full disk, no journal", async () => {
  const folder = temporaryFolder();
  const reports = jobs(folder);
  const refusalOf = (change: Partial<typeof REQUEST>) => reports.begin({ ...REQUEST, ...change });
  expect(refusalOf({ fromDate: "2026-09-10" })).toEqual({ kind: "refused", reason: "dates-wrong" });
  expect(refusalOf({ fromDate: "2025-01-01" })).toEqual({ kind: "refused", reason: "too-many-days" });
  const unknown = reports.begin({ ...REQUEST, cabinetId: "cabinet-9" });
  expect(unknown).toEqual({ kind: "refused", reason: "cabinet-unknown" });
  const full = jobs(folder, { diskSafe: () => false });
  expect(full.begin(REQUEST)).toEqual({ kind: "refused", reason: "disk-unsafe" });
  reports.begin(REQUEST);
  expect(await ended(reports)).toMatchObject({ kind: "failed", hint: { zh: expect.any(String) } });
});

test("a process that dies is a failed report, not a failed terminal; the next one may be begun", async () => {
  const folder = temporaryFolder();
  const reports = jobs(folder, { program: program(folder, "process.exit(3)") });
  reports.begin(REQUEST);
  expect(await ended(reports)).toMatchObject({ kind: "failed", code: "report-failed" });
  expect(reports.begin(REQUEST).kind).toBe("begun");
});

test("one that hangs is ended when its time is over, and a report is forgotten when its own is", async () => {
  const folder = temporaryFolder();
  const clock = new VirtualClock();
  const hangs = jobs(folder, { clock, program: program(folder, "setInterval(() => {}, 1000)") });
  hangs.begin(REQUEST);
  await clock.advance(600_000);
  expect(await ended(hangs)).toMatchObject({ kind: "failed", code: "report-failed" });
  await clock.advance(3_600_000);
  expect(hangs.current()).toBe(null);
  expect(readdirSync(folder)).not.toContain("reports");
});

test("one that is cancelled ends with its process, and its last words are nobody's", async () => {
  const folder = temporaryFolder();
  const made = { kind: "made", entries: 1, bytes: 1, closing: "0".repeat(64), code: "", qrSvg: "" };
  const source = `process.send(${JSON.stringify({ kind: "going", phase: "reading", percent: 40 })});
    process.on("message", () => setInterval(() => process.send(${JSON.stringify(made)}), 5000))`;
  const reports = jobs(folder, { program: program(folder, source) });
  const begun = reports.begin(REQUEST);
  await vi.waitUntil(
    () => {
      const job = reports.current();
      return job?.kind === "making" && job.percent === 40;
    },
    { timeout: 180_000, interval: 20 },
  );
  if (begun.kind === "begun") reports.discard(begun.reportId);
  expect(reports.current()).toBe(null);
  expect(reports.begin(REQUEST).kind).toBe("begun");
});
