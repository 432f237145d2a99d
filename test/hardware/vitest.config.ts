import { appendFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";
import type { ResultLine } from "./results.ts";

const append = (line: ResultLine): void =>
  appendFileSync("/results/results.jsonl", `${JSON.stringify(line)}\n`);
const failed = (name: string): void => {
  console.log(`guest: failed: ${name}`);
  append({ name, status: "failed", seconds: 0 });
};

/** The serial console shows how far it is; the host's table comes from the file. */
const EACH_AS_IT_ENDS: Reporter = {
  onTestCaseReady: (test) => console.log(`guest: begins: ${test.fullName}`),
  onUserConsoleLog: ({ content }) => console.log(`guest: ${content.trim()}`),
  onTestCaseResult: (test) => {
    const { state, errors } = test.result();
    const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
    console.log(`guest: ${state}: ${test.fullName} (${seconds.toFixed(1)} s)`);
    for (const error of errors ?? []) console.log(`guest:   ${error.stack ?? error.message}`);
    append({ name: test.fullName, status: state, seconds });
  },
  onTestModuleEnd: (module) => {
    for (const error of module.errors()) failed(`${module.relativeModuleId} ${error.message}`);
  },
  onTestRunEnd: (_modules, unhandled) => {
    for (const error of unhandled) failed(`unhandled: ${error.stack ?? error.message}`);
    append({ ended: true });
  },
};

/** Inside the guest only: one process, because its two cores are emulated. */
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  cacheDir: "/tmp/vitest",
  test: {
    include: ["test/hardware/guest/*.guest.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    reporters: [EACH_AS_IT_ENDS],
  },
});
