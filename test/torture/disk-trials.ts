import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { systemCode } from "../../device/platform/errors.ts";
import type { CardSchool } from "../crash/card-school.ts";
import type { TerminalProcess, TerminalProcessOptions } from "../crash/terminal-process.ts";
import { hasTool, mayMount } from "../require-tool.ts";
import { clock, settle, startBroker, type Trial, type TrialContext, until, withSchool } from "./trial.ts";

const PAGE_BYTES = 4096;
const FILLING = new Uint8Array(64 * 1024);
const QUIET_MS = 4000;
const PAY_MS_MAX = 240_000;
const QUIET_WAIT_MS_MAX = 60_000;
const needsMount = (): string | null => (mayMount() ? null : "no right to mount");
const needsStrace = (): string | null => (hasTool("strace") ? null : "strace is missing");

type Outcome = { readonly done: string; readonly problems: string[] };

/** One life with a sick disk, then a healthy one in which everything is compared. */
async function sickLife(
  context: TrialContext,
  more: { readonly dataFolder?: string; readonly options?: TerminalProcessOptions },
  live: (school: CardSchool, terminal: TerminalProcess) => Promise<Outcome>,
  heal: () => void = () => {},
): Promise<Outcome & { readonly shownCount: number }> {
  const broker = await startBroker();
  const { dataFolder } = more;
  try {
    return await withSchool(
      context,
      broker,
      dataFolder === undefined ? {} : { dataFolder },
      async (school) => {
        await school.firstPayment();
        const terminal = await school.start(more.options);
        const payer = school.pay(terminal);
        const { done, problems } = await live(school, terminal);
        await terminal.kill();
        await payer.ended();
        heal();
        const wrong = [...problems, ...school.verify(), ...(await settle(school))];
        return { done, shownCount: school.shown.length, problems: wrong };
      },
    );
  } finally {
    await broker.close();
  }
}

/**
 * Until nothing more is shown as paid for a while, though there are cards: sales have stopped.
 * @param meanwhile  what keeps them stopped.
 */
async function stopped(school: CardSchool, meanwhile: () => void = () => {}): Promise<boolean> {
  for (let endMono = clock.mono() + QUIET_WAIT_MS_MAX; clock.mono() < endMono; ) {
    const before = school.shown.length;
    meanwhile();
    await until(() => {
      meanwhile();
      return school.shown.length > before;
    }, QUIET_MS);
    if (school.shown.length === before) return school.cards.length > 0;
  }
  return false;
}

/** To the last byte. */
function fill(file: string): void {
  const handle = openSync(file, "a");
  try {
    while (writeSync(handle, FILLING) > 0);
  } catch (error) {
    if (systemCode(error) !== "ENOSPC") throw error;
  } finally {
    closeSync(handle);
  }
}

export const diskFull: Trial = {
  name: "disk full on a small file system",
  missing: needsMount,
  run: (context) => {
    const dataFolder = mountTmpfs(context, "48m");
    const filler = join(dataFolder, "filler");
    const live = async (school: CardSchool): Promise<Outcome> => {
      const problems: string[] = [];
      const before = school.shown.length;
      await until(() => school.shown.length > before + 2, PAY_MS_MAX);
      // Again and again: the terminal gives up its reserve, and could sell on it until that is gone as well.
      if (!(await stopped(school, () => fill(filler)))) problems.push("sales went on on a full disk");
      const shownFull = school.shown.length;
      rmSync(filler);
      const again = await until(() => school.shown.length > shownFull + 2, PAY_MS_MAX);
      if (!again) problems.push("no sales after there was space again");
      return { done: "filled to the last byte, sales stop; emptied, sales go on", problems };
    };
    return sickLife(context, { dataFolder }, live).finally(() => unmount(dataFolder));
  },
};

export const readOnly: Trial = {
  name: "file system shut down (remount,abort)",
  missing: () =>
    needsMount() ?? (hasTool("mkfs.ext4") && existsSync("/dev/loop-control") ? null : "no loop mounts"),
  run: (context) => {
    const dataFolder = mountExt4(context);
    const live = async (school: CardSchool): Promise<Outcome> => {
      const before = school.shown.length;
      await until(() => school.shown.length > before + 2, PAY_MS_MAX);
      execFileSync("mount", ["-o", "remount,abort", dataFolder]);
      const problems = (await stopped(school)) ? [] : ["sales went on without a disk"];
      return { done: "ext4 aborted under the running terminal, sales stop", problems };
    };
    const heal = (): void => {
      unmount(dataFolder);
      const image = join(context.folder, "disk.img");
      // 1: errors were put right, which is what is wanted.
      execFileSync("sh", ["-c", `e2fsck -fy '${image}' >/dev/null 2>&1; test $? -le 1`]);
      execFileSync("mount", ["-o", "loop", image, dataFolder]);
    };
    return sickLife(context, { dataFolder }, live, heal).finally(() => unmount(dataFolder));
  },
};

