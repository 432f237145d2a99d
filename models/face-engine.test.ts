import { appendFile, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { artifactsForTests, samplePhoto } from "./artifacts-for-tests.ts";
import { createFaceEngine } from "./face-engine.ts";
import type { FaceEngine, GalleryTemplate } from "./face-engine-port.ts";

let artifactsFolder: string;
let engine: FaceEngine;
/** A camera's frame: 640×480 with one person of sample 5. */
let frame: Buffer;
let smallPng: Buffer;

beforeAll(async () => {
  artifactsFolder = await artifactsForTests();
  engine = await createFaceEngine({ artifactsFolder, faceCountMax: 5, frameQueueMax: 2 });
  frame = await sharp(samplePhoto(5))
    .extract({ left: 880, top: 60, width: 640, height: 480 })
    .jpeg()
    .toBuffer();
  smallPng = await sharp(frame).resize(64).png().toBuffer();
}, 600_000);

afterAll(() => engine?.close());

function image(bytes: Uint8Array): { bytes: Uint8Array<ArrayBuffer> } {
  return { bytes: Uint8Array.from(bytes) };
}

async function photo(number: 1 | 2 | 3 | 4 | 5 | 6): Promise<{ bytes: Uint8Array<ArrayBuffer> }> {
  return image(await readFile(samplePhoto(number)));
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

/** JPEG: height and width follow the start-of-frame mark. */
function jpegThatClaims(jpeg: Buffer, side: number): Buffer {
  const copy = Buffer.from(jpeg);
  const mark = copy.indexOf(Buffer.from([0xff, 0xc0]));
  copy.writeUInt16BE(side, mark + 5);
  copy.writeUInt16BE(side, mark + 7);
  return copy;
}

describe("faces of a picture", () => {
  test("their places alone are those of the whole analysis, in pixels of a smaller picture", async () => {
    const { faces, widthPx } = await engine.analyze(await photo(5));
    const places = await engine.detect(await photo(5));
    expect([places.widthPx, places.heightPx]).toEqual([1280, 932]);
    const scale = places.widthPx / widthPx;
    for (const { box } of faces) {
      const centre = [box[0] + box[2] / 2, box[1] + box[3] / 2].map((value) => value * scale);
      const covers = places.boxes.some(
        ([x, y, width, height]) =>
          x < (centre[0] ?? 0) &&
          (centre[0] ?? 0) < x + width &&
          y < (centre[1] ?? 0) &&
          (centre[1] ?? 0) < y + height,
      );
      expect(covers).toBe(true);
    }
    await expect(engine.detect(image(Buffer.from("no picture")))).rejects.toMatchObject({
      code: "image-unreadable",
    });
  });

  test("five people of a group photo are found, the largest first, with whole results", async () => {
    const { faces, widthPx, heightPx } = await engine.analyze(await photo(5));
    expect([widthPx, heightPx, faces.length]).toEqual([1920, 1398, 5]);
    const areas = faces.map(({ box }) => box[2] * box[3]);
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    for (const { box, embedding, landmarks, liveness, model, detectionScore, quality } of faces) {
      expect(embedding).toHaveLength(engine.embeddingLength);
      expect(dot(embedding, embedding)).toBeCloseTo(1, 5);
      expect(model).toBe(engine.model);
      expect(liveness).toBeGreaterThanOrEqual(0);
      expect(liveness).toBeLessThanOrEqual(1);
      expect(detectionScore).toBeGreaterThan(0.6);
      expect(detectionScore).toBeLessThanOrEqual(1);
      expect(quality.overall).toBeGreaterThanOrEqual(0);
      expect(quality.overall).toBeLessThanOrEqual(1);
      const [left, right, nose, mouthLeft, mouthRight] = landmarks;
      expect(left[0]).toBeLessThan(right[0]);
      expect(mouthLeft[0]).toBeLessThan(mouthRight[0]);
      expect(nose[1]).toBeGreaterThan(Math.min(left[1], right[1]));
      for (const [x, y] of landmarks) {
        expect(x).toBeGreaterThan(box[0] - box[2] / 4);
        expect(y).toBeLessThan(box[1] + box[3] * 1.25);
      }
    }
  });

  test("the same people are found when the photo is a third as large, with faces of 60 pixels", async () => {
    const { faces: large } = await engine.analyze(await photo(5));
    const small = await sharp(samplePhoto(5)).resize(640).jpeg({ quality: 92 }).toBuffer();
    // Inside a larger, empty picture, as a ceiling camera sees people.
    const wide = await sharp(small)
      .extend({ top: 300, bottom: 400, left: 500, right: 700, background: "grey" })
      .jpeg({ quality: 92 })
      .toBuffer();
    const { faces: found } = await engine.analyze(image(wide));
    expect(found).toHaveLength(large.length);
    for (const face of large) {
      if (face.quality.overall < 0.2) continue;
      expect(Math.max(...found.map(({ embedding }) => dot(embedding, face.embedding)))).toBeGreaterThan(0.6);
    }
  });

  test("two people are far apart and one person is near to himself in a lossy copy", async () => {
    const { faces } = await engine.analyze(await photo(3));
    const copy = await sharp(samplePhoto(3)).resize(1300).jpeg({ quality: 70 }).toBuffer();
    const { faces: again } = await engine.analyze(image(copy));
    const sure = faces.filter(({ quality }) => quality.overall > 0.4);
    expect(sure.length).toBeGreaterThanOrEqual(3);
    for (const [i, face] of sure.entries()) {
      expect(Math.max(...again.map(({ embedding }) => dot(embedding, face.embedding)))).toBeGreaterThan(0.85);
      for (const other of sure.slice(i + 1)) expect(dot(face.embedding, other.embedding)).toBeLessThan(0.45);
    }
  });

  test("a crop that is all face is seen, by looking from further away", async () => {
    const tight = await sharp(samplePhoto(5))
      .extract({ left: 1130, top: 215, width: 145, height: 200 })
      .png()
      .toBuffer();
    expect((await engine.analyze(image(tight))).faces).toHaveLength(1);
  });

  test("the orientation that EXIF gives is applied", async () => {
    const turned = await sharp(frame).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer();
    const { widthPx, heightPx, faces } = await engine.analyze(image(turned));
    expect([widthPx, heightPx]).toEqual([640, 480]);
    expect(faces.length).toBeGreaterThan(0);
  });

  test("a picture without a face gives no face", async () => {
    const empty = await sharp({ create: { width: 640, height: 480, channels: 3, background: "#7a8" } })
      .png()
      .toBuffer();
    expect((await engine.analyze(image(empty))).faces).toEqual([]);
    expect((await engine.observe(image(empty))).faces).toEqual([]);
  });

  test("faces over the limit are counted, not embedded", async () => {
    const one = await createFaceEngine({ artifactsFolder, faceCountMax: 1 });
    try {
      const observation = await one.observe(await photo(5));
      expect(observation.faces).toHaveLength(1);
      expect(observation.faceCountDropped).toBe(4);
    } finally {
      await one.close();
    }
  });
});

describe("pictures that are not fit", () => {
  /** PNG: width and height are in the first chunk, which has a checksum. */
  const pngThatClaims = (side: number) => {
    const copy = Buffer.from(smallPng);
    copy.writeUInt32BE(side, 16);
    copy.writeUInt32BE(side, 20);
    copy.writeUInt32BE(crc32(copy.subarray(12, 29)), 29);
    return copy;
  };

  test.each<[string, () => Uint8Array, string]>([
    ["a truncated JPEG", () => frame.subarray(0, frame.length / 2), "image-unreadable"],
    ["a JPEG cut in its header", () => frame.subarray(0, 30), "image-unreadable"],
    ["text", () => Buffer.from("hello, I am no picture"), "image-unreadable"],
    ["nothing", () => Buffer.alloc(0), "image-unreadable"],
    [
      "an SVG",
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      "image-unreadable",
    ],
    ["a 100-megapixel JPEG", () => jpegThatClaims(frame, 10_000), "image-too-large"],
    ["a 100-megapixel PNG", () => pngThatClaims(10_000), "image-too-large"],
    ["17 MiB", () => Buffer.concat([frame, Buffer.alloc(17 * 1024 * 1024)]), "image-too-large"],
  ])("%s is refused with a code and a hint, and the engine goes on", async (_, bytes, code) => {
    const refusal = {
      name: "FaceEngineError",
      code,
      retry: "never",
      hint: { zh: expect.any(String), en: expect.any(String) },
    };
    await expect(engine.analyze(image(bytes()))).rejects.toMatchObject(refusal);
    await expect(engine.observe(image(bytes()))).rejects.toMatchObject(refusal);
    expect((await engine.observe(image(frame))).faces.length).toBeGreaterThan(0);
  });

  test("a buffer that was given away before is refused", async () => {
    const once = image(frame);
    const first = engine.analyze(once);
    await expect(engine.analyze(once)).rejects.toMatchObject({ code: "image-unreadable" });
    await first;
  });
});

describe("weights", () => {
  test("a changed weight file stops the start and is named", async () => {
    const folder = await copyOfArtifacts();
    await appendFile(path.join(folder, "fr-landmark.onnx"), "x");
    await expect(createFaceEngine({ artifactsFolder: folder })).rejects.toMatchObject({
      code: "weights-changed",
      message: expect.stringContaining("fr-landmark.onnx"),
      retry: "after-operator",
    });
  });

  test("a missing weight file stops the start and is named", async () => {
    const folder = await copyOfArtifacts();
    await rm(path.join(folder, "fr-feature.onnx"));
    await expect(createFaceEngine({ artifactsFolder: folder })).rejects.toMatchObject({
      code: "weights-missing",
      message: expect.stringContaining("fr-feature.onnx"),
    });
  });

  test("a pack that is not in the manifest is refused", async () => {
    await expect(createFaceEngine({ artifactsFolder, packId: "no-such-pack" })).rejects.toMatchObject({
      code: "manifest-unreadable",
    });
  });

  async function copyOfArtifacts(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "canteen-weights-"));
    await cp(artifactsFolder, folder, { recursive: true });
    return folder;
  }
});

