import { fstatSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/**
 * Loaded into a terminal's process before its own code (`node --import`), by the tests that kill it: it ends with them.
 * A test that is interrupted takes nothing down, and its terminal would go on for ever; but its end of this process's
 * standard input closes with it, also where strace stands between the two.
 */
if (isMainThread && fstatSync(0).isSocket()) {
  process.stdin.on("end", () => process.kill(process.pid, "SIGKILL"));
  process.stdin.resume();
  process.stdin.unref();
}
