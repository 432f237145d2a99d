import { generateKeyPairSync, sign } from "node:crypto";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { present } from "../platform/assert.ts";
import { silentLogger } from "../platform/logger.ts";
import { type CheckpointSigner, parseCheckpoint } from "./checkpoint.ts";
import { type Checkpoints, startCheckpoints } from "./checkpoint-writer.ts";
import { exportJournal, verifyExport } from "./journal-export.ts";
import {
  type FixtureOptions,
  type JournalFixture,
  journalFixture,
  tallyProjection,
} from "./journal-fixture.ts";
import type { Projection, TimeTrust } from "./journal-port.ts";
import { prepared } from "./prepared.ts";
import { type Pruning, type PruningOptions, startPruning } from "./pruning.ts";
import { openJournal } from "./sqlite-journal.ts";
import { verifyJournal } from "./verify.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const STEP_MS = 25;

/** Two tables, one of which refers to the other, and a column of bytes. */
const soldProjection: Projection = {
  name: "sold",
  schema: `
    CREATE TABLE IF NOT EXISTS sold_name (
      name TEXT NOT NULL REFERENCES sold_sum (name),
      seq INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (name, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sold_sum (name TEXT PRIMARY KEY, total INTEGER NOT NULL, half REAL, why TEXT) STRICT;`,
  tables: ["sold_name", "sold_sum"],
  apply(db, entry) {
    if (entry.kind !== "tally.sold") return;
    const { name } = entry.body;
    prepared(
      db,
      `INSERT INTO sold_sum (name, total, half) VALUES (?, 1, 0.5)
       ON CONFLICT (name) DO UPDATE SET total = total + 1, half = half + 0.5`,
    ).run(name);
    prepared(db, "INSERT INTO sold_name (name, seq, bytes) VALUES (?, ?, ?)").run(
      ...[name, entry.seq, Buffer.from(entry.hash, "hex")],
    );
  },
};
const projections = [tallyProjection, soldProjection];

function signerOf(): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64url"),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

interface Rig extends JournalFixture {
  readonly pruning: Pruning;
  readonly checkpoints: Checkpoints;
  sell(count: number): void;
  /** A day with a signed checkpoint behind what was sold. */
  day(count?: number): Promise<void>;
  /** All there is reaches the cloud. */
  receipt(): void;
  prune(): Promise<void>;
  rows(): { readonly first: number; readonly count: number };
  restart(): Rig;
}

interface RigOptions extends FixtureOptions {
  readonly pruning?: Partial<PruningOptions>;
  readonly signer?: CheckpointSigner;
}

function rig(options: RigOptions = {}): Rig {
  const signer = options.signer ?? signerOf();
  const fixture = journalFixture({ projections, ...options });
  const { db, journal, clock, ids } = fixture;
  const place = { site: "school", device: "till-1" };
  const common = { journal, clock, ids, logger: silentLogger, ...place };
  const checkpoints = startCheckpoints({ ...common, signer, periodMs: MINUTE_MS });
  const pruning = startPruning({
    ...common,
    db,
    projections: options.projections ?? projections,
    publicKey: signer.publicKey,
    timeTrust: { current: () => options.timeTrust ?? "synced" },
    keptMs: 180 * DAY_MS,
    bytesMax: 1e12,
    mayWrite: () => true,
    prunedCountMin: 1,
    ...options.pruning,
  });
  const sell = (count: number): void => {
    for (let sold = 0; sold < count; sold++) {
      const body = { name: `dish ${(journal.head().seq * 7) % 5}` };
      journal.append({ id: ids.next(), kind: "tally.sold", body });
    }
  };
  return {
    ...fixture,
    pruning,
    checkpoints,
    sell,
    day: async (count = 3) => {
      sell(count);
      // The night passes for the stamps alone: a thousand looks of the timers would say nothing.
      clock.stepWall(DAY_MS - MINUTE_MS);
      await clock.advance(MINUTE_MS);
    },
    receipt: () => journal.acknowledge(journal.head().seq),
    prune: async () => {
      pruning.look();
      while (pruning.isAtWork()) await clock.advance(STEP_MS);
    },
    rows: () => {
      const sql = "SELECT min(seq) AS first, count(*) AS count FROM journal";
      return db.prepare<[], { first: number; count: number }>(sql).get() ?? { first: 0, count: 0 };
    },
    restart: () => {
      pruning.close();
      checkpoints.close();
      db.close();
      return rig({ ...options, signer, folder: fixture.folder, clock, ids });
    },
  };
}

