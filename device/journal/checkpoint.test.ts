import { generateKeyPairSync, sign } from "node:crypto";
import Sqlite from "better-sqlite3";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../platform/logger.ts";
import type { EpochMs } from "../platform/units.ts";
import {
  type Checkpoint,
  type CheckpointSigner,
  checkpointOfBody,
  codeOf,
  isSigned,
  parseCheckpoint,
} from "./checkpoint.ts";
import { startCheckpoints } from "./checkpoint-writer.ts";
import { canonicalEntry, GENESIS_HASH, hashOfEntry } from "./entry-hash.ts";
import { exportJournal, verifyExport } from "./journal-export.ts";
import { type JournalFixture, journalFixture } from "./journal-fixture.ts";
import type { JournalEntry } from "./journal-port.ts";
import { verifyJournal } from "./verify.ts";

const HOUR_MS = 3_600_000;

function signerOf(): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  return {
    publicKey: spki.subarray(-32).toString("base64url"),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

interface Signed extends JournalFixture {
  readonly signer: CheckpointSigner;
  latestCode(): string;
  write(count: number): void;
}

function signedJournal(signer = signerOf()): Signed {
  const fixture = journalFixture();
  const { journal, clock, ids } = fixture;
  const checkpoints = startCheckpoints({
    ...{ journal, signer, site: "s1", device: "t1", clock, ids, logger: silentLogger },
  });
  return {
    ...fixture,
    signer,
    latestCode: () => checkpoints.latestCode() ?? "",
    write: (count) => {
      for (let done = 0; done < count; done++)
        journal.append({ id: ids.next(), kind: "tally.counted", body: { number: journal.head().seq } });
    },
  };
}

/** Three checkpoints over entries 1…8, 9…18 and 19…33; three entries after the last. */
async function threeHours(): Promise<{ readonly signed: Signed; readonly entries: JournalEntry[] }> {
  const signed = signedJournal();
  for (const count of [8, 9, 14]) {
    signed.write(count);
    await signed.clock.advance(HOUR_MS);
  }
  signed.write(3);
  return { signed, entries: signed.journal.readAfter(0, { countMax: 1000, bytesMax: 1e9 }) };
}

/** What a thief of the disk can do who has everything but the key: number and hash everything anew. */
function forged(entries: readonly JournalEntry[]): JournalEntry[] {
  let prevHash = GENESIS_HASH;
  return entries.map((entry, index) => {
    const fields = { ...entry, seq: index + 1, prevHash };
    const made = { ...fields, hash: hashOfEntry(fields) };
    prevHash = made.hash;
    return made;
  });
}

const linesOf = (entries: readonly JournalEntry[]): string[] => entries.map(canonicalEntry);
const namedBy = (found: Awaited<ReturnType<typeof verifyExport>>): unknown[] =>
  found.checkpoints.problems.flatMap(({ differences }) => differences);

describe("a checkpoint", () => {
  it("is made at the start, then each hour in which something was written, and not otherwise", async () => {
    const { journal, clock, write } = signedJournal();
    write(3);
    await clock.advance(60_000);
    expect(journal.head().seq).toBe(4);
    write(1);
    await clock.advance(HOUR_MS - 60_000);
    expect(journal.head().seq).toBe(5);
    await clock.advance(60_000);
    expect(journal.entryBySeq(6)).toMatchObject({
      kind: "journal.checkpoint",
      body: { seq: 5, hash: journal.entryBySeq(5)?.hash, digestsFrom: 4 },
    });
    await clock.advance(5 * HOUR_MS);
    expect(journal.head().seq).toBe(6);
  });

  it("is made before its list is full, however short the time", async () => {
    const { journal, clock, write } = signedJournal();
    write(1);
    await clock.advance(60_000);
    write(1600);
    await clock.advance(60_000);
    expect(journal.entryBySeq(1603)).toMatchObject({ kind: "journal.checkpoint", body: { digestsFrom: 2 } });
  });

  it("goes on from the last one after a restart", async () => {
    const { journal, clock, ids, write, signer, latestCode } = signedJournal();
    write(5);
    await clock.advance(60_000);
    const before = latestCode();
    const again = startCheckpoints({
      ...{ journal, signer, site: "s1", device: "t1", clock, ids, logger: silentLogger },
    });
    expect(again.latestCode()).toBe(before);
  });

  it("says the same as a code and as an entry, and bears its key's signature", async () => {
    const { journal, clock, write, latestCode } = signedJournal();
    write(5);
    await clock.advance(60_000);
    const entry = journal.entryBySeq(6);
    const checkpoint = checkpointOfBody(entry?.body);
    if (entry === undefined || checkpoint === undefined) throw new Error("no checkpoint");
    expect(isSigned(checkpoint)).toBe(true);
    expect(latestCode()).toBe(codeOf(checkpoint));
    expect(parseCheckpoint(latestCode())).toEqual({ ...checkpoint, digests: null });
    expect(parseCheckpoint(JSON.stringify(entry))).toEqual(checkpoint);
    // A QR code of 65 modules: a telephone reads it from the screen.
    expect(latestCode().length).toBeLessThan(370);
    for (const field of ["seq", "atMs", "digestsFrom"] as const)
      expect(isSigned({ ...checkpoint, [field]: checkpoint[field] + 1 })).toBe(false);
    for (const field of ["hash", "digestsSha256"] as const)
      expect(isSigned({ ...checkpoint, [field]: GENESIS_HASH })).toBe(false);
    expect(isSigned({ ...checkpoint, device: "t2" })).toBe(false);
  });
});

describe("journal verify with checkpoints", () => {
  it("proves everything up to a code, with the device's database and with an export alone", async () => {
    const { signed, entries } = await threeHours();
    const checkpoint = parseCheckpoint(signed.latestCode()) ?? null;
    const proven = {
      ok: true,
      checkpoints: { goodCount: 3, provenSeq: 33, given: { seq: 33, proven: true }, problems: [] },
    };
    const against = { checkpoint, publicKey: signed.signer.publicKey };
    expect(verifyJournal(signed.file, [], against)).toMatchObject(proven);
    expect(await verifyExport(linesOf(entries), against)).toMatchObject(proven);
    expect(
      await verifyExport(exportJournal(signed.file, { fromSeq: 1, toSeq: null }), against),
    ).toMatchObject(proven);
  });

  it("does not believe a chain that was cut off before the code, nor a code of another key", async () => {
    const { signed, entries } = await threeHours();
    const checkpoint = parseCheckpoint(signed.latestCode()) ?? null;
    const cut = await verifyExport(linesOf(entries.slice(0, 30)), { checkpoint });
    expect(cut).toMatchObject({
      ok: false,
      firstBad: null,
      checkpoints: { problems: [{ problem: "not-there", between: { fromSeq: 31, toSeq: 33 } }] },
    });
    const other = await verifyExport(linesOf(entries), { checkpoint, publicKey: signerOf().publicKey });
    expect(other.ok).toBe(false);
    expect(other.checkpoints.problems[0]).toMatchObject({ problem: "other-key" });
  });

  it("does not believe a checkpoint that a thief signed with a key of their own", async () => {
    const { signed, entries } = await threeHours();
    const thief = await threeHours();
    const given = parseCheckpoint(signed.latestCode()) ?? null;
    const found = await verifyExport(linesOf(thief.entries), { checkpoint: given });
    expect(found.checkpoints.given?.proven).toBe(false);
    expect(found.checkpoints.problems.map(({ problem }) => problem)).toContain("other-key");
    expect(entries.length).toBe(thief.entries.length);
  });
});

describe("a forged journal whose chain was computed anew", () => {
  let kept: { readonly entries: JournalEntry[]; readonly code: Checkpoint | null } | undefined;
  beforeEach(async () => {
    if (kept !== undefined) return;
    const { signed, entries } = await threeHours();
    kept = { entries, code: parseCheckpoint(signed.latestCode()) ?? null };
  });
  const whole = (): NonNullable<typeof kept> => {
    if (kept === undefined) throw new Error("no journal");
    return kept;
  };
  /** 0-based; entries 9, 19 and 34 are the checkpoints themselves. */
  const place = fc.integer({ min: 0, max: 32 }).filter((at) => at !== 8 && at !== 18);
  const check = (list: readonly JournalEntry[]) =>
    verifyExport(linesOf(forged(list)), { checkpoint: whole().code });
  const runs = { numRuns: 40 };

  it("is found out, and a changed entry is named", async () => {
    const { entries } = whole();
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const found = await check(
          entries.map((entry, index) => (index === at ? { ...entry, body: { number: -1 } } : entry)),
        );
        expect(found).toMatchObject({ ok: false, firstBad: null });
        expect(namedBy(found)).toEqual([{ seq: at + 1, problem: "changed" }]);
      }),
      runs,
    );
  });

  it("is found out, and an entry whose time alone was changed is named", async () => {
    const { entries } = whole();
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const found = await check(
          entries.map((entry, index) =>
            index === at ? { ...entry, atMs: (entry.atMs + 1) as EpochMs } : entry,
          ),
        );
        expect(namedBy(found)).toEqual([{ seq: at + 1, problem: "changed" }]);
      }),
      runs,
    );
  });

  it("is found out, and a removed entry is named", async () => {
    const { entries } = whole();
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const found = await check(entries.filter((_, index) => index !== at));
        expect(found).toMatchObject({ ok: false, firstBad: null });
        expect(namedBy(found)).toEqual([{ seq: at + 1, problem: "removed" }]);
      }),
      runs,
    );
  });

  it("is found out, and an inserted entry is named", async () => {
    const { entries } = whole();
    await fc.assert(
      fc.asyncProperty(place, async (at) => {
        const [entry] = entries;
        if (entry === undefined) throw new Error("no entry");
        const fresh = { ...entry, id: "00000000-0000-7000-8000-000000000000" };
        const found = await check([...entries.slice(0, at), fresh, ...entries.slice(at)]);
        expect(found).toMatchObject({ ok: false, firstBad: null });
        expect(namedBy(found)).toEqual([{ seq: at + 1, problem: "inserted" }]);
      }),
      runs,
    );
  });

  it("is found out, and both of two swapped entries are named", async () => {
    const { entries } = whole();
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(place, { minLength: 2, maxLength: 2 }), async (pair) => {
        const [a = 0, b = 0] = pair.toSorted((x, y) => x - y);
        const list = [...entries];
        const [first, second] = [list[a], list[b]];
        if (first === undefined || second === undefined) throw new Error("no entry");
        [list[a], list[b]] = [second, first];
        const found = await check(list);
        expect(found).toMatchObject({ ok: false, firstBad: null });
        const hourOf = (at: number): number => (at < 8 ? 0 : at < 18 ? 1 : 2);
        // Over two hours the one list lacks an entry and has a strange one in its place; so has the other.
        const expected =
          hourOf(a) === hourOf(b)
            ? [{ seq: a + 1, problem: "swapped", otherSeq: b + 1 }]
            : [
                { seq: a + 1, problem: "changed" },
                { seq: b + 1, problem: "changed" },
              ];
        expect(namedBy(found)).toEqual(expected);
      }),
      runs,
    );
  });

  it("is named by its hours where the thief took the checkpoints out too", async () => {
    const { entries } = whole();
    const list = entries.filter(({ kind }) => kind !== "journal.checkpoint");
    const found = await check(list.map((entry, index) => (index === 20 ? { ...entry, body: {} } : entry)));
    expect(found.ok).toBe(false);
    expect(found.checkpoints.problems).toContainEqual(
      expect.objectContaining({ between: { fromSeq: 1, toSeq: 33 } }),
    );
  });

  it("is found out by the checkpoint's own entry, where the journal has none left, entry by entry", async () => {
    const { entries } = whole();
    const own = parseCheckpoint(JSON.stringify(entries[33])) ?? null;
    const list = entries.slice(0, 33).map((entry, index) => (index === 25 ? { ...entry, body: {} } : entry));
    const found = await verifyExport(linesOf(forged(list)), { checkpoint: own });
    expect(namedBy(found)).toEqual([{ seq: 26, problem: "changed" }]);
  });
});

describe("a journal that was changed in its file", () => {
  it("names the entry, whether or not its hash was left as it was", async () => {
    const { signed } = await threeHours();
    const db = new Sqlite(signed.file);
    db.exec("DROP TRIGGER journal_never_updated");
    db.prepare("UPDATE journal SET body = '{\"number\":99}' WHERE seq = 12").run();
    db.close();
    const found = verifyJournal(signed.file, []);
    expect(found.firstBad).toEqual({ seq: 12, problem: "hash-wrong" });
    expect(found.checkpoints.problems[0]?.differences).toEqual([{ seq: 12, problem: "changed" }]);
    expect(found.checkpoints).toMatchObject({ goodCount: 1, provenSeq: 8 });
  });
});
