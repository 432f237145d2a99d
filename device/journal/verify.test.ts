import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { hashOfEntry } from "./entry-hash.ts";
import { exportJournal, verifyExport } from "./journal-export.ts";
import { type JournalFixture, journalFixture, tallyProjection, temporaryFolder } from "./journal-fixture.ts";
import { verifyJournal } from "./verify.ts";

const NO_CHECKPOINTS = { goodCount: 0, provenSeq: 0, publicKey: null, given: null, problems: [] };

const projections = [tallyProjection];

/** Five entries: rice, soup, rice, soup, rice. */
function fiveEntries(): JournalFixture {
  const fixture = journalFixture({ projections });
  for (const name of ["rice", "soup", "rice", "soup", "rice"]) {
    fixture.journal.append({ id: fixture.ids.next(), kind: "tally.counted", body: { name } });
  }
  return fixture;
}

/** Changes the file as someone with a database tool would: the triggers have to go first. */
function tamper({ db }: JournalFixture, change: (db: Database) => void): void {
  const triggers = db
    .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  change(db);
  for (const { sql } of triggers) db.exec(sql);
}

describe("verifyJournal", () => {
  it("passes an untouched journal while the terminal has it open", () => {
    const { file, journal } = fiveEntries();
    expect(verifyJournal(file, projections)).toEqual({
      ok: true,
      entries: 5,
      base: null,
      checkpoints: NO_CHECKPOINTS,
      head: journal.head(),
      firstBad: null,
      projectionDifferences: [],
      databaseProblems: [],
    });
  });

  it("passes an empty journal", () => {
    const { file } = journalFixture({ projections });
    expect(verifyJournal(file, projections)).toMatchObject({ ok: true, entries: 0 });
  });

  it.each<[string, (db: Database) => void, { seq: number; problem: string }]>([
    [
      "a changed body",
      (db) => db.exec(`UPDATE journal SET body = '{"name":"soup"}' WHERE seq = 3`),
      { seq: 3, problem: "hash-wrong" },
    ],
    [
      "a changed time stamp",
      (db) => db.exec("UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 2"),
      { seq: 2, problem: "hash-wrong" },
    ],
    [
      "a changed time trust",
      (db) => db.exec("UPDATE journal SET time_trust = 'held' WHERE seq = 5"),
      { seq: 5, problem: "hash-wrong" },
    ],
    [
      "a changed id",
      (db) => db.exec("UPDATE journal SET id = replace(id, '-7', '-4') WHERE seq = 1"),
      { seq: 1, problem: "hash-wrong" },
    ],
    [
      "a changed hash",
      (db) => db.exec("UPDATE journal SET hash = lower(hex(zeroblob(32))) WHERE seq = 4"),
      { seq: 4, problem: "hash-wrong" },
    ],
    [
      "a hash that is none",
      (db) => db.exec("UPDATE journal SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 4"),
      { seq: 4, problem: "malformed" },
    ],
    [
      "a body written in another way",
      (db) => db.exec(`UPDATE journal SET body = '{ "name": "rice" }' WHERE seq = 3`),
      { seq: 3, problem: "not-canonical" },
    ],
    ["a removed row", (db) => db.exec("DELETE FROM journal WHERE seq = 2"), { seq: 2, problem: "missing" }],
    [
      "a removed first row",
      (db) => db.exec("DELETE FROM journal WHERE seq = 1"),
      { seq: 1, problem: "missing" },
    ],
    [
      "swapped rows",
      (db) =>
        db.exec(`UPDATE journal SET seq = 99 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 4;
                 UPDATE journal SET seq = 4 WHERE seq = 99`),
      { seq: 3, problem: "chain-broken" },
    ],
    [
      "an entry before the first",
      (db) =>
        db.exec(`PRAGMA ignore_check_constraints = ON;
          INSERT INTO journal SELECT 0, replace(id, '-7', '-4'), kind, at_ms, time_trust, body, prev_hash, hash
          FROM journal WHERE seq = 1`),
      { seq: 1, problem: "out-of-order" },
    ],
  ])("names the first bad entry for %s", (_, change, firstBad) => {
    const fixture = fiveEntries();
    tamper(fixture, change);
    const verification = verifyJournal(fixture.file, projections);
    expect(verification.firstBad).toEqual(firstBad);
    expect(verification.ok).toBe(false);
    expect(verification.head.seq).toBe(firstBad.seq - 1);
  });

  it("names the follower when an entry was changed together with its hash", () => {
    const fixture = fiveEntries();
    const entry = fixture.journal.entryBySeq(2);
    if (entry === undefined) throw new Error("there are five");
    const hash = hashOfEntry({ ...entry, body: { name: "rice" } });
    tamper(fixture, (db) =>
      db.prepare(`UPDATE journal SET body = '{"name":"rice"}', hash = ? WHERE seq = 2`).run(hash),
    );
    expect(verifyJournal(fixture.file, projections).firstBad).toEqual({ seq: 3, problem: "chain-broken" });
  });

  it("misses the end that was cut off once the cloud has confirmed it", () => {
    const fixture = fiveEntries();
    fixture.journal.acknowledge(5);
    tamper(fixture, (db) => db.exec("DELETE FROM journal WHERE seq >= 4; UPDATE tally SET total = 0"));
    expect(verifyJournal(fixture.file, []).firstBad).toEqual({ seq: 4, problem: "missing" });
  });

  it("finds an id that stands twice, also when the table no longer forbids it", () => {
    const fixture = fiveEntries();
    tamper(fixture, (db) =>
      db.exec(`ALTER TABLE journal RENAME TO old; CREATE TABLE journal AS SELECT * FROM old; DROP TABLE old;
               UPDATE journal SET id = (SELECT id FROM journal WHERE seq = 4) WHERE seq = 5`),
    );
    const { firstBad, databaseProblems } = verifyJournal(fixture.file, projections);
    expect(firstBad).toEqual({ seq: 5, problem: "hash-wrong" });
    expect(databaseProblems).toContain("schema: journal is changed");
  });

  it("reports a trigger that was taken away", () => {
    const fixture = fiveEntries();
    fixture.db.exec("DROP TRIGGER journal_never_deleted");
    expect(verifyJournal(fixture.file, projections)).toMatchObject({
      ok: false,
      firstBad: null,
      databaseProblems: ["schema: journal_never_deleted is missing"],
    });
  });

  it("names each row of a projection that does not follow from the entries", () => {
    const fixture = fiveEntries();
    fixture.db.exec(`UPDATE tally SET total = 1 WHERE name = 'rice'; DELETE FROM tally WHERE name = 'soup';
                     INSERT INTO tally VALUES ('cake', 1, 1)`);
    const { ok, firstBad, projectionDifferences } = verifyJournal(fixture.file, projections);
    expect(ok).toBe(false);
    expect(firstBad).toBeNull();
    expect(projectionDifferences).toEqual([
      { projection: "tally", table: "tally", key: '["rice"]', problem: "changed" },
      { projection: "tally", table: "tally", key: '["soup"]', problem: "missing" },
      { projection: "tally", table: "tally", key: '["cake"]', problem: "unexpected" },
    ]);
  });

  it("says so when a projection refuses the entries, or its table is gone", () => {
    const fixture = fiveEntries();
    const stubborn = { ...tallyProjection, schema: tallyProjection.schema.replace("<= 9", "<= 2") };
    expect(verifyJournal(fixture.file, [stubborn]).projectionDifferences).toEqual([
      { projection: "tally", table: null, key: null, problem: "not-replayable" },
    ]);
    fixture.db.exec("DROP TABLE tally");
    expect(verifyJournal(fixture.file, projections).projectionDifferences).toEqual([
      { projection: "tally", table: "tally", key: null, problem: "table-unreadable" },
    ]);
  });

  it("never throws: not for a missing file, another kind of file, or bytes overwritten in the middle", () => {
    const folder = temporaryFolder();
    expect(verifyJournal(join(folder, "none.db"), projections)).toMatchObject({ ok: false, entries: 0 });
    const text = join(folder, "text.db");
    writeFileSync(text, "not a database at all ".repeat(500));
    expect(verifyJournal(text, projections).databaseProblems[0]).toContain("database-damaged");
    const empty = join(folder, "empty.db");
    new Sqlite(empty).exec("CREATE TABLE other (a)").close();
    expect(verifyJournal(empty, projections)).toMatchObject({
      ok: false,
      firstBad: { seq: 1, problem: "unreadable" },
    });
  });

  it("finds pages that the disk has garbled", () => {
    const fixture = journalFixture({ projections });
    for (let index = 0; index < 60; index++) {
      const body = { name: "rice", text: "x".repeat(3000) };
      fixture.journal.append({ id: fixture.ids.next(), kind: "tally.skipped-over", body });
    }
    fixture.db.pragma("wal_checkpoint(TRUNCATE)");
    const pageBytes = Number(fixture.db.pragma("page_size", { simple: true }));
    const bytes = fixture.db.serialize();
    const copy = join(fixture.folder, "copy.db");
    const seen: boolean[] = [];
    for (const page of [12, 25, 40]) {
      const damaged = Uint8Array.from(bytes);
      damaged.fill(0xa5, page * pageBytes, (page + 1) * pageBytes);
      writeFileSync(copy, damaged);
      const verification = verifyJournal(copy, projections);
      seen.push(verification.ok);
    }
    expect(seen).toEqual([false, false, false]);
  });
});

