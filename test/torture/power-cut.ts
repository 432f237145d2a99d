import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import Sqlite from "better-sqlite3";
import { verifyJournal } from "../../device/journal/verify.ts";
import { countProjection } from "../crash/count-projection.ts";
import { packInitramfs } from "../hardware/guest-initramfs.ts";
import { guestKernel } from "../hardware/guest-kernel.ts";
import { mayMount } from "../require-tool.ts";
import { clock, type Trial, type TrialContext } from "./trial.ts";

/**
 * True power cuts: a guest commits entries to a disk image of its own and says each one on its serial line when its
 * commit has returned; QEMU is killed, so that everything which the guest's kernel had not given to the disk is gone.
 * What is then in the image must contain every entry that was said.
 *
 * The image is written through QEMU's cache on this machine: this is a cut of the guest's page cache and of its file
 * system, not of an SD card's own memory.
 */
const ROOT = resolve(import.meta.dirname, "../..");
const CACHE = join(ROOT, ".canteen", "torture");
const IMAGE_MB = 64;
/** A quarter of a minute on an idle machine; an emulated processor beside other work takes many. */
const BOOT_MS_MAX = 1_200_000;
const OTHER_LINES_MAX = 12;
const LIFE_MS = { least: 1500, most: 6000 };
const PROGRAMS = ["qemu-system-x86_64", "cpio", "depmod", "busybox", "mkfs.ext4", "dpkg-deb"];
const MODULES = ["virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "overlay", "ext4", "crc32c_generic"];
const SYSTEM_PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

export const powerCuts: Trial = trial("power cut (QEMU guest killed)", "FULL");

/** The proof that the trial can find something: better-sqlite3's default must lose. */
export const powerCutsControl: Trial = trial("power cut with synchronous=NORMAL, which must lose", "NORMAL");

function trial(name: string, synchronous: "FULL" | "NORMAL"): Trial {
  return {
    name,
    missing: whatIsMissing,
    run: async (context) => {
      const { image: kernel, initramfs } = prepareGuest(synchronous);
      const isControl = synchronous === "NORMAL";
      const problems: string[] = [];
      let saidCount = 0;
      let lostCount = 0;
      for (let cut = 1; cut <= context.rounds; cut++) {
        const disk = makeDisk(context, cut);
        const { said, otherLines } = await runAndCut(kernel, initramfs, disk, context.entropy.uniform());
        saidCount += said.length;
        const { lost, wrong } = inspect(context, disk, said);
        lostCount += lost;
        // The control may lose the very tables that it is verified against.
        if (!isControl) problems.push(...wrong.map((problem) => `cut ${cut}: ${problem}`));
        if (said.length === 0)
          problems.push(`cut ${cut}: the guest committed nothing: ${otherLines.join(" / ")}`);
        rmSync(disk);
      }
      if (!isControl && lostCount > 0) problems.push(`${lostCount} entries lost that were said to be there`);
      if (isControl && lostCount === 0) problems.push("nothing was lost: this trial proves nothing");
      return {
        done: `${context.rounds} cuts, ${saidCount} entries said, ${lostCount} of them lost`,
        shownCount: 0,
        problems,
      };
    },
  };
}

function whatIsMissing(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "needs x86-64 Linux";
  const folders = SYSTEM_PATH.split(":");
  const missing = PROGRAMS.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length > 0) return `missing: ${missing.join(", ")}`;
  return mayMount() ? null : "no right to mount";
}

function prepareGuest(synchronous: string): { readonly image: string; readonly initramfs: string } {
  process.env["PATH"] = SYSTEM_PATH;
  mkdirSync(CACHE, { recursive: true });
  const kernel = guestKernel(CACHE, MODULES);
  const initramfs = packInitramfs({
    ...{ folder: CACHE, kernel, initFile: join(import.meta.dirname, "power-cut-init.sh") },
    env: {
      NODE: process.execPath,
      WRITER: join(ROOT, "test/crash/journal-writer.ts"),
      SYNCHRONOUS: synchronous,
    },
  });
  return { image: kernel.image, initramfs };
}

function makeDisk({ folder }: TrialContext, cut: number): string {
  const disk = join(folder, `disk-${cut}.img`);
  execFileSync("truncate", ["-s", `${IMAGE_MB}M`, disk]);
  execFileSync("mkfs.ext4", ["-q", "-F", disk]);
  return disk;
}

/** @returns the ids that the guest said before the power went, and the last of whatever else it printed. */
async function runAndCut(
  kernel: string,
  initramfs: string,
  disk: string,
  uniform: number,
): Promise<{ readonly said: string[]; readonly otherLines: readonly string[] }> {
  const guest = spawn(
    "qemu-system-x86_64",
    [
      ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1G"],
      ...["-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-kernel", kernel, "-initrd", initramfs],
      ...["-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off no_timer_check"],
      ...["-virtfs", "local,path=/,mount_tag=host,security_model=none,multidevs=remap,readonly=on"],
      ...["-drive", `file=${disk},format=raw,if=virtio,cache=writeback`],
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const exited = once(guest, "exit");
  const tooLate = new AbortController();
  void clock.delay(BOOT_MS_MAX, { signal: tooLate.signal }).then(
    () => guest.kill("SIGKILL"),
    () => {},
  );
  const said: string[] = [];
  const otherLines: string[] = [];
  let cutting = false;
  for await (const line of createInterface({ input: guest.stdout })) {
    // A line that the power cut short is no word.
    const id = /^ok ([0-9a-f-]{36})\s*$/.exec(line)?.[1];
    if (id === undefined) {
      otherLines.push(line);
      if (otherLines.length > OTHER_LINES_MAX) otherLines.shift();
      continue;
    }
    said.push(id);
    if (cutting) continue;
    cutting = true;
    void clock
      .delay(LIFE_MS.least + uniform * (LIFE_MS.most - LIFE_MS.least))
      .then(() => guest.kill("SIGKILL"));
  }
  await exited;
  tooLate.abort();
  return { said, otherLines };
}

/** Mounts what is left, which replays the file system's own journal, and looks. */
function inspect(
  { folder }: TrialContext,
  disk: string,
  said: readonly string[],
): { readonly lost: number; readonly wrong: readonly string[] } {
  const mountPoint = join(folder, "mnt");
  mkdirSync(mountPoint, { recursive: true });
  execFileSync("mount", ["-o", "loop", disk, mountPoint]);
  try {
    const file = join(mountPoint, "canteen.db");
    if (!existsSync(file)) return { lost: said.length, wrong: ["there is no database"] };
    const db = new Sqlite(file);
    const stored = new Set(db.prepare<[], string>("SELECT id FROM journal").pluck().all());
    db.close();
    const verification = verifyJournal(file, [countProjection]);
    const wrong = verification.ok ? [] : [`journal verify: ${JSON.stringify(verification)}`];
    return { lost: said.filter((id) => !stored.has(id)).length, wrong };
  } finally {
    execFileSync("umount", [mountPoint]);
  }
}
