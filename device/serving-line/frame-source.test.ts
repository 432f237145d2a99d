import { describe, expect, it } from "vitest";
import type { Camera, CameraFrame, CameraState } from "../../firmware-bridge/ports/camera.ts";
import type { EncodedImage, FrameObservation } from "../../models/face-engine-port.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { createFrameSource, type ObservedFrame, watchFaces } from "./frame-source.ts";
import { picture } from "./serving-line-fixture.ts";

class TestCamera implements Pick<Camera, "onFrame" | "onState" | "state"> {
  #frame: (frame: CameraFrame) => void = () => {};
  #state: (state: CameraState) => void = () => {};
  current: CameraState = { kind: "live" };

  onFrame(listener: (frame: CameraFrame) => void): () => void {
    this.#frame = listener;
    return () => {
      this.#frame = () => {};
    };
  }
  onState(listener: (state: CameraState) => void): () => void {
    this.#state = listener;
    return () => {
      this.#state = () => {};
    };
  }
  state(): CameraState {
    return this.current;
  }
  take(capturedMonoMs: number, shows = capturedMonoMs): void {
    this.#frame({ jpeg: Uint8Array.of(shows), capturedMonoMs });
  }
  become(state: CameraState): void {
    this.current = state;
    this.#state(state);
  }
}

/** Answers when told to. */
class TestEngine {
  readonly asked: { readonly bytes: readonly number[]; answer(): void; fail(code: string): void }[] = [];
  observe({ bytes }: EncodedImage): Promise<FrameObservation> {
    return new Promise((resolve, reject) => {
      this.asked.push({
        bytes: [...bytes],
        answer: () => resolve(picture()),
        fail: (code) =>
          reject(new CanteenError(code, { code, retry: "backoff", hint: { zh: "错", en: "wrong" } })),
      });
    });
  }
}

async function fixture(options: { readonly stills?: () => boolean } = {}) {
  const camera = new TestCamera();
  const engine = new TestEngine();
  const clock = new VirtualClock();
  await clock.advance(100);
  let isLoading = false;
  let facesChanged = () => {};
  const faces = {
    isLoading: () => isLoading,
    onChange: (listener: () => void) => {
      facesChanged = listener;
      return () => {
        facesChanged = () => {};
      };
    },
  };
  const load = (now: boolean) => {
    isLoading = now;
    facesChanged();
  };
  const source = createFrameSource({ camera, engine, faces, clock, logger: silentLogger, ...options });
  const seen: ObservedFrame[] = [];
  const lost: boolean[] = [];
  source.onFrame((frame) => seen.push(frame));
  source.onCameraLost((isLost) => lost.push(isLost));
  return { camera, engine, clock, source, load, seen, lost, settle: () => clock.advance(0) };
}

/** What only a sensor does: a row of pictures that all differ. */
function showNoise(camera: TestCamera): void {
  for (let picture = 100; picture < 120; picture++) camera.take(0, picture);
}

