import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { startDemoBench } from "../device/commands/demo-bench.ts";
import { demoConfig } from "../device/config/demo-config.ts";
import type { DemoGoods } from "../device/kiosk/kiosk-ports.ts";
import { startTerminal } from "../device/main.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { Teardown } from "../device/platform/teardown.ts";
import { freePort } from "../device/sync/testing/brokers.ts";
import { openBrowser } from "../test/end-to-end/browser.ts";
import { builtPage } from "./set-up.mjs";

const USAGE = `npm run bench:kiosk [-- --count N]
称重时页面的帧率 / the page's frames while goods are weighed: a terminal with the demo's scale and camera, real Chromium
without a graphics card, N weigh-ins (20) with photos. Beside it the same page at rest.`;

const KEEPER = { operatorId: "keeper", displayName: "keeper", pin: "407193", role: "keeper" } as const;
const FRAME_MS = 1000 / 60;
const REST_MS = 5000;

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes("--help")) {
    console.log(USAGE);
    return;
  }
  const count = argv.includes("--count") ? Number(argv[argv.indexOf("--count") + 1]) : 20;
  const teardown = new Teardown();
  try {
    const { page, goods } = await openReceiving(teardown);
    const rest = await framesWhile(page, () => clock.delay(REST_MS));
    report("at rest", rest);
    const busyMs = await mainThreadOf(page);
    const beforeMs = await busyMs();
    const weighing = await framesWhile(page, async () => {
      for (let index = 0; index < count; index++) await weigh(page, goods, 1000 + index * 100);
    });
    const taskMs = (await busyMs()) - beforeMs;
    report(`${count} weigh-ins with photos`, weighing);
    const wholeMs = weighing.reduce((sum, ms) => sum + ms, 0);
    console.log(
      `the page's main thread: ${(taskMs / count).toFixed(0)} ms of CPU for a weigh-in, ${((100 * taskMs) / wholeMs).toFixed(1)} % of the time`,
    );
    console.log(
      `load ${loadavg()
        .map((value) => value.toFixed(1))
        .join(" ")}`,
    );
  } finally {
    await teardown.run();
  }
}

const clock = new SystemClock();

async function openReceiving(
  teardown: Teardown,
): Promise<{ readonly page: Page; readonly goods: DemoGoods }> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-bench-kiosk-"));
  teardown.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const uiFolder = await builtPage();
  const bench = await startDemoBench(join(folder, "goods"), clock, teardown);
  const config = demoConfig({
    dataFolder: join(folder, "data"),
    cameraFolder: null,
    // Nobody answers there: a terminal without a network.
    mqttUrl: `mqtt://127.0.0.1:${await freePort()}`,
    kioskPort: await freePort(),
    bench: bench.config,
  });
  const terminal = await startTerminal({ config, logger: silentLogger, uiFolder });
  teardown.add("terminal", () => terminal.close());
  await terminal.store.operators.add(KEEPER);
  terminal.store.orders.apply({ after: 0, revision: 1, orders: [order(terminal.receiving.view().day)] });
  const browser = await openBrowser();
  teardown.add("browser", () => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${terminal.urls[0]?.url}/receive`);
  await page.getByTestId("operator-id").fill(KEEPER.operatorId);
  for (const digit of KEEPER.pin) await page.getByTestId(`pad-${digit}`).click();
  await page.getByTestId("pad-confirm").click();
  await page.getByTestId("delivery-frames").click();
  await page.getByTestId("line-potato").click();
  return { page, goods: bench.goods(() => null) };
}

function order(day: string) {
  const line = {
    lineId: "potato",
    product: { productId: "potato", name: "土豆" },
    ...({ unit: "kg", quantity: "99999", packTareG: null, priceFen: 280, gtins: [] } as const),
    tolerance: { underBp: 500, overBp: 500 },
    ...{ temperatureMilliCMax: null, lotRequired: false, shelfDaysMin: null },
  };
  const supplier = { supplierId: "green", name: "绿源蔬菜" };
  return { orderId: "frames", version: 1, supplier, dueDate: day, status: "open" as const, lines: [line] };
}

async function weigh(page: Page, goods: DemoGoods, grams: number): Promise<void> {
  goods.put(grams);
  await page.waitForSelector('[data-testid="receive-page"][data-next="ready"]');
  await page.getByTestId("take").click();
  await page.getByTestId("taken").waitFor();
  goods.put(0);
  await page.getByTestId("taken").waitFor({ state: "detached" });
}

/** Milliseconds from each frame of the page to the next. */
async function framesWhile(page: Page, work: () => Promise<void>): Promise<readonly number[]> {
  await page.evaluate(`
    globalThis.frameTimes = [];
    globalThis.isWatching = true;
    const tick = (now) => { globalThis.frameTimes.push(now); if (globalThis.isWatching) requestAnimationFrame(tick); };
    requestAnimationFrame(tick);`);
  await work();
  const times = (await page.evaluate("globalThis.isWatching = false, globalThis.frameTimes")) as number[];
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

/** CPU of the page's main thread so far: what other programs do meanwhile changes it little. */
async function mainThreadOf(page: Page): Promise<() => Promise<number>> {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await tools.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN) * 1000;
  };
}

function report(what: string, intervals: readonly number[]): void {
  const sorted = intervals.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
  const dropped = intervals.reduce((sum, ms) => sum + Math.max(0, Math.round(ms / FRAME_MS) - 1), 0);
  const wholeMs = intervals.reduce((sum, ms) => sum + ms, 0);
  console.log(
    `${what}: frame to frame ${at(0.5)} ms p50, ${at(0.99)} ms p99, ${at(1)} ms worst; ${intervals.length} frames in ${(wholeMs / 1000).toFixed(1)} s, ${dropped} dropped`,
  );
}

await main(process.argv.slice(2));
