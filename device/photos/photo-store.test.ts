import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import { isFault } from "../platform/errors.ts";
import { auditPhotos } from "./photo-audit.ts";
import { photoHash } from "./photo-files.ts";
import type { PhotoStore } from "./photo-port.ts";
import { openPhotoStore, PHOTO_BYTES_MAX } from "./photo-store.ts";
import { photoMigrations } from "./photo-tables.ts";

const DAY_MS = 86_400_000;
const KEPT_MS_MIN = 30 * DAY_MS;

interface Rig extends JournalFixture {
  readonly photos: PhotoStore;
  readonly photoFolder: string;
  fileOf(sha256: string): string;
}

function rig(bytesMax = 1_000_000): Rig {
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const photoFolder = join(fixture.folder, "photos");
  const { db, clock } = fixture;
  const limits = { bytesMax, keptMsMin: KEPT_MS_MIN };
  const photos = openPhotoStore({ db, folder: photoFolder, clock, limits });
  const fileOf = (sha256: string): string => join(photoFolder, sha256.slice(0, 2), `${sha256}.jpg`);
  return { ...fixture, photos, photoFolder, fileOf };
}

const picture = (byte: number, length = 1000): Uint8Array => new Uint8Array(length).fill(byte);

async function keep(photos: PhotoStore, content: Uint8Array, size: "photo" | "thumbnail" = "photo") {
  return photos.put(content, { size, mediaType: "image/jpeg" });
}

test("a photo comes back as it went in, under its own hash", async () => {
  const { photos, fileOf } = rig();
  const stored = await keep(photos, picture(7));
  expect(stored).toMatchObject({ sha256: photoHash(picture(7)), bytes: 1000, ackedAtMs: null });
  expect(await photos.read(stored.sha256)).toEqual(Buffer.from(picture(7)));
  expect(existsSync(fileOf(stored.sha256))).toBe(true);
});

test("the same content twice is one photo", async () => {
  const { photos } = rig();
  const [first, second] = [await keep(photos, picture(7)), await keep(photos, picture(7))];
  expect(second).toEqual(first);
  expect(photos.usage()).toMatchObject({ count: 1, bytes: 1000 });
});

test("only what an entry claimed goes up: thumbnails first, then the oldest", async () => {
  const { photos, clock } = rig();
  const old = await keep(photos, picture(1));
  await clock.advance(1);
  const loose = await keep(photos, picture(2));
  const thumbnail = await keep(photos, picture(3), "thumbnail");
  const young = await keep(photos, picture(4));
  photos.claim([old.sha256, thumbnail.sha256, young.sha256]);
  const order: string[] = [];
  for (let next = photos.nextToSend(); next !== undefined; next = photos.nextToSend()) {
    order.push(next.sha256);
    photos.confirm(next.sha256);
  }
  expect(order).toEqual([thumbnail.sha256, old.sha256, young.sha256]);
  expect(order).not.toContain(loose.sha256);
});

test("a claim that its entry's transaction takes back was never made", async () => {
  const { photos, journal } = rig();
  const { sha256 } = await keep(photos, picture(1));
  expect(() =>
    journal.transact(() => {
      photos.claim([sha256]);
      throw new Error("the entry failed");
    }),
  ).toThrow("the entry failed");
  expect(photos.nextToSend()).toBeUndefined();
});

test("an entry cannot quote a photo that is not stored", () => {
  const { photos } = rig();
  expect(() => photos.claim(["0".repeat(64)])).toThrow(expect.objectContaining({ code: "photo-missing" }));
});

test("a question that was left over a weekend has lost its photo: the claim is refused as a fault, not as a bug", async () => {
  const { photos, clock } = rig();
  const { sha256 } = await keep(photos, picture(7));
  await clock.advance(3 * DAY_MS);
  await photos.tidy();
  expect(() => photos.claim([sha256])).toThrow(expect.objectContaining({ code: "photo-missing" }));
});

test("a missing and a changed file are told apart, and neither is handed out", async () => {
  const { photos, fileOf } = rig();
  const [gone, changed] = [await keep(photos, picture(1)), await keep(photos, picture(2))];
  rmSync(fileOf(gone.sha256));
  writeFileSync(fileOf(changed.sha256), picture(3));
  await expect(photos.read(gone.sha256)).rejects.toMatchObject({ code: "photo-missing" });
  await expect(photos.read(changed.sha256)).rejects.toMatchObject({ code: "photo-changed" });
});

