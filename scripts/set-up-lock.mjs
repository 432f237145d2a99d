// One set-up at a time: `npm start` in one window and `npm test` in another would delete each other's node_modules.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";

const POLL_MS = 300;
/** A lock file without text is one that is just being written, or a left-over of a crash in between. */
const EMPTY_MS_MAX = 5000;

/**
 * Takes the lock, waiting for whoever has it; a lock whose process is gone is taken over.
 * @param {string} file  in an existing or new folder
 * @param {(pid: number) => void} onWait  called once when another process has it
 * @returns {Promise<() => void>} gives the lock back
 */
export async function takeSetUpLock(file, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), host: hostname() });
  let told = false;
  for (;;) {
    if (create(file, mine)) return () => release(file, mine);
    const seen = read(file);
    if (seen === null) continue;
    if (isAbandoned(file, seen)) {
      setAside(file, seen);
      continue;
    }
    if (!told) onWait(holderOf(seen).pid);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function create(file, text) {
  try {
    writeFileSync(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

function release(file, mine) {
  if (read(file) === mine) rmSync(file, { force: true });
}

function isAbandoned(file, text) {
  const holder = holderOf(text);
  if (holder.pid === 0) {
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats !== undefined && Date.now() - stats.mtimeMs > EMPTY_MS_MAX;
  }
  // Another machine or container on the same folder: its processes cannot be seen from here.
  if (holder.host !== hostname()) return false;
  return startOf(holder.pid) !== holder.started;
}

function holderOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { pid: 0, started: null, host: "" };
  }
}

/** When the process began, so that a reused number is not taken for the holder; null when there is none. */
function startOf(pid) {
  try {
    // Linux: field 22 counted after the name, which may hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    if (process.platform === "linux") return null;
  }
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return error.code === "EPERM" ? "alive" : null;
  }
}

/** Renaming shows whether it was still the abandoned lock: a fresh one that came in between is put back. */
function setAside(file, seen) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (read(aside) !== seen) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}
