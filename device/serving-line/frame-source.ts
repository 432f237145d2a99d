import { createHash } from "node:crypto";
import type { Camera } from "../../firmware-bridge/ports/camera.ts";
import type { FaceEngine, FrameObservation } from "../../models/face-engine-port.ts";
import type { Clock } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";
import type { FaceLoss } from "./serving-line-port.ts";

/** A camera frame after the engine measured it. */
export interface ObservedFrame {
  readonly observation: FrameObservation;
  /** On the monotonic clock of the serving line. */
  readonly capturedMono: MonoMs;
}

/** Where the serving line gets its frames from. */
export interface FrameSource {
  /** Whether anyone looks at frames now; while not, none need be measured. */
  setWanted(wanted: boolean): void;
  cameraLost(): boolean;
  /** Why `cameraLost` is so; left out: the camera is what is missing. */
  facesLoading?(): boolean;
  /** @returns a function that unsubscribes. */
  onFrame(listener: (frame: ObservedFrame) => void): () => void;
  /** Also told when only the reason changed. */
  onCameraLost(listener: (lost: boolean) => void): () => void;
}

export interface FrameSourceOptions {
  readonly camera: Pick<Camera, "onFrame" | "onState" | "state">;
  readonly engine: Pick<FaceEngine, "observe">;
  /** Whether the engine cannot recognise anybody yet; no frame is shown to it meanwhile. Left out: it can. */
  readonly faces?: { isLoading(): boolean; onChange(listener: () => void): () => void };
  /** Whether the camera shows stills on purpose, the same bytes again and again: the demo's folder. Left out: it does not. */
  readonly stills?: () => boolean;
  readonly clock: Pick<Clock, "mono">;
  readonly logger: Logger;
}

/** Frames with one observation under way at a time: while it runs only the newest frame waits, the older are dropped. */
export interface CameraFrameSource extends FrameSource {
  close(): Promise<void>;
}

/** Codes after which the engine answers nothing more: for the diner that is a lost camera. */
const ENGINE_GONE: ReadonlySet<string> = new Set([
  "engine-closed",
  "engine-crashed",
  "weights-missing",
  "weights-changed",
]);

/** After so many in a row that all differ, it is a sensor: two seconds of it, more than a slide show has. */
const SENSOR_PICTURES_MIN = 20;
/** Longer than any camera takes for its next picture in a dark room. */
const SAME_PICTURE_MS_MAX = 3000;

export function createFrameSource({
  camera,
  engine,
  faces,
  stills,
  clock,
  logger,
}: FrameSourceOptions): CameraFrameSource {
  const frameListeners = new Set<(frame: ObservedFrame) => void>();
  const lostListeners = new Set<(lost: boolean) => void>();
  type Waiting = { readonly jpeg: Uint8Array<ArrayBuffer>; readonly capturedMono: MonoMs };
  let waiting: Waiting | null = null;
  let underWay: Promise<void> | null = null;
  let wanted = false;
  let closed = false;
  let engineGone = false;
  let hangs = false;
  const isLoading = (): boolean => faces?.isLoading() ?? false;
  const isCameraLost = (): boolean => engineGone || hangs || camera.state().kind === "lost";
  let loading = isLoading();
  let lost = loading || isCameraLost();

  const tellLost = (): void => {
    const [wasLost, wasLoading] = [lost, loading];
    loading = isLoading();
    lost = loading || isCameraLost();
    if (lost === wasLost && loading === wasLoading) return;
    for (const listener of lostListeners) listener(lost);
  };
  const stopFaces = faces?.onChange(() => {
    // A fresh engine: what the last one answered no longer counts, and nobody may be looking to find that out.
    engineGone = false;
    if (isLoading()) waiting = null;
    tellLost();
  });

  const observe = async ({ jpeg, capturedMono }: Waiting): Promise<void> => {
    const observation = await measured(jpeg);
    if (observation === null || closed || !wanted) return;
    for (const listener of frameListeners) listener({ observation, capturedMono });
  };

  /** Null for a frame that could not be measured: the next one comes soon. */
  const measured = async (bytes: Uint8Array<ArrayBuffer>): Promise<FrameObservation | null> => {
    try {
      const observation = await engine.observe({ bytes });
      engineGone = false;
      tellLost();
      return observation;
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.warn({ code: error.code }, "a camera frame could not be measured");
      engineGone = ENGINE_GONE.has(error.code);
      tellLost();
      return null;
    }
  };

  const work = async (): Promise<void> => {
    for (let next = waiting; next !== null; next = waiting) {
      waiting = null;
      await observe(next);
    }
    // In the same turn as the look that found none waiting: a frame that comes now starts the work anew.
    underWay = null;
  };

  let last: { readonly digest: string; readonly capturedMono: MonoMs } | null = null;
  let differentInARow = 0;
  /**
   * No sensor gives the same picture twice, byte for byte. A camera that hangs does, and whoever stood there last would
   * pay for everybody after them: so it is as old as when it first came, whether anybody looked then or not. What never
   * showed a sensor's noise (stills, test pictures, a camera that sends each picture twice) is taken as it is.
   */
  const firstSeenMono = (jpeg: Uint8Array, capturedMono: MonoMs): MonoMs => {
    const isStill = stills?.() === true;
    const digest = isStill ? "" : createHash("sha256").update(jpeg).digest("base64");
    const isSame = !isStill && last?.digest === digest;
    if (!isSame && !isStill) differentInARow += 1;
    else if (differentInARow < SENSOR_PICTURES_MIN) differentInARow = 0;
    if (last === null || !isSame || differentInARow < SENSOR_PICTURES_MIN) last = { digest, capturedMono };
    hangs = capturedMono - last.capturedMono > SAME_PICTURE_MS_MAX;
    tellLost();
    return last.capturedMono;
  };

  const stopFrames = camera.onFrame(({ jpeg, capturedMonoMs }) => {
    // A camera that stamps ahead of our clock is held to it: a frame from the future would count as fresh for long.
    const capturedMono = firstSeenMono(jpeg, monoMs(Math.min(capturedMonoMs, clock.mono())));
    if (!wanted || closed || loading) return;
    waiting = { jpeg, capturedMono };
    underWay ??= work();
  });
  const stopStates = camera.onState(tellLost);

  return {
    setWanted: (isWanted) => {
      wanted = isWanted;
      if (!wanted) waiting = null;
    },
    cameraLost: () => lost,
    facesLoading: () => loading,
    onFrame: (listener) => {
      frameListeners.add(listener);
      return () => void frameListeners.delete(listener);
    },
    onCameraLost: (listener) => {
      lostListeners.add(listener);
      return () => void lostListeners.delete(listener);
    },
    close: async () => {
      closed = true;
      waiting = null;
      stopFrames();
      stopFaces?.();
      stopStates();
      await underWay;
    },
  };
}

/** Tells why nobody can be recognised, now and whenever that changes. @returns a function that ends it. */
export function watchFaces(frames: FrameSource, tell: (lost: FaceLoss | null) => void): () => void {
  const lossNow = (): FaceLoss | null => {
    if (!frames.cameraLost()) return null;
    return frames.facesLoading?.() === true ? "faces-loading" : "camera-lost";
  };
  tell(lossNow());
  return frames.onCameraLost(() => tell(lossNow()));
}
