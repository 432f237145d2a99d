import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { artifactsForTests, samplePhoto } from "../../models/artifacts-for-tests.ts";
import { runCaptured } from "./captured-io.ts";

const PROGRAM = fileURLToPath(new URL("../canteen-edge.mjs", import.meta.url));

let folder: string;
beforeAll(() => artifactsForTests());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-face-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  readonly file: string;
  readonly faces?: readonly { readonly box: readonly number[]; readonly embedding: readonly number[] }[];
  readonly error?: { readonly code: string; readonly message: string };
}

function linesOf(stdout: string): Line[] {
  return stdout
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line));
}

describe("face embed", () => {
  it("prints one line per file in input order, largest face first, and goes on after what is no image", async () => {
    writeFileSync(join(folder, "text.jpg"), "no picture");
    const list = [samplePhoto(1), join(folder, "text.jpg"), "", join(folder, "missing.jpg"), samplePhoto(2)];
    const { exitCode, stdout, stderr } = await runCaptured(["face", "embed", "--list", "-"], {
      folder,
      stdin: list.join("\r\n"),
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = linesOf(stdout);
    expect(lines.map(({ file }) => file)).toEqual(list.filter((file) => file !== ""));
    expect(lines.map(({ error }) => error?.code ?? null)).toEqual([
      null,
      "image-unreadable",
      "file-unreadable",
      null,
    ]);
    const areas = lines[0]?.faces?.map(({ box: [, , width = 0, height = 0] }) => width * height) ?? [];
    expect(areas.length).toBeGreaterThanOrEqual(3);
    expect(areas).toEqual([...areas].sort((a, b) => b - a));
    const [face] = lines[0]?.faces ?? [];
    expect(Math.hypot(...(face?.embedding ?? []))).toBeCloseTo(1, 4);
  });

  it("reads the list from a file, and says so when it is not there", async () => {
    writeFileSync(join(folder, "list.txt"), `${samplePhoto(3)}\n`);
    const read = await runCaptured(["face", "embed", "--list", "list.txt"], { folder });
    expect(linesOf(read.stdout)).toHaveLength(1);
    const missing = await runCaptured(["face", "embed", "--list", "none.txt", "--json"], { folder });
    expect(missing.exitCode).toBe(2);
    expect(JSON.parse(missing.stderr)).toMatchObject({ error: { code: "usage" } });
  });

  it("ends quietly when its reader has read enough", async () => {
    const child = spawn(process.execPath, [PROGRAM, "face", "embed", "--list", "-"], { stdio: "pipe" });
    // From the start: a busy machine may hear of its end before its first line.
    const exited = once(child, "exit");
    const complaints: string[] = [];
    child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString()));
    // Each line is some 10 KB, so that what is written after the first does not fit into the pipe unread.
    child.stdin.end(`${samplePhoto(1)}\n`.repeat(12));
    await once(child.stdout, "data");
    child.stdout.destroy();
    expect(await exited).toEqual([0, null]);
    expect(complaints.join("")).toBe("");
  });

  it("is a fault with a hint when the weights are missing", async () => {
    const failed = await runCaptured(["face", "embed", "--list", "-", "--models", "none", "--json"], {
      folder,
    });
    expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
    expect(JSON.parse(failed.stderr)).toMatchObject({
      error: { code: "weights-missing", hint: { zh: expect.stringContaining("prepare-models") } },
    });
  });

  it("reports nothing to the maker of onnxruntime: its library leaves no trace in the home folder", () => {
    const env: NodeJS.ProcessEnv = { ...process.env, HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
    // CI would switch it off by itself and prove nothing.
    for (const name of Object.keys(env)) if (/^(CI|ORT_.*|GITHUB_.*|VITEST.*)$/.test(name)) delete env[name];
    const run = spawnSync(process.execPath, [PROGRAM, "face", "embed", "--list", "-"], {
      cwd: folder,
      env,
      input: samplePhoto(1),
      encoding: "utf8",
    });
    expect(run.status).toBe(0);
    expect(linesOf(run.stdout)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });
});
