import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { Camera, CameraState } from "../ports/camera.ts";
import { createFfmpegCamera, type FfmpegCameraOptions, v4l2Input } from "./camera-ffmpeg.ts";
import { ManualClock } from "./camera-test-clock.ts";

/** ffmpeg's own test picture in place of a device: no machine of the tests has a camera. */
const TEST_PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25"];

async function openCamera(options: Partial<FfmpegCameraOptions> = {}) {
  const clock = new ManualClock();
  const camera = createFfmpegCamera({
    label: "test",
    inputArgs: TEST_PICTURE,
    framePeriodMs: 40,
    silenceMsMax: 3000,
    clock,
    entropy: { uniform: () => 1 },
    ...options,
  });
  onTestFinished(() => camera.close());
  await camera.open({ signal: new AbortController().signal });
  return { camera, clock };
}

const nextFrame = (camera: Camera): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const stop = camera.onFrame(({ jpeg }) => {
      stop();
      resolve(jpeg);
    });
  });

const nextState = (camera: Camera, kind: CameraState["kind"]): Promise<CameraState> =>
  new Promise((resolve) => {
    const { kind: now } = camera.state();
    if (now === kind) resolve(camera.state());
    else
      camera.onState((state) => {
        if (state.kind === kind) resolve(state);
      });
  });

describe("v4l2", () => {
  it("is read at the wanted size", () => {
    expect(v4l2Input({ device: "/dev/video0", widthPx: 1280, heightPx: 720 }).join(" ")).toBe(
      "-f v4l2 -video_size 1280x720 -i /dev/video0",
    );
  });
});

describe.skipIf(!hasTool("ffmpeg"))("a camera read by ffmpeg", () => {
  it("gives whole pictures", async () => {
    const { camera } = await openCamera();
    expect(await sharp(await nextFrame(camera)).metadata()).toMatchObject({ width: 320, height: 240 });
    expect(camera.state()).toEqual({ kind: "live" });
    await camera.close();
    expect(camera.state()).toEqual({ kind: "closed" });
  });

  it("that ends is lost by name, and gives pictures again when it is started anew", async () => {
    const { camera, clock } = await openCamera({
      inputArgs: ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=0.2"],
    });
    await nextFrame(camera);
    expect(await nextState(camera, "lost")).toMatchObject({ code: "camera-ffmpeg-ended" });
    const again = nextFrame(camera);
    clock.advance(500);
    await again;
  });

  it("whose device is gone says so, and waits longer each time", async () => {
    const { camera, clock } = await openCamera({
      inputArgs: v4l2Input({ device: "/dev/video-that-is-not-there", widthPx: 640, heightPx: 480 }),
    });
    expect(await nextState(camera, "lost")).toMatchObject({ code: "camera-unplugged" });
    expect(clock.msToNextTask()).toBe(500);
  });

  it("that falls silent is ended and started anew", async () => {
    // However long one reads it, it is no picture.
    const { camera, clock } = await openCamera({ inputArgs: ["-f", "mpjpeg", "-i", "/dev/zero"] });
    clock.advance(3000);
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-silent" });
  });

  it("leaves nothing running and nothing waiting when it is closed", async () => {
    const { camera, clock } = await openCamera();
    await nextFrame(camera);
    await camera.close();
    expect(clock.waiting).toBe(0);
  });
});

it("without ffmpeg the camera is lost by name", async () => {
  const { camera } = await openCamera({ program: "ffmpeg-that-is-not-installed" });
  expect(await nextState(camera, "lost")).toMatchObject({ code: "ffmpeg-missing" });
});
