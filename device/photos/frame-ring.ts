import type { CameraFrame } from "../../firmware-bridge/ports/camera.ts";

export interface FrameRingLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
  /** Frames that come sooner after the one before are passed over: two so near show the same. */
  readonly spacingMsMin: number;
}

/** The newest frames of a camera, in memory only; when full the oldest goes. */
export class FrameRing {
  readonly #limits: FrameRingLimits;
  readonly #frames: CameraFrame[] = [];
  #bytes = 0;

  constructor(limits: FrameRingLimits) {
    this.#limits = limits;
  }

  push(frame: CameraFrame): void {
    const newest = this.#frames.at(-1);
    const sinceMs =
      newest === undefined ? Number.POSITIVE_INFINITY : frame.capturedMonoMs - newest.capturedMonoMs;
    // A camera whose clock went back would otherwise never be believed again.
    if (sinceMs < 0) this.clear();
    else if (sinceMs < this.#limits.spacingMsMin) return;
    this.#frames.push(frame);
    this.#bytes += frame.jpeg.byteLength;
    while (this.#frames.length > this.#limits.framesMax || this.#bytes > this.#limits.bytesMax)
      this.#dropOldest();
  }

  /** The frame whose capture is nearest to the moment; of two alike the later. */
  nearest(atMono: number): CameraFrame | null {
    let nearest: CameraFrame | null = null;
    for (const frame of this.#frames) {
      const nearer =
        nearest === null ||
        Math.abs(frame.capturedMonoMs - atMono) <= Math.abs(nearest.capturedMonoMs - atMono);
      if (nearer) nearest = frame;
    }
    return nearest;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#bytes = 0;
  }

  #dropOldest(): void {
    this.#bytes -= this.#frames.shift()?.jpeg.byteLength ?? 0;
  }
}