/** @param inject  what strace does to the system calls, from the n-th on. */
function injected(name: string, calls: string, inject: string, when: string, done: string): Trial {
  return {
    name,
    missing: needsStrace,
    run: (context) => {
      const under = [
        ...["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", `trace=${calls}`],
        ...["-e", `inject=${calls}:${inject}:when=${when}`],
      ];
      const live = async (school: CardSchool): Promise<Outcome> => ({
        done,
        problems: (await stopped(school)) ? [] : ["sales went on while the disk failed"],
      });
      return sickLife(context, { options: { under } }, live);
    },
  };
}

export const failingSync = injected(
  "EIO from fsync",
  "fsync,fdatasync",
  "error=EIO",
  "60+",
  "every sync from the 60th on fails, sales stop",
);

export const failingWrites = injected(
  "ENOSPC from write",
  "pwrite64",
  "error=ENOSPC",
  "400+",
  "every write from the 400th on fails, sales stop",
);

/** One byte of a page in the middle of the file is another one: bit rot. */
export const flippedPage: Trial = {
  name: "a database page flipped",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, {}, async (school) => {
        await school.firstPayment();
        const first = await school.start();
        const payer = school.pay(first);
        await until(() => school.shown.length > 20, PAY_MS_MAX);
        await first.stop();
        await payer.ended();
        const problems: string[] = [];
        let found = 0;
        const pages = Math.floor(statSync(school.database).size / PAGE_BYTES);
        for (let round = 0; round < context.rounds; round++) {
          const page = Math.floor(context.entropy.uniform() * pages);
          // How many hit something that counts is chance, so the first is a page of entries.
          const offset = round === 0 ? lastEntryBytes(school.database) : page * PAGE_BYTES + 100;
          flip(school.database, offset);
          if (school.verify().length > 0) found += 1;
          flip(school.database, offset);
        }
        problems.push(...school.verify());
        return {
          done: `${found} of ${context.rounds} flips are named by journal verify (the others hit unused bytes or tables outside the journal)`,
          shownCount: school.shown.length,
          problems: [...problems, ...(found === 0 ? ["no flip was found"] : []), ...(await settle(school))],
        };
      });
    } finally {
      await broker.close();
    }
  },
};

/** Where the first page of entries ends: entries fill their page from there. */
function lastEntryBytes(file: string): number {
  const db = new Sqlite(file, { readonly: true });
  try {
    const select = "SELECT min(pageno) FROM dbstat WHERE name = 'journal' AND pagetype = 'leaf'";
    return (db.prepare<[], number>(select).pluck().get() ?? 1) * PAGE_BYTES - 100;
  } finally {
    db.close();
  }
}

/** Turns every bit of sixteen bytes over; the same again puts them back. */
function flip(file: string, offset: number): void {
  const handle = openSync(file, "r+");
  const bytes = Buffer.alloc(16);
  readSync(handle, bytes, 0, bytes.length, offset);
  for (const [index, byte] of bytes.entries()) bytes[index] = byte ^ 0xff;
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
}

function mountTmpfs({ folder }: TrialContext, size: string): string {
  const mountPoint = join(folder, "disk");
  mkdirSync(mountPoint, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", mountPoint]);
  return mountPoint;
}

function mountExt4({ folder }: TrialContext): string {
  const mountPoint = join(folder, "disk");
  const image = join(folder, "disk.img");
  mkdirSync(mountPoint, { recursive: true });
  execFileSync("truncate", ["-s", "96M", image]);
  execFileSync("mkfs.ext4", ["-q", "-F", image], {
    env: { ...process.env, PATH: `${process.env["PATH"]}:/sbin:/usr/sbin` },
  });
  execFileSync("mount", ["-o", "loop", image, mountPoint]);
  return mountPoint;
}

function unmount(mountPoint: string): void {
  execFileSync("umount", ["--lazy", mountPoint]);
}
