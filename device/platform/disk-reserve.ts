import { randomFillSync } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface DiskReserveSettings {
  readonly folder: string;
  readonly bytes: number;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * A file of no use but its size. On a full disk it is deleted, and what is under way — a void, an alarm, the entry
 * that says why sales stopped, SQLite's own log — finds room to finish.
 */
export class DiskReserve {
  readonly #file: string;
  readonly #bytes: number;
  #making: Promise<void> | null = null;

  constructor({ folder, bytes }: DiskReserveSettings) {
    this.#file = join(folder, "disk-reserve");
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  isHeld(): boolean {
    return existsSync(this.#file);
  }

  /** Deleting needs no space. @returns whether there was something to give. */
  release(): boolean {
    if (!this.isHeld()) return false;
    rmSync(this.#file, { force: true });
    return true;
  }

  /** Takes the space, a piece at a time; it is held when this resolves. @throws the disk's error; nothing is left then. */
  make(): Promise<void> {
    this.#making ??= this.#write().finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  /** Noise: a disk that compresses would give nothing back for zeros. Nobody reads it, so no seed need repeat it. */
  async #write(): Promise<void> {
    const fresh = `${this.#file}.new`;
    const noise = Buffer.allocUnsafe(CHUNK_BYTES);
    try {
      const handle = await open(fresh, "w", 0o600);
      try {
        for (let left = this.#bytes; left > 0; left -= CHUNK_BYTES)
          await handle.write(randomFillSync(noise), 0, Math.min(left, CHUNK_BYTES));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, this.#file);
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
  }
}
