import type { Camera } from "../ports/camera.ts";
import type { Clock } from "../ports/clock.ts";
import { CameraChannel, isWholeJpeg } from "./camera-channel.ts";

/** A browser's 640×480 JPEG is under 200 kB; ten times that is room enough. */
export const PUSHED_FRAME_BYTES_MAX = 2 * 1024 * 1024;

export interface PushCameraOptions {
  readonly label: string;
  readonly silenceMsMax: number;
  readonly clock: Clock;
}

/** A camera whose pictures someone else brings: the kiosk's browser, through its WebSocket. */
export interface PushCamera extends Camera {
  /** @returns false, and nothing happens, when this is no whole JPEG, is too large, or the camera is closed. */
  push(jpeg: Uint8Array<ArrayBuffer>): boolean;
}

export function createPushCamera({ label, silenceMsMax, clock }: PushCameraOptions): PushCamera {
  const channel = new CameraChannel(clock);
  let unlinkSignal = (): void => {};

  const onSilence = (): void =>
    channel.lost({
      code: "camera-silent",
      hint: {
        zh: "浏览器没有送来画面：请打开付款页面并允许使用摄像头",
        en: "The browser sends no pictures: open the pay page and allow it to use the camera",
      },
    });
  const close = async (): Promise<void> => {
    unlinkSignal();
    channel.closed();
  };

  return {
    label,
    state: () => channel.state,
    onFrame: (listener) => channel.onFrame(listener),
    onState: (listener) => channel.onState(listener),
    async open({ signal }) {
      if (signal.aborted || channel.state.kind !== "closed") return;
      const onAbort = (): void => void close();
      signal.addEventListener("abort", onAbort, { once: true });
      unlinkSignal = () => signal.removeEventListener("abort", onAbort);
      // Nobody may ever open the page: that stays "starting". The wait for silence begins with the first picture.
      channel.starting();
    },
    close,
    push(jpeg) {
      if (channel.state.kind === "closed") return false;
      if (jpeg.length > PUSHED_FRAME_BYTES_MAX || !isWholeJpeg(jpeg)) return false;
      channel.arm(silenceMsMax, onSilence);
      channel.frame(jpeg);
      return true;
    },
  };
}
