import type { Camera, CameraFrame } from "../../firmware-bridge/ports/camera.ts";
import type { FaceEngine, FrameObservation } from "../../models/face-engine-port.ts";
import type { Clock } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";

/** One observed frame with the moment at which the camera took it. */
export interface TimedObservation {
  readonly observation: FrameObservation;
  readonly capturedMono: MonoMs;
}

export interface FramePumpOptions {
  readonly camera: Pick<Camera, "onFrame">;
  readonly engine: Pick<FaceEngine, "observe">;
  readonly clock: Clock;
  /** Frames are looked at only while this says so: nobody is recognised who did not ask for it. */
  readonly wanted: () => boolean;
  /** A frame that is older than this when its turn comes is dropped. */
  readonly frameAgeMsMax: number;
  readonly onObservation: (timed: TimedObservation) => void;
  /** `code` of a frame that could not be looked at; never the frame. */
  readonly onFault: (code: string) => void;
}

/**
 * Camera → engine, one frame at a time. While the engine works only the newest frame waits, so the answer is
 * always about now and memory holds two frames at most.
 */
export class FramePump {
  readonly #options: FramePumpOptions;
  readonly #unsubscribe: () => void;
  #waiting: CameraFrame | null = null;
  #working: Promise<void> | null = null;
  #closed = false;
  #droppedCount = 0;

  constructor(options: FramePumpOptions) {
    this.#options = options;
    this.#unsubscribe = options.camera.onFrame((frame) => this.#offer(frame));
  }

  /** Frames that were replaced by a newer one or became too old before their turn. */
  droppedCount(): number {
    return this.#droppedCount;
  }

  /** Stops taking frames and waits for the one in work; nothing is reported afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#waiting = null;
    await this.#working;
  }

  #offer(frame: CameraFrame): void {
    if (this.#closed || !this.#options.wanted()) return;
    if (this.#waiting !== null) this.#droppedCount += 1;
    this.#waiting = frame;
    this.#working ??= this.#drain();
  }

  async #drain(): Promise<void> {
    for (let frame = this.#take(); frame !== null; frame = this.#take()) await this.#look(frame);
    this.#working = null;
  }

  #take(): CameraFrame | null {
    const frame = this.#waiting;
    this.#waiting = null;
    if (frame === null) return null;
    if (this.#options.clock.mono() - frame.capturedMonoMs <= this.#options.frameAgeMsMax) return frame;
    this.#droppedCount += 1;
    return null;
  }

  async #look(frame: CameraFrame): Promise<void> {
    try {
      const observation = await this.#options.engine.observe({ bytes: frame.jpeg });
      if (this.#closed) return;
      this.#options.onObservation({ observation, capturedMono: monoMs(frame.capturedMonoMs) });
    } catch (error) {
      if (!isFault(error)) throw error;
      if (!this.#closed) this.#options.onFault(error.code);
    }
  }
}
