import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { artifactsForTests, samplePhoto } from "./artifacts-for-tests.ts";
import { type EmbeddedFile, embedFiles } from "./face-embed.ts";
import { createFaceEngine } from "./face-engine.ts";
import { FaceEngineError } from "./face-engine-error.ts";
import type { FaceEngine } from "./face-engine-port.ts";

let engine: FaceEngine;
let folder: string;

beforeAll(async () => {
  engine = await createFaceEngine({ artifactsFolder: await artifactsForTests(), faceCountMax: 20 });
  folder = await mkdtemp(path.join(tmpdir(), "canteen-embed-"));
}, 600_000);

afterAll(async () => {
  await engine?.close();
  await rm(folder, { recursive: true, force: true });
});

test("gives one line per file in input order, with errors between faces, in the documented form", async () => {
  const text = path.join(folder, "no-image.jpg");
  await writeFile(text, "no image");
  const empty = path.join(folder, "empty.png");
  await sharp({ create: { width: 300, height: 200, channels: 3, background: "#468" } }).toFile(empty);
  const missing = path.join(folder, "missing.jpg");
  const files = [samplePhoto(5), text, empty, missing, folder, samplePhoto(3)];
  const lines: EmbeddedFile[] = [];
  for await (const line of embedFiles(engine, files)) lines.push(JSON.parse(JSON.stringify(line)));
  expect(lines.map(({ file }) => file)).toEqual(files);
  expect(lines[1]).toEqual({ file: text, error: { code: "image-unreadable", message: expect.any(String) } });
  expect(lines[2]).toEqual({ file: empty, faces: [] });
  expect(lines[3]).toEqual({
    file: missing,
    error: { code: "file-unreadable", message: expect.any(String) },
  });
  expect(lines[4]).toEqual({ file: folder, error: { code: "file-unreadable", message: expect.any(String) } });
  const [first] = lines;
  if (first === undefined || !("faces" in first)) throw new Error("the first file shows faces");
  expect(first.faces).toHaveLength(5);
  for (const face of first.faces) {
    expect(Object.keys(face)).toEqual([
      "box",
      "detectionScore",
      "landmarks",
      "quality",
      "liveness",
      "model",
      "embedding",
    ]);
    expect(face.box).toHaveLength(4);
    expect(face.landmarks).toHaveLength(5);
    expect(face.embedding).toHaveLength(engine.embeddingLength);
    expect(Math.hypot(...face.embedding)).toBeCloseTo(1, 4);
  }
});

test("keeps at most four files in flight, however many there are", async () => {
  let inFlight = 0;
  let inFlightMost = 0;
  const slowEngine: Pick<FaceEngine, "analyze"> = {
    async analyze() {
      inFlight += 1;
      inFlightMost = Math.max(inFlightMost, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      throw new FaceEngineError("image-unreadable", "never an image");
    },
  };
  const file = path.join(folder, "one.jpg");
  await writeFile(file, "x");
  let count = 0;
  for await (const line of embedFiles(slowEngine, Array(200).fill(file))) count += "error" in line ? 1 : 0;
  expect(count).toBe(200);
  expect(inFlightMost).toBeLessThanOrEqual(4);
});

test("a crashed engine ends the run instead of marking every file as bad", async () => {
  const crashed: Pick<FaceEngine, "analyze"> = {
    analyze: () => Promise.reject(new FaceEngineError("engine-crashed", "gone")),
  };
  const run = async () => {
    for await (const line of embedFiles(crashed, [samplePhoto(1), samplePhoto(2)]))
      expect(line).toBeUndefined();
  };
  await expect(run()).rejects.toMatchObject({ code: "engine-crashed" });
});
