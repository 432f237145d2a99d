import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it } from "vitest";
import { kioskInBrowser } from "../../test/end-to-end/kiosk-in-browser.ts";
import { CHROMIUM, hasTool } from "../../test/require-tool.ts";
import { fen } from "../platform/units.ts";
import type { CheckoutView } from "../serving-line/serving-line-port.ts";
import { fakeReceipt } from "./fake-checkout.ts";
import type { FakeWorld } from "./fake-world.ts";
import { FIND_MISFITS } from "./page-misfits.ts";

const ASKING: CheckoutView = {
  kind: "asking",
  choices: [
    { personId: "p1", displayName: "甲同学", groupName: "三年级（1）班" },
    { personId: "p2", displayName: "乙同学", groupName: "三年级（2）班" },
  ],
};
const CONFIRM: CheckoutView = {
  kind: "confirm",
  chargeId: "c1",
  personId: "p1",
  displayName: "甲同学",
  amountFen: fen(900),
  balanceFen: fen(9540),
  allergyWarning: ["花生"],
  disputable: true,
};

/** Questions and disputes on the pay page, in real Chromium, on stand-ins of the terminal's parts. */
describe.skipIf(!hasTool(CHROMIUM) || !hasTool("ffmpeg"))("pay page: who is it", () => {
  const start = kioskInBrowser({ hasWebcam: true });
  let world: FakeWorld;
  let page: Page;
  let url = "";

  beforeEach(async () => {
    ({ world, page, url } = await start({}));
    await page.goto(`${url}/pay`);
    await page.waitForSelector('[data-testid="pay-page"][data-view="idle"]');
  });

  const text = (id: string): Promise<string> => page.getByTestId(id).innerText();
  const commanded = (): Promise<void> =>
    expect.poll(() => world.servingLine.commands.length).toBeGreaterThan(0);
  const show = async (view: CheckoutView): Promise<void> => {
    world.servingLine.show(view);
    await page.waitForSelector(`[data-testid="pay-page"][data-view="${view.kind}"]`);
  };

  it("asks somebody who looks like another for card or PIN, in both languages, and names nobody", async () => {
    await show({ kind: "asking", choices: null });
    await expect.poll(() => text("result-title")).toMatch(/请刷卡或输入密码\s+Card or PIN/);
    expect(await text("view-asking")).not.toContain("甲同学");
    await page.getByTestId("asking-pin").click();
    await page.waitForSelector('[data-testid="pin-dialog"]');
    await page.keyboard.press("Escape");
    await page.getByTestId("asking-back").click();
    await commanded();
    expect(world.servingLine.commands).toEqual([{ kind: "cancel" }]);
  });

  it("takes back a payment on the paid screen, and shows what happened", async () => {
    await show({ kind: "paid", receipt: fakeReceipt() });
    await page.getByTestId("not-me").click();
    await commanded();
    expect(world.servingLine.commands).toEqual([{ kind: "not-me", chargeId: fakeReceipt().chargeId }]);
    await show({ kind: "not-me", outcome: "voided", amountFen: fen(900) });
    await expect.poll(() => text("result-title")).toMatch(/已退回 9.00 元\s+¥9.00 given back/);
    await page.waitForSelector('[data-testid="not-me-pin"]');
    await show({ kind: "not-me", outcome: "refused", amountFen: null });
    await page.waitForSelector('[data-outcome="refused"]');
    expect(await page.getByTestId("not-me-pin").count()).toBe(0);
  });

  it("offers it for a face only: a card says itself whose it is", async () => {
    await show({ kind: "paid", receipt: fakeReceipt({ method: "card" }) });
    expect(await page.getByTestId("not-me").count()).toBe(0);
  });

  it("takes it back before the payment too, with the finger or the backspace key", async () => {
    await show(CONFIRM);
    await page.keyboard.press("Backspace");
    await commanded();
    await page.getByTestId("not-me").click();
    await expect.poll(() => world.servingLine.commands.length).toBe(2);
    expect(world.servingLine.commands).toEqual([
      { kind: "not-me", chargeId: "c1" },
      { kind: "not-me", chargeId: "c1" },
    ]);
  });

  it("refuses a name that nobody watches being pressed", async () => {
    await show(ASKING);
    await page.getByTestId("choice-p2").click();
    await page.waitForSelector('[data-testid="problem"][data-code="sign-in-needed"]');
    expect(world.servingLine.commands).toEqual([]);
  });

  it("fits the screens it is made for, with touch targets of 64 pixels", async () => {
    const views: readonly CheckoutView[] = [
      { kind: "asking", choices: null },
      { kind: "paid", receipt: fakeReceipt({ allergyWarning: ["花生", "鸡蛋"] }) },
      { kind: "not-me", outcome: "voided", amountFen: fen(900) },
      CONFIRM,
      ASKING,
      { kind: "not-me", outcome: "refused", amountFen: null },
    ];
    await page.emulateMedia({ reducedMotion: "reduce" });
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
      [800, 1280],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const [index, view] of views.entries()) {
        await show(view);
        expect([width, index, await page.evaluate(FIND_MISFITS)]).toEqual([width, index, []]);
      }
    }
  });
});
