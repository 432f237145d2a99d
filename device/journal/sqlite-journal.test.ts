import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { InvariantBroken } from "../platform/assert.ts";
import { canonicalEntry, ENTRY_BODY_BYTES_MAX, GENESIS_HASH, hashOfEntry } from "./entry-hash.ts";
import { journalFixture, tallyProjection } from "./journal-fixture.ts";
import type { EntryDraft, Json, JsonObject, Projection } from "./journal-port.ts";

function tally(id: string, name: string): EntryDraft {
  return { id, kind: "tally.counted", body: { name } };
}

describe("append", () => {
  it("numbers from 1, chains by hash and stamps time and trust", () => {
    const { journal, ids, clock } = journalFixture({ timeTrust: "held" });
    const first = journal.append({ id: ids.next(), kind: "charge.made", body: { amountFen: 1200 } }).entry;
    const second = journal.append({ id: ids.next(), kind: "charge.made", body: { amountFen: 800 } }).entry;
    expect(first).toMatchObject({ seq: 1, prevHash: GENESIS_HASH, atMs: clock.now(), timeTrust: "held" });
    expect(second).toMatchObject({ seq: 2, prevHash: first.hash });
    expect([first, second].map(hashOfEntry)).toEqual([first.hash, second.hash]);
    expect(journal.head()).toEqual({ seq: 2, hash: second.hash });
    expect(journal.entryBySeq(2)).toEqual(second);
    expect(journal.entryById(first.id)).toEqual(first);
    expect(journal.entryBySeq(3)).toBeUndefined();
  });

  it("hashes what RFC 8785 says, whatever the order of keys", () => {
    const { journal, ids } = journalFixture();
    const body = { z: 1, a: [true, null, '午餐 \u0007 " / €'], é: { b: 1.5, A: -0.25 }, "\u20ac": 1e-7 };
    const { entry } = journal.append({ id: ids.next(), kind: "charge.made", body });
    const { hash: _, ...rest } = entry;
    expect(canonicalEntry(entry)).toBe(canonicalize(entry));
    expect(hashOfEntry(entry)).toBe(entry.hash);
    expect(hashOfEntry({ ...rest, body: Object.fromEntries(Object.entries(body).reverse()) })).toBe(
      entry.hash,
    );
  });

  it("pins the hash of a known entry, so that the cloud and old journals stay comparable", () => {
    const { journal } = journalFixture();
    const { entry } = journal.append({
      id: "01890a5d-ac96-774b-bcce-b302099a8057",
      kind: "charge.made",
      body: { amountFen: 1200, personId: "p-1" },
    });
    // Computed beside this code, with another JSON serialiser and SHA-256 (Python json, hashlib).
    expect(entry.hash).toBe("664d7953e14b7031d16bd68742a1bc46fccb6da9807e588551575d4b0a09176d");
  });

  it("answers exists for the same id and content, and appends nothing", () => {
    const { journal, ids, clock, reopen } = journalFixture();
    const draft = tally(ids.next(), "rice");
    const { entry } = journal.append(draft);
    clock.stepWall(3_600_000);
    expect(journal.append(draft)).toEqual({ kind: "exists", entry });
    const again = reopen().journal;
    expect(again.append(draft)).toEqual({ kind: "exists", entry });
    expect(again.head().seq).toBe(1);
  });

  it("answers conflict for the same id with other content or kind", () => {
    const { journal, ids } = journalFixture();
    const draft = tally(ids.next(), "rice");
    journal.append(draft);
    for (const other of [tally(draft.id, "noodles"), { ...draft, kind: "tally.voided" }]) {
      expect(() => journal.append(other)).toThrow(
        expect.objectContaining({ code: "journal-id-conflict", retry: "never" }),
      );
    }
    expect(journal.head().seq).toBe(1);
  });

  it.each<[string, unknown]>([
    ["undefined", { a: undefined }],
    ["NaN", { a: Number.NaN }],
    ["infinity", { a: Number.POSITIVE_INFINITY }],
    ["an unsafe integer", { a: 2 ** 53 }],
    ["a function", { a: () => 1 }],
    ["a date", { a: new Date(0) }],
    ["a map", { a: new Map() }],
    ["a bigint", { a: 1n }],
    ["a lone surrogate", { a: "\ud800" }],
    ["a sparse array", { a: new Array(1) }],
    ["an array as body", [1]],
    ["too deep a nest", { a: Array.from({ length: 20 }).reduce<Json>((inner) => [inner], null) }],
    ["too much", { a: "x".repeat(ENTRY_BODY_BYTES_MAX) }],
  ])("treats %s in a body as a bug and writes nothing", (_, body) => {
    const { journal, ids } = journalFixture();
    const draft = { id: ids.next(), kind: "charge.made", body: body as JsonObject };
    expect(() => journal.append(draft)).toThrow(InvariantBroken);
    expect(journal.head().seq).toBe(0);
  });

  it("takes a body of exactly the limit", () => {
    const { journal, ids } = journalFixture();
    const a = "x".repeat(ENTRY_BODY_BYTES_MAX - '{"a":""}'.length);
    expect(journal.append({ id: ids.next(), kind: "charge.made", body: { a } }).kind).toBe("appended");
  });
});

