import type { Camera } from "../firmware-bridge/ports/camera.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";
import type { Config } from "./config/schema.ts";
import type { PhotoStore } from "./photos/photo-port.ts";
import { createPhotoStudio } from "./photos/photo-studio.ts";
import { createPictureMaker } from "./photos/picture-maker.ts";
import type { PhotoStudio } from "./photos/studio-port.ts";
import type { Clock } from "./platform/clock.ts";
import type { Entropy } from "./platform/entropy.ts";
import { isFault } from "./platform/errors.ts";
import type { Logger } from "./platform/logger.ts";
import { Teardown } from "./platform/teardown.ts";
import { createOwnCamera } from "./terminal-camera.ts";

export interface TerminalPhotosOptions {
  readonly settings: Config["receiving"]["camera"];
  /** The terminal's own; opened and closed elsewhere. */
  readonly camera: Camera;
  readonly engine: Pick<FaceEngine, "detect">;
  readonly photos: PhotoStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface TerminalPhotos {
  readonly studio: PhotoStudio;
  close(): Promise<void>;
}

const TIDY_PERIOD_MS = 3_600_000;

/** Takes photos with the configured camera, and deletes those whose time is over. */
export function startTerminalPhotos(options: TerminalPhotosOptions): TerminalPhotos {
  const { settings, engine, photos, clock, entropy, logger } = options;
  const teardown = new Teardown();
  // Also at the start: after a restore there are photos that the database does not know.
  let underWay = tidyPhotos(photos, logger);
  const tidying = clock.every(TIDY_PERIOD_MS, () => {
    underWay = tidyPhotos(photos, logger);
  });
  teardown.add("photo retention", () => {
    tidying.cancel();
    return underWay;
  });
  let { camera } = options;
  if (settings.kind !== "same") {
    const own = createOwnCamera(settings, clock, entropy);
    teardown.add("camera of goods", () => own.close());
    // A camera that is not there keeps trying by itself; the terminal starts without it.
    void own.open({ signal: new AbortController().signal });
    camera = own;
  }
  const studio = createPhotoStudio({
    camera,
    store: photos,
    maker: createPictureMaker({ clock, logger }),
    detectFaces: (bytes) => engine.detect({ bytes }),
    clock,
    logger,
  });
  teardown.add("photo studio", () => studio.close());
  return { studio, close: () => teardown.run() };
}

async function tidyPhotos(photos: PhotoStore, logger: Logger): Promise<void> {
  try {
    const { deletedCount, adoptedCount } = await photos.tidy();
    if (deletedCount > 0) logger.info({ deletedCount }, "photos past their time were deleted");
    if (adoptedCount > 0)
      logger.warn({ adoptedCount }, "photos that entries quote and the database did not know were taken up");
  } catch (error) {
    if (!isFault(error)) throw error;
    logger.error({ code: error.code }, "photos could not be tidied");
  }
}
