import type { Camera, CameraFrame } from "../../firmware-bridge/ports/camera.ts";
import type { FacePlaces } from "../../models/face-engine-port.ts";
import type { Clock } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { FrameRing } from "./frame-ring.ts";
import type { PhotoStore } from "./photo-port.ts";
import type { PictureMaker } from "./picture-maker.ts";
import type { MadePictures } from "./picture-making.ts";
import type { PhotoMoment, PhotoRefusal, PhotoStudio, TakePhoto } from "./studio-port.ts";

export interface PhotoStudioOptions {
  readonly camera: Pick<Camera, "label" | "state" | "onFrame" | "onState">;
  readonly store: Pick<PhotoStore, "putBoth">;
  readonly maker: PictureMaker;
  /** Where faces are; rejects where nothing can look now. The bytes are given away. */
  readonly detectFaces: (jpeg: Uint8Array<ArrayBuffer>) => Promise<FacePlaces>;
  readonly clock: Pick<Clock, "mono" | "delay">;
  readonly logger: Logger;
}

/** Three seconds of a camera at 20 frames a second; a 1080p camera's 16 MiB are about two. */
const RING_LIMITS = { framesMax: 64, bytesMax: 16 * 1024 * 1024, spacingMsMin: 40 };
/** A weight is stable when nothing moved for half a second: a frame from just before shows what one at the moment would. */
const NEAR_MS = 100;
/** How long a frame from after the moment is waited for. */
export const FRAME_WAIT_MS_MAX = 300;
/** A frame further off shows something else. Over `FRAME_WAIT_MS_MAX` it is marked by its `offMs`. */
const OFF_MS_MAX = 2000;
/**
 * A tenth of a second is usual. An engine that is gone says so at once; this is for one that hangs, and long enough for a
 * machine that is very busy, since without an answer there is no photo. Shorter than whoever weighs waits.
 */
const DETECT_MS_MAX = 8000;

/**
 * Keeps the camera's newest frames in memory and makes photos of them.
 * @param options the camera's frames are listened to until `close`; opening and closing it is the caller's.
 */
export function createPhotoStudio(options: PhotoStudioOptions): PhotoStudio {
  return new CameraStudio(options);
}

class CameraStudio implements PhotoStudio {
  readonly #options: PhotoStudioOptions;
  readonly #ring = new FrameRing(RING_LIMITS);
  readonly #stops: readonly (() => void)[];
  readonly #closing = new AbortController();
  /** Who waits for the next frame. */
  readonly #frameWaiters = new Set<(frame: CameraFrame) => void>();
  readonly #takes = new Set<Promise<TakePhoto>>();

  constructor(options: PhotoStudioOptions) {
    this.#options = options;
    const { camera } = options;
    this.#stops = [
      camera.onFrame((frame) => {
        this.#ring.push(frame);
        for (const waiter of [...this.#frameWaiters]) waiter(frame);
      }),
      camera.onState(({ kind }) => {
        // Nobody's picture lies in memory longer than it may be asked for.
        if (kind === "closed") this.#ring.clear();
      }),
    ];
  }

  take(moment: PhotoMoment): Promise<TakePhoto> {
    const take = this.#take(moment).finally(() => this.#takes.delete(take));
    this.#takes.add(take);
    return take;
  }

  ready(): ReturnType<PhotoStudio["ready"]> {
    const state = this.#options.camera.state();
    switch (state.kind) {
      case "live":
        return { kind: "ready" };
      case "lost":
        return { kind: "lost", code: state.code };
      case "starting":
      case "closed":
        return { kind: "lost", code: `camera-${state.kind}` };
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stop of this.#stops) stop();
    this.#ring.clear();
    await this.#options.maker.close();
    await Promise.allSettled(this.#takes);
  }

  async #take({ atMono, caption }: PhotoMoment): Promise<TakePhoto> {
    const frame = await this.#frameOf(atMono);
    if (frame === null) return refused(this.ready().kind === "lost" ? "camera-lost" : "no-frame");
    const { maker, camera } = this.#options;
    const cameraLabel = shortLabel(camera.label);
    const looking = this.#facesOf(frame);
    const outcome = await maker.make({ jpeg: frame.jpeg, faces: looking, caption });
    if (outcome.kind === "refused") return refused(outcome.reason);
    // Nothing of a picture that may show somebody is written.
    const faces = await looking;
    if (faces === null) return refused("faces-unseen");
    const stored = await this.#store(outcome.pictures);
    if (stored === null) return refused("photo-space-full");
    const photo = {
      ...stored,
      offMs: Math.round(Math.abs(frame.capturedMonoMs - atMono)),
      cameraLabel,
      facesBlurred: faces.boxes.length,
    };
    return { kind: "taken", photo };
  }

  /** The nearest there is, after a wait for one from after the moment where none is near. */
  async #frameOf(atMono: number): Promise<CameraFrame | null> {
    const known = this.#ring.nearest(atMono);
    const isNear = known !== null && known.capturedMonoMs >= atMono - NEAR_MS;
    if (!isNear) await this.#frameAfter(atMono);
    const nearest = this.#ring.nearest(atMono);
    return nearest !== null && Math.abs(nearest.capturedMonoMs - atMono) <= OFF_MS_MAX ? nearest : null;
  }

  async #frameAfter(atMono: number): Promise<void> {
    const came = new AbortController();
    const onFrame = ({ capturedMonoMs }: CameraFrame): void => {
      if (capturedMonoMs >= atMono) came.abort();
    };
    this.#frameWaiters.add(onFrame);
    const signal = AbortSignal.any([came.signal, this.#closing.signal]);
    await this.#options.clock.delay(FRAME_WAIT_MS_MAX, { signal }).catch(() => {});
    this.#frameWaiters.delete(onFrame);
  }

  /** Null where nothing could look in time. */
  async #facesOf({ jpeg }: CameraFrame): Promise<FacePlaces | null> {
    const { detectFaces, clock, logger } = this.#options;
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, this.#closing.signal]);
    const tooLong = clock.delay(DETECT_MS_MAX, { signal }).then(
      () => null,
      () => null,
    );
    try {
      return await Promise.race([detectFaces(jpeg.slice()), tooLong]);
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.warn({ code: error.code }, "nothing could look for faces in a photo");
      return null;
    } finally {
      answered.abort();
    }
  }

  /** Null: the store is full. */
  async #store(
    pictures: MadePictures,
  ): Promise<{ readonly photoSha256: string; readonly thumbnailSha256: string } | null> {
    try {
      const { photo, thumbnail } = await this.#options.store.putBoth(pictures, "image/jpeg");
      return { photoSha256: photo.sha256, thumbnailSha256: thumbnail.sha256 };
    } catch (error) {
      if (isFault(error) && error.code === "photo-space-full") return null;
      throw error;
    }
  }
}

/** As much as every entry holds: a network camera's label is its address, and some have long paths. */
const CAMERA_LABEL_MAX = 128;

function shortLabel(label: string): string {
  return label.slice(0, CAMERA_LABEL_MAX).toWellFormed();
}

const refused = (reason: PhotoRefusal): TakePhoto => ({ kind: "refused", reason });
