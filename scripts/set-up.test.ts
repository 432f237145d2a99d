import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SetUpFailed, setUp } from "./set-up.mjs";
import { takeSetUpLock } from "./set-up-lock.mjs";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "canteen-set-up-"));
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A project whose only dependency is a folder of its own, so that `npm ci` needs no network. */
function putProject(dependency = "a"): void {
  const manifest = {
    name: "planted",
    version: "1.0.0",
    type: "module",
    dependencies: { [dependency]: `file:${dependency}` },
  };
  put(`${dependency}/package.json`, JSON.stringify({ name: dependency, version: "1.0.0" }));
  put("package.json", JSON.stringify(manifest));
  put(
    "package-lock.json",
    JSON.stringify({
      name: "planted",
      version: "1.0.0",
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": manifest,
        [dependency]: { version: "1.0.0" },
        [`node_modules/${dependency}`]: { resolved: dependency, link: true },
      },
    }),
  );
}

/** A step that writes down that it ran. */
function putStep(script: string): void {
  put(
    script,
    `import { appendFileSync } from "node:fs";\nconst step: string = ${JSON.stringify(script)};\nappendFileSync("steps.log", step + "\\n");\n`,
  );
}

function stepsDone(): string[] {
  return existsSync(join(root, "steps.log"))
    ? readFileSync(join(root, "steps.log"), "utf8").trim().split("\n")
    : [];
}

function said(): string {
  return (
    vi.mocked(console.log).mock.calls.flat().join("\n") +
    vi.mocked(console.error).mock.calls.flat().join("\n")
  );
}

describe("set-up", () => {
  it("installs, prepares models, then the demo's people; the second time it installs nothing", async () => {
    putProject();
    putStep("scripts/prepare-models.ts");
    putStep("scripts/prepare-demo.ts");
    await setUp({ root, demoPeople: true });
    expect(existsSync(join(root, "node_modules", "a", "package.json"))).toBe(true);
    expect(stepsDone()).toEqual(["scripts/prepare-models.ts", "scripts/prepare-demo.ts"]);
    expect(said()).toContain("installing dependencies");

    vi.mocked(console.log).mockClear();
    writeFileSync(join(root, "node_modules", "mark"), "");
    await setUp({ root, demoPeople: false });
    expect(said()).not.toContain("installing");
    expect(existsSync(join(root, "node_modules", "mark"))).toBe(true);
    expect(stepsDone()).toHaveLength(3);
  });

  it("installs again when the lock file has changed", async () => {
    putProject("a");
    await setUp({ root, demoPeople: false });
    putProject("b");
    await setUp({ root, demoPeople: false });
    expect(existsSync(join(root, "node_modules", "b", "package.json"))).toBe(true);
    expect(existsSync(join(root, "node_modules", "a"))).toBe(false);
  });

  it("takes over what was installed by hand, when it is what the lock file names", async () => {
    putProject();
    put("node_modules/.package-lock.json", readFileSync(join(root, "package-lock.json"), "utf8"));
    await setUp({ root, demoPeople: false });
    expect(said()).not.toContain("installing");
  });

  it("never empties a node_modules that is only linked", async () => {
    putProject();
    const foreign = join(root, "foreign");
    mkdirSync(foreign);
    writeFileSync(join(foreign, "mark"), "");
    symlinkSync(foreign, join(root, "node_modules"));
    await setUp({ root, demoPeople: false });
    expect(existsSync(join(foreign, "mark"))).toBe(true);
  });

  it("says what npm said when it fails, leaves no stamp, and gives the lock back", async () => {
    putProject();
    put("package-lock.json", readFileSync(join(root, "package-lock.json"), "utf8").replaceAll('"a"', '"z"'));
    await expect(setUp({ root, demoPeople: false })).rejects.toBeInstanceOf(SetUpFailed);
    expect(said()).toMatch(/npm (error|ERR!)/);
    expect(said()).toContain("安装依赖失败");
    expect(existsSync(join(root, ".canteen", "set-up.lock"))).toBe(false);
    putProject();
    await setUp({ root, demoPeople: false });
    expect(existsSync(join(root, "node_modules", "a", "package.json"))).toBe(true);
  });

  it("stops at a step that fails", async () => {
    putProject();
    put("scripts/prepare-models.ts", "process.exit(4);");
    putStep("scripts/prepare-demo.ts");
    await expect(setUp({ root, demoPeople: true })).rejects.toThrow("prepare-models.ts");
    expect(stepsDone()).toEqual([]);
  });

  it("ends quietly with the signal's exit code when a step was interrupted", async () => {
    putProject();
    put("scripts/prepare-models.ts", 'process.kill(process.pid, "SIGTERM");');
    await expect(setUp({ root, demoPeople: false })).rejects.toMatchObject({ exitCode: 143 });
  });
});

describe("lock of the set-up", () => {
  const lockFile = (): string => join(root, ".canteen", "set-up.lock");

  it("lets one in at a time and tells the other whom it waits for", async () => {
    const release = await takeSetUpLock(lockFile(), () => {});
    const waitsFor = Promise.withResolvers<number>();
    const second = takeSetUpLock(lockFile(), waitsFor.resolve);
    expect(await waitsFor.promise).toBe(process.pid);
    release();
    (await second)();
    expect(existsSync(lockFile())).toBe(false);
  });

  it("is taken over from a process that was killed", async () => {
    const module = new URL("./set-up-lock.mjs", import.meta.url).href;
    const code = `import { takeSetUpLock } from "${module}"; await takeSetUpLock(${JSON.stringify(lockFile())}, () => {});
      console.log("taken"); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(existsSync(lockFile())).toBe(true);
    (await takeSetUpLock(lockFile(), () => expect.unreachable()))();
  });

  it("is taken over when another process now has the number of the holder", async () => {
    put(".canteen/set-up.lock", JSON.stringify({ pid: process.pid, started: "1", host: hostname() }));
    (await takeSetUpLock(lockFile(), () => expect.unreachable()))();
  });
});
