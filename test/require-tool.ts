import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Whether a test that needs the system program `tool` may run here.
 * In CI a missing tool is an error, never a skip: `.ci/run` installs what the tests need.
 * @returns true when it is on the PATH; use as `describe.skipIf(!hasTool("mosquitto"))`.
 */
export function hasTool(tool: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore", env: withSystemFolders() });
    return true;
  } catch {
    if (process.env["CI"]) throw new Error(`CI must have "${tool}": add its package to .ci/run`);
    return false;
  }
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
  if (process.getuid?.() !== 0) return false;
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