describe("gallery", () => {
  test("an observed face comes with its two nearest people and without its embedding", async () => {
    const { faces } = await engine.analyze(await photo(3));
    const templates: GalleryTemplate[] = faces.map(({ embedding, model }, i) => ({
      templateId: `t${i}`,
      personId: `p${i}`,
      model,
      embedding,
    }));
    expect(await engine.loadGallery(templates)).toEqual({ accepted: faces.length, refused: [] });
    const { faces: observed } = await engine.observe(await photo(3));
    expect(observed[0]?.search.best?.personId).toBe("p0");
    expect(observed[0]?.search.best?.similarity).toBeGreaterThan(0.9);
    expect(observed[0]?.search.runnerUp?.similarity).toBeLessThan(0.45);
    expect(observed[0]).not.toHaveProperty("embedding");
  });

  test("a gallery is loaded from a generator that makes each template when it is asked for", async () => {
    const axis = (at: number) => new Float32Array(engine.embeddingLength).fill(1, at, at + 1);
    const templates = function* (): Generator<GalleryTemplate, void> {
      for (let i = 0; i < 100; i += 1)
        yield { templateId: `t${i}`, personId: `p${i}`, model: engine.model, embedding: axis(i) };
    };
    expect(await engine.loadGallery(templates(), { peopleCount: 10 })).toEqual({
      accepted: 100,
      refused: [],
    });
    expect(await engine.gallerySize()).toEqual({ people: 100, templates: 100 });
    for (const at of [0, 31, 32, 99]) expect((await engine.search(axis(at))).best?.personId).toBe(`p${at}`);
  });

  test("without frameLiveness a frame has no liveness and the same search, and a photo still has one", async () => {
    const withoutLiveness = await createFaceEngine({ artifactsFolder, frameLiveness: false });
    try {
      const { faces: photographed } = await withoutLiveness.analyze(image(frame));
      const [face] = photographed;
      if (face === undefined) throw new Error("the frame shows a face");
      expect(face.liveness).not.toBeNull();
      const template = { templateId: "t", personId: "ann", model: face.model, embedding: face.embedding };
      for (const each of [withoutLiveness, engine]) await each.loadGallery([template]);
      const [bare] = (await withoutLiveness.observe(image(frame))).faces;
      const [measured] = (await engine.observe(image(frame))).faces;
      if (measured === undefined) throw new Error("the frame shows a face");
      expect(measured.liveness).toEqual(expect.any(Number));
      expect(measured.eyesOpen).toEqual(expect.any(Number));
      const { eyesOpen: _, motion: __, ...rest } = measured;
      expect(bare).toEqual({ ...rest, liveness: null });
    } finally {
      await withoutLiveness.close();
    }
  });

  test("people are replaced, removed and counted, and bad templates are named", async () => {
    const [face] = (await engine.analyze(image(frame))).faces;
    if (face === undefined) throw new Error("the frame shows a face");
    const good: GalleryTemplate = {
      templateId: "good",
      personId: "ann",
      model: engine.model,
      embedding: face.embedding,
    };
    const load = await engine.loadGallery([good, { ...good, templateId: "bad", model: "other" }]);
    expect(load).toEqual({ accepted: 1, refused: [{ templateId: "bad", reason: "other-model" }] });
    expect(await engine.gallerySize()).toEqual({ people: 1, templates: 1 });
    expect((await engine.search(face.embedding)).best?.personId).toBe("ann");
    expect((await engine.search(face.embedding, { excludePersonId: "ann" })).best).toBeNull();
    await engine.replacePerson("ann", []);
    expect(await engine.gallerySize()).toEqual({ people: 0, templates: 0 });
    await expect(engine.search(new Float32Array(engine.embeddingLength))).rejects.toMatchObject({
      code: "embedding-refused",
    });
  });
});

