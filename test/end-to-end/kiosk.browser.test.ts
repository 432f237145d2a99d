import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { demoFolderDefault, prepareDemo } from "../../scripts/prepare-demo.ts";
import { builtPage } from "../../scripts/set-up.mjs";
import { CHROMIUM, hasTool } from "../require-tool.ts";
import { complaintsOf, makeWebcamFile, openBrowser, openContext, scanCard } from "./browser.ts";
import { clock, openSchool, type School, until } from "./school.ts";

const OPERATOR = { operatorId: "li", pin: "628451" };
const PRESS_MS_MAX = 2000;
const LOOK_PERIOD_MS = 50;
const SCREENSHOTS = process.env["CANTEEN_SCREENSHOTS"];

/** The whole way in real Chromium with a webcam: enrol at the counter, pay, try again; engine, journal and cloud are real. */
describe.skipIf(!hasTool(CHROMIUM) || !hasTool("ffmpeg"))("the kiosk in a browser with a webcam", () => {
  let folder = "";
  let uiFolder = "";
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "canteen-webcam-"));
    uiFolder = await builtPage();
    await prepareDemo();
    const picture = join(demoFolderDefault, "people", "1003", "enrol-1.jpg");
    browser = await openBrowser(await makeWebcamFile(folder, picture));
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(school: School, path: string, url: string): Promise<Page> {
    const context = await openContext(browser, { permissions: ["camera"] });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${url}${path}`);
    expect(school.broker.listening).toBe(true);
    return page;
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }

  /**
   * Presses to pay by face, and again whenever the terminal has given up: how many pictures a machine measures before that
   * is not what is tested. @returns what the screen then said, read in one go: it is there for seconds only.
   */
  async function pressedUntil(page: Page, testId: string): Promise<string> {
    const said = page.getByTestId(testId).innerText();
    let isSaid = false;
    const note = (): void => {
      isSaid = true;
    };
    said.then(note, note);
    const press = page.getByTestId(/^(activate|other-way-retry)$/).first();
    while (!isSaid) {
      // Gone before it could be pressed: then the terminal looks.
      if (await press.isVisible()) await press.click({ timeout: PRESS_MS_MAX }).catch(() => {});
      else await clock.delay(LOOK_PERIOD_MS);
    }
    return said;
  }

  async function enrolAtCounter(page: Page): Promise<void> {
    await page.getByTestId("operator-id").fill(OPERATOR.operatorId);
    for (const digit of OPERATOR.pin) await page.getByTestId(`pad-${digit}`).click();
    await page.getByTestId("pad-confirm").click();
    await page.getByTestId("people-search").fill("1003");
    await page.getByTestId("person-p-1003").click();
    await page.getByTestId("enrol").click();
    await page.getByTestId("enrol-run").click();
    await page.waitForSelector('[data-testid="enrol-count"][data-count="3"]');
    await picture(page, "enrol");
    await page.getByTestId("enrol-save").click();
    await page.getByTestId("person-note").waitFor();
    await picture(page, "enrolled");
  }

  it("enrols, pays at once, says already paid, and shows what waits while the network is away", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal({ activation: "touch", uiFolder });
    await terminal.store.operators.add({ ...OPERATOR, displayName: "李老师", role: "manager" });
    const url = terminal.urls[0]?.url ?? "";
    const admin = await open(school, "/admin", url);
    await enrolAtCounter(admin);

    const pay = await open(school, "/pay", url);
    const complaints = complaintsOf(pay);
    expect(await pressedUntil(pay, "view-paid")).toMatch(/支付成功.*李思远/s);
    await picture(pay, "paid");
    await pay.getByTestId("view-paid").waitFor({ state: "hidden" });

    expect(await pressedUntil(pay, "view-refused")).toMatch(/已经?付过/);
    await picture(pay, "already-paid");
    await until("one charge in the cloud", () => (school.cloud.views.charges(10).length === 1 ? true : null));

    await school.broker.stop();
    await pay.getByTestId("view-refused").waitFor({ state: "hidden" });
    await scanCard(pay, "C1004");
    await pay.getByTestId("view-paid").waitFor();
    await pay.waitForSelector('[data-testid="sync-mark"][data-connection="offline"][data-waiting="1"]');
    expect(await pay.getByTestId("sync-mark").innerText()).toMatch(/离线.*1/s);
    await picture(pay, "offline");
    await school.broker.start();
    await until("two charges in the cloud", () =>
      school.cloud.views.charges(10).length === 2 ? true : null,
    );
    expect(school.cloud.views.charges(10).every(({ receipted }) => receipted)).toBe(true);
    // A webcam that hangs leaves its last picture in the page: that picture must not be sent again.
    const hasCamera = async (): Promise<boolean> => {
      const health = await (await fetch(new URL("/healthz", url))).text();
      return health.includes('"camera":{"status":"ok"');
    };
    await until("the terminal has the camera", async () => ((await hasCamera()) ? true : null));
    await pay.evaluate(`
      const stopped = { totalVideoFrames: 1 };
      HTMLVideoElement.prototype.getVideoPlaybackQuality = () => stopped;
    `);
    await until("the terminal misses the camera", async () => ((await hasCamera()) ? null : true));
    expect(complaints).toEqual([]);
  });
});
