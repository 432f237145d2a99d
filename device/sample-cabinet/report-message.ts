import { z } from "zod";
import type { ReportWish } from "./report.ts";

/** Between `report-jobs.ts` and the process that makes a report. */

/** What the process is told as it starts. */
export interface ReportOrder {
  /** The journal; only read. */
  readonly journalFile: string;
  /** Must not be there yet. */
  readonly outFile: string;
  readonly wish: ReportWish;
}

/** What it says; the page with it is in the file. */
export const reportMessageSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("going"),
    phase: z.enum(["reading", "drawing"]),
    percent: z.int().min(0).max(100),
  }),
  z.strictObject({
    kind: z.literal("made"),
    entries: z.int().min(0),
    bytes: z.int().min(0),
    closing: z.string().regex(/^[0-9a-f]{64}$/),
    code: z.string().max(400),
    qrSvg: z.string().max(100_000),
  }),
  z.strictObject({
    kind: z.literal("failed"),
    code: z.string().max(64),
    hint: z.strictObject({ zh: z.string().max(500), en: z.string().max(500) }),
  }),
]);
export type ReportMessage = z.infer<typeof reportMessageSchema>;
