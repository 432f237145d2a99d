import type { ReportJob, ReportRequest, Reports } from "../sample-cabinet/report-port.ts";
import { CABINET_ID } from "./fake-cabinet.ts";

/** Stands for the reports: becomes what the test says and remembers what was asked for. */
export class FakeReports implements Reports {
  readonly asked: ReportRequest[] = [];
  readonly discarded: string[] = [];
  readonly cabinets = [{ cabinetId: CABINET_ID, name: { zh: "一号留样柜", en: "Cabinet 1" } }];
  answer: ReturnType<Reports["begin"]> = { kind: "begun", reportId: "report-1" };
  job: ReportJob | null = null;
  /** Where the page of a made one lies. */
  file: string | null = null;

  today = (): string => "2026-09-10";
  current = (): ReportJob | null => this.job;
  fileOf = (reportId: string): string | null =>
    this.job?.kind === "made" && this.job.reportId === reportId ? this.file : null;

  begin(request: ReportRequest): ReturnType<Reports["begin"]> {
    this.asked.push(request);
    if (this.answer.kind === "begun")
      this.job = { kind: "making", reportId: this.answer.reportId, request, phase: "reading", percent: 0 };
    return this.answer;
  }
  discard(reportId: string): void {
    this.discarded.push(reportId);
    this.job = null;
  }
  async close(): Promise<void> {}
}