describe("the frame source", () => {
  it("measures one frame at a time and keeps only the newest while it does", async () => {
    const { camera, engine, source, seen, settle } = await fixture();
    source.setWanted(true);
    for (const at of [1, 2, 3]) camera.take(at);
    expect(engine.asked.map(({ bytes }) => bytes)).toEqual([[1]]);
    engine.asked[0]?.answer();
    await settle();
    expect(engine.asked.map(({ bytes }) => bytes)).toEqual([[1], [3]]);
    engine.asked[1]?.answer();
    await settle();
    expect(seen.map(({ capturedMono }) => capturedMono)).toEqual([1, 3]);
  });

  it("measures nothing while nobody looks, and hands on nothing that was asked for before", async () => {
    const { camera, engine, source, seen, settle } = await fixture();
    camera.take(1);
    expect(engine.asked).toEqual([]);
    source.setWanted(true);
    camera.take(2);
    source.setWanted(false);
    engine.asked[0]?.answer();
    await settle();
    expect(seen).toEqual([]);
  });

  it("does not take a frame's word for a time that has not come", async () => {
    const { camera, engine, source, seen, settle } = await fixture();
    source.setWanted(true);
    camera.take(9999);
    engine.asked[0]?.answer();
    await settle();
    expect(seen[0]?.capturedMono).toBe(100);
  });

  it("knows a camera that hangs: the same picture again is as old as it was, also from before anybody looked", async () => {
    const shown = async (options: { readonly stills?: () => boolean }) => {
      const { camera, engine, source, seen, settle } = await fixture(options);
      showNoise(camera);
      camera.take(1, 7);
      source.setWanted(true);
      for (const [at, picture] of [
        [20, 7],
        [40, 7],
        [60, 8],
        [80, 7],
      ] as const) {
        camera.take(at, picture);
        engine.asked.at(-1)?.answer();
        await settle();
      }
      return seen.map(({ capturedMono }) => capturedMono);
    };
    expect(await shown({})).toEqual([1, 1, 60, 80]);
    expect(await shown({ stills: () => true })).toEqual([20, 40, 60, 80]);
  });

  it("calls a camera lost that shows the same picture for seconds, until it shows another", async () => {
    let isFolder = false;
    const { camera, clock, lost, source } = await fixture({ stills: () => isFolder });
    showNoise(camera);
    for (const [waitMs, picture] of [
      [0, 7],
      [2900, 7],
      [200, 7],
      [100, 7],
      [100, 8],
      [2900, 8],
    ] as const) {
      await clock.advance(waitMs);
      camera.take(clock.mono(), picture);
    }
    expect(lost).toEqual([true, false]);
    // Another camera was chosen, one that shows stills.
    await clock.advance(200);
    camera.take(clock.mono(), 8);
    isFolder = true;
    camera.take(clock.mono(), 8);
    expect(lost).toEqual([true, false, true, false]);
    expect(source.cameraLost()).toBe(false);
  });

  it("takes pictures without a sensor's noise as they are: the same one again is another frame", async () => {
    const { camera, clock, engine, source, seen, lost, settle } = await fixture();
    source.setWanted(true);
    for (const picture of [7, 7, 8, 8]) {
      await clock.advance(4000);
      camera.take(clock.mono(), picture);
      engine.asked.at(-1)?.answer();
      await settle();
    }
    expect(seen.map(({ capturedMono }) => capturedMono)).toEqual([4100, 8100, 12100, 16100]);
    expect(lost).toEqual([]);
  });

  it("goes on after a frame that cannot be read", async () => {
    const { camera, engine, source, seen, lost, settle } = await fixture();
    source.setWanted(true);
    camera.take(1);
    engine.asked[0]?.fail("image-unreadable");
    await settle();
    camera.take(2);
    engine.asked[1]?.answer();
    await settle();
    expect([seen.length, lost]).toEqual([1, []]);
  });

  it("shows the engine no frame while the faces are loaded, and says which of the two is missing", async () => {
    const { camera, engine, source, load, settle } = await fixture();
    const losses: unknown[] = [];
    watchFaces(source, (loss) => losses.push(loss));
    source.setWanted(true);
    load(true);
    camera.take(1);
    expect(engine.asked).toEqual([]);
    camera.become({ kind: "lost", code: "silent", hint: { zh: "无", en: "none" } });
    load(false);
    camera.become({ kind: "live" });
    camera.take(2);
    engine.asked[0]?.fail("engine-crashed");
    await settle();
    // In touch mode nobody looks then, so no frame would tell that a fresh engine is there.
    source.setWanted(false);
    load(true);
    load(false);
    expect(losses).toEqual([
      null,
      "faces-loading",
      "camera-lost",
      null,
      "camera-lost",
      "faces-loading",
      null,
    ]);
  });

  it("tells that there is no camera when it is lost or the engine is gone, and when it is back", async () => {
    const { camera, engine, source, lost, settle } = await fixture();
    source.setWanted(true);
    camera.become({ kind: "lost", code: "silent", hint: { zh: "无", en: "none" } });
    camera.become({ kind: "lost", code: "still-silent", hint: { zh: "无", en: "none" } });
    expect([source.cameraLost(), lost]).toEqual([true, [true]]);
    camera.become({ kind: "live" });
    camera.take(1);
    engine.asked[0]?.fail("engine-crashed");
    await settle();
    expect(lost).toEqual([true, false, true]);
    camera.take(2);
    engine.asked[1]?.answer();
    await settle();
    expect([source.cameraLost(), lost]).toEqual([false, [true, false, true, false]]);
  });

  it("ends with the frame under way and hands on nothing after it was closed", async () => {
    const { camera, engine, source, seen } = await fixture();
    source.setWanted(true);
    camera.take(1);
    const closed = source.close();
    engine.asked[0]?.answer();
    await closed;
    camera.take(2);
    expect([seen, engine.asked.length]).toEqual([[], 1]);
  });
});
