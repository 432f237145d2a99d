import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import type { Journal, JournalEntry } from "../../device/journal/journal-port.ts";
import { openPhotoStore } from "../../device/photos/photo-store.ts";
import { photoMigrations } from "../../device/photos/photo-tables.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { refusalOf } from "./batch-refusal.ts";
import { batchOf, entriesOf } from "./testing/entries.ts";
import { appendMany, oneTo, RigCloud, RigTerminal } from "./testing/rig.ts";

const DAMAGED_SEQ = 7;

/** A journal whose file gives back another body than was written, as a worn card does. */
function worn(journal: Journal, damage: (entry: JournalEntry) => JournalEntry) {
  let isWorn = true;
  const readAfter: Journal["readAfter"] = (afterSeq, limits) =>
    journal
      .readAfter(afterSeq, limits)
      .map((entry) => (isWorn && entry.seq === DAMAGED_SEQ ? damage(entry) : entry));
  const view: Journal = {
    append: (draft) => journal.append(draft),
    transact: (work) => journal.transact(work),
    readAfter,
    entryById: (id) => journal.entryById(id),
    entryBySeq: (seq) => journal.entryBySeq(seq),
    head: () => journal.head(),
    base: () => journal.base(),
    ackedSeq: () => journal.ackedSeq(),
    acknowledge: (ackedSeq) => journal.acknowledge(ackedSeq),
    onAppended: (listener) => journal.onAppended(listener),
  };
  return {
    view,
    repair: () => {
      isWorn = false;
    },
  };
}

describe("an entry that the cloud refuses", () => {
  it.each([
    ["another body than its hash", "hash-wrong", { body: { index: -1 } }],
    ["no kind that the contract knows", "message-not-valid", { kind: "NOT A KIND" }],
  ])(
    "with %s stops the journal, is named with its reason, lets photos go, and follows once it is right",
    async (_what, code, damage) => {
      const broker = await startAedes();
      onTestFinished(() => broker.close());
      const cloud = await RigCloud.start(broker.port, temporaryFolder());
      onTestFinished(() => cloud.close());
      const { journal, db, folder, clock } = journalFixture({ migrations: [photoMigrations] });
      const limits = { bytesMax: 10_000_000, keptMsMin: 1000 };
      const photos = openPhotoStore({ db, folder: join(folder, "photos"), clock, limits });
      appendMany(journal, 20);
      const { view, repair } = worn(journal, (entry) => ({ ...entry, ...damage }));
      const terminal = new RigTerminal(view, brokerSettings(broker.port), { photos });
      onTestFinished(() => terminal.close());
      await terminal.until(
        ({ refusedEntry, reason }) => refusedEntry?.seq === DAMAGED_SEQ && reason === "entry-refused",
      );
      expect(terminal.sync.status().refusedEntry).toEqual({ seq: DAMAGED_SEQ, code });
      expect(journal.ackedSeq()).toBe(DAMAGED_SEQ - 1);
      const { sha256 } = await photos.put(new Uint8Array(3000).fill(9), {
        size: "photo",
        mediaType: "image/jpeg",
      });
      journal.transact(() => photos.claim([sha256]));
      await cloud.until((there) => there.photos.content(sha256) !== undefined);
      repair();
      await terminal.drained();
      expect(cloud.storedSeqs().toSorted((a, b) => a - b)).toEqual(oneTo(20));
      expect(terminal.sync.status()).toMatchObject({ refusedEntry: null, reason: null });
    },
  );

  it("is named in no answer where the batch does not say which it is", () => {
    const batch = batchOf(entriesOf([{ kind: "temperature.summary", body: {} }]));
    const payload = Buffer.from(JSON.stringify(batch));
    expect(refusalOf(payload, "message-not-valid", "entries.0.kind")).toEqual([
      { seq: 1, code: "message-not-valid" },
    ]);
    expect(refusalOf(payload, "message-not-valid", "entries.4.kind")).toEqual([]);
    expect(refusalOf(payload, "message-not-valid", "prevHash")).toEqual([]);
  });
});
