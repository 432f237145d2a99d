import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { present } from "../platform/assert.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { exportJournal, verifyExport } from "./journal-export.ts";
import { tallyProjection } from "./journal-fixture.ts";
import type { Projection } from "./journal-port.ts";
import { oldJournal, projections, soldProjection, tables, tamper } from "./pruning-fixture.ts";
import { openJournal } from "./sqlite-journal.ts";
import { verifyJournal } from "./verify.ts";

describe("a pruned journal", () => {
  it.each<[string, (db: Database, base: number) => void, object]>([
    [
      "a changed entry",
      (db, base) => db.exec(`UPDATE journal SET at_ms = at_ms + 1 WHERE seq = ${base + 2}`),
      { firstBad: { problem: "hash-wrong" } },
    ],
    [
      "its first entry removed",
      (db, base) => db.exec(`DELETE FROM journal WHERE seq = ${base + 1}`),
      { firstBad: { problem: "missing" }, base: { problem: "no-checkpoint" } },
    ],
    [
      "more cut off than was recorded",
      (db, base) =>
        db.exec(`UPDATE journal_base SET (seq, hash) = (SELECT seq, hash FROM journal WHERE seq = ${base + 1});
                 DELETE FROM journal WHERE seq <= ${base + 1}`),
      { base: { problem: "no-checkpoint" } },
    ],
    [
      "the beginning forgotten",
      (db) => db.exec("DELETE FROM journal_base"),
      { base: null, firstBad: { seq: 1, problem: "missing" } },
    ],
    [
      "another carried state, with its hash",
      (db) => {
        const carried = JSON.stringify([]);
        db.function(
          "sha256_of_empty",
          () => "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
        );
        db.exec(`UPDATE journal_base SET carried = '${carried}', carried_sha256 = sha256_of_empty()`);
      },
      { base: { problem: "not-recorded" } },
    ],
    [
      "another carried state, without",
      (db) => db.exec("UPDATE journal_base SET carried = '[]'"),
      { databaseProblems: [expect.stringContaining("the list of the carried state")] },
    ],
    [
      "a piece of the carried state removed",
      (db) => db.exec("DELETE FROM journal_carried WHERE rowid = (SELECT min(rowid) FROM journal_carried)"),
      { projectionDifferences: [expect.objectContaining({ problem: "carried-damaged" })] },
    ],
    [
      "a piece of the carried state changed",
      (db) => db.exec("UPDATE journal_carried SET bytes = x'0300'"),
      { projectionDifferences: [expect.objectContaining({ problem: "carried-damaged" })] },
    ],
    [
      "a sum changed that pruned entries made",
      (db) => db.exec("UPDATE sold_sum SET total = total - 1 WHERE name = 'dish 0'"),
      { projectionDifferences: [expect.objectContaining({ table: "sold_sum", problem: "changed" })] },
    ],
  ])("names what was done to it: %s", async (_, change, finding) => {
    const old = await oldJournal();
    await old.prune();
    tamper(old, (db) => change(db, old.journal.base().seq));
    const found = verifyJournal(old.file, projections);
    expect(found).toMatchObject(finding);
    expect(found.ok).toBe(false);
  });

  it("is proven by a code from after the prune point and from it, and says of an older one that it cannot", async () => {
    const old = await oldJournal();
    const codes = old.journal
      .readAfter(0, { countMax: 1000, bytesMax: 1e9 })
      .filter(({ kind }) => kind === "journal.checkpoint")
      .map((entry) => parseCheckpoint(JSON.stringify(entry)));
    await old.prune();
    const { seq } = old.journal.base();
    const verdicts = codes.map((checkpoint) => {
      const { given, problems } = verifyJournal(old.file, projections, {
        checkpoint: checkpoint ?? null,
      }).checkpoints;
      return given?.proven === true ? "proven" : (problems[0]?.problem ?? "nothing");
    });
    const at = codes.findIndex((code) => code?.seq === seq);
    expect(at).toBeGreaterThan(0);
    expect(verdicts).toEqual(codes.map((_, index) => (index < at ? "no-longer-held" : "proven")));
    const forged = { ...present(codes[at], "the prune point's code"), hash: "ab".repeat(32) };
    expect(verifyJournal(old.file, projections, { checkpoint: forged }).checkpoints.given?.proven).toBe(
      false,
    );
  });

  it("is exported from its first entry on, which a check of the export takes as its root", async () => {
    const old = await oldJournal();
    await old.prune();
    const { seq, hash } = old.journal.base();
    const lines = [...exportJournal(old.file, { fromSeq: 1, toSeq: null })];
    const code = parseCheckpoint(old.checkpoints.latestCode() ?? "") ?? null;
    expect(await verifyExport(lines, { checkpoint: code })).toMatchObject({
      ok: true,
      fromSeq: seq + 1,
      checkpoints: { given: { proven: true }, problems: [] },
    });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ prevHash: hash, body: { seq, hash } });
    expect(() => [...exportJournal(old.file, { fromSeq: 1, toSeq: seq })]).toThrow(
      expect.objectContaining({ code: "journal-no-longer-held" }),
    );
  });

  it("is defended by the database itself", async () => {
    const old = await oldJournal();
    const { db } = old;
    const row = (seq: number): string => `SELECT 1, seq, hash, '[]', hash FROM journal WHERE seq = ${seq}`;
    const insert = "INSERT INTO journal_base (only, seq, hash, carried, carried_sha256)";
    const checkpointSeq = (n: number): number =>
      db
        .prepare<[number], number>(
          "SELECT seq FROM journal WHERE kind = 'journal.checkpoint' LIMIT 1 OFFSET ?",
        )
        .pluck()
        .get(n) ?? 0;
    expect(() => db.exec(`${insert} ${row(checkpointSeq(1) - 2)}`)).toThrow("begins with a checkpoint");
    old.journal.acknowledge(checkpointSeq(1) - 1);
    expect(() => db.exec(`${insert} ${row(checkpointSeq(1) - 1)}`)).toThrow("never pruned");
    old.receipt();
    await old.prune();
    const { seq } = old.journal.base();
    expect(() => db.exec(`DELETE FROM journal WHERE seq = ${seq + 1}`)).toThrow("never deleted");
    expect(() => db.exec("DELETE FROM journal_base")).toThrow("does not come back");
    expect(() => db.exec("INSERT OR REPLACE INTO journal_base SELECT * FROM journal_base")).toThrow();
    expect(() => db.exec("UPDATE journal_base SET seq = seq - 1")).toThrow("later checkpoint");
  });

  it("fills tables that a release changed from what was carried, and says so where that cannot be", async () => {
    const old = await oldJournal();
    await old.prune();
    const before = tables(old);
    const reopened = (changed: Projection): unknown => {
      openJournal({
        ...{ db: old.db, clock: old.clock, timeTrust: { current: () => "synced" } },
        projections: [tallyProjection, changed],
      });
      return tables(old);
    };
    const commented = { ...soldProjection, schema: `${soldProjection.schema} -- again` };
    expect(reopened(commented)).toEqual(before);
    const wider = {
      ...soldProjection,
      schema: soldProjection.schema.replace("why TEXT", "kind TEXT DEFAULT 'old'"),
    };
    expect(reopened(wider)).toMatchObject([
      before?.constructor === Array ? before[0] : [],
      expect.arrayContaining([expect.objectContaining({ kind: "old" })]),
      [],
    ]);
    const unfit = {
      ...soldProjection,
      schema: soldProjection.schema.replace("why TEXT", "why TEXT NOT NULL"),
    };
    expect(() => reopened(unfit)).toThrow(expect.objectContaining({ code: "carried-state-unfit" }));
    expect(verifyJournal(old.file, [tallyProjection, wider])).toMatchObject({ ok: true });
  });

  it("opens in a database tool as one that begins later", async () => {
    const old = await oldJournal();
    await old.prune();
    const reader = new Sqlite(old.file, { readonly: true });
    expect(reader.pragma("integrity_check", { simple: true })).toBe("ok");
    reader.close();
  });
});
