// Over 400 lines because the scenes of the last test are those that every test here goes through.
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { beforeEach, describe, expect, it } from "vitest";
import { scanCard } from "../../test/end-to-end/browser.ts";
import { kioskInBrowser } from "../../test/end-to-end/kiosk-in-browser.ts";
import { CHROMIUM, hasTool } from "../../test/require-tool.ts";
import { type ReceivingCommand, STOCK_ROWS_MAX } from "../receiving/receiving-port.ts";
import {
  FAKE_PHOTO,
  FAKE_THUMBNAIL,
  fakeDelivery,
  fakeGoods,
  fakeLine,
  fakeOrderLine,
  fakeReady,
  fakeReceivingView,
  fakeScale,
  fakeWeighIn,
} from "./fake-receiving.ts";
import type { FakeWorld } from "./fake-world.ts";
import { FIND_MISFITS } from "./page-misfits.ts";

/** Of a delivery that is being received: more of one product, another no longer. */
const IN_USE = {
  orderId: "veg",
  version: 1,
  supplier: { supplierId: "green", name: "绿源蔬菜" },
  dueDate: "2026-09-01",
  status: "open" as const,
  lines: [fakeOrderLine("potato", "土豆", "50"), fakeOrderLine("cabbage", "大白菜", "40")],
};
const NEWEST = { ...IN_USE, version: 2, lines: [fakeOrderLine("potato", "土豆", "60")] };
const [BEFORE, AFTER] = [IN_USE.lines[0] ?? null, NEWEST.lines[0] ?? null];
const ORDER_CHANGE = {
  inUse: IN_USE,
  newest: NEWEST,
  changes: [
    { lineId: "potato", kind: "changed" as const, before: BEFORE, after: AFTER },
    { lineId: "cabbage", kind: "removed" as const, before: IN_USE.lines[1] ?? null, after: null },
  ],
};

