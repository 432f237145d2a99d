#!/usr/bin/env node
// The command. It looks at the Node version before anything native is loaded: with an old one better-sqlite3 does not
// fail, it crashes. Where the project's own Node 24 is installed, that one takes over.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { restartLean, runInPlace, terminalRuntime } from "./runtime.mjs";

/** How long something that was left open may still take after the command has ended. */
const LINGER_MS_MAX = 3000;

// From 1.29 on the Linux library reports sessions and the machine to its maker unless told not to, and it reads this
// when it is loaded. Nothing leaves a terminal but what its own contract names.
process.env.ORT_DISABLE_TELEMETRY = "1";

async function main() {
  const runtime = terminalRuntime(dirname(dirname(fileURLToPath(import.meta.url))));
  if (runtime.kind === "too-old") {
    console.error(runtime.message);
    return 1;
  }
  if (!runtime.isThis) {
    const args = [...runtime.flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
    return runInPlace(runtime.command, args);
  }
  if (process.argv[2] === "run") restartLean();
  const { runCli } = await import("./cli.ts");
  return runCli(process.argv.slice(2));
}

main().then((code) => {
  process.exitCode = code;
  // A start that failed must end, or no supervisor would try again.
  const late = setTimeout(() => {
    console.error(
      `canteen-edge: ended with something still open: ${process.getActiveResourcesInfo().join(", ")}`,
    );
    process.exit(code);
  }, LINGER_MS_MAX);
  late.unref();
});
