/**
 * Damaged pictures through decoding and the whole pipeline: each gives faces that hold together or a refusal by name, in
 * bounded time and memory. `CANTEEN_FUZZ=20000` for more of them, `CANTEEN_FUZZ_SEED` for others.
 */

import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { artifactsForTests, samplePhoto } from "./artifacts-for-tests.ts";
import { embeddingRefusal } from "./embedding-check.ts";
import { FaceEngineError } from "./face-engine-error.ts";
import { randomOf } from "./gallery-fixture.ts";
import { packOf, readManifest } from "./manifest.ts";
import { mutated, type PictureKind, wholePictures } from "./picture-mutations.ts";
import { analyzeImage } from "./pipeline/analyze.ts";
import { decodeImage, photoLimits } from "./pipeline/decode.ts";
import { type FaceModels, openModels } from "./pipeline/sessions.ts";

const isLong = process.env["CANTEEN_FUZZ"] !== undefined;
const count = Number(process.env["CANTEEN_FUZZ"] ?? 500);
const seed = Number(process.env["CANTEEN_FUZZ_SEED"] ?? 1);
/** How many of those that decode are looked at by the models once: a look takes as long as ten decodings. */
const lookPeriod = isLong ? 1 : 8;
/** Far beyond what any takes: decoding gives up after 10 s. */
const pictureMsMax = 60_000;
/** Of one process with the models open; a leak of a 100th of a picture each time would show. */
const grownBytesMax = 150 * 1024 * 1024;

let models: FaceModels;
let whole: ReadonlyMap<PictureKind, Buffer>;

beforeAll(async () => {
  const manifest = await readManifest();
  const artifactsFolder = await artifactsForTests();
  models = await openModels(manifest, packOf(manifest, "mobile-face-net-192"), artifactsFolder, 1);
  const face = await sharp(samplePhoto(5))
    .extract({ left: 1080, top: 160, width: 240, height: 280 })
    .resize(180)
    .png()
    .toBuffer();
  whole = await wholePictures(face);
}, 600_000);

const options = { faceCountMax: 2, smallFaces: true, liveness: true, limits: photoLimits };

test("whole pictures of the four kinds show the face, and those of AVIF and HEIC are refused by name", async () => {
  for (const [kind, bytes] of whole) {
    const looked = analyzeImage(models, bytes, options);
    if (kind === "avif" || kind === "heic")
      await expect(looked).rejects.toMatchObject({ code: "image-unreadable" });
    else expect((await looked).faces, kind).toHaveLength(1);
  }
});

test(`${count} damaged pictures give faces that hold together or a refusal by name`, async () => {
  const random = randomOf(seed);
  const outcomes: Record<string, number> = {};
  let decodedCount = 0;
  let rssWarm = 0;
  let slowestMs = 0;
  for (let i = 0; i < count; i += 1) {
    const { kind, bytes } = mutated(whole, random);
    const beganMs = performance.now();
    const outcome = await within(pictureMsMax, `picture ${i} (${kind}), seed ${seed}`, async () => {
      const refusal = await decodeRefusal(bytes);
      if (refusal !== null) return refusal;
      decodedCount += 1;
      if (decodedCount % lookPeriod === 0) await look(bytes);
      return "decoded";
    });
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    outcomes[`${kind}: ${outcome}`] = (outcomes[`${kind}: ${outcome}`] ?? 0) + 1;
    if (i === Math.floor(count / 4)) rssWarm = process.memoryUsage.rss();
  }
  const grownBytes = process.memoryUsage.rss() - rssWarm;
  if (isLong) {
    const report = { count, seed, decodedCount, slowestMs, grownMb: grownBytes / 1024 / 1024, outcomes };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  }
  expect(grownBytes).toBeLessThan(grownBytesMax);
  // Otherwise the mutations are too coarse, or too fine, to say anything.
  expect(decodedCount).toBeGreaterThan(count / 20);
  expect(decodedCount).toBeLessThan(count * 0.9);
}, 36_000_000);

/** @returns the code of a refusal by name, or null for a picture that decodes to what it says. */
async function decodeRefusal(bytes: Uint8Array): Promise<string | null> {
  try {
    const { data, widthPx, heightPx } = await decodeImage(bytes);
    expect(widthPx * heightPx).toBeGreaterThan(0);
    expect(Math.max(widthPx, heightPx)).toBeLessThanOrEqual(photoLimits.sidePxMax);
    expect(widthPx * heightPx).toBeLessThanOrEqual(photoLimits.pixelsMax);
    expect(data).toHaveLength(widthPx * heightPx * 3);
    return null;
  } catch (error) {
    if (!(error instanceof FaceEngineError)) throw error;
    expect(["image-unreadable", "image-too-large"]).toContain(error.code);
    return error.code;
  }
}

async function look(bytes: Uint8Array): Promise<void> {
  const { faces } = await analyzeImage(models, bytes, options);
  for (const { embedding, quality, liveness, box, landmarks, detectionScore } of faces) {
    expect(embeddingRefusal(embedding, models.pack.embeddingLength)).toBeNull();
    const numbers = [...Object.values(quality), ...box, ...landmarks.flat(), detectionScore, liveness ?? 0];
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(quality.overall).toBeGreaterThanOrEqual(0);
    expect(quality.overall).toBeLessThanOrEqual(1);
  }
}

/** Rejects for a picture that hangs: the process could not be freed of it, so the test must say which it was. */
async function within<T>(msMax: number, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took over ${msMax} ms`)), msMax);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (cause) {
    throw new Error(`${what} failed`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
