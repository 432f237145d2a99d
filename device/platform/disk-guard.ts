import { closeSync, existsSync, fsyncSync, openSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "./clock.ts";
import { systemCode } from "./errors.ts";

export type DiskState =
  | { readonly kind: "safe"; readonly freeBytes: number }
  | { readonly kind: "low"; readonly freeBytes: number }
  | { readonly kind: "failed"; readonly code: string };

export interface DiskGuardSettings {
  readonly folder: string;
  readonly freeBytesMin: number;
  readonly checkPeriodMs: number;
}

const PROBE_FILE = "disk-probe";

/**
 * Watches the data folder's disk: free space, and whether a small write still reaches it.
 * Sales stop while it is not `safe`, which is before a commit could fail.
 */
export class DiskGuard {
  readonly #settings: DiskGuardSettings;
  readonly #probe: (settings: DiskGuardSettings) => DiskState;
  readonly #listeners = new Set<(state: DiskState) => void>();
  readonly #timer: Timer;
  #state: DiskState;

  constructor(clock: Clock, settings: DiskGuardSettings, probe = probeDisk) {
    this.#settings = settings;
    this.#probe = probe;
    this.#state = probe(settings);
    this.#timer = clock.every(settings.checkPeriodMs, () => void this.check());
  }

  state(): DiskState {
    return this.#state;
  }

  safe(): boolean {
    return this.#state.kind === "safe";
  }

  /** Looks again at once: after a failed commit, say. */
  check(): DiskState {
    const next = this.#probe(this.#settings);
    const changed = next.kind !== this.#state.kind;
    this.#state = next;
    if (changed) for (const listener of this.#listeners) listener(next);
    return next;
  }

  /** Called when the kind of state changes. @returns a function that unsubscribes. */
  onChange(listener: (state: DiskState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#timer.cancel();
    this.#listeners.clear();
  }
}

/** Free space by statfs and one fsynced write of 512 bytes in place (the file stays, so that it works when full). */
export function probeDisk(settings: DiskGuardSettings): DiskState {
  try {
    const stats = statfsSync(settings.folder);
    const freeBytes = stats.bavail * stats.bsize;
    writeProbe(join(settings.folder, PROBE_FILE));
    return { kind: freeBytes < settings.freeBytesMin ? "low" : "safe", freeBytes };
  } catch (error) {
    return { kind: "failed", code: systemCode(error) ?? "unknown" };
  }
}

function writeProbe(file: string): void {
  const handle = openSync(file, existsSync(file) ? "r+" : "w", 0o600);
  try {
    writeSync(handle, Buffer.alloc(512, 0x20), 0, 512, 0);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
