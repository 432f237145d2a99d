import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { hashOfEntry } from "../../device/journal/entry-hash.ts";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import type { JournalEntry } from "../../device/journal/journal-port.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { JournalIntake } from "./journal-intake.ts";
import { batchOf, entriesOf } from "./testing/entries.ts";
import { databaseFile, oneTo } from "./testing/rig.ts";

const address = { site: "s1", device: "t1" };

function openIntake(file = databaseFile(temporaryFolder())) {
  const db = openCloudDatabase(file);
  onTestFinished(() => void db.close());
  const posted: number[] = [];
  const intake = new JournalIntake(
    db,
    () => 42,
    (_address, { seq }) => posted.push(seq),
  );
  const take = (...entries: readonly JournalEntry[]) => intake.take(address, batchOf(entries));
  return { db, intake, posted, take };
}

const plain = (count: number, text = ""): JournalEntry[] =>
  entriesOf(oneTo(count).map((number) => ({ kind: "temperature.summary", body: { number, text } })));

function entry(entries: readonly JournalEntry[], seq: number): JournalEntry {
  const found = entries[seq - 1];
  if (found === undefined) throw new Error(`no entry ${seq}`);
  return found;
}

describe("JournalIntake", () => {
  it("answers with the highest seq up to which nothing is missing, and its hash", () => {
    const { take } = openIntake();
    const entries = plain(5);
    expect(take(...entries.slice(0, 3))).toEqual({
      v: 1,
      ask: "q",
      ackedSeq: 3,
      headHash: entry(entries, 3).hash,
      missing: [],
      conflicts: [],
      cloudNowMs: 42,
    });
    expect(take()).toMatchObject({ ackedSeq: 3 });
  });

  it("names the holes and closes them in any order", () => {
    const { take, posted } = openIntake();
    const entries = plain(9);
    expect(take(entry(entries, 8))).toMatchObject({ ackedSeq: 0, missing: [[1, 7]] });
    expect(take(entry(entries, 4), entry(entries, 5))).toMatchObject({
      missing: [
        [1, 3],
        [6, 7],
      ],
    });
    expect(take(...entries.slice(0, 4))).toMatchObject({ ackedSeq: 5, missing: [[6, 7]] });
    expect(take(...entries)).toMatchObject({ ackedSeq: 9, missing: [] });
    expect(posted).toEqual(oneTo(9));
  });

  it("stores and posts each entry once, in order, however the batches are cut, repeated and mixed", () => {
    const entries = plain(30);
    const range = fc.tuple(fc.nat(29), fc.integer({ min: 1, max: 10 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 25 }), (ranges) => {
        const { db, take, posted } = openIntake(":memory:");
        for (const [start, count] of ranges) take(...entries.slice(start, start + count));
        const receipt = take(...entries);
        expect(receipt).toMatchObject({ ackedSeq: 30, missing: [], conflicts: [] });
        expect(posted).toEqual(oneTo(30));
        db.close();
      }),
      { numRuns: 60 },
    );
  });

  it("keeps both sides of a conflict, names it in every receipt and stops before it", () => {
    const { db, take, posted } = openIntake();
    const [ours, theirs] = [plain(6, "a"), plain(6, "b")];
    take(...ours.slice(0, 3));
    const receipt = take(entry(theirs, 2));
    const conflict = { seq: 2, storedHash: entry(ours, 2).hash, receivedHash: entry(theirs, 2).hash };
    expect(receipt).toMatchObject({ ackedSeq: 3, conflicts: [conflict] });
    expect(take()).toMatchObject({ conflicts: [conflict] });
    const kept = db.prepare("SELECT received_entry FROM conflict").pluck().get();
    expect(JSON.parse(String(kept))).toMatchObject({ seq: 2, body: { text: "b" } });
    expect(posted).toEqual([1, 2, 3]);
  });

  it("stores nothing that does not join its neighbours' hashes", () => {
    const { take } = openIntake();
    const [ours, theirs] = [plain(6, "a"), plain(6, "b")];
    take(...ours.slice(0, 3));
    expect(take(entry(theirs, 4))).toMatchObject({
      ackedSeq: 3,
      conflicts: [{ seq: 3, storedHash: entry(ours, 3).hash, receivedHash: entry(theirs, 3).hash }],
    });
    const other = openIntake();
    other.take(entry(ours, 5));
    expect(other.take(entry(theirs, 4))).toMatchObject({
      ackedSeq: 0,
      conflicts: [{ seq: 4, storedHash: entry(ours, 4).hash, receivedHash: entry(theirs, 4).hash }],
    });
  });

  it("takes an entry whose hash is wrong for damaged, and the right one later", () => {
    const { db, take } = openIntake();
    const entries = plain(2);
    const forged = { ...entry(entries, 1), body: { number: 1, text: "more" } };
    expect(take(forged)).toMatchObject({ ackedSeq: 0, conflicts: [] });
    expect(db.prepare("SELECT damaged_count FROM device").pluck().get()).toBe(1);
    expect(take(...entries)).toMatchObject({ ackedSeq: 2 });
  });

  it("refuses a first entry that follows another one, and says which", () => {
    const { take } = openIntake();
    const { hash: _hash, ...fields } = { ...entry(plain(1), 1), prevHash: "ab".repeat(32) };
    expect(take({ ...fields, hash: hashOfEntry(fields) })).toMatchObject({
      ackedSeq: 0,
      conflicts: [],
      refused: [{ seq: 1, code: "hash-wrong" }],
    });
    expect(take(...plain(1))).toMatchObject({ ackedSeq: 1 });
  });

  it("gives entries back up to a hole, also one that nobody will fill, and behind one that the terminal has filled", () => {
    const { intake, take } = openIntake();
    const entries = plain(9);
    const pageAfter = (after: number): number[] =>
      intake.page(address, { v: 1, ask: "q", after }).entries.map(({ seq }) => seq);
    take(...entries.slice(0, 3), ...entries.slice(5, 7));
    expect([0, 3, 4, 5, 6, 7].map(pageAfter)).toEqual([[1, 2, 3], [], [], [6, 7], [7], []]);
    // The terminal says that it no longer holds what lies before its beginning.
    const [checkpoint] = batchOf([entry(entries, 8)]).entries;
    if (checkpoint === undefined) throw new Error("no checkpoint");
    const receipt = intake.takeGone(address, { v: 1, toSeq: 7, checkpoint });
    expect(receipt).toMatchObject({ ackedSeq: 8, missing: [] });
    take(entry(entries, 9));
    expect([0, 1, 3, 5, 7, 8].map(pageAfter)).toEqual([
      [1, 2, 3],
      [2, 3],
      [6, 7, 8, 9],
      [6, 7, 8, 9],
      [8, 9],
      [9],
    ]);
  });

  it("has on the disk what a receipt says", () => {
    const file = join(temporaryFolder(), "cloud.db");
    const { take, db } = openIntake(file);
    take(...plain(4));
    db.close();
    expect(openIntake(file).intake.receipt(address, null)).toMatchObject({ ackedSeq: 4 });
  });
});
