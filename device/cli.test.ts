import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCaptured } from "./commands/captured-io.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const COMMANDS = [
  ["run"],
  ["demo"],
  ["doctor"],
  ["face", "embed"],
  ["journal", "verify"],
  ["journal", "export"],
  ["operator", "add"],
];

describe("canteen-edge", () => {
  it.each(COMMANDS)("%s %s has --help and --json, in both languages", async (...words) => {
    const { exitCode, stdout, stderr } = await runCaptured([...words, "--help"], { folder });
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain("--json");
    expect(stdout).toMatch(/[\u4e00-\u9fff].*\/ [a-z]/);
  });

  it("documents its exit codes and its version", async () => {
    const { stdout } = await runCaptured(["--help"], { folder });
    for (const code of ["0", "1", "2", "3"]) expect(stdout).toMatch(new RegExp(`^ {2}${code} {2}\\S`, "m"));
    expect((await runCaptured(["--version"], { folder })).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  it.each([
    ["an unknown command", ["serve"]],
    ["an unknown option", ["doctor", "--fast"]],
    ["a missing option", ["face", "embed"]],
    ["a number that is none", ["journal", "export", "--from", "0"]],
    ["a role that does not exist", ["operator", "add", "--id", "a", "--name", "b", "--role", "king"]],
  ])("answers %s with exit code 2, and as JSON where asked", async (_what, argv) => {
    const plain = await runCaptured(argv, { folder });
    expect(plain).toMatchObject({ exitCode: 2, stdout: "" });
    expect(plain.stderr).toMatch(/^命令有误.*error:/);
    const json = await runCaptured([...argv, "--json"], { folder });
    expect(json).toMatchObject({ exitCode: 2, stdout: "" });
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: {
        code: "usage",
        message: expect.any(String),
        hint: { zh: expect.any(String), en: expect.any(String) },
      },
    });
  });

  it("says what is wrong with a configuration and exits with 2, the same in JSON", async () => {
    writeFileSync(join(folder, "canteen.yaml"), "site: demo\ndevice: line-1\nservngLine: {}\n");
    const plain = await runCaptured(["run"], { folder });
    expect(plain.exitCode).toBe(2);
    expect(plain.stderr).toContain("servngLine");
    expect(plain.stderr).toContain("did you mean servingLine");
    const json = await runCaptured(["doctor", "--json"], { folder });
    expect(json.exitCode).toBe(2);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "config-invalid" } });
  });

  it("exits with 2 when the configuration that was named is not there", async () => {
    const missing = await runCaptured(["run", "--config", "none.yaml", "--json"], { folder });
    expect(missing.exitCode).toBe(2);
    expect(JSON.parse(missing.stderr)).toMatchObject({ error: { code: "config-missing" } });
  });
});
