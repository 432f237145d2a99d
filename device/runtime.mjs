// Which Node runs the terminal, and how a parent hands its place to that Node.
// Plain JavaScript of an old dialect on purpose: it must be read by the very Node versions that it refuses.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";

/** npm and the set-up scripts run from here on. */
const SETUP_NODE_MIN = "20.19.0";
/** better-sqlite3 13 crashes the process below this instead of failing. */
const RUNTIME_NODE_MIN = "22.12.0";
/** From here on TypeScript's types are stripped without a flag (23.0 to 23.5 still needed it). */
const STRIPS_TYPES = [
  ["22.18.0", "23.0.0"],
  ["23.6.0", "999.0.0"],
];
/** Platforms for which package.json pins Node 24 as an optional dependency. */
const PINNED_PLATFORMS = ["linux-x64", "linux-arm64"];

/** Negative, 0 or positive, as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a, b) {
  const partsA = a.split(".").map(Number);
  const partsB = b.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    if (partsA[i] !== partsB[i]) return partsA[i] - partsB[i];
  }
  return 0;
}

/** Flags with which this version runs TypeScript files. */
export function typeStrippingFlags(version) {
  const strips = STRIPS_TYPES.some(
    ([from, to]) => compareVersions(version, from) >= 0 && compareVersions(version, to) < 0,
  );
  return strips ? [] : ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
}

/**
 * Why the set-up cannot run with this Node, as text for a person; null when it can.
 * `platform` is "linux-x64" and the like.
 */
export function setUpProblem(version, platform) {
  const min = PINNED_PLATFORMS.includes(platform) ? SETUP_NODE_MIN : RUNTIME_NODE_MIN;
  return compareVersions(version, min) >= 0 ? null : tooOld(version, min);
}

function tooOld(version, min) {
  return [
    `需要 Node.js ${min} 或更高版本，当前是 ${version}。请从 https://nodejs.org 安装 24 版（LTS）后重试。`,
    `Node.js ${min} or newer is needed, this is ${version}. Install version 24 (LTS) from https://nodejs.org and try again.`,
  ].join("\n");
}

/**
 * The Node that runs the terminal: this one when it is new enough, else the one pinned in node_modules.
 * With `preferPinned` the other way round: the set-up starts what was tested.
 * @returns {{ kind: "found", command: string, flags: string[], isThis: boolean } | { kind: "too-old", message: string }}
 */
export function terminalRuntime(root, options = {}) {
  const version = options.version || process.versions.node;
  const thisOne = compareVersions(version, RUNTIME_NODE_MIN) >= 0 ? thisRuntime(version) : null;
  const found = options.preferPinned ? pinnedRuntime(root) || thisOne : thisOne || pinnedRuntime(root);
  return found || { kind: "too-old", message: tooOld(version, RUNTIME_NODE_MIN) };
}

function thisRuntime(version) {
  const flags = typeStrippingFlags(version);
  const isThis = flags.every((flag) => process.execArgv.includes(flag));
  return { kind: "found", command: process.execPath, flags, isThis };
}

function pinnedRuntime(root) {
  const command = join(root, "node_modules", ".bin", "node");
  if (!existsSync(command)) return null;
  // On a system with another C library the pinned program is there and cannot run.
  const asked = spawnSync(command, ["-p", "process.versions.node"], { encoding: "utf8" });
  if (asked.status !== 0) return null;
  return { kind: "found", command, flags: typeStrippingFlags(asked.stdout.trim()), isThis: false };
}

/**
 * A terminal keeps to little memory. Left alone, V8 lets the young objects of each of its threads grow to 96 MB, and
 * glibc gives each thread that decodes or recognises an arena that never shrinks: with 20,000 enrolled the terminal takes
 * 170 MB more (device/README.md). Both are settled when a process starts, so they cannot be set from inside.
 */
const LEAN_FLAGS = ["--max-semi-space-size=4"];
const LEAN_ENVIRONMENT = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "1000000" };
const IS_LEAN = "CANTEEN_EDGE_LEAN";

/**
 * Runs this program anew in the same process (execve: same id, input and output), with the settings above; what the
 * environment says of its own stays. Returns where that was done already, or is not to be had: the terminal then runs as it is.
 */
export function restartLean() {
  const { env } = process;
  // Node 22.15 and 23.11 on; glibc's settings mean nothing elsewhere.
  if (env[IS_LEAN] !== undefined || process.platform !== "linux" || process.execve === undefined) return;
  const args = [process.execPath, ...process.execArgv, ...LEAN_FLAGS, ...process.argv.slice(1)];
  try {
    process.execve(process.execPath, args, { ...LEAN_ENVIRONMENT, ...env, [IS_LEAN]: "1" });
  } catch {
    // Where a sandbox forbids it.
  }
}

/** How often a process that ends with its parent looks whether the parent is still there. */
const PARENT_LOOK_MS = 1000;

/**
 * Runs a command in this process's place: same input and output, signals passed on. With `endWithParent` the command
 * is also stopped when this process's parent has gone: `npm start` runs through a shell, which a SIGTERM to npm ends
 * without a word to what it had started.
 * @returns its exit code; 128 + the signal's number when a signal ended it, as a shell reports it.
 */
export function runInPlace(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const { endWithParent = false, ...spawnOptions } = options;
    const child = spawn(command, args, { stdio: "inherit", ...spawnOptions });
    const parent = process.ppid;
    const look = () => {
      if (process.ppid !== parent) child.kill("SIGTERM");
    };
    const looking = endWithParent ? setInterval(look, PARENT_LOOK_MS) : undefined;
    const pass = (signal) => {
      // Ctrl-C at a terminal reaches the whole group by itself; a second one would mean "at once" to the child.
      const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
      if (signal === "SIGINT" && atTerminal) return;
      child.kill(signal);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, pass);
    const settle = () => {
      clearInterval(looking);
      for (const signal of signals) process.removeListener(signal, pass);
    };
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      settle();
      resolve(signal === null ? code : 128 + constants.signals[signal]);
    });
  });
}