describe("export", () => {
  it("checks from the lines alone, whole or from the middle", async () => {
    const { file, journal } = fiveEntries();
    const whole = [...exportJournal(file, { fromSeq: 1, toSeq: null })];
    expect(await verifyExport(whole)).toEqual({
      ok: true,
      entries: 5,
      checkpoints: NO_CHECKPOINTS,
      fromSeq: 1,
      head: journal.head(),
      firstBad: null,
    });
    const part = [...exportJournal(file, { fromSeq: 3, toSeq: 4 }), ""];
    expect(await verifyExport(part)).toMatchObject({ ok: true, entries: 2, fromSeq: 3, head: { seq: 4 } });
  });

  it("keeps bodies whose keys look like numbers", async () => {
    const { file, journal, ids } = journalFixture();
    journal.append({ id: ids.next(), kind: "tally.counted", body: { 10: "a", 9: "b", é: "c" } });
    const lines = [...exportJournal(file, { fromSeq: 1, toSeq: null })];
    expect(lines[0]).toContain('{"10":"a","9":"b","é":"c"}');
    expect(await verifyExport(lines)).toMatchObject({ ok: true });
  });

  it("names the line and entry of the first that was changed, dropped, swapped or is no entry", async () => {
    const { file } = fiveEntries();
    const lines = [...exportJournal(file, { fromSeq: 1, toSeq: null })];
    const [a = "", b = "", c = "", d = "", e = ""] = lines;
    const check = async (changed: readonly string[]) => (await verifyExport(changed)).firstBad;
    expect(await check([a, b, c.replace("rice", "soup"), d, e])).toEqual({
      line: 3,
      seq: 3,
      problem: "hash-wrong",
    });
    expect(await check([a, c, d, e])).toEqual({ line: 2, seq: 2, problem: "missing" });
    expect(await check([a, b, d, c, e])).toEqual({ line: 3, seq: 3, problem: "missing" });
    expect(await check([a, b, b])).toEqual({ line: 3, seq: 3, problem: "out-of-order" });
    expect(await check([a, "{ not json"])).toEqual({ line: 2, seq: 2, problem: "malformed" });
    expect(await check([a, b.replace("{", '{"extra":1,')])).toEqual({
      line: 2,
      seq: 2,
      problem: "malformed",
    });
    expect(await check(["null"])).toEqual({ line: 1, seq: 1, problem: "malformed" });
    expect(await verifyExport([])).toMatchObject({ ok: false, entries: 0 });
  });

  it("does not believe a first entry that claims something came before it", async () => {
    const { file } = fiveEntries();
    const [first = ""] = [...exportJournal(file, { fromSeq: 1, toSeq: 1 })];
    const forged = first.replace(`"prevHash":"${"0".repeat(64)}"`, `"prevHash":"${"1".repeat(64)}"`);
    expect((await verifyExport([forged])).firstBad).toEqual({ line: 1, seq: 1, problem: "chain-broken" });
  });
});
