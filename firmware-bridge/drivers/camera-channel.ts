import type { CameraFrame, CameraState } from "../ports/camera.ts";
import type { Clock, Timer } from "../ports/clock.ts";

type Lost = Extract<CameraState, { kind: "lost" }>;

/** Why there are no pictures, with a sentence for the person at the counter. */
export type CameraTrouble = Omit<Lost, "kind">;

/** A frame larger than this is no frame: 8 MiB hold a 12-megapixel JPEG of good quality. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024;

/** Whether the bytes begin and end as a JPEG does (SOI, EOI); zero padding after EOI is allowed. */
export function isWholeJpeg(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  let end = bytes.length;
  while (end > 4 && bytes[end - 1] === 0) end -= 1;
  return bytes[end - 2] === 0xff && bytes[end - 1] === 0xd9;
}

/**
 * What every camera driver shares: its state, its listeners, and the watchdog for silence.
 * Each listener gets bytes of its own, because the receiver may transfer them to another thread.
 */
export class CameraChannel {
  #state: CameraState = { kind: "closed" };
  #watchdog: Timer | undefined;
  readonly #frameListeners = new Set<(frame: CameraFrame) => void>();
  readonly #stateListeners = new Set<(state: CameraState) => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): CameraState {
    return this.#state;
  }

  onFrame(listener: (frame: CameraFrame) => void): () => void {
    this.#frameListeners.add(listener);
    return () => void this.#frameListeners.delete(listener);
  }

  onState(listener: (state: CameraState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  starting(): void {
    this.#become({ kind: "starting" });
  }

  lost(trouble: CameraTrouble): void {
    this.#become({ kind: "lost", ...trouble });
  }

  closed(): void {
    this.disarm();
    this.#become({ kind: "closed" });
  }

  /** Hands a picture on; a camera that delivers is live. */
  frame(jpeg: Uint8Array<ArrayBuffer>): void {
    const capturedMonoMs = this.#clock.mono();
    this.#become({ kind: "live" });
    const listeners = [...this.#frameListeners];
    // Copies are made before anyone is called: the first receiver may transfer the buffer away at once.
    const copies = listeners.map((_, index) => (index === 0 ? jpeg : jpeg.slice()));
    listeners.forEach((listener, index) => {
      const own = copies[index];
      if (own !== undefined) listener({ jpeg: own, capturedMonoMs });
    });
  }

  /** Starts the wait for the next picture anew; `onSilence` runs when none came for `silenceMsMax`. */
  arm(silenceMsMax: number, onSilence: () => void): void {
    this.disarm();
    this.#watchdog = this.#clock.after(silenceMsMax, onSilence);
  }

  disarm(): void {
    this.#watchdog?.cancel();
    this.#watchdog = undefined;
  }

  #become(next: CameraState): void {
    const previous = this.#state;
    const isSame =
      previous.kind === next.kind &&
      (previous.kind !== "lost" || next.kind !== "lost" || previous.code === next.code);
    if (isSame) return;
    this.#state = next;
    for (const listener of [...this.#stateListeners]) listener(next);
  }
}
