import { defineConfig } from "vitest/config";

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["{device,firmware-bridge,models,scripts,test}/**/*.test.ts"],
    exclude: ["**/node_modules/**", "device/kiosk/ui/dist/**"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // A test that waits for a tool says so by skipping outside CI; inside CI test/require-tool.ts makes it fail.
    passWithNoTests: false,
  },
});
