import { execFileSync } from "node:child_process";

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
