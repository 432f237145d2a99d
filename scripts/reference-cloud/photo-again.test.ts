import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type JournalFixture,
  journalFixture,
  temporaryFolder,
} from "../../device/journal/journal-fixture.ts";
import { photoHash } from "../../device/photos/photo-files.ts";
import type { PhotoStore } from "../../device/photos/photo-port.ts";
import { openPhotoStore } from "../../device/photos/photo-store.ts";
import { photoMigrations } from "../../device/photos/photo-tables.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { PhotoIntake } from "./photo-intake.ts";
import { PhotoQuotes } from "./photo-quotes.ts";
import { databaseFile, RigCloud, RigTerminal } from "./testing/rig.ts";

const SITE = { site: "s1", device: "t1" };
const KEPT_MS_MIN = 1000;
const photoWaits = { patienceMs: 0, askWaitMsMin: 1 };

function storeOf({ db, folder, clock }: JournalFixture): PhotoStore {
  const limits = { bytesMax: 10_000_000, keptMsMin: KEPT_MS_MIN };
  return openPhotoStore({ db, folder: join(folder, "photos"), clock, limits });
}

/** A picture of 200 kB under an entry of its own. */
async function taken({ journal, ids }: JournalFixture, photos: PhotoStore, seed: number): Promise<string> {
  const content = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 31 + seed) % 251);
  const { sha256 } = await photos.put(content, { size: "photo", mediaType: "image/jpeg" });
  quote({ journal, ids }, sha256, () => photos.claim([sha256]));
  return sha256;
}

function quote(
  { journal, ids }: Pick<JournalFixture, "journal" | "ids">,
  sha256: string,
  also = () => {},
): void {
  journal.transact(() => {
    journal.append({ id: ids.next(), kind: "device.fault", body: { photo: { photoSha256: sha256 } } });
    also();
  });
}

test("a cloud put back from a backup without its photos gets again what the terminal still has, over both restarts", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const fixture = journalFixture({ migrations: [photoMigrations] });
  const photos = storeOf(fixture);
  const start = (on: JournalFixture, store: PhotoStore): RigTerminal =>
    new RigTerminal(on.journal, brokerSettings(broker.port), {
      photos: store,
      waits: { healthPeriodMs: 100, receiptWaitMsLimit: 400, photoReceiptWaitMsMin: 100 },
    });
  const old = await taken(fixture, photos, 0);
  const folder = temporaryFolder();
  const first = await RigCloud.start(broker.port, folder, { photoWaits });
  const terminal = start(fixture, photos);
  await first.until(({ photos: there }) => there.content(old) !== undefined);
  await first.close();
  const backup = join(temporaryFolder(), "backup.db");
  copyFileSync(databaseFile(folder), backup);

  const second = await RigCloud.start(broker.port, folder, { photoWaits });
  await expect.poll(() => photos.usage().waitingCount).toBe(0);
  await fixture.clock.advance(KEPT_MS_MIN + 1);
  const hashes = await Promise.all([1, 2, 3, 4].map((seed) => taken(fixture, photos, seed)));
  const never = "ab".repeat(32);
  quote(fixture, never);
  await second.until(({ photos: there }) => hashes.every((sha256) => there.content(sha256) !== undefined));
  await expect.poll(() => photos.usage().waitingCount).toBe(0);
  await second.close();
  // The disk of the cloud is lost, and the terminal's oldest photo is past its time.
  rmSync(join(folder, "photos"), { recursive: true });
  copyFileSync(backup, databaseFile(folder));
  for (const beside of ["-wal", "-shm"]) rmSync(`${databaseFile(folder)}${beside}`, { force: true });
  expect(await photos.tidy()).toMatchObject({ deletedCount: 1 });

  const third = await RigCloud.start(broker.port, folder, { photoWaits });
  await third.until(({ photos: there }) => there.content(hashes[0] ?? "") !== undefined);
  await terminal.close();
  await third.close();
  const reopened = fixture.reopen();
  const again = start(reopened, storeOf(reopened));
  onTestFinished(() => again.close());
  const fourth = await RigCloud.start(broker.port, folder, { photoWaits });
  onTestFinished(() => fourth.close());
  await fourth.until(({ photos: there }) => hashes.every((sha256) => there.content(sha256) !== undefined));
  await fourth.until(({ quotes }) => [old, never].every((sha256) => quotes.find(sha256)?.state === "lost"));
  expect(fourth.cloud.quotes.find(old)).toMatchObject({ lostWhy: "deleted" });
  expect(fourth.cloud.quotes.find(never)).toMatchObject({ lostWhy: "unknown" });
  for (const sha256 of hashes) expect(fourth.cloud.quotes.find(sha256)).toMatchObject({ state: "here" });
});

