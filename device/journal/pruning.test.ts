import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TimeTrust } from "./journal-port.ts";
import {
  DAY_MS,
  oldJournal,
  projections,
  type RigOptions,
  rig,
  STEP_MS,
  signerOf,
  tables,
  tamper,
} from "./pruning-fixture.ts";
import { verifyJournal } from "./verify.ts";

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

  it("leaves what it was about to remove when the cloud turns out to lack it after all", async () => {
    const old = await oldJournal();
    const before = { rows: old.rows(), tables: tables(old) };
    old.pruning.look();
    // The tables are being carried over; a cloud that was put back says how little it has.
    await old.clock.advance(2 * STEP_MS);
    expect(old.pruning.isAtWork()).toBe(true);
    old.journal.acknowledge(2);
    while (old.pruning.isAtWork()) await old.clock.advance(STEP_MS);
    expect([old.journal.base().seq, old.rows(), tables(old)]).toEqual([0, before.rows, before.tables]);
    old.receipt();
    await old.prune();
    expect(old.journal.base().seq).toBeGreaterThan(20);
    expect(verifyJournal(old.file, projections)).toMatchObject({ ok: true });
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
