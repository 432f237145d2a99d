#!/usr/bin/env node
// The command. It looks at the Node version before anything native is loaded: with an old one better-sqlite3 does not
// fail, it crashes. Where the project's own Node 24 is installed, that one takes over.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runInPlace, terminalRuntime } from "./runtime.mjs";

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
  const { runCli } = await import("./cli.ts");
  return runCli(process.argv.slice(2));
}

main().then((code) => {
  process.exitCode = code;
});
