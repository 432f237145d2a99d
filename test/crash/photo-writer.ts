/**
 * A terminal reduced to its photos: stores one, quotes it in an entry, prints its hash after the commit, and so on for ever.
 * Every third is soon confirmed as if by the cloud, and the space is small: photos are deleted all the time as well.
 * Usage: photo-writer.ts FOLDER SEED.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../device/journal/database.ts";
import { journalMigrations } from "../../device/journal/journal-tables.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { openPhotoStore } from "../../device/photos/photo-store.ts";
import { photoMigrations } from "../../device/photos/photo-tables.ts";
import { idSource, seededEntropy } from "../../device/platform/entropy.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";

const [folder = "", seed = "1"] = process.argv.slice(2);
const clock = new SystemClock();
const entropy = seededEntropy(Number(seed));
const ids = idSource(clock, entropy);
const migrations = [journalMigrations, photoMigrations];
const db = openDatabase({ file: join(folder, "canteen.db"), clock, migrations });
const journal = openJournal({ db, clock, timeTrust: { current: () => "unknown" }, projections: [] });
const limits = { bytesMax: 600_000, keptMsMin: 86_400_000 };
const photos = openPhotoStore({ db, folder: join(folder, "photos"), clock, limits });

for (;;) {
  const content = entropy.bytes(20_000 + Math.floor(entropy.uniform() * 60_000));
  const { sha256 } = await photos.put(content, { size: "photo", mediaType: "image/jpeg" });
  journal.transact(() => {
    photos.claim([sha256]);
    journal.append({ id: ids.next(), kind: "device.fault", body: { photo: { photoSha256: sha256 } } });
  });
  // Synchronous, so that a line is in the pipe when this returns.
  writeSync(1, `${sha256}\n`);
  for (let next = photos.nextToSend(); next !== undefined && photos.usage().waitingCount > 2; ) {
    photos.confirm(next.sha256);
    next = photos.nextToSend();
  }
  if (entropy.uniform() < 0.2) await photos.tidy();
}
