import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { openPhotoStore } from "../../device/photos/photo-store.ts";
import { photoMigrations } from "../../device/photos/photo-tables.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { appendMany, RigCloud, RigTerminal } from "./testing/rig.ts";

test("photos follow the journal to the cloud, over its restart in the middle, and leave the terminal after its receipt", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const { journal, db, folder, clock } = journalFixture({ migrations: [photoMigrations] });
  const limits = { bytesMax: 10_000_000, keptMsMin: 1000 };
  const photos = openPhotoStore({ db, folder: join(folder, "photos"), clock, limits });
  const hashes: string[] = [];
  for (let index = 0; index < 6; index += 1) {
    const content = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 31 + index) % 251);
    const { sha256 } = await photos.put(content, { size: "photo", mediaType: "image/jpeg" });
    hashes.push(sha256);
  }
  appendMany(journal, 3);
  journal.transact(() => photos.claim(hashes));
  const cloudFolder = temporaryFolder();
  const first = await RigCloud.start(broker.port, cloudFolder);
  const terminal = new RigTerminal(journal, brokerSettings(broker.port), {
    photos,
    waits: { healthPeriodMs: 500, receiptWaitMsLimit: 400, photoReceiptWaitMsMin: 100 },
  });
  onTestFinished(() => terminal.close());
  await first.until(({ photos: there }) => there.content(hashes[1] ?? "") !== undefined);
  await first.close();
  const second = await RigCloud.start(broker.port, cloudFolder);
  onTestFinished(() => second.close());
  await second.until(({ photos: there }) => hashes.every((sha256) => there.content(sha256) !== undefined));
  for (const sha256 of hashes)
    expect(second.cloud.photos.content(sha256)).toEqual(Buffer.from(await photos.read(sha256)));
  const page = await fetch(`${second.cloud.url}/photos/${hashes[0]}`);
  expect(page.status).toBe(200);
  await expect.poll(() => photos.usage().waitingCount).toBe(0);
  await clock.advance(2000);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 6 });
});
