import { describe, expect, it } from "vitest";
import type { Camera } from "../ports/camera.ts";
import { createPushCamera, PUSHED_FRAME_BYTES_MAX } from "./camera-push.ts";
import { type CameraKind, createCameraSwitch } from "./camera-switch.ts";
import { ManualClock } from "./camera-test-clock.ts";

const picture = (mark: number): Uint8Array<ArrayBuffer> => Uint8Array.from([0xff, 0xd8, mark, 0xff, 0xd9]);
const signal = new AbortController().signal;

describe("push camera", () => {
  const make = () => {
    const clock = new ManualClock();
    const camera = createPushCamera({ label: "browser", silenceMsMax: 3000, clock });
    const marks: (number | undefined)[] = [];
    camera.onFrame((frame) => marks.push(frame.jpeg[2]));
    return { clock, camera, marks };
  };

  it("is starting until the first picture, then live, then lost after silence, then live again", async () => {
    const { clock, camera, marks } = make();
    await camera.open({ signal });
    clock.advance(60_000);
    expect(camera.state().kind).toBe("starting");
    expect(camera.push(picture(1))).toBe(true);
    expect(camera.state().kind).toBe("live");
    clock.advance(3000);
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-silent" });
    camera.push(picture(2));
    expect(camera.state().kind).toBe("live");
    expect(marks).toEqual([1, 2]);
  });

  it("refuses what is no whole JPEG, too large, or comes while it is closed", async () => {
    const { camera, marks } = make();
    expect(camera.push(picture(1))).toBe(false);
    await camera.open({ signal });
    expect(camera.push(picture(1).slice(0, 3))).toBe(false);
    expect(camera.push(Uint8Array.from([1, 2, 3, 4, 5]))).toBe(false);
    const large = new Uint8Array(PUSHED_FRAME_BYTES_MAX + 1);
    large.set([0xff, 0xd8]);
    large.set([0xff, 0xd9], large.length - 2);
    expect(camera.push(large)).toBe(false);
    expect(marks).toEqual([]);
  });

  it("gives each listener bytes of its own, even when the first transfers them away", async () => {
    const { camera } = make();
    await camera.open({ signal });
    const seen: number[] = [];
    camera.onFrame((frame) => {
      structuredClone(frame.jpeg.buffer, { transfer: [frame.jpeg.buffer] });
    });
    camera.onFrame((frame) => seen.push(frame.jpeg.length));
    camera.push(picture(1));
    expect(seen).toEqual([5]);
  });
});

describe("camera switch", () => {
  const make = (initial: CameraKind) => {
    const clock = new ManualClock();
    const made: { kind: CameraKind; camera: Camera }[] = [];
    const source = (kind: CameraKind) => () => {
      const camera = createPushCamera({ label: kind, silenceMsMax: 1000, clock });
      made.push({ kind, camera });
      return camera;
    };
    const cameras = createCameraSwitch({
      sources: { browser: source("browser"), http: source("http") },
      initial,
    });
    return { cameras, made, clock };
  };

  it("passes frames and states of the chosen camera only, and closes the one it leaves", async () => {
    const { cameras, made } = make("browser");
    const states: string[] = [];
    let frames = 0;
    cameras.onState((state) => states.push(state.kind));
    cameras.onFrame(() => (frames += 1));
    await cameras.open({ signal });
    cameras.push(picture(1));
    expect(await cameras.choose("http")).toBe(true);
    expect(cameras.kind()).toBe("http");
    expect(made[0]?.camera.state().kind).toBe("closed");
    cameras.push(picture(2));
    expect(frames).toBe(2);
    expect(states).toEqual(["starting", "live", "closed", "starting", "live"]);
  });

  it("refuses a camera that the terminal has not", async () => {
    const { cameras } = make("browser");
    expect(cameras.kinds).toEqual(["browser", "http"]);
    expect(await cameras.choose("folder")).toBe(false);
    expect(cameras.kind()).toBe("browser");
  });

  it("leaves one camera open when two changes are asked for at once", async () => {
    const { cameras, made } = make("browser");
    await cameras.open({ signal });
    await Promise.all([cameras.choose("http"), cameras.choose("browser"), cameras.choose("http")]);
    expect(made.filter(({ camera }) => camera.state().kind !== "closed").map(({ kind }) => kind)).toEqual([
      "http",
    ]);
    await cameras.close();
    expect(made.filter(({ camera }) => camera.state().kind !== "closed")).toEqual([]);
  });
});
