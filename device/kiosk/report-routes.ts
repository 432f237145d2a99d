import { createReadStream } from "node:fs";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Reports } from "../sample-cabinet/report-port.ts";
import type { KioskServerOptions } from "./kiosk-ports.ts";
import { operatorOf, RECEIVING_ROLES } from "./operator-session.ts";
import { parseRequest, RequestProblem } from "./problems.ts";
import { reportBodySchema, reportParamsSchema } from "./report-schema.ts";

/**
 * The inspector's report for the page: begun, watched, looked at, downloaded. It has names of staff in it, so a keeper or
 * a manager is signed in also at the terminal itself.
 */
export function reportRoutes(
  server: FastifyInstance,
  { cabinets, operators, logger }: KioskServerOptions,
): void {
  const signedIn = (request: FastifyRequest): { reports: Reports; operatorId: string } => {
    const { operatorId } = operatorOf(operators, request, RECEIVING_ROLES);
    if (cabinets === undefined) throw new RequestProblem("no-cabinet-here");
    return { reports: cabinets.reports, operatorId };
  };
  const made = (request: FastifyRequest): { readonly file: string; readonly name: string } => {
    const { reports } = signedIn(request);
    const { reportId } = parseRequest(reportParamsSchema, request.params);
    const file = reports.fileOf(reportId);
    const job = reports.current();
    if (file === null || job === null) throw new RequestProblem("report-unknown");
    const { fromDate, toDate } = job.request;
    return { file, name: `cabinet-report_${fromDate}_${toDate}.html` };
  };

  server.get("/api/cabinet/reports", async (request) => {
    const { reports } = signedIn(request);
    return { today: reports.today(), cabinets: reports.cabinets, job: reports.current() };
  });

  server.post("/api/cabinet/reports", async (request) => {
    const { reports, operatorId } = signedIn(request);
    const wanted = parseRequest(reportBodySchema, request.body);
    const begun = reports.begin(wanted);
    if (begun.kind === "refused") throw new RequestProblem(begun.reason);
    logger.info({ operatorId, ...wanted }, "an inspector's report was asked for");
    return { reportId: begun.reportId };
  });

  server.delete("/api/cabinet/reports/:reportId", async (request) => {
    const { reports } = signedIn(request);
    reports.discard(parseRequest(reportParamsSchema, request.params).reportId);
    return { kind: "done" };
  });

  /** A page of its own with its own style, for a frame of ours to show and print. */
  server.get("/api/cabinet/reports/:reportId/page", async (request, reply) =>
    sendReport(reply, made(request).file),
  );

  server.get("/api/cabinet/reports/:reportId/file", async (request, reply) => {
    const { file, name } = made(request);
    return sendReport(reply.header("content-disposition", `attachment; filename="${name}"`), file);
  });
}

/** Its style and its drawings; what looks like a script in it is data and is not run. */
const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/** From the disk piece by piece: a large report holds up nobody. */
async function sendReport(reply: FastifyReply, file: string): Promise<FastifyReply> {
  return reply
    .header("content-security-policy", REPORT_POLICY)
    .header("x-frame-options", "SAMEORIGIN")
    .type("text/html; charset=utf-8")
    .send(createReadStream(file));
}
