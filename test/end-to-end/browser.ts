import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { CHROMIUM, withSystemFolders } from "../require-tool.ts";

/** Helpers for tests in real Chromium: a webcam made of generated pictures, a browser, a window of it. */

/** For what a page is waited for: less than a test may take, so that what was waited for in vain is named. */
const PAGE_WAIT_MS_MAX = 90_000;

/** Path of the system's Chromium. @throws when there is none; guard with `hasTool(CHROMIUM)`. */
function chromiumPath(): string {
  const any = CHROMIUM.map((name) => `command -v ${name}`).join(" || ");
  return execFileSync("sh", ["-c", any], { env: withSystemFolders(), encoding: "utf8" }).trim();
}

/**
 * Makes what Chromium plays as a webcam: an MJPEG of one picture, or of ffmpeg's test pattern.
 * The pixels must be 4:2:0: with 4:4:4 Chromium shows green frames without a word.
 */
export async function makeWebcamFile(folder: string, picture?: string): Promise<string> {
  const file = join(folder, "webcam.mjpeg");
  const input =
    picture === undefined
      ? ["-f", "lavfi", "-i", "testsrc2=size=640x480:rate=15"]
      : ["-loop", "1", "-framerate", "15", "-i", picture];
  const fit = "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:-1:-1";
  const output = ["-t", "2", "-vf", fit, "-pix_fmt", "yuvj420p", "-q:v", "3", "-f", "mjpeg", file];
  execFileSync("ffmpeg", ["-v", "error", "-y", ...input, ...output], { stdio: "ignore" });
  return file;
}

/** @param webcamFile from `makeWebcamFile`; without it the machine has no webcam. */
export function openBrowser(webcamFile?: string): Promise<Browser> {
  const webcam =
    webcamFile === undefined
      ? []
      : [
          "--use-fake-ui-for-media-stream",
          "--use-fake-device-for-media-stream",
          `--use-file-for-fake-video-capture=${webcamFile}`,
        ];
  return chromium.launch({
    executablePath: chromiumPath(),
    timeout: PAGE_WAIT_MS_MAX,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      ...webcam,
    ],
  });
}

/** A window of its own, with its own cookies; the caller closes it. */
export async function openContext(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PAGE_WAIT_MS_MAX);
  return context;
}

/** Collects what the page complains about: a test ends by expecting none. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  return complaints;
}

/**
 * Types as a card or QR reader does: all keys at once, then Enter. Playwright's own typing waits for the browser after
 * each key, which on a busy machine is slower than a hand.
 */
export async function scanCard(page: Page, cardToken: string): Promise<void> {
  const keys = JSON.stringify([...cardToken, "Enter"]);
  await page.evaluate(
    `for (const key of ${keys}) document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))`,
  );
}
