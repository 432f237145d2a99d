import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";

/** The serial console shows how far it is; the host's table comes from the JSON. */
const EACH_AS_IT_ENDS: Reporter = {
  onTestCaseResult: (test) => {
    const { state, errors } = test.result();
    console.log(`guest: ${state}: ${test.fullName}`);
    for (const error of errors ?? []) console.log(`guest:   ${error.message}`);
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
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    reporters: [EACH_AS_IT_ENDS, "json"],
    outputFile: { json: "/results/results.json" },
  },
});
