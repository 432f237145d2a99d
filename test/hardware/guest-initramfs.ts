import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestKernel } from "./guest-kernel.ts";

const BOOT = join(import.meta.dirname, "guest", "boot.sh");

export interface GuestStart {
  /** A cache that git ignores. */
  readonly folder: string;
  readonly kernel: Pick<GuestKernel, "modules" | "moduleFolder">;
  /** The guest's first process; reads `/boot.sh`. */
  readonly initFile: string;
  /** What `/guest.env` says to it. */
  readonly env: Readonly<Record<string, string>>;
}

/** A few hundred kilobytes of busybox and the modules; everything else the guest reads from this machine. */
export function packInitramfs({ folder: cache, kernel, initFile, env }: GuestStart): string {
  const folder = join(cache, "initramfs");
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["bin", "dev", "proc", "sys", "modules"])
    mkdirSync(join(folder, name), { recursive: true });
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
  copyFileSync(busybox, join(folder, "bin", "busybox"));
  for (const name of kernel.modules)
    copyFileSync(join(kernel.moduleFolder, name), join(folder, "modules", name));
  writeFileSync(join(folder, "load-order"), kernel.modules.join("\n"));
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value.replaceAll("'", ".")}'\n`);
  writeFileSync(join(folder, "guest.env"), lines.join(""));
  copyFileSync(BOOT, join(folder, "boot.sh"));
  copyFileSync(initFile, join(folder, "init"));
  chmodSync(join(folder, "init"), 0o755);
  const archive = join(cache, "initramfs.gz");
  execFileSync("sh", ["-c", `find . | cpio -o -H newc --quiet | gzip -1 > '${archive}'`], { cwd: folder });
  return archive;
}
