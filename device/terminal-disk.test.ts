import { execFileSync } from "node:child_process";
import { existsSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mayMount } from "../test/require-tool.ts";
import { journalFixture, temporaryFolder } from "./journal/journal-fixture.ts";
import type { DiskState } from "./platform/disk-guard.ts";
import { silentLogger } from "./platform/logger.ts";
import { VirtualClock } from "./platform/virtual-clock.ts";
import { watchTerminalDisk } from "./terminal-disk.ts";

const MB = 1024 * 1024;

function watched(folder: string, probe?: () => DiskState, reserveBytes = 2 * MB) {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const disk = watchTerminalDisk({
    folder,
    freeBytesMin: 4 * MB,
    reserveBytes,
    photos: {
      free: async (bytes) => {
        asked.push(bytes);
        return { deletedCount: 1 };
      },
    },
    ...{ clock, logger: silentLogger },
    ...(probe === undefined ? {} : { probe }),
  });
  onTestFinished(() => disk.close());
  const held = (): boolean => existsSync(join(folder, "disk-reserve"));
  /** The reserve is written piece by piece, by the real disk. */
  const untilHeld = (): Promise<void> => expect.poll(held).toBe(true) as Promise<void>;
  return { clock, disk, asked, held, untilHeld };
}

describe("the terminal's disk", () => {
  it("keeps a reserve while there is room, lets photos go first and the reserve last, and takes it again", async () => {
    let state: DiskState = { kind: "safe", freeBytes: 100 * MB };
    const { clock, disk, asked, held, untilHeld } = watched(temporaryFolder(), () => state);
    await untilHeld();
    state = { kind: "low", freeBytes: 3 * MB };
    await clock.advance(5000);
    expect(disk.safe()).toBe(false);
    expect(asked[0]).toBe(1 * MB);
    expect(held()).toBe(true);
    state = { kind: "low", freeBytes: 1 * MB };
    await clock.advance(5000);
    expect(held()).toBe(false);
    // Just above the minimum it would be full again at once with the reserve in place.
    state = { kind: "safe", freeBytes: 5 * MB };
    await clock.advance(5000);
    expect(held()).toBe(false);
    state = { kind: "safe", freeBytes: 9 * MB };
    await clock.advance(5000);
    await untilHeld();
  });

  it("is never so large that giving it up would let sales go on", async () => {
    const folder = temporaryFolder();
    const reserve = join(folder, "disk-reserve");
    const reserved = (): number => (existsSync(reserve) ? statSync(reserve).size : 0);
    // A disk on which what the reserve takes is not free.
    let otherwiseFree = 100 * MB;
    const probe = (): DiskState => {
      const freeBytes = otherwiseFree - reserved();
      return { kind: freeBytes < 4 * MB ? "low" : "safe", freeBytes };
    };
    const { clock, disk, held, untilHeld } = watched(folder, probe, 16 * MB);
    await untilHeld();
    otherwiseFree = reserved() + 1 * MB;
    await clock.advance(5000);
    expect(held()).toBe(false);
    await clock.advance(5000);
    expect(disk.safe()).toBe(false);
  });

  it("gives the reserve up when even the probe finds no space, and not when the disk fails otherwise", async () => {
    let state: DiskState = { kind: "safe", freeBytes: 100 * MB };
    const { clock, held, untilHeld } = watched(temporaryFolder(), () => state);
    await untilHeld();
    state = { kind: "failed", code: "EIO" };
    await clock.advance(5000);
    expect(held()).toBe(true);
    state = { kind: "failed", code: "ENOSPC" };
    await clock.advance(5000);
    expect(held()).toBe(false);
  });

  it.runIf(mayMount())(
    "leaves room to write what is under way on a disk that somebody else filled",
    async () => {
      const folder = temporaryFolder();
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]);
      onTestFinished(() => void execFileSync("umount", ["--lazy", folder]));
      const { journal, ids } = journalFixture({ folder });
      const { clock, disk, untilHeld } = watched(folder);
      await untilHeld();
      const { bavail, bsize } = statfsSync(folder);
      expect(() => writeFileSync(join(folder, "filler"), Buffer.alloc(bavail * bsize + MB))).toThrow();
      const entry = { id: ids.next(), kind: "charge.voided", body: { text: "x".repeat(60_000) } };
      expect(() => journal.append(entry)).toThrow(expect.objectContaining({ code: "disk-full" }));
      await clock.advance(5000);
      expect(disk.safe()).toBe(false);
      expect(journal.append(entry)).toMatchObject({ kind: "appended" });
    },
  );
});
