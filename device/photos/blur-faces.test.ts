import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifactsForTests, samplePhoto } from "../../models/artifacts-for-tests.ts";
import { createFaceEngine } from "../../models/face-engine.ts";
import type { FaceEngine } from "../../models/face-engine-port.ts";
import { blurFaces } from "./blur-faces.ts";
import { makePictures } from "./picture-making.ts";

let engine: FaceEngine;
/** Five people who look at the camera, from the sample photos of a package. */
let group: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  engine = await createFaceEngine({ artifactsFolder: await artifactsForTests() });
  group = new Uint8Array(await readFile(samplePhoto(5)));
}, 600_000);
afterAll(() => engine?.close());

const copy = (bytes: Uint8Array): { bytes: Uint8Array<ArrayBuffer> } => ({ bytes: new Uint8Array(bytes) });

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

describe("faces in a photo", () => {
  it("are found and nobody of them is recognised afterwards, in the picture and in its thumbnail", async () => {
    const faces = await engine.detect(copy(group));
    expect(faces.boxes.length).toBeGreaterThanOrEqual(5);
    const order = { jpeg: group, faces: Promise.resolve(faces), caption: { lines: ["12.350 kg"] } };
    const { photo, thumbnail } = await makePictures(order, "dots", new Map());
    const before = (await engine.analyze(copy(group))).faces;
    expect(before).toHaveLength(5);
    for (const picture of [photo, await sharp(thumbnail).resize(1600).jpeg().toBuffer()]) {
      const after = (await engine.analyze(copy(picture))).faces;
      // The least similarity of a match is 0.5 and more.
      for (const known of before)
        for (const seen of after) expect(dot(known.embedding, seen.embedding)).toBeLessThan(0.35);
    }
  });

  it("are not covered where nobody looked", async () => {
    const order = { jpeg: group, faces: Promise.resolve(null), caption: { lines: [] } };
    const { photo } = await makePictures(order, "dots", new Map());
    expect((await engine.detect(copy(photo))).boxes.length).toBeGreaterThanOrEqual(5);
  });
});

describe("a blurred box", () => {
  it("keeps 36 colours at most of what was in it, and nothing outside of it changes", () => {
    const [widthPx, heightPx] = [120, 90];
    const data = Uint8Array.from({ length: widthPx * heightPx * 3 }, (_, at) => (at * 7919) % 256);
    const swapped = Uint8Array.from(data);
    // Two pixels of one cell change places: its mean stays, so the blurred pictures must be the same.
    const at = (x: number, y: number): number => (y * widthPx + x) * 3;
    for (let channel = 0; channel < 3; channel++) {
      swapped[at(50, 40) + channel] = data[at(51, 40) + channel] ?? 0;
      swapped[at(51, 40) + channel] = data[at(50, 40) + channel] ?? 0;
    }
    const before = Uint8Array.from(data);
    blurFaces({ data, widthPx, heightPx }, [[40, 30, 30, 30]]);
    blurFaces({ data: swapped, widthPx, heightPx }, [[40, 30, 30, 30]]);
    expect(swapped).toEqual(data);
    expect(data[at(5, 5)]).toBe(before[at(5, 5)]);
    expect([...data.subarray(at(40, 45), at(70, 45))]).not.toEqual([
      ...before.subarray(at(40, 45), at(70, 45)),
    ]);
  });

  it.each([
    [[-50, -50, 60, 60]],
    [[100, 80, 400, 400]],
    [[10, 10, 1, 1]],
    [[500, 500, 10, 10]],
    [[Number.NaN, 0, 10, 10]],
  ] as const)("that reaches out of the picture is cut off: %j", (box) => {
    const picture = { data: new Uint8Array(120 * 90 * 3).fill(9), widthPx: 120, heightPx: 90 };
    blurFaces(picture, [box]);
    expect(picture.data.every((value) => value === 9)).toBe(true);
  });
});
