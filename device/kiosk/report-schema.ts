import { z } from "zod";
import { REPORT_DAYS_MAX, type ReportJob } from "../sample-cabinet/report-port.ts";

/** What the report's page and the terminal say to each other; see sample-cabinet/report-port.ts. */

export const reportBodySchema = z.strictObject({
  fromDate: z.iso.date(),
  toDate: z.iso.date(),
  cabinetId: z.string().min(1).max(128).nullable(),
});
export const reportParamsSchema = z.strictObject({ reportId: z.string().min(1).max(64) });
export const reportBegunSchema = z.object({ reportId: z.string() });

const bilingual = z.object({ zh: z.string(), en: z.string() });
/** The terminal's word is taken for what a job is: the page is of the same build. */
const jobSchema = z.custom<ReportJob>((value) => typeof value === "object" && value !== null);
export const reportsAnswerSchema = z.object({
  today: z.iso.date(),
  cabinets: z.array(z.object({ cabinetId: z.string(), name: bilingual })).readonly(),
  job: jobSchema.nullable(),
});
export { REPORT_DAYS_MAX };
