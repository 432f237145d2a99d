import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type DemoBench, startDemoBench } from "../../device/commands/demo-bench.ts";
import { demoConfig } from "../../device/config/demo-config.ts";
import type { DemoGoods } from "../../device/kiosk/kiosk-ports.ts";
import type { Terminal } from "../../device/main.ts";
import { Teardown } from "../../device/platform/teardown.ts";
import { builtPage } from "../../scripts/set-up.mjs";
import { CHROMIUM, hasTool } from "../require-tool.ts";
import { complaintsOf, openBrowser, openContext } from "./browser.ts";
import { clock, openSchool, type School, until } from "./school.ts";

const KEEPER = { operatorId: "keeper-a", pin: "315264" };
const SECOND = { operatorId: "keeper-b", pin: "926417" };
const MANAGER = { operatorId: "boss", pin: "628451" };
const SCREENSHOTS = process.env["CANTEEN_SCREENSHOTS"];

/**
 * A delivery of three lines in real Chromium: exact, short by 8 % with an override, rejected. The scale is simulated
 * and speaks its bytes over TCP; driver, receiving, journal, photos and cloud are real.
 */
describe.skipIf(!hasTool(CHROMIUM))("a delivery at the receiving page", () => {
  let uiFolder = "";
  let browser: Browser;

  beforeAll(async () => {
    uiFolder = await builtPage();
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function start(
    school: School,
    device = "terminal-1",
    priceFree = false,
  ): Promise<{ terminal: Terminal; goods: DemoGoods }> {
    const teardown = new Teardown();
    onTestFinished(() => teardown.run());
    const bench = await startDemoBench(join(school.folder, `goods-${device}`), clock, teardown);
    const terminal = await school.startTerminal({
      uiFolder,
      dataFolder: device,
      adjust: (config) => {
        const { devices, receiving } = benchPart(bench, school);
        return { ...config, device, devices, receiving: { ...receiving, priceFree } };
      },
    });
    const operators = terminal.store.operators;
    await operators.add({ ...KEEPER, displayName: "张仓管", role: "keeper" });
    await operators.add({ ...SECOND, displayName: "李厨师", role: "keeper" });
    await operators.add({ ...MANAGER, displayName: "王主管", role: "manager" });
    return { terminal, goods: bench.goods(() => null) };
  }

  it("takes one line exactly, one with an override, rejects one, and is signed by a second person", async () => {
    const school = await openSchool();
    const { terminal, goods } = await start(school);
    const { day } = terminal.receiving.view();
    await writeOrder(school, {
      orderId: "three-lines",
      supplier: { supplierId: "green", name: "绿源蔬菜" },
      dueDate: day,
      status: "open",
      lines: [line("potato", "土豆", "50"), line("cabbage", "大白菜", "50"), line("tomato", "番茄", "20")],
    });
    await until("the order has arrived", () => terminal.store.orders.find("three-lines"));

    const context = await openContext(browser);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const part = (id: string) => page.getByTestId(id);
    const next = (code: string): Promise<unknown> =>
      page.waitForSelector(`[data-testid="receive-page"][data-next="${code}"]`);
    const key = async (pin: string): Promise<void> => {
      for (const digit of pin) await part(`pad-${digit}`).click();
      await part("pad-confirm").click();
    };
    const weigh = async (grams: number): Promise<void> => {
      goods.put(grams);
      await next("ready");
      await part("take").click();
      await part("taken").waitFor();
    };
    const clearPan = async (): Promise<void> => {
      goods.put(0);
      await part("taken").waitFor({ state: "detached" });
    };

    await page.goto(`${terminal.urls[0]?.url}/receive`);
    await part("operator-id").fill(KEEPER.operatorId);
    await key(KEEPER.pin);
    await part("delivery-three-lines").click();

    await expect.poll(() => part("price").first().innerText()).toContain("2.80");
    await part("line-potato").click();
    await weigh(50_000);
    await picture(page, "e2e-taken");
    await expect.poll(() => part("taken-weight").innerText()).toContain("50.000");
    await page.waitForSelector('[data-testid="taken"] [data-loaded="true"]');
    await clearPan();
    await next("line-full");
    await part("finish-line").click();
    await part("choice-accept").click();
    await page.waitForSelector('[data-testid="line-potato"][data-decision="accepted"]');

    await part("line-cabbage").click();
    await weigh(46_000);
    await clearPan();
    await part("finish-line").click();
    await part("choice-accept").click();
    await part("ask-under").waitFor();
    await picture(page, "e2e-asked");
    await part("ask-override").click();
    await part("choice-supplier-agreed").click();
    await part(`choice-${MANAGER.operatorId}`).click();
    await key(MANAGER.pin);
    await page.waitForSelector('[data-testid="line-cabbage"][data-decision="accepted"]');

    await part("line-tomato").click();
    goods.put(20_000);
    await next("ready");
    await part("reject-goods").click();
    await part("reject-weighed").click();
    await part("choice-not-fresh").click();
    await part("taken").waitFor();
    await clearPan();
    await part("finish-line").click();
    await part("choice-reject").click();
    await part("choice-not-fresh").click();
    await page.waitForSelector('[data-testid="line-tomato"][data-decision="rejected"]');

    await next("all-decided");
    await part("close-delivery").click();
    expect(await part(`choice-${KEEPER.operatorId}`).count()).toBe(0);
    await part(`choice-${SECOND.operatorId}`).click();
    await key(SECOND.pin);
    await part("receive-result").waitFor();
    await picture(page, "e2e-result");
    await expect.poll(() => part("receive-result").getAttribute("data-outcome")).toBe("accepted-in-part");
    expect(complaints).toEqual([]);

    const seq = terminal.store.journal.head().seq;
    await until("the cloud has the whole journal", () => terminal.store.journal.ackedSeq() >= seq || null);
    const entries = school.cloud.views.entries(0, 500).filter(({ kind }) => kind.startsWith("weighin."));
    expect(entries.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["weighin.accepted", "weighin.rejected"]),
    );
    const hashes = new Set(
      [...JSON.stringify(entries).matchAll(/"(?:photo|thumbnail)Sha256":"([0-9a-f]{64})"/g)].map(
        ([, hash]) => hash,
      ),
    );
    // Three photos, each with its own caption; thumbnails of one and the same picture are one file.
    expect(hashes.size).toBeGreaterThanOrEqual(4);
    for (const hash of hashes) {
      const photo = async (): Promise<number> => (await fetch(`${school.cloud.url}/photos/${hash}`)).status;
      await expect.poll(photo).toBe(200);
    }

    const other = await openContext(browser);
    onTestFinished(() => other.close());
    await takeWithoutPrices(await other.newPage(), school);
    await page.goto(school.cloud.url);
    const first = page.locator('[data-outcome="accepted-in-part"]');
    await expect.poll(() => first.locator("[data-weigh-in]").count()).toBe(3);
    await first.scrollIntoViewIfNeeded();
    await page.waitForFunction(
      `(() => {
        const shown = [...document.querySelectorAll('[data-outcome="accepted-in-part"] img.thumbnail')];
        return shown.length === 5 && shown.every(({ naturalWidth }) => naturalWidth > 0);
      })()`,
    );
    // Three weighings; and the two lines whose decision needed a photo, the short one with the name that let it in.
    const short = first.locator('[data-line="cabbage"]');
    expect(await short.innerText()).toContain(`放行 ${MANAGER.operatorId}（supplier-agreed）`);
    expect(await short.locator("img.thumbnail").count()).toBe(1);
    // Both took potatoes of one version of the order: each delivery says so and names the other terminal.
    await page.getByText("两台终端都收了 · terminal-1").waitFor();
    expect(await first.innerText()).toContain("两台终端都收了 · terminal-2");
    await picture(page, "e2e-cloud");
  });

  /**
   * A second terminal, of a kitchen that keeps goods and money apart, takes goods of the same order: no price reaches its
   * disk or its page, whether the orders come with prices or without.
   */
  async function takeWithoutPrices(page: Page, school: School): Promise<void> {
    const { terminal, goods } = await start(school, "terminal-2", true);
    const { day } = terminal.receiving.view();
    const supplier = { supplierId: "green", name: "绿源蔬菜" };
    const pumpkin = { ...line("pumpkin", "南瓜", "10"), priceFen: null };
    await writeOrder(school, {
      orderId: "no-prices",
      supplier,
      dueDate: day,
      status: "open",
      lines: [pumpkin],
    });
    await until("both orders have arrived", () => terminal.store.orders.find("no-prices"));
    expect(terminal.store.orders.find("three-lines")?.lines.map(({ priceFen }) => priceFen)).toEqual([
      null,
      null,
      null,
    ]);
    const heard: string[] = [];
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => void (typeof payload === "string" && heard.push(payload)));
    });
    const part = (id: string) => page.getByTestId(id);
    await page.goto(`${terminal.urls[0]?.url}/receive`);
    await part("operator-id").fill(KEEPER.operatorId);
    for (const digit of KEEPER.pin) await part(`pad-${digit}`).click();
    await part("pad-confirm").click();
    for (const [order, goodsLine] of [
      ["no-prices", "pumpkin"],
      ["three-lines", "potato"],
    ] as const) {
      await part(`delivery-${order}`).click();
      await part(`line-${goodsLine}`).click();
      goods.put(10_000);
      await page.waitForSelector('[data-testid="receive-page"][data-next="ready"]');
      await part("take").click();
      await part("taken").waitFor();
      expect(await page.locator("body").innerText()).not.toMatch(/2\.80|28\.00|¥|元/);
      expect((await part("price").count()) + (await part("amount").count())).toBe(0);
      goods.put(0);
      await part("taken").waitFor({ state: "detached" });
      await terminal.receiving.command(KEEPER.operatorId, { kind: "leave-delivery" });
    }
    const wire = heard.join("\n");
    expect(wire).toContain('"priceFen":null');
    const record = JSON.stringify(terminal.store.journal.readAfter(0, { countMax: 500, bytesMax: 1e7 }));
    for (const text of [wire, record]) expect(text.match(/"\w*Fen":[^n].{0,20}/)).toBeNull();
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }
});

/** Through the door that an ordering system uses. */
async function writeOrder({ cloud }: School, order: object): Promise<void> {
  const answer = await fetch(`${cloud.url}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  expect(answer.ok).toBe(true);
}

/** The demo's own devices and receiving, on this test's ports. */
function benchPart(bench: DemoBench, { folder, mqttUrl }: School) {
  const { devices, receiving } = demoConfig({
    dataFolder: folder,
    cameraFolder: null,
    mqttUrl,
    bench: bench.config,
  });
  return { devices, receiving };
}

function line(lineId: string, name: string, quantity: string) {
  return {
    lineId,
    product: { productId: lineId, name },
    unit: "kg" as const,
    quantity,
    packTareG: null,
    tolerance: { underBp: 500, overBp: 500 },
    priceFen: 280,
    gtins: [],
    temperatureMilliCMax: null,
    lotRequired: false,
    shelfDaysMin: null,
  };
}