describe("the table journal", () => {
  it("forbids every statement that would change, remove, skip or break", () => {
    const { journal, db, ids } = journalFixture();
    const { entry } = journal.append(tally(ids.next(), "rice"));
    const insert = (verb: string, seq: number, id: string, prevHash: string) => () =>
      db
        .prepare(`${verb} INTO journal VALUES (?, ?, 'a.b', 0, 'synced', '{}', ?, ?)`)
        .run(seq, id, prevHash, GENESIS_HASH);
    expect(() => db.exec("UPDATE journal SET body = '{}'")).toThrow("never updated");
    expect(() => db.exec("DELETE FROM journal")).toThrow("never deleted");
    expect(insert("INSERT OR REPLACE", 1, ids.next(), entry.hash)).toThrow("no gaps");
    expect(insert("INSERT OR REPLACE", 2, entry.id, entry.hash)).toThrow("never deleted");
    expect(insert("INSERT", 3, ids.next(), entry.hash)).toThrow("no gaps");
    expect(insert("INSERT", 2, ids.next(), GENESIS_HASH)).toThrow("one chain");
    expect(insert("INSERT", 2, "short", entry.hash)).toThrow("CHECK");
    expect(journal.entryBySeq(1)).toEqual(entry);
    expect(insert("INSERT", 2, ids.next(), entry.hash)).not.toThrow();
  });
});

describe("projections", () => {
  it("are written with the entry, and a refusal of theirs takes the entry back", () => {
    const { journal, db, ids } = journalFixture({ projections: [tallyProjection] });
    for (let count = 0; count < 9; count++) journal.append(tally(ids.next(), "rice"));
    expect(() => journal.append(tally(ids.next(), "rice"))).toThrow(
      expect.objectContaining({ code: "SQLITE_CONSTRAINT_CHECK" }),
    );
    expect(journal.head().seq).toBe(9);
    expect(db.prepare("SELECT * FROM tally").all()).toEqual([{ name: "rice", total: 9, last_seq: 9 }]);
    expect(journal.append(tally(ids.next(), "noodles")).entry.seq).toBe(10);
  });

  it("are not applied a second time for an entry that exists", () => {
    const { journal, db, ids } = journalFixture({ projections: [tallyProjection] });
    const draft = tally(ids.next(), "rice");
    journal.append(draft);
    journal.append(draft);
    expect(db.prepare("SELECT total FROM tally").pluck().get()).toBe(1);
  });

  it("are rebuilt from the entries when new or changed, and left alone when not", () => {
    const fixture = journalFixture();
    for (const name of ["rice", "rice", "soup"]) fixture.journal.append(tally(fixture.ids.next(), name));
    fixture.db.close();
    const open = (projections: readonly Projection[]) => journalFixture({ ...fixture, projections });

    const added = open([tallyProjection]);
    expect(added.db.prepare("SELECT name, total FROM tally ORDER BY name").all()).toEqual([
      { name: "rice", total: 2 },
      { name: "soup", total: 1 },
    ]);
    added.db.exec("UPDATE tally SET total = 5 WHERE name = 'rice'");
    added.db.close();

    const unchanged = open([tallyProjection]);
    expect(unchanged.db.prepare("SELECT total FROM tally WHERE name = 'rice'").pluck().get()).toBe(5);
    unchanged.db.close();

    const changed = open([{ ...tallyProjection, schema: `${tallyProjection.schema} -- version 2` }]);
    expect(changed.db.prepare("SELECT total FROM tally WHERE name = 'rice'").pluck().get()).toBe(2);
    changed.db.close();

    const without = open([]);
    without.journal.append(tally(fixture.ids.next(), "soup"));
    without.db.close();
    const returned = open([tallyProjection]);
    expect(returned.db.prepare("SELECT total FROM tally WHERE name = 'soup'").pluck().get()).toBe(2);
  });
});

