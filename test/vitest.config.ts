import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./longest-first.ts";

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["{device,firmware-bridge,models,scripts,test}/**/*.test.ts"],
    exclude: ["**/node_modules/**", "device/kiosk/ui/dist/**"],
    pool: "forks",
    // Much of a test is waiting for a process or a page, so no core is kept free for the runner.
    maxWorkers: availableParallelism(),
    // Ends a test that hangs; a busy machine is no failure.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    teardownTimeout: 60_000,
    // As above: what does not come on a busy machine within a second comes later.
    expect: { poll: { timeout: 90_000, interval: 25 } },
    sequence: { sequencer: LongestFirst },
    // A test that waits for a tool says so by skipping outside CI; inside CI test/require-tool.ts makes it fail.
    passWithNoTests: false,
  },
});
