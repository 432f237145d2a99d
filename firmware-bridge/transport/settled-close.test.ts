import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasTool } from "../../test/require-tool.ts";

const program = fileURLToPath(new URL("./replug-process.ts", import.meta.url));
/** Whichever the system gives. */
const PTYS = Array.from({ length: 64 }, (_, index) => ["-P", `/dev/pts/${index}`]).flat();
const TURNS = 40;

describe.skipIf(!hasTool("strace") || !hasTool("python3"))("a serial port whose reads are held up", () => {
  it("leaves no read behind that takes the bytes of the next port with its number", () => {
    const folder = mkdtempSync(join(tmpdir(), "canteen-replug-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const log = join(folder, "strace");
    const run = spawnSync(
      "strace",
      [
        ...["-f", "-qq", "-o", log, ...PTYS],
        ...["-e", "trace=read", "-e", "inject=read:delay_enter=40000:when=1+3"],
        ...[process.execPath, program, String(TURNS)],
      ],
      { encoding: "utf8" },
    );
    expect(readFileSync(log, "latin1").split("(DELAYED)").length).toBeGreaterThan(TURNS / 4);
    expect(run.stdout).toBe(`${TURNS} of ${TURNS}\n`);
  }, 120_000);
});
