import type { Hint } from "../platform/errors.ts";

/**
 * The inspector's report as the page asks for it: one is made at a time, in a process of its own, and the newest is kept
 * for a while to be looked at, printed and downloaded.
 */

export const REPORT_DAYS_MAX = 400;

/** Dates of the school's zone, both included. */
export interface ReportRequest {
  readonly fromDate: string;
  readonly toDate: string;
  /** Null: all cabinets. */
  readonly cabinetId: string | null;
}

/** Why none was begun, the first that applies. */
export const REPORT_REFUSALS = [
  "dates-wrong",
  "too-many-days",
  "cabinet-unknown",
  "report-under-way",
  /** Sales come first: nothing large is written on a disk that is full or fails. */
  "disk-unsafe",
] as const;
export type ReportRefusal = (typeof REPORT_REFUSALS)[number];

export type ReportPhase = "reading" | "drawing";

export type ReportJob = { readonly reportId: string; readonly request: ReportRequest } & (
  | {
      readonly kind: "making";
      readonly phase: ReportPhase;
      /** Of the journal's entries, how many were looked at. */
      readonly percent: number;
    }
  | ({ readonly kind: "made" } & MadeReportFacts)
  | { readonly kind: "failed"; readonly code: string; readonly hint: Hint }
);

export interface MadeReportFacts {
  readonly entries: number;
  readonly bytes: number;
  /** The one number that closes the report; who receives it notes it down. */
  readonly closing: string;
  /** The same with place and dates, as the QR code holds it. */
  readonly code: string;
  readonly qrSvg: string;
}

export interface Reports {
  /** Today at the school, YYYY-MM-DD. */
  today(): string;
  readonly cabinets: readonly { readonly cabinetId: string; readonly name: Hint }[];
  begin(
    request: ReportRequest,
  ):
    | { readonly kind: "begun"; readonly reportId: string }
    | { readonly kind: "refused"; readonly reason: ReportRefusal };
  /** The newest, whatever became of it; null before the first and when its time is over. */
  current(): ReportJob | null;
  /** The page of a report that is made; null when there is none of that id. */
  fileOf(reportId: string): string | null;
  /** Ends it, or forgets what was made. */
  discard(reportId: string): void;
  close(): Promise<void>;
}

/** @returns how many days from the first to the last, both counted; null where they are no dates in that order. */
export function reportDays(fromDate: string, toDate: string): number | null {
  const [fromMs, toMs] = [fromDate, toDate].map((date) =>
    /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00Z`) : Number.NaN,
  );
  if (fromMs === undefined || toMs === undefined || !(fromMs <= toMs)) return null;
  return (toMs - fromMs) / 86_400_000 + 1;
}
