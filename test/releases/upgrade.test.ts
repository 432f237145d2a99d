import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { backupFileOf, openDatabase } from "../../device/journal/database.ts";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { verifyJournal } from "../../device/journal/verify.ts";
import { VirtualClock } from "../../device/platform/virtual-clock.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { RigCloud, RigTerminal } from "../../scripts/reference-cloud/testing/rig.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const RELEASES = readdirSync(FOLDER).filter((name) => name.endsWith(".sql"));
const clock = new VirtualClock();
const timeTrust = { current: () => "synced" as const };

/** The database as that release left it. */
function released(name: string): string {
  const file = join(temporaryFolder(), "terminal.db");
  const db = new Sqlite(file);
  db.exec(readFileSync(join(FOLDER, name), "utf8"));
  db.close();
  return file;
}

function upgraded(file: string) {
  const db = openDatabase({ file, clock, migrations: TERMINAL_MIGRATIONS });
  onTestFinished(() => void db.close());
  return { db, journal: openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS }) };
}

const rowsOf = (db: Sqlite.Database, table: string): unknown[] => db.prepare(`SELECT * FROM ${table}`).all();
/** Every table, index and trigger as text: what a new terminal of this release has. */
const schemaOf = (db: Sqlite.Database): unknown[] =>
  db.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name").all();

describe.each(RELEASES)("a database of release %s", (name) => {
  it("is brought to this release's schema, with every entry and a queue that is as long as before", () => {
    const file = released(name);
    const before = new Sqlite(file, { readonly: true });
    const [entries, receipt] = [rowsOf(before, "journal"), rowsOf(before, "journal_receipt")];
    const applied = rowsOf(before, "migration").length;
    before.close();
    const { db, journal } = upgraded(file);
    expect(rowsOf(db, "journal")).toEqual(entries);
    expect(rowsOf(db, "journal_receipt")).toEqual(receipt);
    expect(journal.head().seq - journal.ackedSeq()).toBeGreaterThan(0);
    expect(verifyJournal(file, TERMINAL_PROJECTIONS)).toMatchObject({ ok: true, entries: entries.length });
    // A released migration was edited when this differs: what is new belongs into a new one.
    expect(schemaOf(db)).toEqual(schemaOf(upgraded(join(temporaryFolder(), "new.db")).db));
    expect(existsSync(backupFileOf(file))).toBe(rowsOf(db, "migration").length > applied);
  });

  it("still knows who has eaten, and whom it knows", () => {
    const { db, journal } = upgraded(released(name));
    const made = journal
      .readAfter(0, { countMax: 100, bytesMax: 1e9 })
      .find(({ kind }) => kind === "charge.made");
    if (made === undefined) throw new Error("no charge in the fixture");
    const id = "00000000-0000-7000-8000-000000000001";
    expect(() => journal.append({ id, kind: "charge.made", body: { ...made.body, chargeId: id } })).toThrow(
      expect.objectContaining({ name: "MealAlreadyClaimed" }),
    );
    expect(db.prepare("SELECT count(*) FROM person").pluck().get()).toBe(3);
  });

  it("sends its old queue to the cloud, once and in order", async () => {
    const { journal } = upgraded(released(name));
    const { port, close } = await startAedes();
    onTestFinished(close);
    const cloud = await RigCloud.start(port, temporaryFolder());
    onTestFinished(() => cloud.close());
    const terminal = new RigTerminal(journal, brokerSettings(port));
    onTestFinished(() => terminal.close());
    await terminal.drained();
    const seqs = cloud.storedSeqs();
    expect(seqs).toEqual(Array.from({ length: journal.head().seq }, (_, index) => index + 1));
  });
});

describe("a database of a later release", () => {
  it("is refused by name and left as it is", () => {
    const file = released(RELEASES[0] ?? "");
    const db = new Sqlite(file);
    db.exec(
      "INSERT INTO migration (folder, position, name, applied_at_ms) VALUES ('roster', 99, 'later', 1)",
    );
    db.close();
    const before = readFileSync(file);
    expect(() => openDatabase({ file, clock, migrations: TERMINAL_MIGRATIONS })).toThrow(
      expect.objectContaining({ code: "database-newer", retry: "after-operator" }),
    );
    const after = new Sqlite(file, { readonly: true });
    expect(rowsOf(after, "journal").length).toBeGreaterThan(0);
    after.close();
    expect(readFileSync(file).length).toBe(before.length);
  });
});
