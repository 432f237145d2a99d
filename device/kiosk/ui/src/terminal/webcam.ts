import { onScopeDispose, type Ref, ref, shallowRef } from "vue";

export type WebcamTrouble = "denied" | "none" | "busy" | "failed";

export interface Webcam {
  /** To be shown in a `<video>`; null while there is none. */
  readonly stream: Readonly<Ref<MediaStream | null>>;
  readonly trouble: Readonly<Ref<WebcamTrouble | null>>;
  start(): void;
  stop(): void;
}

const RETRY_MS = 3000;

/** The machine's own webcam: opened on demand, tried again when it is unplugged, taken or refused. */
export function useWebcam(): Webcam {
  const stream = shallowRef<MediaStream | null>(null);
  const trouble = ref<WebcamTrouble | null>(null);
  let isWanted = false;
  let isOpening = false;
  let timer = 0;

  const tryLater = (): void => {
    window.clearTimeout(timer);
    if (isWanted) timer = window.setTimeout(() => void open(), RETRY_MS);
  };

  const release = (): void => {
    for (const track of stream.value?.getTracks() ?? []) track.stop();
    stream.value = null;
  };

  const open = async (): Promise<void> => {
    if (!isWanted || isOpening || stream.value !== null) return;
    isOpening = true;
    try {
      const media = navigator.mediaDevices;
      if (media === undefined) throw new DOMException("no media devices", "NotFoundError");
      const opened = await media.getUserMedia({
        audio: false,
        video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" },
      });
      stream.value = opened;
      trouble.value = null;
      if (!isWanted) release();
      opened.getVideoTracks()[0]?.addEventListener("ended", () => {
        release();
        trouble.value = "none";
        tryLater();
      });
    } catch (error) {
      trouble.value = troubleOf(error);
      tryLater();
    } finally {
      isOpening = false;
    }
  };

  const stop = (): void => {
    isWanted = false;
    window.clearTimeout(timer);
    release();
    trouble.value = null;
  };
  onScopeDispose(stop);

  return {
    stream,
    trouble,
    start() {
      isWanted = true;
      void open();
    },
    stop,
  };
}

function troubleOf(error: unknown): WebcamTrouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "none";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "failed";
}

const FRAME_WIDTH_PX_MAX = 640;
const JPEG_QUALITY = 0.85;
/** Longer than a webcam takes for a picture in a dark room; then the terminal is told nothing, and says so after a while. */
const NEXT_PICTURE_MS_MAX = 500;
const LOOK_AGAIN_MS = 15;

/** Takes still pictures of a playing `<video>`, at most 640 pixels wide: what the engine needs and no more. */
export class PictureTaker {
  readonly #canvas = new OffscreenCanvas(FRAME_WIDTH_PX_MAX, 480);
  #stream: MediaProvider | null = null;
  #framesTaken = 0;

  /** @returns a JPEG, or undefined while the video has no picture yet, or no further one comes. */
  async take(video: HTMLVideoElement): Promise<Blob | undefined> {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) return undefined;
    if (!(await this.#hasNext(video))) return undefined;
    const scale = Math.min(1, FRAME_WIDTH_PX_MAX / video.videoWidth);
    this.#canvas.width = Math.round(video.videoWidth * scale);
    this.#canvas.height = Math.round(video.videoHeight * scale);
    const context = this.#canvas.getContext("2d", { alpha: false });
    if (context === null) return undefined;
    context.drawImage(video, 0, 0, this.#canvas.width, this.#canvas.height);
    return this.#canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
  }

  /**
   * A webcam that hangs leaves its last picture standing, and whoever was there then would pay for everybody after them.
   * So each picture is taken once; a browser that does not count them (0) is believed.
   */
  async #hasNext(video: HTMLVideoElement): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < NEXT_PICTURE_MS_MAX; waitedMs += LOOK_AGAIN_MS) {
      const { totalVideoFrames } = video.getVideoPlaybackQuality();
      if (
        totalVideoFrames === 0 ||
        totalVideoFrames !== this.#framesTaken ||
        video.srcObject !== this.#stream
      ) {
        this.#framesTaken = totalVideoFrames;
        this.#stream = video.srcObject;
        return true;
      }
      await new Promise((resolve) => window.setTimeout(resolve, LOOK_AGAIN_MS));
    }
    return false;
  }
}
