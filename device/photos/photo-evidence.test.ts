import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { photoEvidence } from "./photo-evidence.ts";
import { PhotoFiles } from "./photo-files.ts";
import { openPhotoStore } from "./photo-store.ts";
import { photoMigrations } from "./photo-tables.ts";

const KEPT_MS_MIN = 1000;

/** A store whose photos each belong to an entry of their own. */
function rig(more: { readonly bytesMax?: number; readonly goneRecordsMax?: number } = {}) {
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const { db, journal, clock, ids, folder } = fixture;
  const photoFolder = join(folder, "photos");
  const limits = { bytesMax: 1_000_000, keptMsMin: KEPT_MS_MIN, ...more };
  const photos = openPhotoStore({ db, folder: photoFolder, clock, limits });
  const files = new PhotoFiles(photoFolder);
  return {
    ...{ ...fixture, photos, photoFolder },
    fileOf: (sha256: string): string => files.fileOf(sha256, "image/jpeg"),
    async keep(byte: number) {
      const content = new Uint8Array(1000).fill(byte);
      const { sha256 } = await photos.put(content, { size: "photo", mediaType: "image/jpeg" });
      journal.transact(() => {
        photos.claim([sha256]);
        journal.append({ id: ids.next(), kind: "device.fault", body: { photoSha256: sha256 } });
      });
      return { sha256, seq: journal.head().seq };
    },
    of: ({ sha256, seq }: { readonly sha256: string; readonly seq: number }) =>
      photoEvidence(db, files, seq, sha256),
  };
}

test("a photo that is there is intact or changed, also without a row", async () => {
  const { keep, of, db, fileOf, photos, clock } = rig();
  const photo = await keep(1);
  expect(await of(photo)).toEqual({ kind: "intact", ackedAtMs: null });
  photos.confirm(photo.sha256);
  expect(await of(photo)).toEqual({ kind: "intact", ackedAtMs: clock.now() });
  db.exec("DELETE FROM photo");
  expect(await of(photo)).toEqual({ kind: "intact", ackedAtMs: null });
  writeFileSync(fileOf(photo.sha256), "x");
  expect(await of(photo)).toEqual({ kind: "changed", ackedAtMs: null });
});

test("one that was deleted by the rules says when the cloud took it, when it went and why", async () => {
  const { keep, of, photos, clock } = rig({ bytesMax: 2500 });
  const [old, young] = [await keep(1), await keep(2)];
  const ackedAtMs = clock.now();
  photos.confirm(old.sha256);
  await clock.advance(500);
  await keep(3);
  expect(await of(old)).toEqual({ kind: "retired", ackedAtMs, deletedAtMs: ackedAtMs + 500, why: "space" });
  photos.confirm(young.sha256);
  await clock.advance(KEPT_MS_MIN + 1);
  await photos.tidy();
  expect(await of(young)).toMatchObject({ kind: "retired", why: "retention" });
});

test("one whose file or row somebody took away is missing, with or without the cloud's word", async () => {
  const { keep, of, photos, journal, fileOf, db, clock } = rig();
  const [acked, never] = [await keep(1), await keep(2)];
  photos.confirm(acked.sha256);
  for (const { sha256 } of [acked, never]) rmSync(fileOf(sha256));
  expect(await of(acked)).toEqual({ kind: "missing", ackedAtMs: clock.now() });
  expect(await of(never)).toEqual({ kind: "missing", ackedAtMs: null });
  journal.acknowledge(never.seq);
  db.exec("DELETE FROM photo");
  expect(await of(never)).toEqual({ kind: "missing", ackedAtMs: null });
});

test("beyond the bound of the notes nobody claims to know, and only for entries that old", async () => {
  const { keep, of, photos, journal, clock, db, fileOf } = rig({ goneRecordsMax: 2 });
  const gone = [await keep(1), await keep(2), await keep(3)];
  journal.acknowledge(3);
  for (const { sha256 } of gone) {
    photos.confirm(sha256);
    await clock.advance(KEPT_MS_MIN + 1);
    await photos.tidy();
  }
  const kinds = await Promise.all(gone.map(async (photo) => (await of(photo)).kind));
  expect(kinds).toEqual(["not-on-record", "retired", "retired"]);
  const later = await keep(4);
  journal.acknowledge(4);
  db.exec("DELETE FROM photo");
  rmSync(fileOf(later.sha256));
  expect(await of(later)).toEqual({ kind: "missing", ackedAtMs: null });
});

test("a restore loses the notes since its backup, and says so", async () => {
  const { keep, of, journal, ids, db, fileOf } = rig();
  const photo = await keep(1);
  db.exec("DELETE FROM photo");
  rmSync(fileOf(photo.sha256));
  journal.transact(() => journal.append({ id: ids.next(), kind: "device.restored", body: {} }));
  expect(await of(photo)).toEqual({ kind: "missing", ackedAtMs: null });
  journal.acknowledge(photo.seq);
  expect(await of(photo)).toEqual({ kind: "not-on-record" });
});

test("a file whose row was deleted just before the power went goes with the next tidying", async () => {
  const { keep, photos, clock, fileOf } = rig();
  const { sha256 } = await keep(1);
  photos.confirm(sha256);
  await clock.advance(KEPT_MS_MIN + 1);
  await photos.tidy();
  writeFileSync(fileOf(sha256), new Uint8Array(1000).fill(1));
  expect(await photos.tidy()).toEqual({ deletedCount: 1, adoptedCount: 0 });
});

test("a clock that jumps while somebody is asked does not take the photo from under the entry", async () => {
  const { photos, journal, ids, clock } = rig();
  const content = new Uint8Array(1000).fill(1);
  const { sha256 } = await photos.put(content, { size: "photo", mediaType: "image/jpeg" });
  clock.stepWall(400 * 86_400_000);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 0 });
  journal.transact(() => {
    photos.claim([sha256]);
    journal.append({ id: ids.next(), kind: "device.fault", body: { photoSha256: sha256 } });
  });
  expect(await photos.read(sha256)).toHaveLength(1000);
});
