import { createServer, type ServerResponse } from "node:http";
import type { PhotoStore } from "../device/photos/photo-port.ts";
import { createPhotoStudio } from "../device/photos/photo-studio.ts";
import { madeFrame } from "../device/photos/picture-fixture.ts";
import { createPictureMaker } from "../device/photos/picture-maker.ts";
import type { PhotoStudio } from "../device/photos/studio-port.ts";
import { systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import type { SystemClock } from "../device/platform/system-clock.ts";
import { createHttpCamera } from "../firmware-bridge/drivers/camera-http.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";

/** What a network camera gives. */
export const CAMERA_SIZES = [
  [640, 480],
  [1280, 720],
  [1920, 1080],
] as const;
export type CameraSize = (typeof CAMERA_SIZES)[number];

const FRAMES_PER_SECOND = 15;
const VARIANTS = 6;

/** The terminal's own way of a photo, behind a camera on the network: MJPEG, ring, engine, worker, store. */
export async function networkStudio(
  [widthPx, heightPx]: CameraSize,
  { store, engine, clock }: { store: PhotoStore; engine: Pick<FaceEngine, "detect">; clock: SystemClock },
): Promise<{ readonly studio: PhotoStudio; readonly frameBytes: number; close(): Promise<void> }> {
  const frames = await Promise.all(
    Array.from({ length: VARIANTS }, (_, seed) =>
      madeFrame(widthPx, heightPx, { noise: 0.1, seed: seed + 1 }),
    ),
  );
  const watchers = new Set<ServerResponse>();
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "multipart/x-mixed-replace; boundary=b" });
    watchers.add(response);
    response.on("close", () => watchers.delete(response));
  });
  let shown = 0;
  const showing = clock.every(1000 / FRAMES_PER_SECOND, () => {
    const frame = frames[shown++ % VARIANTS] ?? new Uint8Array();
    for (const watcher of watchers) {
      watcher.write(`--b\r\nContent-Type: image/jpeg\r\nContent-Length: ${frame.length}\r\n\r\n`);
      watcher.write(frame);
      watcher.write("\r\n");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const camera = createHttpCamera({
    url: `http://127.0.0.1:${port}/`,
    framePeriodMs: 40,
    silenceMsMax: 5000,
    clock,
    entropy: systemEntropy,
  });
  const studio = createPhotoStudio({
    camera,
    store,
    maker: createPictureMaker({ clock, logger: silentLogger }),
    detectFaces: (bytes) => engine.detect({ bytes }),
    clock,
    logger: silentLogger,
  });
  const seen = new Promise<void>((resolve) => camera.onFrame(() => resolve()));
  await camera.open({ signal: new AbortController().signal });
  await seen;
  return {
    studio,
    frameBytes: frames[0]?.length ?? 0,
    close: async () => {
      showing.cancel();
      await studio.close();
      await camera.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