/** Ten days with a checkpoint each, half a year ago; then one of today. All of it with the cloud. */
async function oldJournal(options: RigOptions = {}): Promise<Rig> {
  const made = rig(options);
  for (let day = 0; day < 10; day++) await made.day();
  made.clock.stepWall(185 * DAY_MS);
  await made.day();
  made.receipt();
  return made;
}

const tables = ({ db }: Pick<Rig, "db">): unknown =>
  ["sold_name", "sold_sum", "tally"].map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all());

function tamper({ db }: Rig, change: (db: Database) => void): void {
  const triggers = db
    .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  change(db);
  for (const { sql } of triggers) db.exec(sql);
}

describe("pruning", () => {
  it("removes what is older than its retention, up to a signed checkpoint, and the rest still verifies", async () => {
    const old = await oldJournal();
    const before = { rows: old.rows(), tables: tables(old) };
    await old.prune();
    const { seq, hash } = old.journal.base();
    expect(seq).toBeGreaterThan(20);
    expect(old.rows()).toEqual({ first: seq + 1, count: before.rows.count - seq + 1 });
    expect(old.journal.entryBySeq(seq + 1)).toMatchObject({ kind: "journal.checkpoint", prevHash: hash });
    expect(old.journal.entryBySeq(old.journal.head().seq)).toMatchObject({
      kind: "journal.pruned",
      body: { fromSeq: 1, toSeq: seq, rootHash: hash, why: "age" },
    });
    expect(tables(old)).toEqual(before.tables);
    expect(verifyJournal(old.file, projections)).toMatchObject({
      ok: true,
      base: { seq, hash, problem: null },
      entries: before.rows.count - seq + 1,
    });
  });

  it("goes on selling, signing, pruning and starting on a pruned journal", async () => {
    let old = await oldJournal();
    for (let round = 0; round < 3; round++) {
      await old.prune();
      const { seq } = old.journal.base();
      old = old.restart();
      expect(old.journal.base().seq).toBe(seq);
      for (let day = 0; day < 3; day++) await old.day();
      old.receipt();
      old.clock.stepWall(190 * DAY_MS);
      await old.day();
      old.receipt();
      await old.prune();
      expect(old.journal.base().seq).toBeGreaterThan(seq);
      expect(verifyJournal(old.file, projections)).toMatchObject({ ok: true });
    }
    const named = old.db.prepare("SELECT count(*) FROM journal_carried").pluck().get();
    // Two tables with rows, each small enough for one piece: nothing of the prunings before is left.
    expect(named).toBe(2);
  });

  it("never touches what the cloud has not receipted, however old it is", async () => {
    const old = await oldJournal();
    old.journal.acknowledge(9);
    await old.prune();
    expect(old.journal.base().seq).toBeLessThan(9);
    expect(old.journal.entryBySeq(9)).toBeDefined();
    const none = await oldJournal();
    none.journal.acknowledge(0);
    await none.prune();
    expect(none.rows()).toMatchObject({ first: 1 });
  });

  it.each<[string, RigOptions]>([
    ["entries within their retention", { pruning: { keptMs: 1000 * DAY_MS } }],
    ["a clock that nobody vouches for", { pruning: { timeTrust: { current: (): TimeTrust => "unknown" } } }],
    [
      "entries whose own stamps nobody vouches for",
      { timeTrust: "unknown", pruning: { timeTrust: { current: () => "synced" } } },
    ],
    ["checkpoints that another key signed", { pruning: { publicKey: signerOf().publicKey } }],
    ["checkpoints of another device", { pruning: { device: "till-2" } }],
    ["too few to be worth it", { pruning: { prunedCountMin: 1000 } }],
    ["a disk that is full or fails", { pruning: { mayWrite: () => false } }],
  ])("removes nothing: %s", async (_, options) => {
    const old = await oldJournal(options);
    await old.prune();
    expect(old.rows()).toMatchObject({ first: 1 });
    expect(old.journal.base().seq).toBe(0);
    expect(verifyJournal(old.file, projections)).toMatchObject({ ok: true, base: null });
  });

  it("stops at the first young checkpoint, so that an old stamp behind it lets nothing young go", async () => {
    const made = rig();
    await made.day();
    made.clock.stepWall(185 * DAY_MS);
    await made.day();
    const young = made.journal.head().seq;
    made.clock.stepWall(-400 * DAY_MS);
    await made.day();
    await made.day();
    made.clock.stepWall(400 * DAY_MS);
    made.receipt();
    await made.prune();
    expect(made.journal.base().seq).toBeGreaterThan(0);
    expect(made.journal.base().seq).toBeLessThan(young - 1);
  });

  it("lets the oldest go before their time when the database is over its budget, a tenth at a look", async () => {
    const made = rig({ pruning: { bytesMax: 1 } });
    for (let day = 0; day < 20; day++) await made.day(10);
    made.receipt();
    await made.prune();
    const { seq } = made.journal.base();
    expect(seq).toBeGreaterThan(0);
    expect(seq).toBeLessThanOrEqual(Math.ceil(made.journal.head().seq / 10));
    expect(made.journal.entryBySeq(made.journal.head().seq)?.body).toMatchObject({ why: "budget" });
    for (let look = 0; look < 30; look++) await made.prune();
    // The last week stays, whatever the budget says.
    const first = made.journal.entryBySeq(made.journal.base().seq + 1);
    expect(made.clock.now() - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(7 * DAY_MS);
    expect(made.clock.now() - (first?.atMs ?? 0)).toBeLessThan(9 * DAY_MS);
    expect(verifyJournal(made.file, projections)).toMatchObject({ ok: true });
  });

  it("prunes nothing when an entry is damaged: its damage must not become the truth", async () => {
    const old = await oldJournal();
    tamper(old, (db) => db.exec(`UPDATE journal SET body = '{"name":"x"}' WHERE seq = 3`));
    await old.prune();
    expect(old.rows()).toMatchObject({ first: 1 });
    expect(verifyJournal(old.file, projections).firstBad).toEqual({ seq: 3, problem: "hash-wrong" });
  });

  it("removes a hundred rows at most between two moments in which a charge gets in", async () => {
    const made = rig();
    for (let day = 0; day < 3; day++) await made.day(120);
    made.clock.stepWall(185 * DAY_MS);
    await made.day();
    made.receipt();
    const removed: number[] = [];
    let rows = made.rows().count;
    made.pruning.look();
    while (made.pruning.isAtWork()) {
      await made.clock.advance(STEP_MS);
      removed.push(rows - made.rows().count);
      rows = made.rows().count;
      made.sell(1);
      rows += 1;
    }
    expect(Math.max(...removed)).toBe(100);
    expect(made.rows().first).toBe(made.journal.base().seq + 1);
    expect(verifyJournal(made.file, projections)).toMatchObject({ ok: true });
  });

  it("is whole after a crash at any step, and finished after the next look", async () => {
    for (let crash = 0, finished = false; !finished; crash++) {
      const old = await oldJournal();
      const before = tables(old);
      old.pruning.look();
      for (let step = 0; step < crash && old.pruning.isAtWork(); step++) await old.clock.advance(STEP_MS);
      finished = !old.pruning.isAtWork();
      const after = old.restart();
      expect(verifyJournal(after.file, projections)).toMatchObject({ ok: true });
      expect(tables(after)).toEqual(before);
      await after.prune();
      expect(after.rows().first).toBe(after.journal.base().seq + 1);
      expect(after.journal.base().seq).toBeGreaterThan(20);
      const pruned = after.journal.readAfter(0, { countMax: 1000, bytesMax: 1e9 });
      expect(pruned.filter(({ kind }) => kind === "journal.pruned")).toHaveLength(1);
      expect(verifyJournal(after.file, projections)).toMatchObject({ ok: true });
      after.db.close();
      expect(crash).toBeLessThan(100);
    }
  });

  it("gives the same tables as a journal that was never pruned, for any days, receipts and prunings", async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant("day" as const), count: fc.integer({ min: 0, max: 6 }) }),
      fc.record({ kind: fc.constant("receipt" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant("prune" as const) }),
      fc.record({ kind: fc.constant("restart" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
        let made = rig({ pruning: { keptMs: 2 * DAY_MS } });
        for (const one of acts) {
          if (one.kind === "day") await made.day(one.count);
          else if (one.kind === "prune") await made.prune();
          else if (one.kind === "restart") made = made.restart();
          else {
            const { seq } = made.journal.head();
            made.journal.acknowledge(Math.max(made.journal.ackedSeq(), Math.floor(one.part * seq)));
          }
        }
        expect(made.journal.base().seq).toBeLessThanOrEqual(made.journal.ackedSeq());
        expect(verifyJournal(made.file, projections)).toMatchObject({ ok: true });
        made.db.close();
      }),
      { numRuns: 10 },
    );
  });
});

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
