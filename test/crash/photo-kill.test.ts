import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../device/journal/database.ts";
import { journalMigrations } from "../../device/journal/journal-tables.ts";
import { openSnapshot } from "../../device/journal/verify.ts";
import { auditPhotos } from "../../device/photos/photo-audit.ts";
import { photoEvidence } from "../../device/photos/photo-evidence.ts";
import { PhotoFiles } from "../../device/photos/photo-files.ts";
import { openPhotoStore } from "../../device/photos/photo-store.ts";
import { photoMigrations } from "../../device/photos/photo-tables.ts";
import { quotesOf } from "../../device/photos/quoted-photos.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";

const KILLS = 4;
const SEED = 20260902;
const writer = new URL("./photo-writer.ts", import.meta.url).pathname;

/** @returns the photos whose entries were committed before the kill. */
async function runAndKill(folder: string, seed: number, linesMax: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, folder, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === linesMax) child.kill("SIGKILL");
  }
  expect((await exited)[1]).toBe("SIGKILL");
  return lines;
}

it("an entry's photo is whole or was deleted by the rules, whenever the terminal is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "canteen-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const photoFolder = join(folder, "photos");
  const entropy = seededEntropy(SEED);
  const committed = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const lines = await runAndKill(folder, SEED + kill, 1 + Math.floor(entropy.uniform() * 20));
    for (const sha256 of lines) committed.add(sha256);
    const db = openSnapshot(join(folder, "canteen.db"));
    const files = new PhotoFiles(photoFolder);
    const quotes = [...quotesOf(db)];
    const quoted = new Set(quotes.map(({ sha256 }) => sha256));
    for (const sha256 of committed) expect(quoted.has(sha256)).toBe(true);
    const kinds = new Set<string>();
    for (const { seq, sha256 } of quotes) kinds.add((await photoEvidence(db, files, seq, sha256)).kind);
    expect([...kinds].filter((kind) => kind !== "intact" && kind !== "retired")).toEqual([]);
    expect((await auditPhotos(db, photoFolder, new AbortController().signal)).problems).toEqual([]);
    db.close();
  }
  const clock = new SystemClock();
  const db = openDatabase({
    file: join(folder, "canteen.db"),
    clock,
    migrations: [journalMigrations, photoMigrations],
  });
  const limits = { bytesMax: 600_000, keptMsMin: 86_400_000 };
  await openPhotoStore({ db, folder: photoFolder, clock, limits }).tidy();
  const left = readdirSync(photoFolder, { recursive: true, encoding: "utf8" });
  expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
  expect(db.prepare("SELECT count(*) FROM photo_gone").pluck().get()).toBeGreaterThan(0);
  db.close();
});
