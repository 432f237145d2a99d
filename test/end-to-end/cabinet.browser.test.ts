import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startDemoBench } from "../../device/commands/demo-bench.ts";
import { startDemoCabinet } from "../../device/commands/demo-cabinet.ts";
import { demoConfig } from "../../device/config/demo-config.ts";
import type { Terminal } from "../../device/main.ts";
import { Teardown } from "../../device/platform/teardown.ts";
import { verifyReport } from "../../device/sample-cabinet/report-verify.ts";
import { builtPage } from "../../scripts/set-up.mjs";
import { CHROMIUM, hasTool } from "../require-tool.ts";
import { complaintsOf, openBrowser, openContext } from "./browser.ts";
import { clock, openSchool, type School, until } from "./school.ts";

const SCREENSHOTS = process.env["CANTEEN_SCREENSHOTS"];
const KEEPER = { operatorId: "wang", pin: "407193" };
const MANAGER = { operatorId: "li", pin: "628451" };

/** A sample, an alarm and a disposal in real Chromium; probes, door, buzzer and scale speak bytes over real sockets. */
describe.skipIf(!hasTool(CHROMIUM))("the cabinet in a browser, on simulated Modbus slaves", () => {
  let uiFolder = "";
  let browser: Browser;

  beforeAll(async () => {
    uiFolder = await builtPage();
    browser = await openBrowser();
    if (SCREENSHOTS !== undefined) await mkdir(SCREENSHOTS, { recursive: true });
  });
  afterAll(() => browser.close());

  async function startKitchen(school: School) {
    const teardown = new Teardown();
    const bench = await startDemoBench(join(school.folder, "goods"), clock, teardown);
    const cabinet = await startDemoCabinet(clock, teardown);
    const terminal = await school.startTerminal({
      uiFolder,
      cameraNumbers: ["1003"],
      adjust: ({ dataFolder, camera, kiosk }) =>
        demoConfig({
          dataFolder,
          cameraFolder: camera.kind === "folder" ? camera.folder : null,
          mqttUrl: school.mqttUrl,
          kioskPort: kiosk.port,
          bench: bench.config,
          cabinetPort: cabinet.port,
        }),
    });
    // After the terminal has closed: a line that goes away first would be one more alarm.
    onTestFinished(() => teardown.run());
    await terminal.store.operators.add({ ...KEEPER, displayName: "王师傅", role: "keeper" });
    await terminal.store.operators.add({ ...MANAGER, displayName: "李老师", role: "manager" });
    return { terminal, cabinet: cabinet.controls, goods: bench.goods(() => null) };
  }

  async function open(terminal: Terminal, path: string): Promise<Page> {
    const context = await openContext(browser);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${terminal.urls[0]?.url ?? ""}${path}`);
    return page;
  }
  async function picture(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `e2e-${name}.png`) });
  }
  async function sign(page: Page, { operatorId, pin }: typeof KEEPER): Promise<void> {
    await page.getByTestId(`choice-${operatorId}`).click();
    for (const digit of pin) await page.getByTestId(`pad-${digit}`).click();
    await page.getByTestId("pad-confirm").click();
  }
  const kindsOf = ({ store }: Terminal): string[] =>
    store.journal
      .readAfter(0, { countMax: 1000, bytesMax: 10_000_000 })
      .map(({ kind }) => kind)
      .filter((kind) => kind.startsWith("sample.") || kind.startsWith("alarm."));

  it("takes a sample, fills the screen when the door stays open, is answered, and disposes early with two names", async () => {
    const school = await openSchool();
    const { terminal, cabinet, goods } = await startKitchen(school);
    const page = await open(terminal, "/cabinet");
    const complaints = complaintsOf(page);

    await page.waitForSelector('[data-testid="probe-cabinet-air"][data-tone="ok"]');
    await page
      .getByTestId(/^missing-.*-rice$/)
      .last()
      .click();
    goods.put(100);
    await page.getByText("还差").waitFor();
    goods.put(200);
    await page.waitForSelector('[data-testid="weight"][data-tone="ok"]');
    await picture(page, "weighed");
    await page.getByTestId("take-weight").click();
    await page.waitForSelector('[data-testid="taking"][data-step="signing"]');
    await picture(page, "photo");
    await sign(page, KEEPER);
    await page.getByTestId("put-1").click();
    await page.getByTestId("taking-stored").waitFor();
    await page.frameLocator('[data-testid="label"]').getByText("米饭").first().waitFor();
    await picture(page, "stored");
    await page.getByTestId("take-cancel").click();
    await page.waitForSelector('[data-testid="slot-1"][data-state="keeping"]');

    cabinet.set({ isDoorOpen: true });
    await page.getByTestId("alarm-screen").waitFor();
    await picture(page, "alarm");
    cabinet.set({ isDoorOpen: false });
    await page.getByTestId("alarm-screen-go").click();
    await page.getByTestId("alarm-door-open").click();
    await page.getByTestId("choice-door-closed").click();
    await sign(page, KEEPER);
    await page.getByTestId("sign-dialog").waitFor({ state: "hidden" });
    await until("the alarm is answered", () =>
      kindsOf(terminal).includes("alarm.acknowledged") ? true : null,
    );

    await page.getByTestId("slot-1").click();
    await page.getByTestId("sample-early").click();
    await page.getByTestId("choice-container-broken").click();
    await sign(page, KEEPER);
    await sign(page, MANAGER);
    await page.waitForSelector('[data-testid="slot-1"][data-state="empty"]');
    await picture(page, "disposed");

    await page.getByTestId("act-report").click();
    await sign(page, KEEPER);
    await page.getByTestId("report-make").click();
    const report = page.frameLocator('[data-testid="report-frame"]');
    await report.getByText("留样柜检查报告").first().waitFor({ timeout: 120_000 });
    await picture(page, "report");
    const coming = page.waitForEvent("download");
    await page.getByTestId("report-download").click();
    const html = await readFile(await (await coming).path(), "utf8");
    expect(verifyReport(html, terminal.store.db)).toMatchObject({
      ok: true,
      closing: await page.getByTestId("report-closing").getAttribute("data-hash"),
    });

    const kinds = kindsOf(terminal);
    expect(kinds.filter((kind) => kind.startsWith("sample."))).toEqual(["sample.stored", "sample.disposed"]);
    expect(kinds).toContain("alarm.raised");
    expect(complaints).toEqual([]);
  });
});
