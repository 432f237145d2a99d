import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { createFakeWorld, type FakeWorld, type FakeWorldOptions } from "../../device/kiosk/fake-world.ts";
import { createKioskServer } from "../../device/kiosk/kiosk-server.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { builtPage } from "../../scripts/set-up.mjs";
import { complaintsOf, makeWebcamFile, openBrowser, openContext } from "./browser.ts";

/** A kiosk on stand-ins with one page in real Chromium, for one test. */
export interface KioskInBrowser {
  readonly world: FakeWorld;
  readonly page: Page;
  readonly url: string;
  /** For files of the test. */
  readonly folder: string;
  /** Stops the terminal and starts it again at the same port. */
  stopTerminal(): Promise<void>;
  startTerminal(): Promise<void>;
  /** What the page complained about; must be empty when the test ends. */
  readonly complaints: string[];
}

/**
 * Opens one browser for all tests of the block around it, on the built pages.
 * @returns starts a kiosk and an empty page for one test; both are gone after it.
 */
export function kioskInBrowser({
  hasWebcam,
}: {
  readonly hasWebcam: boolean;
}): (world: Omit<FakeWorldOptions, "clock">) => Promise<KioskInBrowser> {
  let folder = "";
  let uiFolder = "";
  let browser: Browser;
  let stop: () => Promise<void> = async () => {};
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "canteen-browser-"));
    uiFolder = await builtPage();
    browser = await openBrowser(hasWebcam ? await makeWebcamFile(folder) : undefined);
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(() => stop());

  return async (options) => {
    const world = createFakeWorld({ ...options, clock: new SystemClock() });
    const serverOptions = world.serverOptions(uiFolder);
    let server = createKioskServer(serverOptions);
    const { url } = await server.start();
    const settings = { ...serverOptions.settings, port: Number(new URL(url).port) };
    const context = await openContext(browser, { reducedMotion: "reduce" });
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    stop = async () => {
      await context.close();
      await server.close();
      world.metrics.close();
      expect(complaints).toEqual([]);
    };
    return {
      world,
      page,
      url,
      folder,
      complaints,
      stopTerminal: () => server.close(),
      async startTerminal() {
        server = createKioskServer({ ...serverOptions, settings });
        await server.start();
      },
    };
  };
}