/** The receiving page in real Chromium, on stand-ins of the terminal's parts. */
describe.skipIf(!hasTool(CHROMIUM) || !hasTool("ffmpeg"))("receiving page", () => {
  const start = kioskInBrowser({ hasWebcam: true });
  let world: FakeWorld;
  let page: Page;
  let url = "";
  let complaints: string[];

  beforeEach(async () => {
    ({ world, page, url, complaints } = await start({ isDemo: true }));
    const picture = await goodsPicture();
    world.photos.set(FAKE_PHOTO, picture);
    world.photos.set(FAKE_THUMBNAIL, picture);
    await page.goto(`${url}/receive`);
    await part("choice-k1").click();
    for (const digit of "135790") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    await page.waitForSelector('[data-testid="receive-page"][data-step="choosing"]');
  });

  const part = (id: string) => page.getByTestId(id);
  const text = (id: string): Promise<string> => part(id).innerText();
  const seen = (id: string): Promise<unknown> => page.waitForSelector(`[data-testid="${id}"]`);
  const gone = (id: string): Promise<unknown> =>
    page.waitForSelector(`[data-testid="${id}"]`, { state: "detached" });
  const next = (code: string): Promise<unknown> =>
    page.waitForSelector(`[data-testid="receive-page"][data-next="${code}"]`);
  const commands = (): readonly ReceivingCommand[] => world.receiving.commands.map(({ command }) => command);
  const lastCommand = async (count: number): Promise<ReceivingCommand | undefined> => {
    await expect.poll(() => commands().length).toBe(count);
    return commands().at(-1);
  };
  /** Its lower edge too, and nothing lies over it. */
  const isInSight = (id: string): Promise<unknown> =>
    page.evaluate(`(() => {
      const element = document.querySelector('[data-testid="${id}"]');
      const { left, top, width, height } = element.getBoundingClientRect();
      return element.contains(document.elementFromPoint(left + width / 2, top + height - 4));
    })()`);
  const weighing = (line = fakeLine("potato", "土豆"), goods = fakeGoods()): void =>
    world.receiving.show({ step: { kind: "weighing", delivery: fakeDelivery(), line, goods } });

  it("shows who delivers today and how far each is, and opens one by finger or by its number", async () => {
    await expect.poll(() => text("delivery-veg")).toContain("绿源蔬菜");
    await expect.poll(() => part("delivery-meat").getAttribute("data-state")).toBe("open");
    await expect.poll(() => text("next-step")).toContain("选择送货单");
    await part("delivery-veg").click();
    expect(await lastCommand(1)).toEqual({ kind: "choose-delivery", orderId: "veg" });
    expect(world.receiving.commands[0]?.operatorId).toBe("k1");
    await page.keyboard.press("2");
    expect(await lastCommand(2)).toEqual({ kind: "choose-delivery", orderId: "meat" });
  });

  it("hands what a typing scanner reads to the terminal, group separators and all, and says what was found", async () => {
    await scanCard(page, "0106901234567892310300253010AB12");
    expect(await lastCommand(1)).toEqual({ kind: "scan", text: "0106901234567892310300253010AB12" });
    world.receiving.show({ lastScan: { gtin: null, outcome: "code-check-digit" } });
    await expect.poll(() => text("receive-notice")).toContain("校验位");
    await part("enter-code").click();
    for (const key of "PO-7") await part(`key-${key}`).click();
    await part("key-enter").click();
    expect(await lastCommand(2)).toEqual({ kind: "scan", text: "PO-7" });
    await gone("code-dialog");
  });

  it("takes the weight that stands still, and no other", async () => {
    weighing();
    await next("scale-trouble");
    await expect.poll(() => text("next-step")).toContain("请放上货品");
    await expect.poll(() => part("take").isDisabled()).toBe(true);
    await page.keyboard.press("Enter");
    world.receiving.weigh(fakeReady(25_040));
    await next("ready");
    await expect.poll(() => text("weight-digits")).toBe("25.040");
    await expect.poll(() => text("take")).toContain("25.040 kg");
    world.receiving.answers.push({ kind: "taken", weighIn: fakeWeighIn() });
    await part("take").click();
    expect(await lastCommand(1)).toEqual({ kind: "take" });
    world.receiving.show({ activity: { kind: "taken", weighIn: fakeWeighIn() } });
    await expect.poll(() => text("taken-weight")).toContain("25.040");
    await page.waitForSelector('[data-testid="thumbnail"][data-loaded="true"]');
  });

  it("says for each trouble of the scale what to do", async () => {
    weighing();
    const cases = [
      ["moving", "晃动中", "wait"],
      ["overload", "超载", "stop"],
      ["scale-lost", "电子秤断开", "stop"],
      ["not-returned-to-zero", "先清空秤盘", "wait"],
    ] as const;
    for (const [reason, words, tone] of cases) {
      world.receiving.weigh(fakeScale({ gate: { kind: "waiting", reason } }));
      await part("next-step").getByText(words).waitFor();
      await expect.poll(() => part("weight").getAttribute("data-tone")).toBe(tone);
    }
  });

  it("asks for what a line needs before the weight: pieces, lot, expiry, temperature", async () => {
    const line = fakeLine("pork", "猪前腿肉", {
      unit: "piece",
      lotRequired: true,
      shelfDaysMin: 2,
      temperatureMilliCMax: 7000,
    });
    weighing(line);
    await next("packs");
    await page.keyboard.press("Enter");
    await page.keyboard.type("12", { delay: 70 });
    await page.waitForFunction(`document.querySelector('[data-testid="packs-count"]').innerText === "12"`);
    await part("pad-confirm").click();
    expect(await lastCommand(1)).toEqual({ kind: "set-packs", count: 12 });

    weighing(line, fakeGoods({ packCount: 12 }));
    await next("lot");
    await part("goods-lot").click();
    for (const key of "AB12") await part(`key-${key}`).click();
    await part("key-enter").click();
    expect(await lastCommand(2)).toEqual({ kind: "set-goods", lot: "AB12" });

    weighing(line, fakeGoods({ packCount: 12, lot: "AB12" }));
    await next("expiry");
    await part("goods-expiry").click();
    for (const digit of "20260931") await part(`pad-${digit}`).click();
    await expect.poll(() => part("pad-confirm").isDisabled()).toBe(true);
    await part("pad-delete").click();
    await part("pad-0").click();
    await part("pad-confirm").click();
    expect(await lastCommand(3)).toEqual({ kind: "set-goods", expiry: "2026-09-30" });

    weighing(line, fakeGoods({ packCount: 12, lot: "AB12", expiry: "2026-09-30" }));
    await next("temperature");
    await part("goods-temperature").click();
    await part("probe-core").click();
    expect(await lastCommand(4)).toEqual({
      kind: "take-temperature",
      thermometerId: "probe-1",
      probe: "core",
    });
  });

  it("lets goods in that do not match only with a reason and a manager's signature", async () => {
    weighing();
    world.receiving.show({
      activity: { kind: "asking", for: "finish-line", mismatches: ["under"], netG: null, photo: null },
    });
    await expect.poll(() => text("ask-under")).toContain("少于订购数量");
    await part("ask-override").click();
    await part("choice-needed-today").click();
    await part("choice-m1").click();
    world.receiving.answers.push({ kind: "not-signed", outcome: { kind: "wrong", attemptsLeft: 3 } });
    for (const digit of "1111") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    await expect.poll(() => text("sign-outcome")).toContain("3");
    for (const digit of "135790") await part(`pad-${digit}`).click();
    await expect.poll(() => text("sign-pin")).toBe("●●●●●●");
    await part("pad-confirm").click();
    expect(await lastCommand(2)).toEqual({
      kind: "override",
      reasonId: "needed-today",
      signer: { by: "pin", operatorId: "m1", pin: "135790" },
    });
    world.receiving.show({ activity: { kind: "none" } });
    await gone("ask-dialog");
  });

  it("sends goods back with a reason, weighed or not", async () => {
    weighing();
    world.receiving.weigh(fakeReady(8000));
    await part("take").getByText("8.000").waitFor();
    await part("reject-goods").click();
    await part("reject-weighed").click();
    await part("choice-rotten").click();
    expect(await lastCommand(1)).toEqual({ kind: "reject-goods", reasonId: "rotten", weighed: true });
    await gone("reasoned");
    world.receiving.weigh(fakeScale());
    await part("take").getByText("8.000").waitFor({ state: "detached" });
    await part("reject-goods").click();
    await part("choice-damaged").click();
    expect(await lastCommand(2)).toEqual({ kind: "reject-goods", reasonId: "damaged", weighed: false });
  });

  it("finishes a line: all of it at once, anything else with a reason", async () => {
    weighing(
      fakeLine("potato", "土豆", { receivedQuantity: "46", verdict: "under", weighIns: [fakeWeighIn()] }),
    );
    await part("finish-line").click();
    await part("choice-accept-in-part").click();
    await part("choice-short").click();
    expect(await lastCommand(1)).toEqual({
      kind: "finish-line",
      decision: "accept-in-part",
      reasonId: "short",
    });
    await gone("reasoned");
    await part("finish-line").click();
    await page.keyboard.press("Enter");
    expect(await lastCommand(2)).toEqual({ kind: "finish-line", decision: "accept", reasonId: null });
  });

  it("strikes a wrong weigh-in with a reason", async () => {
    weighing(fakeLine("potato", "土豆", { weighIns: [fakeWeighIn()] }));
    await part("weigh-in-w1").click();
    await part("strike").click();
    await part("choice-wrong-line").click();
    expect(await lastCommand(1)).toEqual({
      kind: "strike",
      weighInId: "w1",
      reasonId: "wrong-line",
      signer: null,
    });
    await gone("weigh-in-dialog");
  });

  it("shows both versions of a changed order side by side, and nothing goes on before one is chosen", async () => {
    world.receiving.show({
      step: { kind: "delivery", delivery: fakeDelivery({ orderChange: ORDER_CHANGE }) },
    });
    await expect.poll(() => text("order-change")).toMatch(/50 kg[\s\S]*60 kg/);
    await part("use-version").click();
    expect(await lastCommand(1)).toEqual({
      kind: "choose-order-version",
      version: 2,
      newestVersion: 2,
    });
    const lines = Array.from({ length: 30 }, (_, index) => fakeOrderLine(`line-${index}`, "萝卜", "10"));
    const orderChange = {
      ...ORDER_CHANGE,
      inUse: { ...IN_USE, lines: [...lines, ...IN_USE.lines] },
      newest: { ...NEWEST, lines: [...lines, ...NEWEST.lines] },
    };
    world.receiving.show({ step: { kind: "delivery", delivery: fakeDelivery({ orderChange }) } });
    await part("order-change").getByText("萝卜").first().waitFor();
    // Of an order of many lines: what changed is first, and the answers are in sight.
    expect(await part("order-change").locator("tbody tr").first().innerText()).toContain("土豆");
    expect(await isInSight("use-version")).toBe(true);
    world.receiving.show({ step: { kind: "choosing" } });
    await gone("order-change");
  });

  it("closes a delivery with the second person's face, and shows the result", async () => {
    const done = fakeDelivery({
      lines: [
        fakeLine("potato", "土豆", {
          receivedQuantity: "50",
          verdict: "exact",
          decision: "accepted",
          amountFen: 14_000,
        }),
        fakeLine("cabbage", "大白菜", {
          decision: "rejected",
          rejectedQuantity: "80",
          unit: "jin",
          orderedQuantity: "80",
        }),
      ],
    });
    world.receiving.show({ step: { kind: "delivery", delivery: done } });
    await next("all-decided");
    await page.keyboard.press("Enter");
    world.receiving.answers.push({ kind: "closed", outcome: "accepted-in-part" });
    // As the terminal does it: the view goes on before the answer comes.
    world.receiving.onCommand = () => world.receiving.show({ step: { kind: "choosing" } });
    await part("sign-face").click();
    expect(await lastCommand(1)).toEqual({ kind: "close-delivery", signer: { by: "face" } });
    await seen("receive-result");
    await expect.poll(() => part("receive-result").getAttribute("data-outcome")).toBe("accepted-in-part");
    await page.keyboard.press("Enter");
    await gone("receive-result");
  });

  it("weighs out to a meal, and shows the stock", async () => {
    const rice = { product: { productId: "rice", name: "大米" }, balanceG: 42_500, balancePieces: 0 };
    world.receiving.stockRows.push(rice);
    await part("stock").click();
    await expect.poll(() => text("stock-rice")).toContain("42.500 kg");
    await page.keyboard.press("Escape");
    await part("weigh-out").click();
    await part("choice-rice").click();
    await part("issue-back").click();
    await part("choice-rice").click();
    await part("choice-lunch").click();
    expect(await lastCommand(1)).toEqual({
      kind: "start-issue",
      productId: "rice",
      target: { kind: "meal", mealId: "lunch" },
    });
    world.receiving.show({
      step: {
        kind: "issuing",
        stock: rice,
        target: { kind: "meal", mealId: "lunch" },
        goods: fakeGoods(),
        recent: [],
      },
    });
    world.receiving.weigh(fakeReady(5000));
    await next("issue-ready");
    await expect.poll(() => text("step-weighing")).toContain("42.500 kg");
    await page.keyboard.press("Enter");
    expect(await lastCommand(2)).toEqual({ kind: "take" });
    const photo = { kind: "none", why: "photo-space-full" } as const;
    const asking = { kind: "asking", for: "issue", netG: 5000, photo } as const;
    world.receiving.show({ activity: { ...asking, mismatches: ["photo-missing"] } });
    // There is enough of it: only its photo is missing.
    await expect.poll(() => part("ask-dialog").locator("h2").first().innerText()).toBe("没有照片");
  });

  it("says that a list of very many products is not all of them", async () => {
    for (let index = 0; index < STOCK_ROWS_MAX; index++)
      world.receiving.stockRows.push({
        product: { productId: `p${index}`, name: "大米" },
        ...{ balanceG: 1, balancePieces: 0 },
      });
    await part("stock").click();
    await expect.poll(() => text("stock-more")).toContain("2000");
  });

  it("goes on without photos only when somebody with the right signed for it", async () => {
    world.receiving.show({ step: { kind: "delivery", delivery: fakeDelivery() } });
    world.receiving.set({ camera: { kind: "lost", code: "camera-silent" } });
    await expect.poll(() => text("camera-lost")).toContain("摄像头断开");
    await part("waive-photos").click();
    await part("choice-agreed").click();
    await part("choice-m1").click();
    for (const digit of "135790") await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    expect(await lastCommand(1)).toMatchObject({ kind: "waive-photos", reasonId: "agreed" });
  });

  it("shows no price where money and goods are kept apart", async () => {
    world.receiving.show({ step: { kind: "delivery", delivery: fakeDelivery() } });
    await seen("price");
    world.receiving.show({ priceFree: true });
    await page.waitForSelector('[data-testid="price"]', { state: "detached" });
    expect(await page.locator("body").innerText()).not.toContain("¥");
  });

  it("says a refusal in words, and asks for a new sign-in when the session is over", async () => {
    world.receiving.answers.push({ kind: "refused", reason: "order-closed" });
    await part("delivery-dry").click();
    await expect.poll(() => text("receive-notice")).toContain("已经结束");
    world.operators.signOut("token-k1");
    await part("delivery-veg").click();
    await seen("sign-in");
    complaints.splice(0);
  });

  it("puts demo goods on the pan with a slider, shakes and unplugs it, and scans a code", async () => {
    await part("demo-grams").fill("25040");
    await expect.poll(() => world.goods.grams).toBe(25_040);
    await part("demo-shake").click();
    await expect.poll(() => world.goods.isShaken).toBe(true);
    await part("demo-plug").click();
    await expect.poll(() => world.goods.isPlugged).toBe(false);
    await part("demo-code").selectOption("veg");
    await part("demo-scan").click();
    await expect.poll(() => world.goods.scanned).toEqual(["veg"]);
  });

  const SCENES: Readonly<Record<string, () => Promise<void>>> = {
    choosing: async () => world.receiving.show(fakeReceivingView()),
    delivery: async () => {
      const lines = [
        fakeLine("potato", "土豆", {
          receivedQuantity: "50",
          verdict: "exact",
          decision: "accepted",
          amountFen: 14_000,
        }),
        fakeLine("cabbage", "大白菜", {
          unit: "jin",
          orderedQuantity: "80",
          receivedQuantity: "46",
          verdict: "under",
          priceFen: 120,
          amountFen: 5520,
        }),
        fakeLine("egg", "鸡蛋", { unit: "piece", orderedQuantity: "12", packTareG: 800, priceFen: 2600 }),
      ];
      world.receiving.show({ step: { kind: "delivery", delivery: fakeDelivery({ lines }) } });
      await seen("step-delivery");
    },
    "weighing-empty": async () => {
      world.receiving.weigh(fakeScale());
      weighing();
      await seen("step-weighing");
    },
    "weighing-ready": async () => {
      world.receiving.weigh(fakeReady(25_040));
      weighing(
        fakeLine("potato", "土豆", {
          receivedQuantity: "25.04",
          verdict: "under",
          weighIns: [fakeWeighIn()],
        }),
      );
      await next("ready");
    },
    "weighing-needs": async () => {
      world.receiving.weigh(
        fakeScale({
          gate: { kind: "waiting", reason: "moving" },
          text: "7.36",
          grams: 7360,
          netG: 6560,
          zero: false,
          stable: false,
        }),
      );
      weighing(
        fakeLine("pork", "猪前腿肉", {
          lotRequired: true,
          shelfDaysMin: 2,
          temperatureMilliCMax: 7000,
          packTareG: 800,
        }),
        fakeGoods({ lot: "AB12", tare: { kind: "container", containerId: "crate" } }),
      );
      await part("goods-lot").getByText("AB12").waitFor();
    },
    "weighing-lost": async () => {
      world.receiving.weigh(
        fakeScale({
          connection: "lost",
          text: null,
          unit: null,
          grams: null,
          netG: null,
          stable: false,
          gate: { kind: "waiting", reason: "scale-lost" },
        }),
      );
      weighing();
      await next("scale-trouble");
    },
    "weighing-overload": async () => {
      const gate = { kind: "waiting", reason: "overload" } as const;
      world.receiving.weigh(fakeScale({ text: null, grams: null, netG: null, zero: false, gate }));
      weighing();
      await part("weight-word")
        .getByText(/超载|overload/i)
        .waitFor();
    },
    "weighing-below-min": async () => {
      const gate = { kind: "waiting", reason: "below-min" } as const;
      const change = { text: "0.060", grams: 60, netG: 60, zero: false, tared: true, gate };
      world.receiving.weigh(fakeScale(change));
      weighing(
        fakeLine("pork", "冷冻去皮带骨猪前腿肉（精修 10 kg/箱）", {
          receivedQuantity: "1250.5",
          orderedQuantity: "1300",
          verdict: "under",
          weighIns: Array.from({ length: 7 }, (_, index) =>
            fakeWeighIn({ weighInId: `w${index}`, isStruck: index === 2 }),
          ),
        }),
      );
      await part("weight-digits").getByText("0.060").waitFor();
    },
    "weighing-camera-lost": async () => {
      world.receiving.weigh(fakeReady(25_040));
      world.receiving.set({ camera: { kind: "lost", code: "camera-silent" } });
      weighing();
      await part("camera-lost").waitFor();
    },
    version: async () => {
      const delivery = fakeDelivery({ orderChange: ORDER_CHANGE });
      world.receiving.show({ step: { kind: "delivery", delivery } });
      await seen("order-change");
    },
    reject: async () => {
      world.receiving.weigh(fakeReady(25_040));
      weighing();
      await part("reject-goods").click();
    },
    finish: async () => {
      weighing(
        fakeLine("potato", "土豆", { receivedQuantity: "46", verdict: "under", weighIns: [fakeWeighIn()] }),
      );
      await part("finish-line").click();
    },
    taken: async () => {
      const line = fakeLine("potato", "土豆", {
        receivedQuantity: "25.04",
        verdict: "under",
        weighIns: [fakeWeighIn()],
      });
      weighing(line);
      world.receiving.show({ activity: { kind: "taken", weighIn: fakeWeighIn() } });
      await seen("taken");
    },
    asking: async () => {
      weighing();
      world.receiving.show({
        activity: {
          kind: "asking",
          for: "take",
          mismatches: ["too-warm", "shelf-too-short"],
          netG: 25_040,
          photo: fakeWeighIn().photo,
        },
      });
      await seen("ask-dialog");
    },
    signing: async () => {
      const lines = fakeDelivery().lines.map((line) => ({ ...line, decision: "accepted" as const }));
      world.receiving.show({ step: { kind: "delivery", delivery: fakeDelivery({ lines }) } });
      await part("close-delivery").click();
      await part("choice-k2").click();
    },
    tare: async () => {
      weighing();
      await part("goods-tare").click();
    },
    lot: async () => {
      weighing();
      await part("goods-lot").click();
    },
  };

  it("fits its screens in both languages, with touch targets of 64 pixels", async () => {
    const pictures = process.env["CANTEEN_SCREENSHOTS"];
    for (const language of ["zh", "en"]) {
      if (language === "en") await part("language").click();
      for (const [width, height] of [
        [1280, 800],
        [1920, 1080],
      ] as const) {
        await page.setViewportSize({ width, height });
        for (const [scene, show] of Object.entries(SCENES)) {
          await show();
          await page.waitForLoadState("networkidle");
          if (pictures !== undefined)
            await page.screenshot({ path: join(pictures, `receive-${scene}-${language}-${width}.png`) });
          expect([scene, language, width, await page.evaluate(FIND_MISFITS)]).toEqual([
            scene,
            language,
            width,
            [],
          ]);
          // Nothing of this scene may stand in the next one, which presses what it finds.
          world.receiving.set({ camera: { kind: "ready" } });
          world.receiving.show(fakeReceivingView());
          await seen("step-choosing");
          await gone("dialog-close");
        }
      }
    }
  });
});

/** A crate of something round, so that a screenshot has goods in it. */
async function goodsPicture(): Promise<Uint8Array> {
  const rounds = Array.from({ length: 40 }, (_, index) => {
    const [x, y] = [80 + (index % 8) * 68, 90 + Math.floor(index / 8) * 70];
    return `<ellipse cx="${x}" cy="${y}" rx="40" ry="32" fill="hsl(38 45% ${52 + (index % 5) * 4}%)" stroke="#6b5527"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><rect width="640" height="480" fill="#3c5a78"/>${rounds.join("")}</svg>`;
  return new Uint8Array(await sharp(Buffer.from(svg)).jpeg().toBuffer());
}
