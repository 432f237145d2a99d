// Everything that `npm start` and `npm test` need before they can run, each step skipped when it was done before.
// Plain JavaScript for Node 20.19: npm itself still runs on the machine's own Node.
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runInPlace, terminalRuntime } from "../device/runtime.mjs";
import { takeSetUpLock } from "./set-up-lock.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TICK_MS = 10_000;
const LOG_TAIL_LINES = 15;

/** A step failed and said why; nothing more is to be printed. */
export class SetUpFailed extends Error {
  exitCode = 1;
}

/** The exit code of a set-up that failed; any other error is a bug and goes on. */
export function setUpExitCode(error) {
  if (error instanceof SetUpFailed) return error.exitCode;
  throw error;
}

/**
 * @param {{ demoPeople: boolean, root?: string }} wanted
 * @returns {Promise<{ command: string, flags: string[] }>} the Node that runs the rest
 */
export async function setUp({ demoPeople, root = ROOT }) {
  const release = await takeSetUpLock(join(root, ".canteen", "set-up.lock"), (pid) =>
    say(
      `另一个准备过程（进程 ${pid}）正在进行，等待中…`,
      `another set-up (process ${pid}) is running, waiting…`,
    ),
  );
  try {
    await installDependencies(root);
    const runtime = terminalRuntime(root, { preferPinned: true });
    if (runtime.kind === "too-old") fail(runtime.message);
    await runScript(root, runtime, "scripts/prepare-models.ts");
    await buildPage(root, runtime);
    if (demoPeople) await runScript(root, runtime, "scripts/prepare-demo.ts");
    return runtime;
  } finally {
    release();
  }
}

/**
 * Builds the page where it is not that of the sources; for tests, of which several may ask at once.
 * @returns {Promise<string>} the folder of the built page
 */
export async function builtPage(root = ROOT) {
  const release = await takeSetUpLock(join(root, ".canteen", "page-build.lock"), () => {});
  try {
    const runtime = terminalRuntime(root, { preferPinned: true });
    if (runtime.kind === "too-old") fail(runtime.message);
    await buildPage(root, runtime);
  } finally {
    release();
  }
  return join(root, "device", "kiosk", "ui", "dist");
}

function say(zh, en) {
  console.log(`${zh} / ${en}`);
}

function fail(message) {
  console.error(message);
  throw new SetUpFailed(message);
}

// ---- dependencies

async function installDependencies(root) {
  const folder = join(root, "node_modules");
  const lockText = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lockText).digest("hex");
  const stamp = join(folder, ".canteen-lock-sha256");
  if (textOf(stamp) === wanted) return;
  // A linked node_modules belongs to someone else; `npm ci` would empty it for them too.
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  if (!isInstalled(folder, JSON.parse(String(lockText)))) {
    await npmCi(root);
  }
  writeFileSync(stamp, wanted);
}

/** Whether npm has put there exactly what the lock file names: someone ran `npm ci` by hand. */
function isInstalled(folder, lock) {
  const hidden = textOf(join(folder, ".package-lock.json"));
  if (hidden === null) return false;
  const installed = JSON.parse(hidden).packages;
  return Object.entries(lock.packages).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const there = installed[path];
    return there === undefined
      ? optional === true
      : there.version === version && there.integrity === integrity;
  });
}

async function npmCi(root) {
  say("正在安装依赖，约需一分钟…", "installing dependencies, about a minute…");
  const script = process.env.npm_execpath;
  const viaNpm = script !== undefined && basename(script) === "npm-cli.js";
  const [command, first] = viaNpm ? [process.execPath, [script]] : ["npm", []];
  // Said aloud even where the npm around this one was told to be silent: a failure's reason is in this output.
  const args = [
    ...first,
    "ci",
    "--loglevel=notice",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
  ];
  const logFile = join(root, ".canteen", "npm-ci.log");
  // Older npm does not read allowScripts, and onnxruntime-node's own script downloads what is not needed here.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  const code = await runLogged(command, args, { root, env, logFile, what: "npm ci" });
  if (code === 0) return;
  const log = textOf(logFile) ?? "";
  console.error(log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n"));
  fail(`${npmAdvice(log)}\n(${relative(root, logFile)})`);
}

function npmAdvice(log) {
  if (/ENOSPC/.test(log))
    return "磁盘已满，请清理后重试。 / The disk is full: free some space and try again.";
  if (/EACCES|EPERM/.test(log)) {
    return "没有写入权限，请检查目录所有者。 / No permission to write here: check who owns this folder.";
  }
  if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRE(SET|FUSED)|ENETUNREACH/.test(log)) {
    return "无法连接 npm 软件源，请检查网络或代理后重试。 / The package registry cannot be reached: check the network or proxy and try again.";
  }
  return "安装依赖失败，原因见上。 / Installing the dependencies failed; the reason is above.";
}

/** Runs a program with its output in a file, and says now and then that it is still at work. */
async function runLogged(command, args, { root, env, logFile, what }) {
  mkdirSync(join(root, ".canteen"), { recursive: true });
  const log = openSync(logFile, "w");
  const startedMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedMs) / 1000);
  const ticker = setInterval(() => console.log(`  ${what} … ${seconds()} s`), TICK_MS);
  try {
    return stopIfSignalled(await runInPlace(command, args, { cwd: root, env, stdio: ["ignore", log, log] }));
  } finally {
    clearInterval(ticker);
    closeSync(log);
  }
}

// ---- steps that run on the terminal's own Node

async function runScript(root, runtime, script) {
  if (!existsSync(join(root, script))) return;
  const code = await runInPlace(runtime.command, [...runtime.flags, join(root, script)], {
    cwd: root,
  });
  if (stopIfSignalled(code) !== 0) fail(`${script} 失败 / failed (${code})`);
}

/** Ctrl-C ended the step: the whole set-up ends, without a word about a failure. */
function stopIfSignalled(code) {
  if (code > 128) throw Object.assign(new SetUpFailed("interrupted"), { exitCode: code });
  return code;
}

/** Builds the kiosk's page when it was never built or its sources changed since. */
async function buildPage(root, runtime) {
  const page = join(root, "device", "kiosk", "ui");
  if (!existsSync(join(page, "index.html"))) return;
  const stamp = join(page, "dist", ".built-from-sha256");
  const wanted = hashOfPage(root);
  if (textOf(stamp) === wanted) return;
  say("正在构建界面…", "building the page…");
  const logFile = join(root, ".canteen", "page-build.log");
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  rmSync(stamp, { force: true });
  const code = await runLogged(runtime.command, [vite, "build", page], {
    root,
    env: process.env,
    logFile,
    what: "vite",
  });
  if (code !== 0) {
    console.error(textOf(logFile));
    fail("界面构建失败，原因见上。 / Building the page failed; the reason is above.");
  }
  writeFileSync(stamp, wanted);
}

/** The page's own files, what it takes over from the server's folder, and the versions of its packages. */
function hashOfPage(root) {
  const hash = createHash("sha256");
  const files = [
    ...filesBelow(join(root, "device", "kiosk")).filter((file) => !file.endsWith(".test.ts")),
    join(root, "package-lock.json"),
  ];
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  return hash.digest("hex");
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name === "dist" || entry.name.startsWith(".")) return [];
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

function textOf(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
