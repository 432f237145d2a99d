import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import { openPhotoStore } from "../photos/photo-store.ts";
import { photoMigrations } from "../photos/photo-tables.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import type { PhotoReceiptMessage } from "./messages.ts";
import { PHOTO_CHUNK_BYTES, type PhotoChunk, PhotoUplink } from "./photo-uplink.ts";

const DAY_MS = 86_400_000;
const picture = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + seed) % 251);

/** What the cloud has of each photo; it outlives the terminal's restart. */
class Cloud {
  readonly have = new Map<string, Buffer>();

  take({ sha256, offset, bytes }: PhotoChunk): PhotoReceiptMessage {
    const before = this.have.get(sha256) ?? Buffer.alloc(0);
    const next = offset === before.byteLength ? Buffer.concat([before, bytes]) : before;
    this.have.set(sha256, next);
    const complete = createHash("sha256").update(next).digest("hex") === sha256;
    return { v: 1, sha256, haveBytes: next.byteLength, complete, refused: null };
  }
}

/** The store on its disk and the lane over it, as after a start of the terminal. */
function start(fixture: JournalFixture) {
  const { db, clock, folder } = fixture;
  const photoFolder = join(folder, "photos");
  const limits = { bytesMax: 1e9, keptMsMin: 30 * DAY_MS };
  const store = openPhotoStore({ db, folder: photoFolder, clock, limits });
  const waiting: PhotoChunk[] = [];
  let sent = (): void => {};
  const uplink = new PhotoUplink({
    source: store,
    publish: async (chunk) => {
      waiting.push(chunk);
      sent();
      return { kind: "acked" };
    },
    mayGo: () => true,
    chunkBytesMin: PHOTO_CHUNK_BYTES,
    clock,
    entropy: seededEntropy(5),
    logger: silentLogger,
  });
  /** Files are read on the real event loop, which the clock of the tests does not move. */
  const next = async (): Promise<PhotoChunk> => {
    while (waiting.length === 0) await new Promise<void>((resolve) => (sent = resolve));
    const chunk = waiting.shift();
    if (chunk === undefined) throw new Error("nothing was sent");
    return chunk;
  };
  const fileOf = (sha256: string): string => join(photoFolder, sha256.slice(0, 2), `${sha256}.jpg`);
  return { store, uplink, next, fileOf, clock };
}

it("after a restart a photo goes on at its first missing chunk, and leaves the disk after receipt and time", async () => {
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const cloud = new Cloud();
  const before = start(fixture);
  const mediaType = "image/jpeg" as const;
  const photo = await before.store.put(picture(1, 150_000), { size: "photo", mediaType });
  const thumbnail = await before.store.put(picture(2, 8000), { size: "thumbnail", mediaType });
  before.store.claim([photo.sha256, thumbnail.sha256]);
  before.uplink.connected();
  const order: [string, number, number][] = [];
  const exchange = async ({ uplink, next }: ReturnType<typeof start>): Promise<void> => {
    const chunk = await next();
    order.push([chunk.sha256, chunk.offset, chunk.bytes.byteLength]);
    uplink.receive(cloud.take(chunk));
  };
  for (let step = 0; step < 4; step++) await exchange(before);
  before.uplink.close();

  const after = start(fixture.reopen());
  expect(after.store.find(thumbnail.sha256)?.ackedAtMs).not.toBeNull();
  after.uplink.connected();
  for (let step = 0; step < 3; step++) await exchange(after);
  expect(order).toEqual([
    [thumbnail.sha256, 0, 0],
    [thumbnail.sha256, 0, 8000],
    [photo.sha256, 0, 0],
    [photo.sha256, 0, PHOTO_CHUNK_BYTES],
    [photo.sha256, 0, 0],
    [photo.sha256, PHOTO_CHUNK_BYTES, PHOTO_CHUNK_BYTES],
    [photo.sha256, 2 * PHOTO_CHUNK_BYTES, 150_000 - 2 * PHOTO_CHUNK_BYTES],
  ]);
  expect(cloud.have.get(photo.sha256)).toEqual(Buffer.from(picture(1, 150_000)));
  expect(after.store.usage().waitingCount).toBe(0);
  after.uplink.close();

  await after.clock.advance(30 * DAY_MS);
  expect(await after.store.tidy()).toMatchObject({ deletedCount: 0 });
  await after.clock.advance(1000);
  expect(await after.store.tidy()).toMatchObject({ deletedCount: 2 });
  expect(existsSync(after.fileOf(photo.sha256))).toBe(false);
});