describe("queue, crash and close", () => {
  test("when more frames come than may wait, the oldest is dropped and the newest is answered", async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => engine.observe(image(frame))));
    const codes = results.map((result) => (result.status === "fulfilled" ? "answered" : result.reason.code));
    // Two run, two wait: of eight, the four between are dropped.
    expect(codes).toEqual([
      "answered",
      "answered",
      "queue-full",
      "queue-full",
      "queue-full",
      "queue-full",
      "answered",
      "answered",
    ]);
  });

  test("closing while busy settles every waiter, and later calls are refused", async () => {
    const busy = await createFaceEngine({ artifactsFolder });
    const waiting = [
      busy.observe(image(frame)),
      busy.observe(image(frame)),
      busy.analyze(image(frame)),
      busy.gallerySize(),
      busy.loadGallery([]),
    ];
    const settled = Promise.allSettled(waiting);
    await busy.close();
    for (const result of await settled)
      expect(result).toMatchObject({ status: "rejected", reason: { code: "engine-closed" } });
    await expect(busy.observe(image(frame))).rejects.toMatchObject({ code: "engine-closed" });
    await busy.close();
  });

  const readyWorker = `import { parentPort as p } from "node:worker_threads";
    p.postMessage({ kind: "ready", primary: { id: "m", embeddingLength: 4 }, sides: [] });`;

  test.each([
    ["throws", `p.on("message", () => { throw new Error("bug"); });`],
    ["exits", `p.on("message", () => process.exit(3));`],
  ])("a worker that %s settles every waiter with engine-crashed", async (_, onMessage) => {
    const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(readyWorker + onMessage)}`);
    const crashing = await createFaceEngine({ artifactsFolder, workerUrl });
    const waiting = [crashing.analyze(image(frame)), crashing.observe(image(frame)), crashing.gallerySize()];
    for (const result of await Promise.allSettled(waiting)) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "engine-crashed" } });
    }
    await expect(crashing.gallerySize()).rejects.toMatchObject({ code: "engine-crashed" });
    await crashing.close();
  });

  test("a worker that can't start rejects the start", async () => {
    const workerUrl = new URL(`data:text/javascript,${encodeURIComponent('throw new Error("no")')}`);
    await expect(createFaceEngine({ artifactsFolder, workerUrl })).rejects.toMatchObject({
      code: "engine-crashed",
    });
  });
});

test("the main thread's event loop stays free while frames are analysed", async () => {
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 1);
  const turnsOfFrames: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const before = turns;
    await engine.observe(image(frame));
    turnsOfFrames.push(turns - before);
  }
  clearInterval(ticking);
  // A frame takes over 40 ms of computing, on a busy machine more; on this thread the loop would turn a few times in it.
  expect(turnsOfFrames.sort((left, right) => left - right)[10]).toBeGreaterThan(10);
});

/** CRC-32 of PNG chunks, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
