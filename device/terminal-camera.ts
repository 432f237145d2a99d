import { createFolderCamera, type FolderCamera } from "../firmware-bridge/drivers/camera-folder.ts";
import { createHttpCamera } from "../firmware-bridge/drivers/camera-http.ts";
import { createPushCamera } from "../firmware-bridge/drivers/camera-push.ts";
import { type CameraSwitch, createCameraSwitch } from "../firmware-bridge/drivers/camera-switch.ts";
import type { Config } from "./config/schema.ts";
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
        return { http: () => createHttpCamera({ ...settings, clock, entropy }) };
    }
  };
  const camera = createCameraSwitch({ sources: { browser, ...configured() }, initial: settings.kind });
  return { camera, folderCamera: () => (camera.kind() === "folder" ? folder : null) };
}