describe("transact", () => {
  it("keeps everything or nothing", () => {
    const { journal, db, ids } = journalFixture({ projections: [tallyProjection] });
    expect(() =>
      journal.transact(() => {
        journal.append(tally(ids.next(), "rice"));
        journal.append(tally(ids.next(), "rice"));
        throw new Error("changed my mind");
      }),
    ).toThrow("changed my mind");
    expect(journal.head()).toEqual({ seq: 0, hash: GENESIS_HASH });
    expect(db.prepare("SELECT * FROM tally").all()).toEqual([]);
  });

  it("lets the caller carry on after an inner append was refused", () => {
    const { journal, ids } = journalFixture();
    const draft = tally(ids.next(), "rice");
    journal.append(draft);
    const last = journal.transact(() => {
      journal.append(tally(ids.next(), "soup"));
      expect(() => journal.append(tally(draft.id, "noodles"))).toThrow("exists as seq 1");
      return journal.append(tally(ids.next(), "soup")).entry;
    });
    expect(last.seq).toBe(3);
    expect(journal.entryBySeq(3)?.prevHash).toBe(journal.entryBySeq(2)?.hash);
  });

  it("is the only way to a transaction on this database", () => {
    const { journal, db, ids } = journalFixture();
    const outside = db.transaction(() => journal.append(tally(ids.next(), "rice")));
    expect(outside).toThrow(InvariantBroken);
    expect(journal.head().seq).toBe(0);
  });

  it("refuses work that would end after the transaction", () => {
    const { journal } = journalFixture();
    expect(() => journal.transact(async () => {})).toThrow(TypeError);
  });
});

describe("onAppended", () => {
  it("is called once after each commit that added entries, and never after a rollback", () => {
    const { journal, ids } = journalFixture();
    const heads: number[] = [];
    const stop = journal.onAppended(() => heads.push(journal.head().seq));
    journal.append(tally(ids.next(), "rice"));
    journal.transact(() => {
      journal.append(tally(ids.next(), "rice"));
      journal.append(tally(ids.next(), "rice"));
      expect(heads).toEqual([1]);
    });
    journal.transact(() => {
      expect(() =>
        journal.transact(() => {
          journal.append(tally(ids.next(), "rice"));
          throw new Error("inner");
        }),
      ).toThrow("inner");
    });
    expect(() =>
      journal.transact(() => {
        journal.append(tally(ids.next(), "rice"));
        throw new Error("outer");
      }),
    ).toThrow("outer");
    journal.transact(() => 1);
    expect(heads).toEqual([1, 3]);
    stop();
    journal.append(tally(ids.next(), "rice"));
    expect(heads).toEqual([1, 3]);
  });

  it("is not called for an entry that exists", () => {
    const { journal, ids } = journalFixture();
    const draft = tally(ids.next(), "rice");
    journal.append(draft);
    let calls = 0;
    journal.onAppended(() => calls++);
    journal.append(draft);
    expect(calls).toBe(0);
  });
});

describe("readAfter", () => {
  it("gives entries in order up to both limits, but never none where there is one", () => {
    const { journal, ids } = journalFixture();
    const entries = Array.from({ length: 5 }, () => journal.append(tally(ids.next(), "rice")).entry);
    const bytes = (count: number) =>
      entries.slice(1, 1 + count).reduce((sum, entry) => sum + canonicalEntry(entry).length, 0);
    const seqs = (countMax: number, bytesMax: number) =>
      journal.readAfter(1, { countMax, bytesMax }).map(({ seq }) => seq);
    expect(seqs(100, 1e6)).toEqual([2, 3, 4, 5]);
    expect(seqs(2, 1e6)).toEqual([2, 3]);
    expect(seqs(100, bytes(3))).toEqual([2, 3, 4]);
    expect(seqs(100, bytes(3) - 1)).toEqual([2, 3]);
    expect(seqs(100, 1)).toEqual([2]);
    expect(journal.readAfter(5, { countMax: 10, bytesMax: 1e6 })).toEqual([]);
    expect(journal.readAfter(1, { countMax: 1, bytesMax: 1e6 })).toEqual([entries[1]]);
  });
});

describe("acknowledge", () => {
  it("is kept over a restart, and takes a lower receipt too", () => {
    const fixture = journalFixture();
    for (let count = 0; count < 3; count++) fixture.journal.append(tally(fixture.ids.next(), "rice"));
    expect(fixture.journal.ackedSeq()).toBe(0);
    fixture.journal.acknowledge(3);
    const { journal } = fixture.reopen();
    expect(journal.ackedSeq()).toBe(3);
    journal.acknowledge(1);
    expect(journal.ackedSeq()).toBe(1);
  });

  it("refuses a receipt for entries that are not here", () => {
    const { journal, ids } = journalFixture();
    journal.append(tally(ids.next(), "rice"));
    expect(() => journal.acknowledge(2)).toThrow(expect.objectContaining({ code: "receipt-beyond-journal" }));
    expect(journal.ackedSeq()).toBe(0);
  });
});
