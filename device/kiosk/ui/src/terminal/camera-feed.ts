import { onScopeDispose, type Ref, readonly, shallowRef, watch } from "vue";
import { PictureTaker, useWebcam, type WebcamTrouble } from "./webcam.ts";

/** What a page's socket must offer so that the terminal gets the webcam's pictures, and the page those of its camera. */
export interface PictureLink {
  sendFrame(jpeg: Blob): void;
  /** @param listener called when the terminal asks for one picture. */
  onFrameWanted(listener: () => void): void;
  /** @param listener gets pictures of the terminal's own camera. */
  onPicture(listener: (jpeg: Blob) => void): void;
  reportTrouble(reason: WebcamTrouble): void;
}

export interface CameraFeed {
  /** The webcam, to be shown in a `<video>`; null where the terminal has a camera of its own. */
  readonly stream: Readonly<Ref<MediaStream | null>>;
  /** The newest picture of the terminal's own camera, as an address for `<img>`. */
  readonly pictureUrl: Readonly<Ref<string | null>>;
  readonly trouble: Readonly<Ref<WebcamTrouble | null>>;
}

/** Gives the terminal pictures for as long as the page lives, whether or not any of them is shown. */
export function useCameraFeed(link: PictureLink, isBrowserCamera: () => boolean): CameraFeed {
  const webcam = useWebcam();
  const taker = new PictureTaker();
  const pictureUrl = shallowRef<string | null>(null);
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  let isFrameWanted = false;

  const sendFrame = async (): Promise<void> => {
    if (!isFrameWanted || webcam.stream.value === null) return;
    isFrameWanted = false;
    const jpeg = await taker.take(video);
    if (jpeg === undefined) isFrameWanted = true;
    else link.sendFrame(jpeg);
  };
  const forgetPicture = (): void => {
    if (pictureUrl.value !== null) URL.revokeObjectURL(pictureUrl.value);
    pictureUrl.value = null;
  };
  link.onFrameWanted(() => {
    isFrameWanted = true;
    void sendFrame();
  });
  link.onPicture((jpeg) => {
    forgetPicture();
    if (!isBrowserCamera()) pictureUrl.value = URL.createObjectURL(jpeg);
  });
  video.addEventListener("playing", () => void sendFrame());
  watch(
    isBrowserCamera,
    (isBrowser) => {
      forgetPicture();
      if (isBrowser) webcam.start();
      else webcam.stop();
    },
    { immediate: true },
  );
  watch(webcam.stream, (stream) => {
    video.srcObject = stream;
    // Refused only while the page is hidden; the next picture is asked for again.
    if (stream !== null) video.play().catch(() => {});
  });
  watch(webcam.trouble, (reason) => {
    if (reason !== null) link.reportTrouble(reason);
  });
  onScopeDispose(() => {
    forgetPicture();
    video.srcObject = null;
  });
  return { stream: webcam.stream, pictureUrl: readonly(pictureUrl), trouble: webcam.trouble };
}
