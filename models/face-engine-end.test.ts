import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { artifactsForTests } from "./artifacts-for-tests.ts";

const ENGINE = new URL("face-engine.ts", import.meta.url).href;

/** Closes one engine after another while its models run on a picture of noise, each at another moment of the run. */
const PROGRAM = `
import sharp from "sharp";
const { createFaceEngine } = await import(${JSON.stringify(ENGINE)});
const size = 640;
const raw = { width: size, height: size, channels: 3 };
const noise = Buffer.from(Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 2654435761) >>> 24));
const bytes = new Uint8Array(await sharp(noise, { raw }).jpeg().toBuffer());
for (let round = 0; round < 8; round++) {
  const engine = await createFaceEngine({ artifactsFolder: process.argv[1] });
  const answers = [0, 1].map(() => engine.analyze({ bytes: bytes.slice() }).catch(({ code }) => code));
  await new Promise((resolve) => setTimeout(resolve, round * 15));
  await engine.close();
  process.stdout.write(String((await Promise.all(answers))[1]) + "\\n");
}`;

it("ends in the middle of its models' work, and the process goes on", async () => {
  const args = ["--eval", PROGRAM, await artifactsForTests()];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: new URL("..", import.meta.url).pathname,
  });
  const answers = stdout.trim().split("\n");
  expect(answers).toHaveLength(8);
  // Which of them are cut off is the machine's; that some are is what was tried.
  expect(answers).toContain("engine-closed");
});
