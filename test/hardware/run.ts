import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { packInitramfs } from "./guest-initramfs.ts";
import { guestKernel } from "./guest-kernel.ts";
import { readResults, tableOf } from "./results.ts";

/**
 * `npm run test:hardware`: boots a small guest with a real USB stack, runs the bridge's tests in it, prints a table.
 * Ends with "N passed, N failed" alone on a line. By hand, not part of `npm test`.
 */
const ROOT = resolve(import.meta.dirname, "../..");
const CACHE = join(ROOT, ".canteen", "hardware");
/** In a row, for each kind of device. */
const REPLUGS = Number(process.env["CANTEEN_REPLUGS"] ?? 50);
const ONLY = process.env["CANTEEN_ONLY"] ?? "";
const RUN_MS_MAX = Number(process.env["CANTEEN_GUEST_MINUTES"] ?? 30) * 60_000;

/** program: package */
const NEEDED: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": "qemu-system-x86",
  cpio: "cpio",
  depmod: "kmod",
  busybox: "busybox-static",
  "dpkg-deb": "dpkg",
  "apt-get": "apt",
  udevadm: "udev",
};

const HELP = `npm run test:hardware: the bridge on a real USB stack (HID and CDC-ACM gadgets) in a QEMU guest.
Takes minutes; needs QEMU, no root. What it downloads and prints is described in test/README.md.

  CANTEEN_REPLUGS=1000        replugs in a row for each kind of device (50)
  CANTEEN_GUEST_MINUTES=120   ends the guest after so long (30)
  CANTEEN_ONLY="HID device"   only the tests whose names match`;

if (process.argv.includes("--help")) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const problem = whatIsMissing();
  if (problem !== null) {
    console.error(`${problem}\n\n0 passed, 1 failed`);
    return 1;
  }
  const results = join(CACHE, "results");
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const kernel = guestKernel(CACHE);
  const initramfs = packInitramfs({
    ...{ folder: CACHE, kernel, initFile: join(import.meta.dirname, "guest", "init.sh") },
    env: { CHECKOUT: ROOT, NODE: process.execPath, REPLUGS: String(REPLUGS), ONLY },
  });
  await boot(kernel.image, initramfs, results);
  const file = join(results, "results.jsonl");
  if (!existsSync(file)) {
    console.error("The guest wrote no results: what it printed above says why.\n\n0 passed, 1 failed");
    return 1;
  }
  // Left out by name is neither passed nor failed; skipped for any other reason is a failure.
  const outcomes = readResults(readFileSync(file, "utf8")).filter(
    ({ status }) => ONLY === "" || status !== "skipped",
  );
  console.log(tableOf(outcomes));
  const passed = outcomes.filter(({ status }) => status === "passed").length;
  const failed = outcomes.length - passed;
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function whatIsMissing(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64")
    return "test:hardware boots an x86-64 Linux guest with the programs of this machine: run it on x86-64 Linux (Debian or Ubuntu).";
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  process.env["PATH"] = path;
  const missing = Object.entries(NEEDED).filter(([program]) => !isOnPath(program));
  if (missing.length === 0) return null;
  const packages = missing.map(([, name]) => name).join(" ");
  return `test:hardware needs ${missing.map(([program]) => program).join(", ")}.\nHint: sudo apt-get install -y --no-install-recommends ${packages}`;
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

/** Without KVM, so that it runs in any container. Resolves when the guest has powered off or was stopped. */
function boot(image: string, initramfs: string, results: string): Promise<void> {
  const share = (path: string, tag: string, more: string): string =>
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${more}`;
  const guest = spawn(
    "qemu-system-x86_64",
    [
      ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2G"],
      ...["-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-kernel", image, "-initrd", initramfs],
      ...["-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off"],
      ...["-virtfs", share("/", "host", ",readonly=on"), "-virtfs", share(results, "results", "")],
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const deadline = setTimeout(() => {
    console.error(`The guest was stopped after ${RUN_MS_MAX / 60_000} minutes (CANTEEN_GUEST_MINUTES).`);
    guest.kill("SIGKILL");
  }, RUN_MS_MAX);
  return new Promise((settle, reject) => {
    guest.once("error", reject);
    guest.once("exit", () => {
      clearTimeout(deadline);
      settle();
    });
  });
}