test("what was set aside is passed over until the same picture is stored again", async () => {
  const { photos, fileOf } = rig();
  const { sha256 } = await keep(photos, picture(1));
  photos.claim([sha256]);
  rmSync(fileOf(sha256));
  photos.setAside(sha256, "photo-missing");
  expect(photos.nextToSend()).toBeUndefined();
  await keep(photos, picture(1));
  expect(photos.nextToSend()?.sha256).toBe(sha256);
  expect(await photos.read(sha256)).toHaveLength(1000);
});

test("a photo leaves only after the cloud's receipt and its time; one that nobody claimed after a day", async () => {
  const { photos, clock, fileOf } = rig();
  const [sent, waiting, loose] = [
    await keep(photos, picture(1)),
    await keep(photos, picture(2)),
    await keep(photos, picture(3)),
  ];
  photos.claim([sent.sha256, waiting.sha256]);
  photos.confirm(sent.sha256);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 0 });
  await clock.advance(DAY_MS + 1);
  expect(await photos.tidy()).toEqual({ deletedCount: 1, adoptedCount: 0 });
  expect(photos.find(loose.sha256)).toBeUndefined();
  await clock.advance(KEPT_MS_MIN);
  expect(await photos.tidy()).toEqual({ deletedCount: 1, adoptedCount: 0 });
  expect([sent, waiting, loose].map(({ sha256 }) => existsSync(fileOf(sha256)))).toEqual([
    false,
    true,
    false,
  ]);
});

test("at its budget the cloud's oldest go before their time, and what the cloud lacks stays", async () => {
  const { photos, clock } = rig(3000);
  const stored = [];
  for (const byte of [1, 2, 3]) {
    stored.push(await keep(photos, picture(byte)));
    await clock.advance(1);
  }
  const [first, second, third] = stored.map(({ sha256 }) => sha256);
  photos.claim(stored.map(({ sha256 }) => sha256));
  await expect(keep(photos, picture(4))).rejects.toMatchObject({ code: "photo-space-full" });
  photos.confirm(second ?? "");
  const fourth = await keep(photos, picture(4));
  expect(
    [first, second, third, fourth.sha256].map((sha256) => photos.find(sha256 ?? "") !== undefined),
  ).toEqual([true, false, true, true]);
  expect(photos.usage().bytes).toBe(3000);
});

test("pictures that arrive at once never take more than the budget together", async () => {
  const { photos } = rig(2500);
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((byte) => keep(photos, picture(byte))));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  expect(photos.usage().bytes).toBe(2000);
});

test("an empty or enormous picture is refused", async () => {
  const { photos } = rig();
  await expect(keep(photos, picture(1, 0))).rejects.toMatchObject({ code: "photo-too-large" });
  await expect(keep(photos, picture(1, PHOTO_BYTES_MAX + 1))).rejects.toMatchObject({
    code: "photo-too-large",
  });
});

test("tidying removes half-written files and old files without a row, and nothing else", async () => {
  const { photos, photoFolder, fileOf } = rig();
  const { sha256 } = await keep(photos, picture(1));
  const folder = join(photoFolder, "ab");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".half.part"), "x");
  const old = join(folder, `ab${"0".repeat(62)}.jpg`);
  writeFileSync(old, "x");
  utimesSync(old, 0, 0);
  expect(await photos.tidy()).toEqual({ deletedCount: 2, adoptedCount: 0 });
  expect(readdirSync(folder)).toEqual([]);
  expect(existsSync(fileOf(sha256))).toBe(true);
});

test("a photo that an entry quotes and a restored database does not know is taken up, and goes to the cloud", async () => {
  const { photos, db, journal, ids, fileOf, clock } = rig();
  const [quoted, small, nobodys] = [
    await keep(photos, picture(1)),
    await photos.put(picture(2), { size: "thumbnail", mediaType: "image/jpeg" }),
    await keep(photos, picture(3)),
  ];
  const body = { photo: { photoSha256: quoted.sha256, thumbnailSha256: small.sha256 } };
  journal.transact(() => journal.append({ id: ids.next(), kind: "device.fault", body }));
  db.exec("DELETE FROM photo");
  let told = 0;
  photos.onPending(() => {
    told += 1;
  });
  await clock.advance(DAY_MS);
  const storedS = clock.now() / 1000 - 86_400;
  utimesSync(fileOf(nobodys.sha256), storedS, storedS);
  expect(await photos.tidy()).toEqual({ deletedCount: 0, adoptedCount: 2 });
  expect(told).toBe(1);
  expect(photos.nextToSend()).toMatchObject({ sha256: small.sha256, size: "thumbnail", ackedAtMs: null });
  expect(photos.find(quoted.sha256)).toMatchObject({ size: "photo", bytes: quoted.bytes });
  expect(photos.find(nobodys.sha256)).toBeUndefined();
  expect(existsSync(fileOf(nobodys.sha256))).toBe(true);
  expect(await photos.tidy()).toEqual({ deletedCount: 0, adoptedCount: 0 });
});

