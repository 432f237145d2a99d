import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

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
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // A test that waits for a tool says so by skipping outside CI; inside CI test/require-tool.ts makes it fail.
    passWithNoTests: false,
  },
});
