import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page, Route } from "playwright-core";
import sharp from "sharp";
import { beforeEach, describe, expect, it } from "vitest";
import { kioskInBrowser } from "../../test/end-to-end/kiosk-in-browser.ts";
import { CHROMIUM, hasTool } from "../../test/require-tool.ts";
import { fakeReceipt } from "./fake-checkout.ts";
import { fakeRecognition } from "./fake-recognition.ts";
import type { FakeWorld } from "./fake-world.ts";
import { FIND_MISFITS } from "./page-misfits.ts";

/** The operator's page in real Chromium, on stand-ins of the terminal's parts. */
describe.skipIf(!hasTool(CHROMIUM) || !hasTool("ffmpeg"))("operator's page", () => {
  const start = kioskInBrowser({ hasWebcam: true });
  let world: FakeWorld;
  let page: Page;
  let url = "";
  let folder = "";
  let complaints: string[];

  beforeEach(async () => {
    ({ world, page, url, folder, complaints } = await start({}));
    await page.goto(`${url}/admin`);
    await page.waitForSelector('[data-testid="sign-in"]');
  });

  const part = (id: string) => page.getByTestId(id);
  const text = (id: string): Promise<string> => part(id).innerText();
  const signIn = async (operatorId: string, pin = "135790"): Promise<void> => {
    if (operatorId === "locked") await part("operator-id").fill(operatorId);
    else await part(`choice-${operatorId}`).click();
    for (const digit of pin) await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
  };
  const openPerson = async (personId: string): Promise<void> => {
    await part(`person-${personId}`).click();
    await part("person-panel").waitFor();
  };

  it("lets nobody in with a wrong PIN, and says how many attempts are left", async () => {
    await signIn("m1", "111111");
    await expect.poll(() => text("sign-in-problem")).toMatch(/不对.*4 次/);
    expect(await text("operator-pin")).not.toContain("●");
    await signIn("locked");
    await page.waitForSelector('[data-code="sign-in-locked"]');
    await expect.poll(() => text("sign-in-problem")).toContain("2 分钟");
    // The browser itself reports answers of 401 and 429.
    complaints.splice(0);
  });

  it("signs in from the keyboard alone: Tab and Enter choose, digits are the PIN, Enter signs in", async () => {
    await part("choice-m1").focus();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => part("choice-m1").getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.type("135790");
    await page.keyboard.press("Enter");
    await expect.poll(() => text("operator")).toContain("管理员");
  });

  it("stays signed in over a reload, and signs out", async () => {
    await signIn("m1");
    await expect.poll(() => text("operator")).toContain("管理员");
    await page.reload();
    await part("people-search").waitFor();
    await part("sign-out").click();
    await part("sign-in").waitFor();
    expect(world.operators.signedOut).toEqual(["token-m1"]);
  });

  it("shows a keeper the status only", async () => {
    await signIn("k1");
    await part("terminal-status").waitFor();
    await expect.poll(() => part("tab-people").isDisabled()).toBe(true);
  });

  it("enrols from the webcam: consent by a guardian, a word on every shot, a look-alike checked, saved", async () => {
    await signIn("m1");
    await part("people-search").fill("20260101");
    await openPerson("p1");
    await expect.poll(() => text("face-state")).toContain("未同意");
    await part("enrol").click();
    await expect.poll(() => text("consent-form")).toContain("不保存照片");
    await expect.poll(() => part("consent-self").isDisabled()).toBe(true);
    await expect.poll(() => part("consent-agree").isDisabled()).toBe(true);
    await part("consent-face").check();
    await part("consent-guardian").check();
    await part("consent-agree").click();

    // Dark after the third that is good: however long it runs, it does not come to its end by itself.
    const dark = Array.from({ length: 1000 }, () => "too-dark" as const);
    world.enrolment.problems.push("face-too-small", "too-dark", "duplicate", null, null, ...dark);
    await part("enrol-once").click();
    await page.waitForSelector('[data-testid="enrol-word"][data-problem="face-too-small"]');
    await expect.poll(() => text("enrol-word")).toContain("请靠近一点");
    await part("enrol-run").click();
    await page.waitForSelector('[data-testid="enrol-count"][data-count="3"]');
    await expect.poll(() => text("enrol-duplicate")).toContain("乙同学");
    await part("enrol-run").click();
    await expect.poll(() => part("enrol-save").isDisabled()).toBe(true);
    await part("enrol-duplicate-confirm").check();
    const seen = Promise.withResolvers<void>();
    await page.route("**/shots", async (route) => {
      await seen.promise;
      await route.continue();
    });
    await part("enrol-once").click();
    // Pressed while a picture is being looked at, it counts.
    await part("enrol-save").click();
    expect(world.enrolment.completed).toEqual([]);
    seen.resolve();
    await expect.poll(() => text("person-note")).toContain("现在就可以刷脸付款");
    expect(world.enrolment.completed).toEqual([
      { sessionId: "s-p1", consent: { scopes: ["face"], grantedBy: "guardian" }, duplicateConfirmed: true },
    ]);
    expect(Math.min(...world.enrolment.shotBytes)).toBeGreaterThan(2000);
  });

  it("enrols from photo files where the consent is on record", async () => {
    world.templateStore.recordConsent({ personId: "p3", scopes: ["face"], grantedBy: "self" });
    const photos = await Promise.all(
      ["a.jpg", "b.png", "c.webp"].map(async (name) => {
        const path = join(folder, name);
        const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: "#778877" } });
        await writeFile(
          path,
          await picture
            .toFormat(name.endsWith("jpg") ? "jpeg" : name.endsWith("png") ? "png" : "webp")
            .toBuffer(),
        );
        return path;
      }),
    );
    await signIn("m1");
    await openPerson("p3");
    await part("enrol").click();
    await part("enrol-source-files").click();
    await part("enrol-files").setInputFiles(photos);
    await page.waitForSelector('[data-testid="enrol-count"][data-count="3"]');
    expect(world.enrolment.shotBytes).toHaveLength(3);
  });

  it("cancels the enrolment when the dialog is closed", async () => {
    world.templateStore.recordConsent({ personId: "p3", scopes: ["face"], grantedBy: "self" });
    await signIn("m1");
    await openPerson("p3");
    await part("enrol").click();
    await part("enrol-count").waitFor();
    await page.keyboard.press("Escape");
    await part("enrol-dialog").waitFor({ state: "detached" });
    await expect.poll(() => world.enrolment.cancelled).toEqual(["s-p3"]);
  });

  it("records a consent alone, shows it, and withdraws it with a reason and an explanation", async () => {
    await signIn("m1");
    await openPerson("p3");
    await part("record-consent").click();
    await part("consent-face").check();
    await part("consent-share").check();
    await part("consent-self").check();
    await part("consent-agree").click();
    await page.getByText("已同意刷脸").first().waitFor();
    expect(world.roster.hasConsent("p3", "share-template")).toBe(true);
    await part("withdraw").click();
    await expect.poll(() => text("reason-dialog")).toContain("立即从终端删除");
    await expect.poll(() => part("reason-confirm").isDisabled()).toBe(true);
    await part("reason-0").click();
    await part("reason-confirm").click();
    await expect.poll(() => text("person-note")).toContain("已撤回");
    expect(world.templateStore.withdrawn).toMatchObject([{ personId: "p3", reason: "本人要求" }]);
    await expect.poll(() => text("face-state")).toContain("未同意");
  });

  it("voids a charge with a reason, and charges another meal once per press", async () => {
    world.servingLine.charges = [{ ...fakeReceipt({ chargeId: "c1" }), voided: false, disputed: false }];
    await signIn("m1");
    await part("tab-charges").click();
    await part("void").click();
    await expect.poll(() => text("reason-dialog")).toMatch(/甲同学，午餐，9.00 元/);
    await part("reason-other").fill("测试原因");
    await part("reason-confirm").click();
    await expect.poll(() => text("charges-note")).toContain("95.40");
    await part("charge-voided").waitFor();
    expect(world.servingLine.voids).toEqual([{ chargeId: "c1", operatorId: "m1", reason: "测试原因" }]);

    await part("tab-people").click();
    await openPerson("p1");
    await part("charge-again").click();
    await part("reason-0").click();
    await part("reason-confirm").dblclick();
    await expect.poll(() => text("person-note")).toContain("已付 9.00 元");
    expect(world.servingLine.chargedAgain).toMatchObject([
      { personId: "p1", operatorId: "m1", reason: "第二份" },
    ]);
  });

  it("charges one more meal only once when the answer was lost and it is pressed anew", async () => {
    await signIn("m1");
    await openPerson("p1");
    const press = async (): Promise<void> => {
      await part("charge-again").click();
      await part("reason-0").click();
      await part("reason-confirm").click();
    };
    const lose = async (route: Route): Promise<void> => {
      await route.fetch();
      await route.abort();
    };
    await page.route("**/charge-again", lose, { times: 1 });
    await press();
    await page.waitForSelector('[data-testid="problem"]');
    await press();
    await expect.poll(() => text("person-note")).toContain("已付 9.00 元");
    await press();
    await expect.poll(() => world.servingLine.chargedAgain.length).toBe(3);
    const [first, again, another] = world.servingLine.chargedAgain.map(({ chargeId }) => chargeId);
    expect(again).toBe(first);
    expect(another).not.toBe(first);
    // The browser itself reports the lost answer.
    complaints.splice(0);
  });

  it("shows thresholds and the state of camera and cloud, and changes the camera", async () => {
    world.sync.set({ connection: "offline", reason: "broker-unreachable", waitingCount: 12 });
    await signIn("m1");
    await part("tab-status").click();
    await expect.poll(() => text("similarity-min")).toBe("0.584");
    await expect.poll(() => text("sync-connection")).toBe("broker-unreachable");
    await expect.poll(() => text("sync-waiting")).toBe("12");
    await part("camera-folder").click();
    await page.waitForSelector('[data-testid="camera-folder"][aria-pressed="true"]');
    expect(world.camera.kind()).toBe("folder");
  });

  it("shows how sure a match must be, where that comes from, and who is easily confused, by name", async () => {
    await signIn("m1");
    await part("tab-status").click();
    await expect.poll(() => text("calibration-state")).toContain("按本机名单算出");
    await expect.poll(() => text("fpir")).toMatch(/0\.099 %\s+0\.042 % – 0\.23 %/);
    await expect.poll(() => text("look-alikes")).toMatch(/甲同学.*乙同学.*0\.79/s);
    expect(await part("target-missed").count()).toBe(0);
    const drawn = await part("rate-curve").locator("path").first().getAttribute("d");
    expect(drawn).toMatch(/^M62 .*L/);
  });

  it("says what to do where the target cannot be met, and which model errs often", async () => {
    const { thresholds } = world.recognition.status;
    world.recognition.status = fakeRecognition({
      thresholds: { ...thresholds, targetMet: false },
      errorRate: { zh: "漏认多", en: "misses many" },
    });
    await signIn("m1");
    await part("tab-status").click();
    await expect
      .poll(() => text("target-missed"))
      .toMatch(/目标达不到.*0\.1 %.*录入 3 张以上.*缩小本机名单.*刷卡或密码/s);
    await expect.poll(() => text("pack-error-rate")).toBe("漏认多");
  });

  it("tells before the first calibration, and when one failed, that the default thresholds hold", async () => {
    const { thresholds } = world.recognition.status;
    world.recognition.status = fakeRecognition({
      thresholds: { ...thresholds, source: "configured", targetMet: false },
      calibration: null,
      lookAlikes: [],
      state: { kind: "waiting", finishedAtMs: null, tookMs: null, failure: "calibration-failed" },
    });
    await signIn("m1");
    await part("tab-status").click();
    await expect.poll(() => text("calibration-state")).toContain("默认值");
    await expect.poll(() => text("calibration-failed")).toContain("calibration-failed");
    expect(await part("rate-curve").count()).toBe(0);
    expect(await part("target-missed").count()).toBe(0);
  });

  it("keeps the names of look-alikes from keepers", async () => {
    await signIn("k1");
    await part("recognition").waitFor();
    await expect.poll(() => part("look-alike-count").getAttribute("data-count")).toBe("1");
    expect(await part("look-alikes").count()).toBe(0);
    expect(await text("recognition")).not.toContain("甲同学");
  });

  it("asks a person whether the clock is right while nobody else can say", async () => {
    world.clockTrust.trust = "unknown";
    await signIn("m1");
    await part("tab-status").click();
    await expect.poll(() => text("clock-ask")).toContain("这个时间对吗");
    await part("clock-confirm").click();
    await page.waitForSelector('[data-testid="clock"][data-trust="held"]');
    expect(await part("clock-confirm").count()).toBe(0);
    expect(world.clockTrust.confirmedBy).toEqual(["m1"]);
  });

  it("asks to sign in again when the session ended", async () => {
    await signIn("m1");
    await part("person-p1").waitFor();
    world.operators.signOut("token-m1");
    await part("tab-charges").click();
    await part("sign-in").waitFor();
    complaints.splice(0);
  });

  it("offers everybody's name to a finger, however many there are", async () => {
    for (let count = 3; count <= 24; count += 1) {
      const operatorId = `o${count}`;
      await world.operators.add({ operatorId, displayName: `操作员 ${count}`, role: "cashier" });
    }
    await page.reload();
    await part("choice-o24").waitFor();
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
    ] as const) {
      await page.setViewportSize({ width, height });
      expect(await page.evaluate(FIND_MISFITS)).toEqual([]);
      const pad = await part("pad-confirm").boundingBox();
      expect((pad?.y ?? height) + (pad?.height ?? 0)).toBeLessThanOrEqual(height);
      const pictures = process.env["CANTEEN_SCREENSHOTS"];
      if (pictures !== undefined) await page.screenshot({ path: join(pictures, `sign-in-${width}.png`) });
    }
    await signIn("o24");
    await expect.poll(() => text("operator")).toContain("操作员 24");
  });

  it("speaks English too", async () => {
    await part("language").click();
    await expect.poll(() => text("sign-in")).toContain("Operator sign-in");
    await signIn("m1");
    await part("tab-status").click();
    await part("recognition").waitFor();
    await expect.poll(() => text("terminal-status")).toContain("Least similarity");
  });
});