test("a photo without a row whose bytes are not those of its name stays as it is", async () => {
  const { photos, db, journal, ids, fileOf } = rig();
  const { sha256 } = await keep(photos, picture(1));
  const body = { photo: { photoSha256: sha256 } };
  journal.transact(() => journal.append({ id: ids.next(), kind: "device.fault", body }));
  db.exec("DELETE FROM photo");
  writeFileSync(fileOf(sha256), "x");
  expect(await photos.tidy()).toEqual({ deletedCount: 0, adoptedCount: 0 });
  expect(existsSync(fileOf(sha256))).toBe(true);
});

test("the audit names quoted photos that are gone or changed, and reads past what nobody quoted", async () => {
  const { photos, db, photoFolder, fileOf } = rig();
  const [whole, gone, changed, loose] = [
    await keep(photos, picture(1)),
    await keep(photos, picture(2)),
    await keep(photos, picture(3)),
    await keep(photos, picture(4)),
  ];
  photos.claim([whole, gone, changed].map(({ sha256 }) => sha256));
  for (const { sha256 } of [gone, loose]) rmSync(fileOf(sha256));
  writeFileSync(fileOf(changed.sha256), "x");
  const { count, problems } = await auditPhotos(db, photoFolder, new AbortController().signal);
  expect(count).toBe(3);
  expect(problems.toSorted((a, b) => a.code.localeCompare(b.code))).toEqual([
    { sha256: changed.sha256, code: "photo-changed" },
    { sha256: gone.sha256, code: "photo-missing" },
  ]);
});

test("the audit finds a quoted photo of which neither row nor file is left, unless it went by the rules", async () => {
  const { photos, db, journal, ids, photoFolder, fileOf, clock } = rig();
  const [retired, taken] = [await keep(photos, picture(1)), await keep(photos, picture(2))];
  const body = { photo: { photoSha256: retired.sha256, thumbnailSha256: taken.sha256 } };
  journal.transact(() => {
    journal.append({ id: ids.next(), kind: "device.fault", body });
    photos.claim([retired.sha256, taken.sha256]);
  });
  photos.confirm(retired.sha256);
  await clock.advance(KEPT_MS_MIN + 1);
  await photos.tidy();
  db.exec("DELETE FROM photo");
  rmSync(fileOf(taken.sha256));
  const { problems } = await auditPhotos(db, photoFolder, new AbortController().signal);
  expect(problems).toEqual([{ sha256: taken.sha256, code: "photo-missing" }]);
});

test("a photo that cannot be deleted or written is the disk's fault, by name, and the others are still handed out", async () => {
  const { photos, clock, photoFolder, fileOf } = rig();
  const [stuck, there] = [await keep(photos, picture(1)), await keep(photos, picture(2))];
  photos.claim([stuck.sha256, there.sha256]);
  photos.confirm(stuck.sha256);
  await clock.advance(KEPT_MS_MIN + 1);
  // Whoever runs the tests may delete from a read-only folder; a folder in the file's place nobody deletes as a file.
  rmSync(fileOf(stuck.sha256));
  mkdirSync(join(fileOf(stuck.sha256), "inside"), { recursive: true });
  await expect(photos.tidy()).rejects.toSatisfy(isFault);
  expect(await photos.read(there.sha256)).toHaveLength(1000);
  const fresh = photoHash(picture(9));
  rmSync(join(photoFolder, fresh.slice(0, 2)), { recursive: true, force: true });
  writeFileSync(join(photoFolder, fresh.slice(0, 2)), "no folder");
  await expect(keep(photos, picture(9))).rejects.toSatisfy(isFault);
  expect(photos.find(fresh)).toBeUndefined();
});

test("what waits is told when it is claimed", async () => {
  const { photos } = rig();
  let told = 0;
  photos.onPending(() => {
    told += 1;
  });
  const { sha256 } = await keep(photos, picture(1));
  expect(told).toBe(0);
  photos.claim([sha256]);
  expect(told).toBe(1);
});
