import type { Database } from "better-sqlite3";
import { prepared } from "../../device/journal/prepared.ts";
import type { ServingLineControl } from "../../device/serving-line/serving-line.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import type { Sync } from "../../device/sync/sync-port.ts";
import type { TerminalStore } from "../../device/terminal-store.ts";
import type { Chance } from "./chance.ts";
import type { KitchenLife } from "./kitchen-life.ts";
import type { KitchenThings } from "./kitchen-things.ts";
import type { SimulatedCamera } from "./simulated-camera.ts";
import type { DiskImage } from "./simulated-disk.ts";
import type { MachineClock } from "./simulated-time.ts";

/** What is on this machine's disk after its last transaction, as seen from outside of the journal's code. */
export interface Durable {
  /** Entries that a transaction brought which has returned. */
  committedSeq: number;
  /** Entries of the transaction during which the power went; they may be there or not, all of them or none. */
  doubtfulSeq: number | null;
}

export interface TerminalWatch {
  /** The screen changed. */
  shown(view: CheckoutView): void;
  /** Reads what the journal has by now. */
  observe(): void;
  /** A process opened the database. */
  opened(db: Database, durable: Durable): void;
  /** The machine went off, with these entries committed. */
  off(committedSeq: number): void;
}

/** One process of a terminal, from its start to the loss of power. */
export interface TerminalLife {
  readonly clock: MachineClock;
  readonly db: Database;
  readonly store: TerminalStore;
  readonly line: ServingLineControl;
  readonly sync: Sync;
  readonly camera: SimulatedCamera;
  /** Null at a till without a kitchen. */
  readonly kitchen: KitchenLife | null;
}

/** The kitchen behind a terminal; null where it is a till and nothing else. */
export interface KitchenBehind {
  readonly things: KitchenThings;
  readonly chance: Chance;
  readonly photoBytes: number;
}

/** The process ends here: the power is gone. */
export class PowerGone extends Error {
  override readonly name = "PowerGone";
  readonly written: DiskImage;

  constructor(written: DiskImage) {
    super("the power is gone");
    this.written = written;
  }
}

/** A command that does nothing but leave its id in the journal, so that it can be counted. */
export function noteCommand({ journal, ids }: TerminalStore) {
  return ({ id }: { readonly id: string }): { readonly status: "done" } => {
    journal.append({ id: ids.next(), kind: "command.noted", body: { commandId: id } });
    return { status: "done" };
  };
}

/**
 * Two thirds of a read, and half of a commit, are system calls for locks between processes, and here is one process.
 * Nothing else of the connection changes: what it writes, and when it syncs, are as the product has them.
 */
export function takeForItself(db: Database): void {
  db.pragma("locking_mode = EXCLUSIVE");
}

export function headSeq(db: Database): number {
  return (
    prepared<[], { head: number }>(db, "SELECT coalesce(max(seq), 0) AS head FROM journal").get()?.head ?? 0
  );
}
