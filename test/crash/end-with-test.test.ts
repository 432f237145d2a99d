import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";

const ENDING = new URL("./end-with-test.ts", import.meta.url).href;

it("a terminal's process ends when the test that started it was killed", async () => {
  const inner = "process.stdout.write(String(process.pid)); setInterval(() => {}, 1000)";
  const outer = `const { spawn } = await import("node:child_process");
    spawn(process.execPath, ["--import", ${JSON.stringify(ENDING)}, "-e", ${JSON.stringify(inner)}],
      { stdio: ["pipe", "inherit", "inherit"], detached: true });`;
  const test = spawn(process.execPath, ["--input-type=module", "-e", outer], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [pid] = await once(test.stdout, "data");
  onTestFinished(() => {
    try {
      process.kill(Number(String(pid)), "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  test.kill("SIGKILL");
  // The terminal holds this pipe as well.
  await once(test.stdout, "end");
  expect(test.stdout.readableEnded).toBe(true);
});
