import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoConfig } from "../device/config/demo-config.ts";
import { artifactsForTests } from "../models/artifacts-for-tests.ts";
import { uncalibratedThresholds } from "../models/calibration/pack-bounds.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import type { Face, FaceEngine, ImageAnalysis } from "../models/face-engine-port.ts";
import { type DemoPerson, demoFolderDefault, prepareDemo } from "./prepare-demo.ts";

const { face: limits } = demoConfig({
  dataFolder: "/data",
  cameraFolder: null,
  mqttUrl: "mqtt://127.0.0.1:1",
});

let engine: FaceEngine;
let people: readonly DemoPerson[];
const thresholds = uncalibratedThresholds("frf512-mfn192-flip-look2", limits);

let enrolled: readonly { readonly number: string; readonly faces: readonly Face[] }[];

beforeAll(async () => {
  engine = await createFaceEngine({ artifactsFolder: await artifactsForTests(), faceCountMax: 10 });
  people = await prepareDemo();
  enrolled = await Promise.all(
    people.map(async ({ number, enrol }) => ({
      number,
      faces: (await Promise.all(enrol.map(look))).flatMap(({ faces }) => faces),
    })),
  );
});
afterAll(() => engine.close());

function look(file: string): Promise<ImageAnalysis> {
  return engine.analyze({ bytes: new Uint8Array(readFileSync(join(demoFolderDefault, file))) });
}

/** Similarity to each enrolled person, best first. */
function ranking({ embedding }: Face): { readonly number: string; readonly similarity: number }[] {
  const similarity = (face: Face): number =>
    face.embedding.reduce((sum, x, i) => sum + x * (embedding[i] ?? 0), 0);
  return enrolled
    .map(({ number, faces }) => ({ number, similarity: Math.max(...faces.map(similarity)) }))
    .sort((a, b) => b.similarity - a.similarity);
}

describe("the demo's people", () => {
  it("are at least six, each with several shots good enough to enrol and with one face in each", () => {
    expect(people.length).toBeGreaterThanOrEqual(6);
    for (const [index, { faces }] of enrolled.entries()) {
      expect(faces).toHaveLength(people[index]?.enrol.length ?? 0);
      for (const { quality } of faces) expect(quality.overall).toBeGreaterThanOrEqual(limits.enrolQualityMin);
    }
  });

  it("are each recognised before the camera, clearly and as themselves", async () => {
    for (const { number, camera } of people) {
      const { faces, widthPx, heightPx } = await look(camera);
      expect([widthPx, heightPx, faces.length]).toEqual([640, 480, 1]);
      const [face] = faces;
      if (face === undefined) continue;
      expect(face.quality.overall).toBeGreaterThanOrEqual(limits.qualityMin);
      const [best, second] = ranking(face);
      expect(best?.number).toBe(number);
      expect(best?.similarity).toBeGreaterThanOrEqual(thresholds.similarityMin);
      expect((best?.similarity ?? 0) - (second?.similarity ?? 0)).toBeGreaterThanOrEqual(
        thresholds.marginMin,
      );
    }
  });

  it("do not include the stranger", async () => {
    const { faces } = await look("stranger.jpg");
    expect(faces).toHaveLength(1);
    const [face] = faces;
    if (face !== undefined) expect(ranking(face)[0]?.similarity).toBeLessThan(thresholds.similarityMin);
  });

  it("are never committed", () => {
    const paths = people
      .flatMap(({ enrol, camera }) => [...enrol, camera])
      .map((path) => join(demoFolderDefault, path));
    const ignored = execFileSync("git", ["check-ignore", "--", ...paths], {
      cwd: import.meta.dirname,
      encoding: "utf8",
    });
    expect(ignored.trim().split("\n")).toHaveLength(paths.length);
  });
});
