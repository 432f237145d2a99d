import { defineConfig } from "vitest/config";

/** Inside the guest only: one process, because its two cores are emulated. */
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  cacheDir: "/tmp/vitest",
  test: {
    include: ["test/hardware/guest/*.guest.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    reporters: ["verbose", "json"],
    outputFile: { json: "/results/results.json" },
  },
});
