import { describe, expect, it } from "vitest";
import type { CameraFrame } from "../../firmware-bridge/ports/camera.ts";
import type { FrameObservation } from "../../models/face-engine-port.ts";
import { CanteenError } from "../platform/errors.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { FramePump } from "./frame-pump.ts";

const stageMs = { decode: 0, detect: 0, landmarks: 0, liveness: 0, embed: 0, search: 0, total: 0 };
const empty: FrameObservation = { widthPx: 1, heightPx: 1, faces: [], faceCountDropped: 0, stageMs };

/** A camera whose shutter the test presses and an engine that answers when the test says so. */
function bench(options: { wanted?: () => boolean } = {}) {
  const clock = new VirtualClock();
  let listener: ((frame: CameraFrame) => void) | null = null;
  const asked: {
    readonly byte: number | undefined;
    readonly answer: (result: FrameObservation | Error) => void;
  }[] = [];
  const seen: number[] = [];
  const faults: string[] = [];
  const pump = new FramePump({
    clock,
    camera: {
      onFrame: (next) => {
        listener = next;
        return () => {
          listener = null;
        };
      },
    },
    engine: {
      observe: ({ bytes }) =>
        new Promise((resolve, reject) => {
          asked.push({
            byte: bytes[0],
            answer: (result) => (result instanceof Error ? reject(result) : resolve(result)),
          });
        }),
    },
    wanted: options.wanted ?? (() => true),
    frameAgeMsMax: 500,
    onObservation: ({ capturedMono }) => seen.push(capturedMono),
    onFault: (code) => faults.push(code),
  });
  const shoot = (byte: number): void =>
    listener?.({ jpeg: Uint8Array.of(byte), capturedMonoMs: clock.mono() });
  return { clock, pump, asked, seen, faults, shoot };
}

describe("FramePump", () => {
  it("keeps only the newest frame while the engine works", async () => {
    const { clock, pump, asked, shoot } = bench();
    for (const byte of [1, 2, 3, 4]) shoot(byte);
    asked[0]?.answer(empty);
    await clock.advance(0);
    expect(asked.map(({ byte }) => byte)).toEqual([1, 4]);
    expect(pump.droppedCount()).toBe(2);
  });

  it("drops a frame that grew too old while it waited", async () => {
    const { clock, pump, asked, seen, shoot } = bench();
    shoot(1);
    shoot(2);
    await clock.advance(501);
    asked[0]?.answer(empty);
    await clock.advance(0);
    expect([asked.length, seen, pump.droppedCount()]).toEqual([1, [0], 1]);
    shoot(3);
    expect(asked.length).toBe(2);
  });

  it("looks at nobody while no frame is wanted", () => {
    const { asked, shoot } = bench({ wanted: () => false });
    shoot(1);
    expect(asked).toEqual([]);
  });

  it("reports a fault by its code and goes on with the next frame", async () => {
    const { clock, asked, seen, faults, shoot } = bench();
    const hint = { zh: "图片损坏", en: "damaged picture" };
    shoot(1);
    shoot(2);
    asked[0]?.answer(new CanteenError("bad jpeg", { code: "image-unreadable", retry: "never", hint }));
    await clock.advance(0);
    asked[1]?.answer(empty);
    await clock.advance(0);
    expect([faults, seen]).toEqual([["image-unreadable"], [0]]);
  });

  it("waits for the frame in work when it closes, and reports nothing afterwards", async () => {
    const { clock, pump, asked, seen, shoot } = bench();
    shoot(1);
    const closing = pump.close();
    asked[0]?.answer(empty);
    await closing;
    shoot(2);
    await clock.advance(0);
    expect([asked.length, seen]).toEqual([1, []]);
  });
});
