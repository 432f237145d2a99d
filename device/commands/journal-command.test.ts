import { createSecretKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startCheckpoints } from "../journal/checkpoint-writer.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { loadOrCreateSigningKey } from "../security/signing-key.ts";
import { databaseFile } from "../terminal-database.ts";
import { type CommandOutcome, runCaptured } from "./captured-io.ts";
import { openTerminalJournal } from "./opened-journal.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-journal-"));
  writeFileSync(
    join(folder, "canteen.yaml"),
    `site: demo
device: line-1
dataFolder: data
servingLine:
  mealPlan:
    periods:
      - { id: day, name: { zh: 全天, en: Day }, from: "00:00", to: "24:00", pricing: { kind: fixed, priceFen: 1 } }
`,
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(...argv: string[]): Promise<CommandOutcome> {
  return runCaptured(argv, { folder });
}

/** Each added operator is one entry of the journal. */
async function addOperators(count: number): Promise<void> {
  for (let index = 1; index <= count; index++) {
    const argv = ["operator", "add", "--id", `cashier-${index}`, "--name", "张三"];
    expect(await runCaptured(argv, { folder, stdin: "739105\n" })).toMatchObject({ exitCode: 0 });
  }
}

/** What someone with the file and the will could do: take the triggers away and change an amount. */
function tamper(seq: number): void {
  const db = new Sqlite(databaseFile(join(folder, "data")));
  db.exec("DROP TRIGGER journal_never_updated");
  db.prepare("UPDATE journal SET body = replace(body, 'cashier', 'manager') WHERE seq = ?").run(seq);
  db.close();
}

describe("journal verify", () => {
  it("exits with 0 for a journal that is as it was written", async () => {
    await addOperators(3);
    const plain = await run("journal", "verify");
    expect(plain).toMatchObject({ exitCode: 0, stderr: "" });
    expect(plain.stdout).toMatch(/^✓ .*\n {2}3 条记录/);
    const json = await run("journal", "verify", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, entries: 3, head: { seq: 3 }, firstBad: null });
    expect(json.stdout.trim().split("\n")).toHaveLength(1);
    const byFolder = await run("journal", "verify", "--data", "data", "--json");
    expect(JSON.parse(byFolder.stdout)).toMatchObject({ ok: true, entries: 3 });
  });

  it("exits with 3 and names the first bad entry when one was changed", async () => {
    await addOperators(3);
    tamper(2);
    const json = await run("journal", "verify", "--json");
    expect(json.exitCode).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, firstBad: { seq: 2, problem: "hash-wrong" } });
    const plain = await run("journal", "verify");
    expect(plain.exitCode).toBe(3);
    expect(plain.stdout).toContain("第一条错误：第 2 条 / first bad entry: 2 (hash-wrong)");
    expect(plain.stdout).toContain("journal_never_updated");
  });

  it("exits with 1 when there is no journal", async () => {
    const json = await run("journal", "verify", "--json");
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "journal-missing" } });
  });
});

describe("journal verify --checkpoint", () => {
  /** What the running terminal does each hour. */
  async function checkpoint(): Promise<string> {
    const clock = new VirtualClock();
    const ids = idSource(clock, seededEntropy(9));
    const { db, journal } = openTerminalJournal(join(folder, "data"), clock);
    const deviceKey = createSecretKey(Buffer.alloc(32, 7));
    const signer = loadOrCreateSigningKey(join(folder, "signing.key"), deviceKey, seededEntropy(3));
    const checkpoints = startCheckpoints({
      ...{ journal, signer, site: "demo", device: "line-1", clock, ids, logger: silentLogger },
    });
    await clock.advance(60_000);
    checkpoints.close();
    db.close();
    return checkpoints.latestCode() ?? "";
  }

  it("proves what was before a code, given on the line or in a file, with the database and an export", async () => {
    await addOperators(3);
    const code = await checkpoint();
    writeFileSync(join(folder, "code.txt"), `${code}\n`);
    const proven = { ok: true, checkpoints: { goodCount: 1, given: { seq: 3, proven: true } } };
    for (const given of [code, "code.txt"]) {
      const found = await run("journal", "verify", "--checkpoint", given, "--json");
      expect(found.exitCode).toBe(0);
      expect(JSON.parse(found.stdout)).toMatchObject(proven);
    }
    await run("journal", "export", "--out", "all.jsonl");
    const plain = await run("journal", "verify", "--export", "all.jsonl", "--checkpoint", code);
    expect(plain).toMatchObject({ exitCode: 0 });
    expect(plain.stdout).toContain("与校验码相符：第 1 至 3 条");
  });

  it("exits with 3 and names the entry that was changed", async () => {
    await addOperators(3);
    const code = await checkpoint();
    tamper(2);
    const found = await run("journal", "verify", "--checkpoint", code);
    expect(found.exitCode).toBe(3);
    expect(found.stdout).toContain("第 2 条 / entry 2: changed");
  });

  it("exits with 2 for what is no code and no key", async () => {
    await addOperators(1);
    expect(await run("journal", "verify", "--checkpoint", "CE1:nothing")).toMatchObject({ exitCode: 2 });
    expect(await run("journal", "verify", "--public-key", "short")).toMatchObject({ exitCode: 2 });
  });
});

describe("journal export", () => {
  it("writes the range as JSON lines that verify by themselves", async () => {
    await addOperators(4);
    const all = await run("journal", "export");
    expect(
      all.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).seq),
    ).toEqual([1, 2, 3, 4]);
    const some = await run("journal", "export", "--from", "2", "--to", "3", "--out", "some.jsonl", "--json");
    expect(JSON.parse(some.stdout)).toEqual({ file: join(folder, "some.jsonl"), entries: 2 });
    const check = await run("journal", "verify", "--export", "some.jsonl", "--json");
    expect(check.exitCode).toBe(0);
    expect(JSON.parse(check.stdout)).toMatchObject({ ok: true, entries: 2, fromSeq: 2, head: { seq: 3 } });
  });

  it("is found out when a line of it was changed", async () => {
    await addOperators(3);
    await run("journal", "export", "--out", "all.jsonl");
    const file = join(folder, "all.jsonl");
    writeFileSync(file, readFileSync(file, "utf8").replace("cashier-2", "cashier-9"));
    const check = await run("journal", "verify", "--export", "all.jsonl");
    expect(check.exitCode).toBe(3);
    expect(check.stdout).toContain("第 2 行有误");
  });

  it("never writes over a file, and says so before anything is lost", async () => {
    await addOperators(1);
    writeFileSync(join(folder, "precious.txt"), "precious");
    const refused = await run("journal", "export", "--out", "precious.txt", "--json");
    expect(refused.exitCode).toBe(2);
    expect(readFileSync(join(folder, "precious.txt"), "utf8")).toBe("precious");
  });

  it("refuses a range that ends before it begins", async () => {
    await addOperators(1);
    expect(await run("journal", "export", "--from", "3", "--to", "2")).toMatchObject({
      exitCode: 2,
      stdout: "",
    });
  });

  it("leaves no half a file when the folder cannot be written", async () => {
    await addOperators(1);
    const failed = await run("journal", "export", "--out", "none/all.jsonl", "--json");
    expect(failed.exitCode).toBe(1);
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code: "export-failed" } });
  });
});