test("photos are asked for a page at a time, thumbnails first, more and more seldom, and none that never came at once", () => {
  const folder = temporaryFolder();
  const db = openCloudDatabase(databaseFile(folder));
  onTestFinished(() => void db.close());
  db.pragma("synchronous = OFF");
  let now = 1_000_000_000;
  const quotes = new PhotoQuotes({ db, now: () => now, random: () => 0.5 });
  const hashOf = (index: number): string => index.toString(16).padStart(64, "0");
  for (let index = 1; index <= 100; index += 1)
    quotes.posted(SITE, { photo: { photoSha256: hashOf(index), thumbnailSha256: hashOf(1000 + index) } });
  expect(quotes.request(SITE)).toBeUndefined();
  now += 600_000;
  const page = quotes.request(SITE);
  expect(page?.hashes).toHaveLength(64);
  expect(page?.hashes.every((sha256) => Number.parseInt(sha256, 16) > 1000)).toBe(true);
  expect(quotes.request({ site: "s1", device: "t2" })).toBeUndefined();
  const asks: number[] = [];
  const day = now + 86_400_000;
  for (; now < day; now += 300_000)
    for (let next = quotes.request(SITE); next !== undefined; next = quotes.request(SITE))
      if (next.hashes.includes(hashOf(1001))) asks.push(now);
  expect(asks.length).toBeGreaterThan(20);
  expect(asks.length).toBeLessThan(60);
  const answer = { v: 1 as const, ask: "a", sending: [] };
  const gone = { sha256: hashOf(1001), why: "changed" as const, ackedAtMs: null, deletedAtMs: null };
  quotes.answered(SITE, { ...answer, gone: [gone] });
  expect(quotes.find(hashOf(1001))).toMatchObject({ state: "lost", lostWhy: "changed" });
});

test("a file that the cloud's disk lost is noticed at the start and when its terminal asks", () => {
  const folder = temporaryFolder();
  const photoFolder = join(folder, "photos");
  const db = openCloudDatabase(databaseFile(folder));
  onTestFinished(() => void db.close());
  const content = Buffer.from("a picture");
  const intake = new PhotoIntake(db, photoFolder, () => 1);
  const real = storedAs(intake, content);
  expect(intake.take(SITE, real, 0, new Uint8Array(0))).toMatchObject({ complete: true });
  rmSync(join(photoFolder, "s1", "t1", `${real}.photo`));
  expect(intake.take(SITE, real, 0, new Uint8Array(0))).toMatchObject({ complete: false, haveBytes: 0 });
  expect(storedAs(intake, content)).toBe(real);
  const quotes = new PhotoQuotes({ db, now: () => 1, random: () => 0 });
  quotes.posted(SITE, { photoSha256: real });
  expect(quotes.find(real)).toMatchObject({ state: "here" });
  rmSync(photoFolder, { recursive: true });
  expect(new PhotoIntake(db, photoFolder, () => 1).content(real)).toBeUndefined();
  const after = new PhotoQuotes({ db, now: () => 1, random: () => 0 });
  expect(after.request(SITE)).toMatchObject({ hashes: [real] });
});

function storedAs(intake: PhotoIntake, content: Buffer): string {
  const sha256 = photoHash(content);
  expect(intake.take(SITE, sha256, 0, content)).toMatchObject({ complete: true });
  return sha256;
}
