import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it } from "vitest";
import { scanCard } from "../../test/end-to-end/browser.ts";
import { type KioskInBrowser, kioskInBrowser } from "../../test/end-to-end/kiosk-in-browser.ts";
import { CHROMIUM, hasTool } from "../../test/require-tool.ts";
import { epochMs, fen } from "../platform/units.ts";
import { fakeLunch, fakeReceipt } from "./fake-checkout.ts";
import type { FakeWorld } from "./fake-world.ts";
import { FIND_MISFITS } from "./page-misfits.ts";

const SCREENS = [
  [1280, 800],
  [1920, 1080],
  [800, 1280],
] as const;

/** The pay page in real Chromium, on stand-ins of the terminal's parts. */
describe.skipIf(!hasTool(CHROMIUM) || !hasTool("ffmpeg"))("pay page", () => {
  const start = kioskInBrowser({ hasWebcam: true });
  let kiosk: KioskInBrowser;
  let world: FakeWorld;
  let page: Page;
  let url = "";
  let complaints: string[];

  beforeEach(async () => {
    kiosk = await start({ isDemo: true });
    ({ world, page, url, complaints } = kiosk);
    await page.goto(`${url}/pay`);
    await page.waitForSelector('[data-testid="pay-page"][data-view="idle"]');
  });

  const text = (id: string): Promise<string> => page.getByTestId(id).innerText();
  const seen = (id: string): Promise<unknown> => page.waitForSelector(`[data-testid="${id}"]`);
  const commands = () => world.servingLine.commands;
  const until = (isTrue: () => boolean): Promise<void> => expect.poll(isTrue).toBe(true);

  it("shows meal and price, sends webcam pictures when asked, and draws the faces it is told of", async () => {
    await expect.poll(() => text("meal-name")).toContain("午餐");
    await expect.poll(() => text("meal-price")).toBe("¥12.00");
    await until(() => world.camera.pushed.length >= 3);
    const { default: sharp } = await import("sharp");
    const { width, height, format } = await sharp(world.camera.pushed.at(-1)).metadata();
    expect([width, height, format]).toEqual([640, 480, "jpeg"]);
    world.sightings.tell({ widthPx: 640, heightPx: 480, boxes: [[200, 100, 200, 240]] });
    await seen("face-boxes");
  });

  it("shows pictures of the terminal's own camera", async () => {
    await page.getByTestId("demo-samples").click();
    const picture = world.camera.pushed.at(-1);
    await page.waitForSelector('[data-testid="demo-webcam"]');
    world.camera.give(Uint8Array.from(picture ?? []));
    await seen("terminal-picture");
    await page.getByTestId("demo-webcam").click();
    await seen("webcam");
  });

  it("pays: press, look, paid with name, meal, amount and balance, readable from two metres", async () => {
    await page.getByTestId("activate").click();
    await until(() => commands().length === 1);
    expect(commands()).toEqual([{ kind: "activate" }]);
    world.servingLine.show({ kind: "looking", hint: "come-closer" });
    await expect.poll(() => text("look-hint")).toBe("请靠近一点");
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt() });
    await expect.poll(() => text("result-title")).toMatch(/支付成功\s+Payment successful/);
    await expect.poll(() => text("paid-name")).toBe("甲同学");
    await expect.poll(() => text("paid-meal")).toContain("午餐");
    await expect.poll(() => text("paid-amount")).toBe("¥9.00");
    await expect.poll(() => text("paid-balance")).toBe("¥86.40");
    const title = page.getByTestId("result-title").locator(".zh");
    // A tenth of the screen's height.
    expect((await title.boundingBox())?.height).toBeGreaterThanOrEqual(80);
  });

  it("asks for a blink or a turn in large letters and aloud", async () => {
    await page.evaluate(
      "globalThis.said = []; speechSynthesis.speak = ({ text }) => void globalThis.said.push(text)",
    );
    const asked = [
      ["blink", "请眨一下眼睛"],
      ["turn-left", "请向您的左边转一下头"],
      ["turn-right", "请向您的右边转一下头"],
    ] as const;
    for (const [hint, words] of asked) {
      world.servingLine.show({ kind: "looking", hint });
      await page.getByTestId("look-hint").getByText(words).waitFor();
      await expect.poll(() => page.evaluate("globalThis.said.at(-1)")).toBe(words);
    }
  });

  it("shows the longest question whole on both ways of hanging the screen, in both languages", async () => {
    const folderOfPictures = process.env["CANTEEN_SCREENSHOTS"];
    await page.emulateMedia({ reducedMotion: "reduce" });
    world.servingLine.show({ kind: "looking", hint: "turn-right" });
    for (const [language, words] of [
      ["zh", "请向您的右边转一下头"],
      ["en", "Turn your head right, please"],
    ] as const) {
      if (language === "en") await page.getByTestId("language").click();
      await page.getByTestId("look-hint").getByText(words).waitFor();
      for (const [width, height] of [
        [1280, 800],
        [800, 1280],
      ] as const) {
        await page.setViewportSize({ width, height });
        if (folderOfPictures !== undefined)
          await page.screenshot({ path: join(folderOfPictures, `turn-${language}-${width}.png`) });
        const [question, picture] = await Promise.all(
          ["look-hint", "camera-stage"].map((part) => page.getByTestId(part).boundingBox()),
        );
        expect(question?.height ?? Number.NaN).toBeLessThan((picture?.height ?? 0) / 2);
        expect(question?.width).toBe(picture?.width);
      }
    }
  });

  it("tells the same face again that the meal is paid, and when", async () => {
    world.servingLine.show({
      kind: "refused",
      reason: "meal-already-charged",
      displayName: "甲同学",
      amountFen: fen(900),
      balanceFen: fen(8640),
      earlier: fakeReceipt({ atMs: epochMs(Date.UTC(2026, 8, 1, 4, 2)) }),
    });
    await expect.poll(() => text("result-title")).toMatch(/已经付过了\s+This meal is already paid/);
    await expect.poll(() => text("refused-earlier")).toMatch(/12:02 已付 9.00 元/);
    await expect.poll(() => text("refused-advice")).toContain("没有再扣钱");
  });

  it("says what to do at a refusal, and how many attempts a wrong PIN leaves", async () => {
    const refused = {
      kind: "refused",
      displayName: null,
      amountFen: null,
      balanceFen: null,
      earlier: null,
    } as const;
    world.servingLine.show({ ...refused, reason: "balance-too-low" });
    await expect.poll(() => text("refused-advice")).toContain("充值");
    world.servingLine.show({ ...refused, reason: "person-unknown", pin: { kind: "wrong", attemptsLeft: 3 } });
    await page.waitForSelector('[data-reason="person-unknown"]');
    await expect.poll(() => text("result-title")).toContain("学号或密码不对");
    await expect.poll(() => text("refused-advice")).toContain("3");
  });

  it("asks for one more press where the school wants it: Enter pays, Esc does not", async () => {
    const confirm = {
      kind: "confirm",
      chargeId: "c1",
      personId: "p1",
      displayName: "甲同学",
      amountFen: fen(900),
      balanceFen: fen(9540),
      allergyWarning: ["花生"],
      disputable: true,
    } as const;
    world.servingLine.show(confirm);
    await expect.poll(() => text("confirm-amount")).toBe("¥9.00");
    await expect.poll(() => text("confirm-allergy")).toContain("花生");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter", { delay: 5 });
    await page.getByTestId("confirm").click();
    await page.getByTestId("cancel").click();
    await until(() => commands().length === 4);
    expect(commands().map(({ kind }) => kind)).toEqual(["cancel", "confirm", "confirm", "cancel"]);
  });

  it("offers card and PIN when the face does not do", async () => {
    world.servingLine.show({ kind: "other-way", reason: "unknown-face" });
    await expect.poll(() => text("result-title")).toContain("没有认出你");
    await page.getByTestId("other-way-retry").click();
    await page.getByTestId("other-way-pin").click();
    await seen("pin-dialog");
    await until(() => commands().length === 1);
    expect(commands()).toEqual([{ kind: "activate" }]);
  });

  it("says how far the faces are while they load, and sells by card and PIN meanwhile", async () => {
    world.faces.state = { step: "loading", loadedCount: 1200, totalCount: 20_000 };
    world.servingLine.show({ kind: "other-way", reason: "faces-loading" });
    await expect.poll(() => text("result-title")).toMatch(/人脸库加载中\s+Faces are being loaded/);
    await expect.poll(() => text("faces-loading")).toContain("已加载 1200 / 20000 人");
    expect(await page.getByTestId("other-way-retry").count()).toBe(0);
    world.faces.state = { step: "comparing", loadedCount: 20_000, totalCount: 20_000 };
    world.faces.changed.tell();
    await expect.poll(() => text("faces-loading")).not.toContain("1200");
    for (const [width, height] of SCREENS) {
      await page.setViewportSize({ width, height });
      expect([width, await page.evaluate(FIND_MISFITS)]).toEqual([width, []]);
    }
    await scanCard(page, "CARD-20260101");
    await until(() => commands().length === 1);
    expect(commands()).toEqual([{ kind: "card", cardToken: "CARD-20260101" }]);
  });

  it("takes number and PIN on the touch pad, never shows the PIN, and closes at the result", async () => {
    await page.getByTestId("open-pin").click();
    for (const digit of "20260101") await page.getByTestId(`pad-${digit}`).click();
    await page.getByTestId("pad-confirm").click();
    for (const digit of "2468") await page.getByTestId(`pad-${digit}`).click();
    await expect.poll(() => text("pin-dots")).toBe("●●●●");
    expect(await page.getByTestId("pin-dialog").innerText()).not.toContain("2468");
    await page.getByTestId("pad-confirm").click();
    await seen("pin-checking");
    await until(() => commands().length === 1);
    expect(commands()).toEqual([{ kind: "pin", number: "20260101", pin: "2468" }]);
  });

  it("takes number and PIN from the keyboard too, and Esc closes the pad", async () => {
    await page.getByTestId("open-pin").click();
    await page.keyboard.type("900017\n2468\n", { delay: 70 });
    await until(() => commands().length === 1);
    expect(commands()).toEqual([{ kind: "pin", number: "900017", pin: "2468" }]);
    await page.waitForSelector('[data-testid="pin-dialog"]', { state: "detached" });
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt() });
    world.servingLine.show({ kind: "idle" });
    await page.getByTestId("open-pin").click();
    await page.keyboard.press("Escape");
    await page.waitForSelector('[data-testid="pin-dialog"]', { state: "detached" });
  });

  it("reads a card that types like a keyboard, even with the PIN pad open, and shows nothing of it", async () => {
    await scanCard(page, "0004711815");
    await until(() => commands().length === 1);
    await page.getByTestId("open-pin").click();
    await scanCard(page, "QR;2026/ab-9");
    await until(() => commands().length === 2);
    expect(commands()).toEqual([
      { kind: "card", cardToken: "0004711815" },
      { kind: "card", cardToken: "QR;2026/ab-9" },
    ]);
    expect(await page.locator("body").innerText()).not.toContain("4711");
  });

  it("builds an order from dishes, and from a keyed amount", async () => {
    world.servingLine.set({ mealPeriod: { ...fakeLunch, pricing: { kind: "menu" } } });
    await page.getByTestId("dish-rice").click();
    await until(() => commands().length === 1);
    await page.waitForSelector('[data-testid="dish-remove-rice"]');
    await page.getByTestId("dish-kungpao").click();
    await page.waitForSelector('[data-testid="dish-remove-kungpao"]');
    await expect.poll(() => text("order-total")).toContain("¥9.50");
    await page.getByTestId("dish-remove-rice").click();
    await until(() => commands().length === 3);
    expect(commands().at(-1)).toEqual({ kind: "set-order", itemIds: ["kungpao"], keyedFen: null });

    world.servingLine.set({
      mealPeriod: { ...fakeLunch, pricing: { kind: "keyed", amountFenMax: fen(5000) } },
      order: { itemIds: [], keyedFen: null, totalFen: null },
    });
    await seen("number-pad");
    for (const digit of "1250") await page.getByTestId(`pad-${digit}`).click();
    await until(() => commands().length === 7);
    expect(commands().at(-1)).toEqual({ kind: "set-order", itemIds: [], keyedFen: 1250 });
    await expect.poll(() => text("order-total")).toContain("¥12.50");
    await page.getByTestId("pad-confirm").click();
    await until(() => commands().length === 8);
    expect(commands().at(-1)).toEqual({ kind: "activate" });
  });

  it("marks being offline with what waits, and the demo cuts and restores the network", async () => {
    world.sync.set({ waitingCount: 12 });
    await page.getByTestId("demo-network").click();
    await page.waitForSelector('[data-testid="sync-mark"][data-connection="offline"]');
    await expect.poll(() => text("sync-mark")).toMatch(/离线，12 笔待上传\s+offline, 12 waiting/);
    expect(world.demo.online).toBe(false);
    await page.getByTestId("demo-network").click();
    await page.waitForSelector('[data-testid="sync-mark"][data-connection="connected"]');
  });

  it("is closed with the reason, and without a meal it says so", async () => {
    world.servingLine.set({ mealPeriod: null });
    await expect.poll(() => text("no-meal")).toContain("现在不是用餐时间");
    world.servingLine.show({ kind: "closed", reason: "disk-unsafe" });
    await seen("view-closed");
    await expect.poll(() => text("view-closed")).toContain("机器现在不能安全记账");
  });

  it("speaks Chinese or English as chosen, and keeps both on the result", async () => {
    await expect.poll(() => page.getByTestId("open-pin").innerText()).toContain("学号");
    await page.getByTestId("language").click();
    await expect.poll(() => page.getByTestId("open-pin").innerText()).toContain("Number + PIN");
    await page.reload();
    await seen("open-pin");
    await page.waitForSelector('html[lang="en"]');
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt() });
    await expect.poll(() => text("result-title")).toContain("支付成功");
  });

  it("says the result aloud once, in Chinese, unless muted", async () => {
    await page.evaluate(
      'globalThis.said = []; speechSynthesis.speak = (words) => said.push(words.lang + " " + words.text)',
    );
    const said = (): Promise<unknown> => page.evaluate("said");
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt() });
    await seen("view-paid");
    world.servingLine.set({ servedCount: 1 });
    await page.waitForFunction("said.length === 1");
    expect(await said()).toEqual(["zh-CN 支付成功，9.00元"]);
    world.servingLine.show({ kind: "idle" });
    await seen("side-panel");
    await page.waitForSelector('[data-view="idle"]');
    await page.getByTestId("mute").click();
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt({ chargeId: "second" }) });
    await seen("view-paid");
    expect(await said()).toHaveLength(1);
  });

  it("lets only the newest window pay, and gives it back on request", async () => {
    const second = await page.context().newPage();
    await second.goto(`${url}/pay`);
    await second.waitForSelector('[data-view="idle"]');
    await seen("view-superseded");
    await page.getByTestId("take-over").click();
    await second.waitForSelector('[data-testid="view-superseded"]');
    await page.waitForSelector('[data-testid="pay-page"][data-connection="open"]');
    await second.close();
  });

  it("says that the terminal does not answer, and comes back by itself", async () => {
    await kiosk.stopTerminal();
    await seen("view-connecting");
    await kiosk.startTerminal();
    await page.waitForSelector('[data-testid="pay-page"][data-connection="open"]');
    complaints.splice(0);
  });

  it("fits the screens it is made for, with touch targets of 64 pixels", async () => {
    const views = [
      { kind: "idle" },
      { kind: "paid", receipt: fakeReceipt({ allergyWarning: ["花生", "鸡蛋"] }) },
      { kind: "other-way", reason: "unknown-face" },
    ] as const;
    await page.emulateMedia({ reducedMotion: "reduce" });
    for (const [width, height] of SCREENS) {
      await page.setViewportSize({ width, height });
      for (const view of views) {
        world.servingLine.show(view);
        await page.waitForSelector(`[data-testid="pay-page"][data-view="${view.kind}"]`);
        const misfits = await page.evaluate(FIND_MISFITS);
        expect([width, view.kind, misfits]).toEqual([width, view.kind, []]);
      }
    }
  });
});
