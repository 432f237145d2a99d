import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { PhotoFiles } from "./photo-files.ts";
import { openPhotoStore } from "./photo-store.ts";
import { photoMigrations } from "./photo-tables.ts";

const KEPT_MS_MIN = 1000;

function rig(bytesMax = 10_000_000) {
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const { db, clock, folder } = fixture;
  const photoFolder = join(folder, "photos");
  const photos = openPhotoStore({
    db,
    folder: photoFolder,
    clock,
    limits: { bytesMax, keptMsMin: KEPT_MS_MIN },
  });
  const keep = async (seed: number): Promise<string> => {
    const content = Buffer.alloc(100, `picture ${seed}`);
    return (await photos.put(content, { size: "photo", mediaType: "image/jpeg" })).sha256;
  };
  const sent = async (seed: number): Promise<string> => {
    const sha256 = await keep(seed);
    photos.claim([sha256]);
    photos.confirm(sha256);
    return sha256;
  };
  return { ...fixture, photos, keep, sent, files: new PhotoFiles(photoFolder) };
}

test("a photo that the cloud lost waits for it again, over a restart, and outlives its time until it is there", async () => {
  const first = rig();
  const sha256 = await first.sent(1);
  let told = 0;
  first.photos.onPending(() => {
    told += 1;
  });
  expect(first.photos.sendAgain([sha256])).toEqual({ sending: [sha256], gone: [] });
  expect(told).toBe(1);
  const { db, clock, folder } = first.reopen();
  const limits = { bytesMax: 10_000_000, keptMsMin: KEPT_MS_MIN };
  const photos = openPhotoStore({ db, folder: join(folder, "photos"), clock, limits });
  await clock.advance(10 * KEPT_MS_MIN);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 0 });
  expect(photos.nextToSend()?.sha256).toBe(sha256);
  expect(photos.sendAgain([sha256]).sending).toEqual([sha256]);
  photos.confirm(sha256);
  await clock.advance(KEPT_MS_MIN + 1);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 1 });
});

test("what cannot come is said, and why", async () => {
  const { photos, sent, keep, files, clock } = rig();
  const [deleted, missing] = [await sent(1), await sent(2)];
  const ackedAtMs = clock.now();
  photos.sendAgain([missing]);
  rmSync(files.fileOf(missing, "image/jpeg"));
  photos.setAside(missing, "photo-missing");
  await clock.advance(KEPT_MS_MIN + 1);
  await photos.tidy();
  const loose = await keep(3);
  const never = "0".repeat(64);
  const unknown = { why: "unknown", ackedAtMs: null, deletedAtMs: null };
  expect(photos.sendAgain([deleted, missing, loose, never])).toEqual({
    sending: [],
    gone: [
      { sha256: deleted, why: "deleted", ackedAtMs, deletedAtMs: clock.now() },
      { sha256: missing, why: "missing", ackedAtMs: null, deletedAtMs: null },
      { sha256: loose, ...unknown },
      { sha256: never, ...unknown },
    ],
  });
});

test("with as many waiting as may the rest is not promised, and may be asked for later", async () => {
  const { photos, sent, db } = rig();
  const row = db.prepare<[string]>(
    "INSERT INTO photo (sha256, bytes, size, media_type, stored_at_ms, claimed) VALUES (?, 1, 'photo', 'image/jpeg', 0, 1)",
  );
  const waiting = Array.from({ length: 255 }, (_, seed) => seed.toString(16).padStart(64, "0"));
  db.transaction(() => waiting.forEach((sha256) => void row.run(sha256)))();
  const [first, second] = [await sent(1001), await sent(1002)];
  expect(photos.sendAgain([first, second])).toEqual({ sending: [first], gone: [] });
  photos.confirm(waiting[0] ?? "");
  expect(photos.sendAgain([second]).sending).toEqual([second]);
});

test("one that is asked for while its turn to be deleted has come stays", async () => {
  const { photos, sent, clock } = rig();
  const hashes = [await sent(1), await sent(2)];
  await clock.advance(KEPT_MS_MIN + 1);
  const tidying = photos.tidy();
  // The round has been chosen and the first one is on its way out.
  await Promise.resolve();
  const { sending } = photos.sendAgain(hashes);
  await tidying;
  for (const sha256 of hashes) expect(photos.find(sha256) !== undefined).toBe(sending.includes(sha256));
  expect(sending).not.toEqual([]);
  for (const sha256 of sending) expect(await photos.read(sha256)).toHaveLength(100);
});
