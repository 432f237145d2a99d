import { describe, expect, it } from "vitest";
import type { FaceEngine, FrameObservation } from "../../models/face-engine-port.ts";
import { createMetrics } from "../platform/metrics.ts";
import { watchEngine } from "./engine-watch.ts";

const stageMs = { decode: 2, detect: 20, landmarks: 1, liveness: 0, embed: 30, search: 1, total: 54 };
const observation: FrameObservation = {
  observationId: "o1",
  widthPx: 640,
  heightPx: 480,
  faces: [
    {
      box: [1, 2, 3, 4],
      detectionScore: 0.9,
      landmarks: [
        [1, 1],
        [2, 1],
        [1.5, 2],
        [1, 3],
        [2, 3],
      ],
      quality: {
        overall: 0.5,
        eyeDistancePx: 40,
        yawDeg: 0,
        pitchDeg: 0,
        rollDeg: 0,
        sharpness: 50,
        brightness: 120,
      },
      liveness: null,
      model: "m",
      search: { best: { personId: "p1", similarity: 0.9 }, runnerUp: null, expected: null },
      otherSearches: [],
    },
  ],
  faceCountDropped: 0,
  stageMs,
};

function engineThat(observe: FaceEngine["observe"]): FaceEngine {
  const unused = (): never => {
    throw new Error("not part of this test");
  };
  return {
    model: "m",
    embeddingLength: 4,
    sideModels: [],
    observe,
    detect: unused,
    analyze: unused,
    search: unused,
    loadGallery: unused,
    replacePerson: unused,
    setExpected: unused,
    takeEmbedding: unused,
    gallerySize: unused,
    close: async () => {},
  };
}

describe("watchEngine", () => {
  it("hands the observation on unchanged, tells where faces are, and counts the stages", async () => {
    const metrics = createMetrics();
    const watched = watchEngine(
      engineThat(async () => observation),
      metrics,
    );
    const sightings: unknown[] = [];
    watched.onSighting((sighting) => sightings.push(sighting));
    expect(await watched.engine.observe({ bytes: new Uint8Array(1) })).toBe(observation);
    // Who it was stays out of it.
    expect(sightings).toEqual([{ widthPx: 640, heightPx: 480, boxes: [[1, 2, 3, 4]] }]);
    const { text } = await metrics.render();
    expect(text).toContain('canteen_frame_stage_seconds_count{stage="embed"} 1');
    expect(text).toContain("canteen_faces_total 1");
    expect(text).not.toContain("p1");
    metrics.close();
  });

  it("counts a frame that was dropped for a newer one, and passes the rejection on", async () => {
    const metrics = createMetrics();
    const full = Object.assign(new Error("full"), { code: "queue-full" });
    const watched = watchEngine(
      engineThat(() => Promise.reject(full)),
      metrics,
    );
    await expect(watched.engine.observe({ bytes: new Uint8Array(1) })).rejects.toBe(full);
    expect((await metrics.render()).text).toContain("canteen_frames_dropped_total 1");
    metrics.close();
  });
});
