// Over 400 lines because a page of its own for a few scenes would cost one more build and one more browser.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { kioskInBrowser } from "../../test/end-to-end/kiosk-in-browser.ts";
import { CHROMIUM, hasTool } from "../../test/require-tool.ts";
import { epochMs, milliC } from "../platform/units.ts";
import { fakeAlarm } from "./fake-cabinet.ts";
import { ENOUGH } from "./fake-samples.ts";
import type { FakeWorld } from "./fake-world.ts";
import { FIND_MISFITS } from "./page-misfits.ts";

const SCREENSHOTS = process.env["CANTEEN_SCREENSHOTS"];
const NOON = epochMs(Date.UTC(2026, 8, 1, 4));
const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

/** The cabinet's page and the alarms of every page in real Chromium, on stand-ins of the terminal's parts. */
describe.skipIf(!hasTool(CHROMIUM))("cabinet's page", () => {
  const start = kioskInBrowser({ hasWebcam: false });
  let world: FakeWorld;
  let page: Page;
  let url = "";
  let folder = "";

  beforeAll(async () => {
    if (SCREENSHOTS !== undefined) await mkdir(SCREENSHOTS, { recursive: true });
  });
  beforeEach(async () => {
    ({ world, page, url, folder } = await start({ cameraKind: "folder", isDemo: true }));
  });

  const part = (id: string) => page.getByTestId(id);
  const open = async (path = "/cabinet"): Promise<void> => {
    await page.goto(`${url}${path}`);
    if (path === "/cabinet") await part("climate").waitFor();
  };
  const sign = async (operatorId: string, pin = "1357"): Promise<void> => {
    await part(`choice-${operatorId}`).click();
    for (const digit of pin) await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
  };
  /** Both languages at both sizes, and nothing of it cut off or too small to touch. */
  const picture = async (name: string, isChecked = true): Promise<void> => {
    for (const size of SIZES) {
      await page.setViewportSize(size);
      if (isChecked) expect.soft(await page.evaluate(FIND_MISFITS), `${name} at ${size.width}`).toEqual([]);
      if (SCREENSHOTS !== undefined)
        await page.screenshot({ path: join(SCREENSHOTS, `cabinet-${name}-${size.width}.png`) });
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  };

  it("shows temperatures, slots and what is missing, in both languages", async () => {
    await open();
    await expect.poll(() => part("probe-air").innerText()).toContain("4.1");
    await expect.poll(() => part("slot-3").getAttribute("data-state")).toBe("due");
    await expect.poll(() => part("slot-4").innerText()).toContain("逾期");
    await expect.poll(() => part("missing-lunch-soup").getAttribute("data-state")).toBe("missing");
    await picture("overview-zh");
    await part("language").click();
    await expect.poll(() => part("slot-4").innerText()).toContain("Overdue");
    await picture("overview-en");
  });

  it("says when the limit will be reached, and what is wrong with a probe", async () => {
    const [air, food] = world.cabinets.current.probes;
    if (air === undefined || food === undefined) throw new Error("the stand-in has two probes");
    const forecast = { limitMilliC: milliC(8000), inMs: 720_000, inMsMin: 600_000, inMsMax: 900_000 };
    world.cabinets.show({
      probes: [
        { ...air, milliC: milliC(6800), forecast },
        { ...food, milliC: null, fault: "silent" },
      ],
      door: {
        isOpen: true,
        source: "inferred",
        sinceMs: NOON,
      },
      alarms: [
        fakeAlarm({
          key: "a",
          type: "door-open",
          level: "general",
          text: { zh: "柜门没有关", en: "Door open" },
          facts: { isInferred: true },
        }),
        fakeAlarm({
          key: "b",
          alarmId: "alarm-2",
          type: "probe-fault",
          state: "acknowledged",
          text: { zh: "探头故障", en: "Probe fault" },
          facts: { fault: "silent" },
          acknowledged: {
            operatorId: "k1",
            atMs: NOON,
            action: { code: "probe-checked", text: null },
          },
        }),
      ],
      level: "major",
    });
    await open();
    await expect.poll(() => part("forecast").innerText()).toMatch(/12 分钟后超过 8\.0 °C/);
    await expect.poll(() => part("probe-food").innerText()).toContain("探头无应答");
    await expect.poll(() => part("alarm-probe-fault").innerText()).toContain("王师傅");
    await picture("trouble-zh");
    await part("language").click();
    await picture("trouble-en");
  });

  it("fills the screen with an alarm until somebody answers it with what was done", async () => {
    await open("/");
    await part("start-page").waitFor();
    await picture("start-zh");
    world.cabinets.alarm();
    await part("alarm-screen").waitFor();
    await expect.poll(() => part("alarm-screen").innerText()).toContain("温度过高");
    await picture("alarm-screen-zh");
    await part("alarm-screen-go").click();
    await part("cabinet-page").waitFor();
    await part("alarm-high").click();
    await picture("alarm-actions-zh");
    await part("choice-door-closed").click();
    await picture("sign-zh");
    await sign("k1", "9999");
    await expect.poll(() => part("sign-outcome").innerText()).toContain("4");
    for (const digit of "1357") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    await page.waitForSelector('[data-testid="alarm-high"][data-state="acknowledged"]');
    expect(world.cabinets.asked).toEqual([
      {
        act: "acknowledge",
        what: {
          alarmId: "alarm-1",
          action: { code: "door-closed", text: null },
          signature: { operatorId: "k1", displayName: "王师傅", by: "pin" },
        },
      },
    ]);
    await expect.poll(() => part("alarm-high").innerText()).toMatch(/已确认.*王师傅.*已关好柜门/s);
  });

  it("leaves the pay page free: a critical alarm is a band there, which can be silenced", async () => {
    await open("/pay");
    await part("pay-page").waitFor();
    world.cabinets.alarm({ level: "critical" });
    await page.waitForSelector('[data-testid="alarm-band"][data-level="critical"][data-sounding="true"]');
    expect(await part("alarm-screen").count()).toBe(0);
    await picture("pay-band-zh", false);
    await part("alarm-silence").click();
    await page.waitForSelector('[data-testid="alarm-band"][data-sounding="false"]');
    expect(world.cabinets.asked).toEqual([{ act: "silence", what: "cabinet-1" }]);
  });

  it("takes a sample step by step, and says how many grams are missing", async () => {
    await open();
    await part("missing-lunch-greens").click();
    await page.waitForSelector('[data-testid="taking"][data-step="weighing"]');
    await expect.poll(() => part("weight-word").innerText()).toContain("还差 23 克");
    await expect.poll(() => part("take-weight").isDisabled()).toBe(true);
    await picture("weigh-short-zh");
    const { taking } = world.samples;
    if (taking.step !== "weighing") throw new Error("the stand-in weighs now");
    world.samples.become({ ...taking, weight: ENOUGH });
    await page.waitForSelector('[data-testid="weight"][data-tone="ok"]');
    await picture("weigh-enough-zh");
    await part("take-weight").click();
    await page.waitForSelector('[data-testid="taking"][data-step="signing"]');
    await picture("take-sign-zh");
    await sign("k1");
    await part("free-slots").waitFor();
    await picture("take-slot-zh");
    await part("put-5").click();
    await part("taking-stored").waitFor();
    await page.frameLocator('[data-testid="label"]').getByText("清炒时蔬").waitFor();
    await picture("take-label-zh");
    await part("take-cancel").click();
    await part("slot-5").waitFor();
  });

  it("disposes of what is due with one signature, and of what is not with two and a reason", async () => {
    await open();
    await part("act-dispose").click();
    await picture("dispose-zh");
    await part("dispose-3").click();
    await part("dispose-sign").click();
    await sign("k1");
    await page.waitForSelector('[data-testid="slot-4"][data-state="empty"]');
    expect(world.samples.asked).toMatchObject([{ act: "dispose", sampleIds: ["sample-4"] }]);
    await part("slot-1").click();
    await picture("sample-zh");
    await part("sample-early").click();
    await picture("early-zh");
    await part("choice-container-broken").click();
    await sign("k1");
    await page.waitForSelector('[data-testid="sign-which"][data-which="second"]');
    expect(await part("choice-k1").count()).toBe(0);
    await picture("second-person-zh");
    await part("choice-m1").click();
    for (const digit of "1357") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    await page.waitForSelector('[data-testid="slot-1"][data-state="empty"]');
    expect(world.samples.asked.at(-1)).toMatchObject({ act: "dispose-early", reason: "container-broken" });
  });

  it("takes a reason in words without a keyboard, gives the list of reasons back, and hears the keys it shows", async () => {
    await open();
    await part("slot-1").click();
    await part("sample-void").click();
    // As the numbers on the buttons say.
    await page.keyboard.press("5");
    await part("words-back").waitFor();
    await picture("void-words-zh");
    await part("words-back").click();
    await part("choice-other").click();
    await expect.poll(() => part("words-next").isDisabled()).toBe(true);
    await part("reason-0").click();
    await part("words-next").click();
    await sign("k1");
    await sign("m1");
    await page.waitForSelector('[data-testid="slot-1"][data-state="empty"]');
    expect(world.samples.asked.at(-1)).toMatchObject({ act: "void", reason: "other", note: "餐次选错" });
    await part("act-care").click();
    await page.keyboard.press("2");
    await part("words-back").click();
    await part("choice-out").waitFor();
  });

  it("hands a sample to an authority only with the whole chain of custody", async () => {
    await open();
    await part("slot-2").click();
    await part("sample-seize").click();
    await picture("seize-authority-zh");
    await part("choice-区市场监督管理局").click();
    const key = async (text: string): Promise<void> => {
      for (const each of text) await part(`key-${each}`).click();
    };
    // By touch alone: the authority is chosen, the numbers are keyed, one field after the other.
    await key("330106-1187");
    await expect.poll(() => part("custody-badge").inputValue()).toBe("330106-1187");
    await picture("seize-zh");
    await part("key-enter").click();
    await key("2026-118");
    await expect.poll(() => part("leave-next").isDisabled()).toBe(true);
    await part("key-enter").click();
    await key("F-0042");
    // Whoever has a keyboard writes the name too, in any script.
    await part("custody-name").fill("张三");
    await part("leave-next").click();
    await sign("k1");
    await sign("m1");
    await page.waitForSelector('[data-testid="slot-2"][data-state="empty"]');
    expect(world.samples.asked.at(-1)).toMatchObject({
      act: "seize",
      authority: "区市场监督管理局",
      officer: "张三 330106-1187",
      documentNumber: "2026-118",
      sealNumber: "F-0042",
    });
  });

  it("shows every missing dish without scrolling, and the rest of very many on a button", async () => {
    const [first] = world.samples.missing;
    if (first === undefined) throw new Error("the stand-in misses a dish");
    const dishes = (count: number): void => {
      world.samples.missing = Array.from({ length: count }, (_, index) => ({
        ...first,
        dish: {
          dishId: `dish-${index}`,
          dishName: { zh: `香菇滑鸡配土豆泥 ${index}`, en: `Chicken ${index}` },
        },
      }));
      world.samples.changed();
    };
    await open();
    for (const count of [4, 8]) {
      dishes(count);
      await part(`missing-lunch-dish-${count - 1}`).waitFor();
      const isScrolling = await part("missing").evaluate(
        (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight,
      );
      expect([count, isScrolling]).toEqual([count, false]);
      await picture(`missing-${count}-zh`);
    }
    dishes(12);
    await part("missing-more").click();
    expect(await part("taking").getByRole("button").count()).toBe(1 + 12);
  });

  it("says on another machine that somebody must sign in, and is there once somebody has", async () => {
    let isSignedIn = false;
    await page.routeWebSocket(/\/ws\/cabinet/, (socket) => {
      if (isSignedIn) socket.connectToServer();
      else socket.close({ code: 4401, reason: "sign in first" });
    });
    await page.goto(`${url}/cabinet`);
    await part("cabinet-outside").waitFor();
    expect(await part("cabinet-outside").innerText()).toContain("需要仓管或管理员登录");
    await picture("outside-zh");
    // Nobody's name is squeezed into a list of half a row.
    await part("choice-k1").waitFor();
    const list = "document.querySelector('.operators')";
    expect(await page.evaluate(`${list}.scrollHeight - ${list}.clientHeight`)).toBe(0);
    await page.route("**/api/operators/sign-in", async (route) => {
      isSignedIn = true;
      await route.continue();
    });
    // An office has a keyboard: its digits are the PIN, not the page's shortcuts.
    await part("operator-id").fill("k1");
    await page.keyboard.press("Tab");
    await page.keyboard.type("135790");
    await expect.poll(() => part("operator-pin").innerText()).toBe("●●●●●●");
    await page.keyboard.press("Enter");
    await part("climate").waitFor();
    await page.keyboard.press("4");
    await part("history-dialog").waitFor();
  });

  it("makes an inspector's report: days pressed, progress, the page itself, its file and its closing hash", async () => {
    const { reports } = world;
    await open();
    await part("act-report").click();
    await part("choice-k1").click();
    await picture("report-sign-in-zh");
    for (const digit of "135790") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    await part("report-make").waitFor();
    expect(await part("report-dates").innerText()).toContain("2026-09-08 至 2026-09-10");
    await part("preset-30").click();
    expect(await part("report-dates").innerText()).toContain("2026-08-11 至 2026-09-10");
    await part("month-earlier").click();
    await part("day-2026-08-30").click();
    await part("month-later").click();
    await part("day-2026-09-02").click();
    expect(await part("report-dates").innerText()).toContain("共 4 天");
    await picture("report-days-zh");
    await part("report-make").click();
    await part("report-making").waitFor();
    const request = { fromDate: "2026-08-30", toDate: "2026-09-02", cabinetId: null };
    expect(reports.asked).toEqual([request]);
    await picture("report-making-zh");
    const html = "<!doctype html><meta charset=utf-8><title>报告</title><h1>留样柜检查报告</h1>";
    reports.file = join(folder, "report.html");
    await writeFile(reports.file, html);
    const closing = "9f86d081884c7d65".repeat(4);
    const qrSvg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h1v1z"/></svg>';
    reports.job = {
      ...{ kind: "made", reportId: "report-1", request, closing, qrSvg },
      ...{ entries: 17_456, bytes: 12_345_678, code: "CR1" },
    };
    await page.frameLocator('[data-testid="report-frame"]').getByText("留样柜检查报告").waitFor();
    expect(await part("report-closing").getAttribute("data-hash")).toBe(closing);
    await page.waitForFunction(`document.querySelector('[data-testid="report-qr"]').naturalWidth > 0`);
    await picture("report-made-zh");
    const coming = page.waitForEvent("download");
    await part("report-download").click();
    const download = await coming;
    expect(download.suggestedFilename()).toBe("cabinet-report_2026-08-30_2026-09-02.html");
    expect(await readFile(await download.path(), "utf8")).toBe(html);
    await page.evaluate(
      `document.querySelector('[data-testid="report-frame"]').contentWindow.print = () => { document.title = "printed"; }`,
    );
    await part("report-print").click();
    expect(await page.title()).toBe("printed");
    await part("report-another").click();
    await part("report-make").waitFor();
    const hint = { zh: "报告过大", en: "too large" };
    reports.job = { kind: "failed", reportId: "report-2", request, code: "report-too-large", hint };
    await page.reload();
    expect(await part("report-failed").innerText()).toContain("报告过大");
  });

  it("draws the curve of a day", async () => {
    await open();
    await part("act-curve").click();
    await page.waitForSelector('[data-testid="curve"][data-drawn="true"]');
    await picture("curve-zh");
    await part("curve-week").click();
    await page.waitForSelector('[data-testid="curve"][data-drawn="true"]');
    await part("dialog-close").click();
    await part("act-history").click();
    await part("history-list").waitFor();
    await picture("history-zh");
    await part("dialog-close").click();
    await part("act-care").click();
    await picture("care-zh");
    await part("choice-calibrate air").click();
    for (const digit of "39") await part(`pad-${digit}`).click();
    await expect.poll(() => part("reference").innerText()).toContain("3.9");
    await picture("calibrate-zh");
    await part("pad-confirm").click();
    await sign("m1");
    await part("sign-dialog").waitFor({ state: "hidden" });
    expect(world.cabinets.asked).toMatchObject([
      { act: "calibrate", what: { probeId: "air", offsetMilliC: -200 } },
    ]);
    expect(world.signatures.rights).toEqual(["override"]);
  });

  it("says to whoever signs by face how to be recognised", async () => {
    world.cabinets.alarm();
    await open();
    await part("alarm-screen-go").click();
    await part("alarm-high").click();
    await part("choice-repair-called").click();
    await part("sign-face").click();
    await part("sign-hint").waitFor();
    await expect.poll(() => part("sign-hint").innerText()).toContain("请看镜头");
    world.signatures.hint("come-closer");
    await page.waitForSelector('[data-testid="sign-hint"][data-hint="come-closer"]');
    await expect.poll(() => part("sign-hint").innerText()).toContain("请靠近一点");
    await picture("sign-face-zh");
    await part("sign-stop-looking").click();
    await part("sign-outcome").waitFor();
    expect(world.cabinets.asked).toEqual([]);
  });

  it("keeps an alarm quiet until an end, with a reason and a name", async () => {
    world.cabinets.alarm({ level: "critical" });
    await open();
    await part("alarm-screen-go").click();
    await part("alarm-high").click();
    await part("shelve").click();
    await picture("shelve-time-zh");
    await part("choice-120").click();
    await part("reason-0").click();
    await picture("shelve-why-zh");
    await part("words-next").click();
    await sign("m1");
    await part("sign-dialog").waitFor({ state: "hidden" });
    expect(world.cabinets.asked).toMatchObject([
      { act: "shelve", what: { key: fakeAlarm().key, durationMs: 7_200_000 } },
    ]);
    expect(world.signatures.rights).toEqual(["override"]);
    const shelved = { untilMs: epochMs(NOON + 7_200_000), operatorId: "m1", reason: "维修中" };
    world.cabinets.show({ alarms: [fakeAlarm({ state: "shelved", shelved })], level: null });
    await page.waitForSelector('[data-testid="alarm-high"][data-state="shelved"]');
    await expect.poll(() => part("alarm-high").innerText()).toMatch(/14:00.*李老师/s);
    await picture("shelved-zh");
    await part("alarm-high").click();
    await part("unshelve").click();
    await sign("k1");
    await part("sign-dialog").waitFor({ state: "hidden" });
    expect(world.cabinets.asked.at(-1)?.act).toBe("unshelve");
  });

  it("defrosts for a time, and takes a cabinet or a probe out of service with a reason", async () => {
    await open();
    await part("act-care").click();
    await part("choice-defrost").click();
    await picture("defrost-zh");
    await part("choice-30").click();
    await sign("k1");
    await part("sign-dialog").waitFor({ state: "hidden" });
    for (const what of ["out", "out food"]) {
      await part("act-care").click();
      await part(`choice-${what}`).click();
      await part("reason-0").click();
      if (what === "out") await picture("out-of-service-zh");
      await part("words-next").click();
      await sign("m1");
      await part("sign-dialog").waitFor({ state: "hidden" });
    }
    expect(world.cabinets.asked).toMatchObject([
      { act: "defrost", what: { durationMs: 1_800_000 } },
      { act: "out-of-service", what: { probeId: null } },
      { act: "out-of-service", what: { probeId: "food" } },
    ]);
    expect(world.signatures.rights).toEqual(["keep", "override", "override"]);
  });

  it("strikes a sample with a reason and two names, and prints its label at its own size", async () => {
    await open();
    await part("slot-1").click();
    await part("sample-label").click();
    const label = page.frameLocator('[data-testid="label"]');
    await label.getByText("清炒时蔬").waitFor();
    const box = await part("label").evaluate((frame) => [frame.offsetWidth, frame.offsetHeight]);
    // 50 × 30 mm at 96 pixels an inch; the frame is as large as the paper, so nothing of it is left out.
    expect(box).toEqual([189, 113]);
    await picture("label-zh");
    await part("dialog-close").click();
    await part("slot-1").click();
    await part("sample-void").click();
    await part("choice-wrong-dish").click();
    await sign("k1");
    await sign("m1");
    await page.waitForSelector('[data-testid="slot-1"][data-state="empty"]');
    expect(world.samples.asked.at(-1)).toMatchObject({ act: "void", reason: "wrong-dish" });
  });

  it("pages through samples that are long gone", async () => {
    world.samples.goneCount = 150;
    await open();
    await part("act-history").click();
    await part("history-more").click();
    await part("history-more").waitFor({ state: "detached" });
    expect(await part("history-list").locator(".line").count()).toBe(154);
  });
});
