import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Sqlite from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { verifyJournal } from "../../device/journal/verify.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { hasTool } from "../require-tool.ts";
import { countProjection } from "./count-projection.ts";

/** Of one journal; ten journals, since each is verified whole after each kill. */
const KILLS = 23;
const SEED = 20260901;
const SEEDS = Array.from({ length: 10 }, (_, index) => SEED + index * 1000);
const writer = new URL("./journal-writer.ts", import.meta.url).pathname;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "canteen-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Collects the writer's lines until `linesMax` of them came, then kills it in the middle of whatever it does. */
async function runAndKill(child: ChildProcess, linesMax: number): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout === null) throw new Error("the writer has a pipe");
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === linesMax) child.kill("SIGKILL");
  }
  const [, signal] = await exited;
  expect(signal).toBe("SIGKILL");
  return lines;
}

const idsOf = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith("ok ")).map((line) => line.slice(3));

function storedIds(folder: string): string[] {
  const db = new Sqlite(join(folder, "canteen.db"), { readonly: true });
  const ids = db.prepare<[], string>("SELECT id FROM journal ORDER BY seq").pluck().all();
  db.close();
  return ids;
}

describe("the journal under kill -9", () => {
  it.each(SEEDS)(
    `keeps every acknowledged entry exactly once over ${KILLS} kills (seed %i)`,
    async (seed) => {
      const folder = temporaryFolder();
      const entropy = seededEntropy(seed);
      const acknowledged: string[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const child = spawn(process.execPath, [writer, folder, String(seed + kill)], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        acknowledged.push(...idsOf(await runAndKill(child, 1 + Math.floor(entropy.uniform() * 150))));
        const verification = verifyJournal(join(folder, "canteen.db"), [countProjection]);
        expect(verification, `after kill ${kill + 1}`).toMatchObject({ ok: true });
      }
      const stored = storedIds(folder);
      const times = new Map<string, number>();
      for (const id of stored) times.set(id, (times.get(id) ?? 0) + 1);
      expect(acknowledged.filter((id) => times.get(id) !== 1)).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(KILLS);
    },
    900_000,
  );
});

describe.skipIf(!hasTool("strace"))("the journal on a disk whose fsync fails", () => {
  it("stops at the first failure, and what it had acknowledged is there after a restart", () => {
    const folder = temporaryFolder();
    const run = spawnSync(
      "strace",
      [
        ...["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"],
        ...["-e", "inject=fsync,fdatasync:error=EIO:when=30+"],
        ...[process.execPath, writer, folder, String(SEED), "100"],
      ],
      { encoding: "utf8" },
    );
    // Of strace itself, on a busy machine: "dispatch_event: pid 28179 has delayed wait data set already".
    expect(run.stderr.replaceAll(/^strace: dispatch_event: .*\n/gm, "")).toBe("");
    const lines = run.stdout.trim().split("\n");
    const firstFault = lines.findIndex((line) => line.startsWith("fault"));
    expect(firstFault).toBeGreaterThan(0);
    expect(new Set(lines.slice(firstFault))).toEqual(new Set(["fault disk-failed"]));
    expect(verifyJournal(join(folder, "canteen.db"), [countProjection])).toMatchObject({ ok: true });
    const stored = new Set(storedIds(folder));
    expect(idsOf(lines).filter((id) => !stored.has(id))).toEqual([]);
  });
});
