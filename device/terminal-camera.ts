import { createFfmpegCamera, v4l2Input } from "../firmware-bridge/drivers/camera-ffmpeg.ts";
import { createFolderCamera, type FolderCamera } from "../firmware-bridge/drivers/camera-folder.ts";
import { createHttpCamera } from "../firmware-bridge/drivers/camera-http.ts";
import { createPushCamera } from "../firmware-bridge/drivers/camera-push.ts";
import { type CameraSwitch, createCameraSwitch } from "../firmware-bridge/drivers/camera-switch.ts";
import type { Camera } from "../firmware-bridge/ports/camera.ts";
import type { Config } from "./config/schema.ts";
import type { DemoControls } from "./kiosk/kiosk-ports.ts";
import type { Clock } from "./platform/clock.ts";
import type { Entropy } from "./platform/entropy.ts";

export interface TerminalCamera {
  readonly camera: CameraSwitch;
  /** The folder camera while it is the chosen one; its scene can then be changed from the demo's page. */
  folderCamera(): FolderCamera | null;
}

const BROWSER_SILENCE_MS_MAX = 3000;

/** The configured camera, and the browser's webcam beside it, which needs no configuration. */
export function createTerminalCamera(
  settings: Config["camera"],
  clock: Clock,
  entropy: Entropy,
): TerminalCamera {
  let folder: FolderCamera | null = null;
  const browser = (): ReturnType<typeof createPushCamera> =>
    createPushCamera({ label: "browser", silenceMsMax: BROWSER_SILENCE_MS_MAX, clock });
  const configured = (): Parameters<typeof createCameraSwitch>[0]["sources"] => {
    switch (settings.kind) {
      case "browser":
        return {};
      case "folder":
        return {
          folder: () => {
            folder = createFolderCamera({ ...settings, clock });
            return folder;
          },
        };
      case "http":
      case "v4l2":
        return { [settings.kind]: () => createOwnCamera(settings, clock, entropy) };
    }
  };
  const camera = createCameraSwitch({ sources: { browser, ...configured() }, initial: settings.kind });
  return { camera, folderCamera: () => (camera.kind() === "folder" ? folder : null) };
}

/** A camera that needs no page: as the terminal's, or as a second one over the scale. */
export function createOwnCamera(
  settings: Exclude<Config["camera"], { readonly kind: "browser" }>,
  clock: Clock,
  entropy: Entropy,
): Camera {
  switch (settings.kind) {
    case "folder":
      return createFolderCamera({ ...settings, clock });
    case "http":
      return createHttpCamera({ ...settings, clock, entropy });
    case "v4l2":
      return createFfmpegCamera({
        ...settings,
        label: settings.device,
        inputArgs: v4l2Input(settings),
        clock,
        entropy,
      });
  }
}

/** The demo's handles, with those on its camera where that is a folder of people. */
export function demoControls(
  demo: DemoControls | undefined,
  { folderCamera }: TerminalCamera,
): { readonly demo?: DemoControls } {
  if (demo === undefined) return {};
  const scene = {
    next: () => folderCamera()?.next(),
    keepEmpty: (isEmpty: boolean) => folderCamera()?.keepEmpty(isEmpty),
    isKeptEmpty: () => folderCamera()?.isKeptEmpty() ?? false,
  };
  return { demo: folderCamera() === null ? demo : { ...demo, scene } };
}
