/**
 * `npm run bench:cabinet-page [-- --readings N]`: from the probe's answer leaving it to the frame of the page in which it
 * stands: Modbus over a serial gateway, the terminal's own process, its WebSocket, the built page in Chromium.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SystemClock } from "../device/platform/system-clock.ts";
import { ProbeSimulator } from "../firmware-bridge/simulators/probe-simulator.ts";
import { tcpBay } from "../firmware-bridge/simulators/tcp-bay.ts";
import { systemBridgeClock } from "../firmware-bridge/transport/system-time.ts";
import { writeCabinetConfig } from "../test/crash/cabinet-config.ts";
import { TerminalProcess } from "../test/crash/terminal-process.ts";
import { openBrowser } from "../test/end-to-end/browser.ts";

const POLL_MS = 500;
const WAIT_MS = 3000;
const clock = new SystemClock();

interface Moment {
  readonly tenths: number;
  readonly atMs: number;
}

async function measure(count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-bench-page-"));
  const bay = await tcpBay();
  await bay.plug();
  const sent: Moment[] = [];
  // Up and down between 3 and 7 degrees, so that each reading is another text and none a jump.
  const registers = [30];
  let step = 1;
  const probe = new ProbeSimulator({
    ...{ clock: systemBridgeClock, unit: 1, registers },
    socket: {
      ...bay.socket,
      send: (bytes) => {
        const [tenths = 0] = registers;
        sent.push({ tenths, atMs: clock.now() });
        if (tenths >= 70) step = -1;
        if (tenths <= 30) step = 1;
        registers[0] = tenths + step;
        bay.socket.send(bytes);
      },
    },
  });
  const { config } = await writeCabinetConfig(folder, bay.address, { pollEveryMs: POLL_MS });
  const terminal = await TerminalProcess.start(config);
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(new URL("/cabinet", terminal.url).href);
    await page.getByTestId("probe-cabinet-air").waitFor();
    await page.evaluate(WATCH);
    const from = sent.length;
    while (sent.length < from + count) await clock.delay(POLL_MS);
    await clock.delay(WAIT_MS);
    const shown = (await page.evaluate("window.benchShown")) as Moment[];
    tell(delaysOf(sent.slice(from, from + count), shown));
  } finally {
    await browser.close();
    await terminal.kill();
    probe.stop();
    await bay.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In the page: each change of the probe's number, at the frame that shows it. */
const WATCH = `(() => {
  const probe = document.querySelector('[data-testid="probe-cabinet-air"]');
  window.benchShown = [];
  let last = null;
  new MutationObserver(() => {
    const [text] = /\\d+\\.\\d/.exec(probe.textContent) ?? [];
    if (text === undefined || text === last) return;
    last = text;
    requestAnimationFrame(() => window.benchShown.push({ tenths: Math.round(Number(text) * 10), atMs: Date.now() }));
  }).observe(probe, { subtree: true, childList: true, characterData: true, attributes: true });
})()`;

/** A value comes back after 40 readings at the earliest: the first frame after its reading is its own. */
function delaysOf(sent: readonly Moment[], shown: readonly Moment[]): number[] {
  return sent.flatMap(({ tenths, atMs }) => {
    const frame = shown.find(
      (each) => each.tenths === tenths && each.atMs >= atMs && each.atMs < atMs + WAIT_MS,
    );
    return frame === undefined ? [] : [frame.atMs - atMs];
  });
}

function tell(delays: readonly number[]): void {
  const sorted = delays.toSorted((a, b) => a - b);
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const load = loadavg().map((each) => each.toFixed(1));
  process.stdout.write(
    `${sorted.length} readings on the screen: least ${quantile(0)} ms, p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms; load ${load.join(" ")}\n`,
  );
}

const { values } = parseArgs({
  options: { readings: { type: "string", default: "200" }, help: { type: "boolean", default: false } },
});
if (values.help) process.stdout.write("npm run bench:cabinet-page -- [--readings 200]\n");
else await measure(Number(values.readings));
