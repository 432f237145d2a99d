import { type MonoMs, monoMs } from "../../device/platform/units.ts";
import type { FrameSource, ObservedFrame } from "../../device/serving-line/frame-source.ts";
import type { FrameObservation, ObservedFace } from "../../models/face-engine-port.ts";

export const FACE_MODEL = "simulated-pack";

/** The camera with the face engine behind it: what it would say of whoever stands there. */
export class SimulatedCamera implements FrameSource {
  readonly #frames = new Set<(frame: ObservedFrame) => void>();
  readonly #lostListeners = new Set<(lost: boolean) => void>();
  #wanted = false;
  #lost = false;
  #frameCount = 0;

  setWanted(wanted: boolean): void {
    this.#wanted = wanted;
  }

  cameraLost(): boolean {
    return this.#lost;
  }

  onFrame(listener: (frame: ObservedFrame) => void): () => void {
    this.#frames.add(listener);
    return () => void this.#frames.delete(listener);
  }

  onCameraLost(listener: (lost: boolean) => void): () => void {
    this.#lostListeners.add(listener);
    return () => void this.#lostListeners.delete(listener);
  }

  /** @param personId null: nobody stands there. */
  show(personId: string | null, capturedMono: MonoMs): void {
    if (!this.#wanted || this.#lost) return;
    this.#frameCount += 1;
    const observation = picture(`frame-${this.#frameCount}`, personId === null ? [] : [faceOf(personId)]);
    for (const listener of this.#frames) listener({ observation, capturedMono: monoMs(capturedMono) });
  }

  setLost(lost: boolean): void {
    if (lost === this.#lost) return;
    this.#lost = lost;
    for (const listener of this.#lostListeners) listener(lost);
  }
}

function picture(observationId: string, faces: readonly ObservedFace[]): FrameObservation {
  return {
    observationId,
    widthPx: 640,
    heightPx: 480,
    faces,
    faceCountDropped: 0,
    stageMs: { decode: 1, detect: 1, landmarks: 1, liveness: 1, embed: 1, search: 1, total: 6 },
  };
}

/** A good face in the middle of the picture, that is like nobody else's. */
function faceOf(personId: string): ObservedFace {
  return {
    box: [220, 140, 200, 200],
    detectionScore: 0.99,
    landmarks: [
      [280, 210],
      [360, 210],
      [320, 250],
      [290, 290],
      [350, 290],
    ],
    quality: {
      overall: 0.9,
      eyeDistancePx: 80,
      yawDeg: 0,
      pitchDeg: 0,
      rollDeg: 0,
      sharpness: 200,
      brightness: 120,
    },
    liveness: 1,
    model: FACE_MODEL,
    search: {
      best: { personId, similarity: 0.8 },
      runnerUp: { personId: `${personId}-other`, similarity: 0.2 },
      expected: null,
    },
    otherSearches: [],
  };
}
