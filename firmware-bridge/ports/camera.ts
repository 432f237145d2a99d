/** One still picture from a camera, encoded as it came. */
export interface CameraFrame {
  /** JPEG bytes; the receiver owns the buffer. */
  readonly jpeg: Uint8Array<ArrayBuffer>;
  /** Milliseconds of the monotonic clock at capture, or at arrival where the camera does not say. */
  readonly capturedMonoMs: number;
}

export type CameraState =
  | { readonly kind: "starting" }
  | { readonly kind: "live" }
  | {
      readonly kind: "lost";
      readonly code: string;
      readonly hint: { readonly zh: string; readonly en: string };
    }
  | { readonly kind: "closed" };

/**
 * A source of frames. Only the newest frame counts: a slow consumer sees the older ones dropped, never queued.
 * A camera that goes silent reports `lost` by its own watchdog and keeps trying until closed.
 */
export interface Camera {
  readonly label: string;
  state(): CameraState;
  /** @returns a function that unsubscribes. */
  onFrame(listener: (frame: CameraFrame) => void): () => void;
  onState(listener: (state: CameraState) => void): () => void;
  open(options: { readonly signal: AbortSignal }): Promise<void>;
  close(): Promise<void>;
}
