import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningKiosk, startKiosk } from "./kiosk-test-client.ts";
import { problemSchema } from "./protocol.ts";

const REQUEST = { fromDate: "2026-09-01", toDate: "2026-09-03", cabinetId: null };
const KEEPER = { authorization: "Bearer token-k1" };
const CASHIER = { authorization: "Bearer token-c1" };

/** The inspector's report over HTTP, on a stand-in of what makes it. */
describe("the report's routes", () => {
  let kiosk: RunningKiosk;
  beforeEach(async () => {
    kiosk = await startKiosk();
    await kiosk.world.operators.add({ operatorId: "c1", displayName: "收银员", role: "cashier" });
  });
  afterEach(() => kiosk.close());
  const made = async (html: string): Promise<void> => {
    const { reports } = kiosk.world;
    reports.file = join(kiosk.uiFolder, "report.html");
    await writeFile(reports.file, html);
    const facts = { entries: 3, bytes: html.length, closing: "a".repeat(64), code: "CR1", qrSvg: "<svg/>" };
    reports.job = { kind: "made", reportId: "report-1", request: REQUEST, ...facts };
  };
  const codeOf = ({ json }: { json(): unknown }): string => problemSchema.parse(json()).code;

  it("has names of staff in it: also at the terminal a keeper or a manager must be signed in", async () => {
    await made("<p>secret</p>");
    const paths = ["", "/report-1/page", "/report-1/file"].map((path) => `/api/cabinet/reports${path}`);
    for (const path of paths) {
      expect((await kiosk.ask("GET", path, undefined, {})).status).toBe(401);
      expect(codeOf(await kiosk.ask("GET", path, undefined, CASHIER))).toBe("role-refused");
      expect((await kiosk.ask("GET", path, undefined, KEEPER)).status).toBe(200);
    }
    expect((await kiosk.ask("POST", "/api/cabinet/reports", REQUEST, {})).status).toBe(401);
    expect((await kiosk.ask("DELETE", "/api/cabinet/reports/report-1", undefined, CASHIER)).status).toBe(403);
    expect([kiosk.world.reports.asked, kiosk.world.reports.discarded]).toEqual([[], []]);
  });

  it("begins a report, tells how far it is, and passes a refusal on in words", async () => {
    const begun = await kiosk.ask("POST", "/api/cabinet/reports", REQUEST, KEEPER);
    expect(begun.json()).toEqual({ reportId: "report-1" });
    expect(kiosk.world.reports.asked).toEqual([REQUEST]);
    const shown = await kiosk.ask("GET", "/api/cabinet/reports", undefined, KEEPER);
    expect(shown.json()).toMatchObject({
      today: "2026-09-10",
      cabinets: [{ cabinetId: "cabinet-1" }],
      job: { kind: "making", phase: "reading", percent: 0 },
    });
    kiosk.world.reports.answer = { kind: "refused", reason: "report-under-way" };
    const refused = await kiosk.ask("POST", "/api/cabinet/reports", REQUEST, KEEPER);
    expect([refused.status, codeOf(refused)]).toEqual([409, "report-under-way"]);
    const wrong = { ...REQUEST, fromDate: "2026-02-30" };
    expect((await kiosk.ask("POST", "/api/cabinet/reports", wrong, KEEPER)).status).toBe(400);
  });

  it("gives the page for a frame of its own and no script, and the very same bytes as a file", async () => {
    const html = "<!doctype html><script>data</script><p>封存码</p>";
    await made(html);
    const page = await kiosk.ask("GET", "/api/cabinet/reports/report-1/page");
    expect(page.text).toBe(html);
    expect(page.headers.get("content-security-policy")).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    );
    const file = await kiosk.ask("GET", "/api/cabinet/reports/report-1/file");
    expect(file.text).toBe(html);
    expect(file.headers.get("content-disposition")).toBe(
      'attachment; filename="cabinet-report_2026-09-01_2026-09-03.html"',
    );
    const other = await kiosk.ask("GET", "/api/cabinet/reports/report-2/page");
    expect([other.status, codeOf(other)]).toEqual([404, "report-unknown"]);
    await kiosk.ask("DELETE", "/api/cabinet/reports/report-1");
    expect((await kiosk.ask("GET", "/api/cabinet/reports/report-1/page")).status).toBe(404);
  });
});
