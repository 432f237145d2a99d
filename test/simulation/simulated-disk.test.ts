import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { Chance } from "./chance.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { simulationRoot } from "./simulation.ts";

const CUTS = 40;

function open(disk: SimulatedDisk, synchronous: "FULL" | "NORMAL"): Sqlite.Database {
  const db = new Sqlite(disk.file);
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${synchronous}`);
  db.exec("CREATE TABLE IF NOT EXISTS line (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT");
  db.pragma("wal_checkpoint(TRUNCATE)");
  disk.opened(db);
  onTestFinished(() => void db.close());
  return db;
}

function newDisk(seed: number): SimulatedDisk {
  const root = mkdtempSync(join(simulationRoot(), "canteen-disk-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return new SimulatedDisk(root, "lines.db", new Chance(seed));
}

function add(db: Sqlite.Database, disk: SimulatedDisk, count: number): void {
  const insert = db.prepare("INSERT INTO line (text) VALUES (?)");
  for (let line = 0; line < count; line++) {
    insert.run("x".repeat(700));
    disk.committed();
  }
}

const linesOf = (db: Sqlite.Database): number =>
  Number(db.prepare("SELECT count(*) FROM line").pluck().get());

/** One life: ten commits, and one more during which the power goes. @returns lines before, and in the next life. */
function cutDuringCommit(seed: number, before: number): { kept: number; whole: boolean } {
  const disk = newDisk(seed);
  const db = open(disk, "FULL");
  add(db, disk, before);
  const image = disk.image();
  db.transaction(() => add(db, disk, 5))();
  disk.cut(image);
  const next = open(disk, "FULL");
  return { kept: linesOf(next), whole: next.pragma("integrity_check", { simple: true }) === "ok" };
}

describe("the simulated disk", () => {
  it("keeps every commit under FULL, and of the one under way all or nothing", () => {
    const outcomes = Array.from({ length: CUTS }, (_, seed) => cutDuringCommit(seed + 1, 10));
    expect(outcomes.every(({ whole }) => whole)).toBe(true);
    expect(new Set(outcomes.map(({ kept }) => kept))).toEqual(new Set([10, 15]));
  });

  it("keeps every commit under FULL when the log was begun anew in the meantime", () => {
    for (const [seed, how] of Array.from(
      { length: 8 },
      (_, n) => [n, n % 2 ? "RESTART" : "TRUNCATE"] as const,
    )) {
      const disk = newDisk(seed);
      const db = open(disk, "FULL");
      add(db, disk, 20);
      const image = disk.image();
      db.pragma(`wal_checkpoint(${how})`);
      if (how === "RESTART") add(db, disk, 3);
      disk.cut(image);
      const next = open(disk, "FULL");
      expect(next.pragma("integrity_check", { simple: true })).toBe("ok");
      expect(linesOf(next)).toBeGreaterThanOrEqual(20);
    }
  });

  it("keeps every commit under FULL when a checkpoint is under way", () => {
    // 1,000 pages of log make SQLite copy them into the main file at the end of a commit.
    const outcomes = Array.from({ length: 3 }, (_, seed) => cutDuringCommit(seed + 1, 998));
    expect(outcomes.every(({ whole }) => whole)).toBe(true);
    for (const { kept } of outcomes) expect([998, 1003]).toContain(kept);
  });

  it("may lose commits under NORMAL, and leaves a database that opens all the same", () => {
    const kept = Array.from({ length: CUTS }, (_, seed) => {
      const disk = newDisk(seed + 1);
      add(open(disk, "NORMAL"), disk, 10);
      disk.cut(null);
      const next = open(disk, "NORMAL");
      expect(next.pragma("integrity_check", { simple: true })).toBe("ok");
      return linesOf(next);
    });
    expect(Math.min(...kept)).toBeLessThan(10);
    expect(Math.max(...kept)).toBe(10);
  });

  it("loses nothing where nothing was under way", () => {
    const disk = newDisk(1);
    add(open(disk, "FULL"), disk, 10);
    disk.cut(null);
    expect(linesOf(open(disk, "FULL"))).toBe(10);
  });
});
