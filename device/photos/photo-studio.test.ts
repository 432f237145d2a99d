import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CameraFrame, CameraState } from "../../firmware-bridge/ports/camera.ts";
import type { FacePlaces } from "../../models/face-engine-port.ts";
import { journalFixture } from "../journal/journal-fixture.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { openPhotoStore } from "./photo-store.ts";
import { createPhotoStudio } from "./photo-studio.ts";
import { photoMigrations } from "./photo-tables.ts";
import { madeFrame } from "./picture-fixture.ts";
import { createPictureMaker } from "./picture-maker.ts";
import type { TakenPhoto, TakePhoto } from "./studio-port.ts";

const frame = await madeFrame(640, 480);
const caption = { lines: ["12.350 kg"] };
const nobody: FacePlaces = { widthPx: 640, heightPx: 480, boxes: [] };

class TestCamera {
  label = "test camera";
  readonly #frames = new Set<(frame: CameraFrame) => void>();
  readonly #states = new Set<(state: CameraState) => void>();
  now: CameraState = { kind: "live" };

  state(): CameraState {
    return this.now;
  }
  onFrame(listener: (frame: CameraFrame) => void): () => void {
    this.#frames.add(listener);
    return () => void this.#frames.delete(listener);
  }
  onState(listener: (state: CameraState) => void): () => void {
    this.#states.add(listener);
    return () => void this.#states.delete(listener);
  }
  show(capturedMonoMs: number, jpeg = frame): void {
    for (const listener of this.#frames) listener({ jpeg: jpeg.slice(), capturedMonoMs });
  }
  become(state: CameraState): void {
    this.now = state;
    for (const listener of this.#states) listener(state);
  }
}

function studioWith(
  options: { bytesMax?: number; detectFaces?: (jpeg: Uint8Array<ArrayBuffer>) => Promise<FacePlaces> } = {},
) {
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const { db, clock, folder } = fixture;
  const camera = new TestCamera();
  const store = openPhotoStore({
    db,
    folder: join(folder, "photos"),
    clock,
    limits: { bytesMax: options.bytesMax ?? 10_000_000, keptMsMin: 0 },
  });
  const studio = createPhotoStudio({
    camera,
    store,
    maker: createPictureMaker({ clock, logger: silentLogger }),
    detectFaces: options.detectFaces ?? (() => Promise.resolve(nobody)),
    clock,
    logger: silentLogger,
  });
  onTestFinished(() => studio.close());
  const take = (atMono: number): Promise<TakePhoto> => studio.take({ atMono, caption });
  return { ...fixture, camera, store, studio, take };
}

async function taken(taking: Promise<TakePhoto>): Promise<TakenPhoto> {
  const outcome = await taking;
  if (outcome.kind !== "taken") throw new Error(outcome.reason);
  return outcome.photo;
}

describe("a photo of a moment", () => {
  it("is the nearest frame, on the disk in two sizes when it resolves", async () => {
    const { camera, store, take, clock } = studioWith();
    await clock.advance(5000);
    for (const at of [4000, 4200, 4400]) camera.show(at);
    const photo = await taken(take(4230));
    expect(photo).toMatchObject({ offMs: 30, cameraLabel: "test camera", facesBlurred: 0 });
    expect(store.find(photo.photoSha256)).toMatchObject({ size: "photo", mediaType: "image/jpeg" });
    expect(store.find(photo.thumbnailSha256)).toMatchObject({ size: "thumbnail" });
    expect((await sharp(await store.read(photo.photoSha256)).metadata()).width).toBe(640);
    // No entry takes a longer label, and a sample is not lost for a camera's long address.
    camera.label = `http://10.0.0.9/${"stream/".repeat(40)}`;
    expect((await taken(take(4400))).cameraLabel).toBe(camera.label.slice(0, 128));
  });

  it("waits a little for a frame from after it, and takes that one when it is nearer", async () => {
    const { camera, take, clock } = studioWith();
    await clock.advance(1000);
    camera.show(700);
    const taking = take(1000);
    await clock.advance(100);
    camera.show(1100);
    expect((await taken(taking)).offMs).toBe(100);
  });

  it("takes the one before when none comes after it, and is marked when that is long ago", async () => {
    const { camera, take, clock } = studioWith();
    await clock.advance(1000);
    camera.show(500);
    const taking = take(1000);
    await clock.advance(300);
    expect((await taken(taking)).offMs).toBe(500);
  });

  it("is refused without a frame near enough, by why there is none", async () => {
    const { camera, take, clock, studio } = studioWith();
    await clock.advance(10_000);
    camera.show(5000);
    const first = take(10_000);
    await clock.advance(300);
    expect(await first).toEqual({ kind: "refused", reason: "no-frame" });
    camera.become({ kind: "lost", code: "camera-silent", hint: { zh: "无画面", en: "silent" } });
    expect(studio.ready()).toEqual({ kind: "lost", code: "camera-silent" });
    const second = take(10_300);
    await clock.advance(300);
    expect(await second).toEqual({ kind: "refused", reason: "camera-lost" });
  });

  it("is refused where the bytes are no picture, and where photos fill their space", async () => {
    const { camera, take, clock } = studioWith({ bytesMax: 1000 });
    await clock.advance(1000);
    camera.show(1000, frame.slice(0, 4000));
    expect(await take(1000)).toEqual({ kind: "refused", reason: "picture-unreadable" });
    camera.show(1100);
    expect(await take(1100)).toEqual({ kind: "refused", reason: "photo-space-full" });
  });

  it("is refused, and nothing of it is written, when nothing can look for faces", async () => {
    const gone = new CanteenError("gone", {
      code: "engine-crashed",
      retry: "backoff",
      hint: { zh: "引擎", en: "engine" },
    });
    const crashed = studioWith({ detectFaces: () => Promise.reject(gone) });
    crashed.camera.show(0);
    expect(await crashed.take(0)).toEqual({ kind: "refused", reason: "faces-unseen" });
    expect(crashed.store.usage().count).toBe(0);
    const silent = studioWith({ detectFaces: () => new Promise(() => {}) });
    silent.camera.show(0);
    const taking = silent.take(0);
    await silent.clock.advance(8000);
    expect(await taking).toEqual({ kind: "refused", reason: "faces-unseen" });
    expect(silent.store.usage().count).toBe(0);
  });

  it("says how many faces were covered, wherever the detector's own picture was larger", async () => {
    const found: FacePlaces = { widthPx: 1280, heightPx: 960, boxes: [[400, 300, 200, 240]] };
    const { camera, take, store } = studioWith({ detectFaces: () => Promise.resolve(found) });
    camera.show(0);
    const photo = await taken(take(0));
    expect(photo.facesBlurred).toBe(1);
    const { data } = await sharp(await store.read(photo.photoSha256))
      .extract({ left: 240, top: 190, width: 40, height: 40 })
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    // Inside of the box neighbours differ by no more than a slow change of colour does.
    const steps = data.subarray(1).map((value, at) => Math.abs(value - (data[at] ?? 0)));
    expect(steps.toSorted().at(Math.floor(steps.length * 0.9))).toBeLessThan(8);
  });
});

describe("the camera of the photos", () => {
  it("leaves nothing in memory when it is closed", async () => {
    const { camera, take, clock } = studioWith();
    camera.show(0);
    camera.become({ kind: "closed" });
    const taking = take(0);
    await clock.advance(300);
    expect(await taking).toEqual({ kind: "refused", reason: "camera-lost" });
  });
});
