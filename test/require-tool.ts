import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MISSING_TOOLS_VARIABLE } from "../scripts/missing-tools.mjs";

/** The browser without a window takes a third of the processor time and draws the same pages; the whole one does too. */
export const CHROMIUM = ["chromium-headless-shell", "chromium"] as const;

/**
 * Whether a test that needs the system program `tool` may run here.
 * In CI a missing tool is an error, never a skip: `.ci/run` installs what the tests need.
 * @param tool  several: any of them does.
 * @returns true when it is on the PATH; use as `describe.skipIf(!hasTool("mosquitto"))`.
 */
export function hasTool(tool: string | readonly string[]): boolean {
  const names = typeof tool === "string" ? [tool] : tool;
  try {
    const any = names.map((name) => `command -v ${name}`).join(" || ");
    execFileSync("sh", ["-c", any], { stdio: "ignore", env: withSystemFolders() });
    return true;
  } catch {
    if (process.env["CI"])
      throw new Error(`CI must have "${names.join('" or "')}": add its package to .ci/run`);
    missed(names[0] ?? "");
    return false;
  }
}

/** Said at the end of `npm test`. */
function missed(what: string): void {
  const file = process.env[MISSING_TOOLS_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${what}\n`);
}

/** The environment with /usr/sbin on the PATH, where Debian puts mosquitto. */
export function withSystemFolders(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
}

/**
 * Whether a test may mount a small disk of its own to fill: a right that only root has, and not in every container.
 * No package gives it, so its lack skips the test in CI too; the journal's own disk tests have a stand-in there.
 */
export function mayMount(): boolean {
  const may = process.getuid?.() === 0 && canMount();
  if (!may) missed("the right to mount");
  return may;
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "canteen-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}
