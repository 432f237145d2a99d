import { createSecretKey } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { silentLogger } from "../platform/logger.ts";
import { backupFolder, backupsIn } from "./backup-files.ts";
import { type BackupOptions, type Backups, startBackups } from "./backups.ts";
import { backupKeyOf, openSealedFile } from "./sealed-file.ts";

const key = backupKeyOf(createSecretKey(Buffer.alloc(32, 7)));

function backedUp(more: Partial<BackupOptions> = {}) {
  const fixture = journalFixture();
  const folder = backupFolder(fixture.folder);
  const { file: dbFile, journal, clock } = fixture;
  const options = {
    ...{ dbFile, folder, key, journal, clock, logger: silentLogger, bytesMax: 1e9, freeBytesMin: 1 },
    ...more,
  };
  const backups = startBackups(options);
  onTestFinished(() => backups.close());
  const write = (kind = "tally.counted"): void =>
    void journal.append({ id: fixture.ids.next(), kind, body: { name: "a-word-in-plain" } });
  /** The same folder after the former ones were closed. */
  const restart = (other: Partial<BackupOptions> = {}): Backups => {
    const next = startBackups({ ...options, ...other });
    onTestFinished(() => next.close());
    return next;
  };
  const heads = (): number[] => backupsIn(folder).map(({ headSeq }) => headSeq);
  return { ...fixture, backups, folder, write, heads, restart };
}

describe("backups", () => {
  it("are sealed, for their owner alone, and open to what was there", async () => {
    const { backups, folder, write } = backedUp();
    write();
    expect(await backups.make()).toBeNull();
    const [made] = backupsIn(folder);
    const file = made?.file ?? "";
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file).includes("a-word-in-plain")).toBe(false);
    const opened = join(folder, "opened.db");
    await openSealedFile(key, file, opened);
    expect(readFileSync(opened).includes("a-word-in-plain")).toBe(true);
    const other = backupKeyOf(createSecretKey(Buffer.alloc(32, 8)));
    await expect(openSealedFile(other, file, null)).rejects.toMatchObject({ code: "backup-damaged" });
  });

  it("are two at most, the newest ones, and leave no plain copy behind", async () => {
    const { backups, folder, write, heads } = backedUp();
    for (let count = 0; count < 4; count++) {
      write();
      expect(await backups.make()).toBeNull();
    }
    expect(heads()).toEqual([4, 3]);
    expect(readdirSync(folder).filter((name) => !name.endsWith(".sealed"))).toEqual([]);
  });

  it("come each hour in which something was written", async () => {
    const { backups, clock, write, heads } = backedUp();
    await clock.advance(60_000);
    expect(heads()).toEqual([]);
    write();
    await clock.advance(60_000);
    await backups.make();
    expect(heads()).toEqual([1]);
    write();
    await clock.advance(3_500_000);
    expect(heads()).toEqual([1]);
    await clock.advance(200_000);
    await backups.make();
    expect(heads()).toContain(2);
  });

  it("older than a withdrawn consent are gone as soon as a new one is there", async () => {
    const { backups, write, heads } = backedUp();
    write();
    await backups.make();
    write();
    await backups.make();
    write("person.withdrawn");
    await backups.make();
    expect(heads()).toEqual([3]);
  });

  it("older than a withdrawn consent are gone also when the power went before they could be taken away", async () => {
    const { backups, clock, write, heads, folder, restart } = backedUp();
    write();
    await backups.make();
    const older = backupsIn(folder)[0]?.file ?? "";
    const kept = readFileSync(older);
    write("person.withdrawn");
    await backups.make();
    await backups.close();
    writeFileSync(older, kept);
    expect(heads()).toEqual([2, 1]);
    restart();
    await clock.advance(60_000);
    expect(heads()).toEqual([2]);
  });

  it("older than a withdrawn consent go after an hour also where no new one can be made", async () => {
    const { backups, clock, write, heads, restart } = backedUp();
    write();
    await backups.make();
    await backups.close();
    write("person.withdrawn");
    const full = restart({ freeBytesMin: 1e15 });
    await clock.advance(60_000);
    expect(heads()).toEqual([1]);
    expect(await full.make()).toBe("backup-no-space");
    await clock.advance(3_540_000);
    expect(heads()).toEqual([1]);
    await clock.advance(60_000);
    expect(heads()).toEqual([]);
  });

  it("that a power cut left half made are taken away at the next start, before anything asks for space", async () => {
    const { folder, backups, write, restart } = backedUp();
    write();
    await backups.make();
    await backups.close();
    for (const name of ["making.db", "making.db-journal", "making.sealed"])
      writeFileSync(join(folder, name), "half");
    // No room for another one: it would be refused for ever if it were the half one that takes the space.
    restart({ freeBytesMin: 1e15 });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it("that are under way when the terminal is stopped leave nothing half made", async () => {
    const { folder, backups, write } = backedUp();
    write();
    const making = backups.make();
    mkdirSync(folder, { recursive: true });
    // Whatever its worker got to: this is what it would have left.
    for (const name of ["making.db", "making.db-journal", "making.sealed"])
      writeFileSync(join(folder, name), "half");
    await backups.close();
    await making;
    expect(readdirSync(folder).filter((name) => name.startsWith("making"))).toEqual([]);
  });

  it("beyond their budget are not made, and the last good one stays", async () => {
    const one = backedUp();
    one.write();
    const { size } = statSync(one.file);
    const tight = startBackups({
      ...{ dbFile: one.file, folder: one.folder, key, journal: one.journal, clock: one.clock },
      ...{ logger: silentLogger, bytesMax: Math.round(size * 1.5), freeBytesMin: 1 },
    });
    onTestFinished(() => tight.close());
    expect(await tight.make()).toBeNull();
    one.write();
    expect(await tight.make()).toBeNull();
    expect(one.heads()).toEqual([2]);
    const { backups } = backedUp({ bytesMax: 1 });
    expect(await backups.make()).toBe("backup-over-budget");
    const full = backedUp({ freeBytesMin: 1e15 });
    expect(await full.backups.make()).toBe("backup-no-space");
    expect(existsSync(full.folder)).toBe(false);
  });

  it("that were cut off or changed do not open", async () => {
    const { backups, folder, write } = backedUp();
    write();
    await backups.make();
    const [made] = backupsIn(folder);
    const bytes = readFileSync(made?.file ?? "");
    for (const [name, content] of [
      ["cut", bytes.subarray(0, bytes.length - 100)],
      ["short", bytes.subarray(0, 20)],
      [
        "changed",
        Buffer.concat([bytes.subarray(0, 500), Buffer.of((bytes[500] ?? 0) ^ 1), bytes.subarray(501)]),
      ],
    ] as const) {
      writeFileSync(join(folder, name), content);
      await expect(openSealedFile(key, join(folder, name), null)).rejects.toMatchObject({
        code: "backup-damaged",
      });
    }
  });
});
