import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  compareVersions,
  runInPlace,
  setUpProblem,
  terminalRuntime,
  typeStrippingFlags,
} from "./runtime.mjs";

const ENTRY_POINTS = ["../scripts/start.mjs", "../scripts/test.mjs"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "canteen-runtime-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A stand-in for node_modules/.bin/node that answers the version question and nothing else. */
function pinNode(script: string): string {
  const command = join(root, "node_modules", ".bin", "node");
  mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
  writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return command;
}

describe("versions", () => {
  it("are compared by number, not by letter", () => {
    expect(compareVersions("20.9.0", "20.19.0")).toBeLessThan(0);
    expect(compareVersions("24.0.0", "22.18.1")).toBeGreaterThan(0);
    expect(compareVersions("22.12.0", "22.12.0")).toBe(0);
  });

  it.each([
    ["22.12.0", true],
    ["22.17.1", true],
    ["22.18.0", false],
    ["23.5.0", true],
    ["23.6.0", false],
    ["24.21.0", false],
  ])("%s needs a flag to run TypeScript: %s", (version, needed) => {
    expect(typeStrippingFlags(version).includes("--experimental-strip-types")).toBe(needed);
  });
});

describe("set-up", () => {
  it.each([
    ["20.18.3", "linux-x64", "20.19.0"],
    ["18.19.0", "linux-arm64", "20.19.0"],
    ["20.19.0", "darwin-arm64", "22.12.0"],
    ["22.11.0", "linux-riscv64", "22.12.0"],
  ])("refuses Node %s on %s and names %s, in both languages", (version, platform, min) => {
    const message = setUpProblem(version, platform);
    expect(message).toContain(`需要 Node.js ${min}`);
    expect(message).toContain(`Node.js ${min} or newer is needed, this is ${version}`);
  });

  it.each([
    ["20.19.0", "linux-x64"],
    ["22.12.0", "darwin-arm64"],
    ["24.21.0", "linux-arm64"],
  ])("takes Node %s on %s", (version, platform) => {
    expect(setUpProblem(version, platform)).toBeNull();
  });

  it.each(ENTRY_POINTS)("%s says so and exits with 1 before it does anything", (entryPoint) => {
    const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.19.0" } })`;
    const run = spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(old)}`, entryPoint],
      {
        encoding: "utf8",
      },
    );
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("需要 Node.js");
    expect(run.stdout.replaceAll("0 passed, 1 failed", "").trim()).toBe("");
  });
});

describe("the terminal's Node", () => {
  it("is this one when it is new enough", () => {
    expect(terminalRuntime(root, { version: "24.21.0" })).toMatchObject({
      command: process.execPath,
      isThis: true,
    });
  });

  it("is this one again with a flag where types are not stripped by default", () => {
    expect(terminalRuntime(root, { version: "22.12.0" })).toMatchObject({
      command: process.execPath,
      flags: expect.arrayContaining(["--experimental-strip-types"]),
      isThis: false,
    });
  });

  it("is the pinned one when this one is too old, or when the set-up prefers what was tested", () => {
    const command = pinNode("echo 24.21.0");
    expect(terminalRuntime(root, { version: "20.19.0" })).toMatchObject({
      command,
      flags: [],
      isThis: false,
    });
    expect(terminalRuntime(root, { preferPinned: true })).toMatchObject({ command });
    expect(terminalRuntime(root)).toMatchObject({ command: process.execPath });
  });

  it("is none when this one is too old and the pinned one is missing or cannot run", () => {
    expect(terminalRuntime(root, { version: "20.19.0" })).toMatchObject({ kind: "too-old" });
    pinNode("exit 127");
    expect(terminalRuntime(root, { version: "20.19.0" })).toMatchObject({
      kind: "too-old",
      message: expect.stringContaining("22.12.0"),
    });
  });
});

describe("a lean restart", () => {
  it("is the same process with less memory to grow into, once, and leaves its environment's own word", () => {
    const file = join(root, "lean.mjs");
    const module = new URL("./runtime.mjs", import.meta.url).href;
    writeFileSync(
      file,
      `import { restartLean } from "${module}";
      console.log(process.pid);
      restartLean();
      const { MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_ } = process.env;
      console.log(JSON.stringify([process.execArgv, process.argv.slice(2), MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_]));`,
    );
    const run = spawnSync(process.execPath, ["--no-deprecation", file, "run", "--json"], {
      encoding: "utf8",
      env: { ...process.env, MALLOC_ARENA_MAX: "3" },
    });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    const [before, after, ...settings] = run.stdout.trim().split("\n");
    expect(after).toBe(before);
    expect(settings.map((line) => JSON.parse(line))).toEqual([
      [["--no-deprecation", "--max-semi-space-size=4"], ["run", "--json"], "3", "1000000"],
    ]);
  });
});

describe("a command run in place", () => {
  it("gives its exit code on, and 128 + the number for a signal", async () => {
    expect(await runInPlace(process.execPath, ["-e", "process.exit(3)"])).toBe(3);
    expect(await runInPlace(process.execPath, ["-e", "process.kill(process.pid, 'SIGTERM')"])).toBe(143);
    await expect(runInPlace(join(root, "nothing"), [])).rejects.toThrow("ENOENT");
  });

  it.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)(
    "receives %s that its parent was sent",
    async (signal) => {
      const module = new URL("./runtime.mjs", import.meta.url).href;
      const inner = `process.on("${signal}", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)`;
      const outer = `import { runInPlace } from "${module}";
      process.exitCode = await runInPlace(process.execPath, ["-e", ${JSON.stringify(inner)}]);`;
      const parent = spawn(process.execPath, ["--input-type=module", "-e", outer], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      await once(parent.stdout, "data");
      parent.kill(signal);
      expect(await once(parent, "exit")).toEqual([7, null]);
    },
  );

  it("is stopped when the parent has gone and it was asked to end with it", async () => {
    const module = new URL("./runtime.mjs", import.meta.url).href;
    const inner = `process.on("SIGTERM", () => { console.log("stopped"); process.exit(); }); console.log("ready"); setInterval(() => {}, 1000)`;
    const outer = `import { runInPlace } from "${module}";
      await runInPlace(process.execPath, ["-e", ${JSON.stringify(inner)}], { endWithParent: true });`;
    const file = join(root, "outer.mjs");
    writeFileSync(file, outer);
    // The shell stands for npm's: it dies at once and tells nobody.
    const shell = spawn("sh", ["-c", `"${process.execPath}" "${file}"; true`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    shell.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said === "ready\n") shell.kill("SIGKILL");
    });
    await once(shell.stdout, "end");
    expect(said).toBe("ready\nstopped\n");
  });
});
