import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import { databaseFile } from "../terminal-database.ts";
import { type CommandOutcome, runCaptured } from "./captured-io.ts";

const PIN = "739105";
const PROGRAM = fileURLToPath(new URL("../canteen-edge.mjs", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-operator-"));
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

function add(stdin: string, ...more: string[]): Promise<CommandOutcome> {
  const argv = ["operator", "add", "--id", "manager-1", "--name", "李四", "--role", "manager", ...more];
  return runCaptured(argv, { folder, stdin });
}

describe("operator add", () => {
  it("takes the PIN from standard input and keeps it nowhere in the open", async () => {
    const added = await add(`${PIN}\n`, "--json");
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(added.stdout)).toEqual({
      operatorId: "manager-1",
      displayName: "李四",
      role: "manager",
    });
    const database = readFileSync(databaseFile(join(folder, "data")), "latin1");
    expect(database + added.stdout).not.toContain(PIN);
    expect(database).toContain("scrypt$");
  });

  it("has no option for the PIN: an argument would stay in the shell's history", async () => {
    expect(await add("", "--pin", PIN)).toMatchObject({ exitCode: 2 });
  });

  it.each([
    ["a weak PIN", "123456\n", "pin-too-weak", 1],
    ["no PIN", "", "usage", 2],
    ["an endless line", "9".repeat(10_000), "pin-too-weak", 1],
  ])("refuses %s", async (_what, stdin, code, exitCode) => {
    const refused = await add(stdin, "--json");
    expect(refused).toMatchObject({ exitCode, stdout: "" });
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code } });
  });

  it("refuses the same operator twice", async () => {
    await add(`${PIN}\n`);
    const again = await add(`${PIN}\n`, "--json");
    expect(again.exitCode).toBe(1);
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: "operator-exists" } });
  });
});

describe("operator link", () => {
  const link = (...more: string[]) =>
    runCaptured(["operator", "link", "--id", "manager-1", "--json", ...more], { folder, stdin: "" });

  function putPerson(number: string, kind: "staff" | "student"): void {
    const db = new Database(databaseFile(join(folder, "data")));
    db.prepare(
      `INSERT INTO person (person_id, number, display_name, group_name, kind, active, allergens, limits)
       VALUES (?, ?, 'x', 'x', ?, 1, '[]', '{}')`,
    ).run(`p-${number}`, number, kind);
    db.close();
  }

  it("says which member of staff an operator is, and takes it back", async () => {
    await add(`${PIN}\n`);
    putPerson("2001", "staff");
    const linked = await link("--person", "2001");
    expect(linked).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(linked.stdout)).toEqual({ operatorId: "manager-1", personId: "p-2001" });
    expect(JSON.parse((await link()).stdout)).toEqual({ operatorId: "manager-1", personId: null });
  });

  it("refuses a pupil's number, and an operator who is not there", async () => {
    await add(`${PIN}\n`);
    putPerson("1001", "student");
    const pupil = await link("--person", "1001");
    expect(JSON.parse(pupil.stderr)).toMatchObject({ error: { code: "staff-unknown" } });
    const nobody = await runCaptured(["operator", "link", "--id", "nobody", "--json"], { folder, stdin: "" });
    expect(JSON.parse(nobody.stderr)).toMatchObject({ error: { code: "operator-unknown" } });
  });

  it("happens at once with `add --person`, which adds nobody when the person is unknown", async () => {
    const refused = await add(`${PIN}\n`, "--person", "2001", "--json");
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "staff-unknown" } });
    putPerson("2001", "staff");
    const added = await add(`${PIN}\n`, "--person", "2001", "--json");
    expect(JSON.parse(added.stdout)).toMatchObject({ operatorId: "manager-1", personId: "p-2001" });
  });
});

describe.skipIf(!hasTool("script"))("operator add at a keyboard", () => {
  /** Types each answer when its question appears, at a real terminal. @returns all that the terminal showed. */
  function typed(answers: readonly string[]): Promise<string> {
    const command = `"${process.execPath}" "${PROGRAM}" operator add --id cashier-1 --name A`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: folder,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const questions = [/PIN: /, /again: /];
    let shown = "";
    let asked = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      if (asked < answers.length && questions[asked]?.test(shown) === true)
        child.stdin.write(answers[asked++] ?? "");
    });
    return new Promise((resolve) => {
      child.once("close", () => resolve(shown));
    });
  }

  it("asks twice and shows nothing of what is typed", async () => {
    const shown = await typed([`${PIN}x\u007f\r`, `${PIN}\r`]);
    expect(shown).toContain("已添加 / added: cashier-1");
    expect(shown).not.toContain(PIN);
  });

  it("adds nobody when the two differ or Ctrl-C is pressed", async () => {
    expect(await typed([`${PIN}\r`, "739106\r"])).toContain("两次输入的密码不一致");
    expect(await typed(["7391\u0003"])).toContain("已取消");
  });
});
