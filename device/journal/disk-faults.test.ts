import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { mayMount } from "../../test/require-tool.ts";
import { CanteenError } from "../platform/errors.ts";
import { openDatabase } from "./database.ts";
import { type JournalFixture, journalFixture, tallyProjection, temporaryFolder } from "./journal-fixture.ts";
import type { EntryDraft } from "./journal-port.ts";
import { journalMigrations } from "./journal-tables.ts";
import { verifyJournal } from "./verify.ts";

/** A real small disk needs the right to mount; without it SQLite's own page limit and file modes stand in. */
const canMount = mayMount();

function smallDisk(): string {
  const folder = temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  onTestFinished(() => void execFileSync("umount", ["--lazy", folder]));
  return folder;
}

function draft({ ids }: JournalFixture): EntryDraft {
  return { id: ids.next(), kind: "tally.skipped-over", body: { text: "x".repeat(10_000) } };
}

/** Leaves a few free bytes at most, where the disk is a small one. */
function fillCompletely(folder: string): void {
  if (canMount)
    execFileSync("sh", ["-c", `head -c 900000 /dev/zero > "${folder}/filler"; true`], { stdio: "ignore" });
}

const BIG_TABLE = `CREATE TABLE big (bytes BLOB) STRICT; INSERT INTO big VALUES (zeroblob(300000));`;

/** Appends until the disk says no. @returns how many were appended, the one that was not, and the fault. */
function fill(fixture: JournalFixture): { count: number; refused: EntryDraft; fault: CanteenError } {
  for (let count = 0; count < 10_000; count++) {
    const next = draft(fixture);
    try {
      fixture.journal.append(next);
    } catch (error) {
      if (error instanceof CanteenError) return { count, refused: next, fault: error };
      throw error;
    }
  }
  throw new Error("the disk never filled");
}

describe(`a full disk (${canMount ? "tmpfs of 1 MB" : "SQLite's page limit: no right to mount"})`, () => {
  it("refuses the newest entry, keeps all others, and goes on once there is space", () => {
    const fixture = journalFixture({
      projections: [tallyProjection],
      folder: canMount ? smallDisk() : temporaryFolder(),
    });
    if (!canMount) fixture.db.pragma("max_page_count = 200");
    const { count, refused, fault } = fill(fixture);
    expect(fault).toMatchObject({ code: "disk-full", retry: "after-operator" });
    expect(count).toBeGreaterThan(10);
    expect(fixture.journal.head().seq).toBe(count);
    expect(verifyJournal(fixture.file, [tallyProjection])).toMatchObject({ ok: true, entries: count });

    if (canMount) execFileSync("mount", ["-o", "remount,size=8m", fixture.folder]);
    else fixture.db.pragma("max_page_count = 4000");
    expect(fixture.journal.append(refused)).toMatchObject({ kind: "appended", entry: { seq: count + 1 } });
    expect(verifyJournal(fixture.file, [tallyProjection])).toMatchObject({ ok: true });
  });

  it("is named at start-up too, and the journal is as it was", () => {
    const folder = canMount ? smallDisk() : temporaryFolder();
    const fixture = journalFixture({ folder });
    fixture.journal.append(draft(fixture));
    fixture.db.close();
    fillCompletely(folder);
    // Without a small disk nothing is full here, and the start-up simply succeeds.
    if (canMount) {
      const more = { folder: "more", migrations: [{ name: "big", sql: BIG_TABLE }] };
      expect(() => journalFixture({ folder, migrations: [more] })).toThrow(
        expect.objectContaining({ code: "disk-full", retry: "after-operator" }),
      );
    }
    expect(verifyJournal(fixture.file, [])).toMatchObject({ ok: true, entries: 1 });
  });
});

describe(`a read-only disk (${canMount ? "tmpfs mounted read-only" : "a file mode: no right to mount"})`, () => {
  it("is named at start-up, and changes nothing", () => {
    const folder = canMount ? smallDisk() : temporaryFolder();
    const fixture = journalFixture({ folder });
    fixture.journal.append(draft(fixture));
    fixture.db.close();
    if (canMount) execFileSync("mount", ["-o", "remount,ro", folder]);
    else chmodSync(folder, 0o500);
    if (!canMount) chmodSync(fixture.file, 0o400);
    const { file, clock } = fixture;
    expect(() => openDatabase({ file, clock, migrations: [journalMigrations] })).toThrow(
      expect.objectContaining({ code: "disk-read-only", retry: "after-operator" }),
    );
    if (canMount) execFileSync("mount", ["-o", "remount,rw", folder]);
    else chmodSync(folder, 0o700);
    if (!canMount) chmodSync(file, 0o600);
    expect(verifyJournal(file, [])).toMatchObject({ ok: true, entries: 1 });
  });
});
