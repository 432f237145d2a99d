import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { Chance } from "./chance.ts";

/** What a disk writes as a whole or not at all. */
const SECTOR_BYTES = 512;
/** Magic number, sizes and salts at the beginning of a log. Source: SQLite, fileformat2.html. */
const LOG_HEADER_BYTES = 32;
/** SQLite's FULL. Under NORMAL a commit is on its way when it returns; it is synced with the next checkpoint. */
const SYNCHRONOUS_FULL = 2;
/** Where the number of frames that were copied into the main file stands in the -shm file. Source: SQLite, walformat.html. */
const BACKFILL_OFFSET = 96;

/** The bytes of the database's two files at one moment. */
interface Image {
  readonly main: Buffer;
  readonly log: Buffer;
}

/**
 * The disk of one machine, in a folder on which real SQLite works. README.md says what it may do when the power goes:
 * keep everything that was synced, and of what was not, any choice of sectors.
 *
 * Each life of the machine has a folder of its own: the former process may still hold the former files open.
 */
export class SimulatedDisk {
  readonly #root: string;
  readonly #chance: Chance;
  readonly #fileName: string;
  #life = 0;
  #db: Database | null = null;
  /** What is surely on the platter, where commits are not synced one by one. */
  #synced: Image | null = null;
  #backfilled = 0;
  #full = true;

  /** @param fileName the database's, within `folder`. */
  constructor(root: string, fileName: string, chance: Chance) {
    this.#root = root;
    this.#fileName = fileName;
    this.#chance = chance;
    mkdirSync(this.folder, { recursive: true });
  }

  /** The folder of the present life. */
  get folder(): string {
    return join(this.#root, `life-${this.#life}`);
  }

  get file(): string {
    return join(this.folder, this.#fileName);
  }

  /** A process has opened the database: from here on its commits are followed. */
  opened(db: Database): void {
    this.#db = db;
    this.#full = this.#isFull();
    this.#synced = this.#full ? null : this.#image();
    this.#backfilled = this.#backfill();
  }

  /** To be kept before a transaction in which the power is to go. */
  image(): Image {
    return this.#image();
  }

  /** After each transaction: without FULL only a checkpoint has synced the log. */
  committed(): void {
    if (this.#full) return;
    const backfilled = this.#backfill();
    if (backfilled === this.#backfilled) return;
    this.#backfilled = backfilled;
    this.#synced = this.#image();
  }

  /**
   * The power goes. The next life finds what the disk model allows.
   * @param before the image from before the transaction that was under way; null when none was.
   * @param now what had been written by then; default: what is there.
   */
  cut(before: Image | null, now = this.#image()): void {
    const from = this.folder;
    // Asked again: a connection that was made weaker meanwhile has not synced since then, to be on the strict side.
    const base = this.#isFull() ? before : (this.#synced ?? before);
    const left =
      base === null ? now : base.main.length === 0 ? this.#tornAtBirth(base, now) : this.#torn(base, now);
    this.#life += 1;
    mkdirSync(this.folder, { recursive: true });
    // Keys and photos survive whole; a lock goes with its process.
    for (const entry of readdirSync(from))
      if (!entry.startsWith(this.#fileName) && !entry.endsWith(".lock"))
        cpSync(join(from, entry), join(this.folder, entry), { recursive: true });
    writeFileSync(this.file, left.main);
    if (left.log.length > 0) writeFileSync(`${this.file}-wal`, left.log);
    this.#db = null;
    this.#synced = null;
  }

  /** The former life's files, once its process is gone. */
  forgetFormer(): void {
    for (let life = this.#life - 1; life >= 0; life--) {
      const folder = join(this.#root, `life-${life}`);
      if (!existsSync(folder)) return;
      rmSync(folder, { recursive: true });
    }
  }

  get mainBytes(): number {
    return statSync(this.file).size;
  }

  #isFull(): boolean {
    return Number(this.#db?.pragma("synchronous", { simple: true }) ?? SYNCHRONOUS_FULL) >= SYNCHRONOUS_FULL;
  }

  #image(): Image {
    const bytesOf = (file: string): Buffer => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0));
    return { main: bytesOf(this.file), log: bytesOf(`${this.file}-wal`) };
  }

  #backfill(): number {
    const shared = `${this.file}-shm`;
    if (!existsSync(shared)) return 0;
    const handle = openSync(shared, "r");
    try {
      const word = Buffer.alloc(4);
      readSync(handle, word, 0, 4, BACKFILL_OFFSET);
      return word.readUInt32LE();
    } finally {
      closeSync(handle);
    }
  }

  /** The log is synced before a checkpoint touches the main file; until then the main file is the old one. */
  #torn(before: Image, now: Image): Image {
    if (isBegunAnew(before.log, now.log)) return this.#tornAcrossLogs(before, now);
    const checkpointed = !before.main.equals(now.main);
    if (checkpointed && this.#chance.happens(0.5))
      return { main: this.#mixed(before.main, now.main), log: now.log };
    return { main: before.main, log: this.#mixed(before.log, now.log) };
  }

  /**
   * The log was begun anew or cut off in between, which may be only when all of it is in the main file and synced; and
   * before a first new frame the new header is. Source: SQLite, wal.c: walRestartLog, sqlite3WalFrames, sqlite3WalCheckpoint.
   */
  #tornAcrossLogs(before: Image, now: Image): Image {
    if (this.#chance.happens(0.5)) return { main: this.#mixed(before.main, now.main), log: before.log };
    if (now.log.length < LOG_HEADER_BYTES)
      return { main: now.main, log: this.#chance.pick([before.log, now.log]) };
    const header = now.log.subarray(0, LOG_HEADER_BYTES);
    const old = Buffer.concat([header, before.log.subarray(LOG_HEADER_BYTES)]);
    return { main: now.main, log: this.#mixed(old, now.log) };
  }

  /** That a new file has a log is synced, by a commit of its own, before the log is begun. */
  #tornAtBirth(before: Image, now: Image): Image {
    return this.#chance.happens(0.5) ? before : { main: now.main, log: this.#mixed(before.log, now.log) };
  }

  /** Of the sectors that differ, each is the old or the new one; a file that grew ends anywhere in between. */
  #mixed(before: Buffer, now: Buffer): Buffer {
    const share = this.#chance.pick([0, 0.1, 0.5, 0.9, 1]);
    const grown = Math.max(0, now.length - before.length);
    const cutBytes = share === 1 ? 0 : Math.floor(this.#chance.between(0, grown + 1));
    const length = Math.max(before.length, now.length) - cutBytes;
    const mixed = Buffer.alloc(length);
    before.copy(mixed, 0, 0, Math.min(before.length, length));
    for (let at = 0; at < Math.min(now.length, length); at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, now.length, length);
      if (before.length >= end && before.compare(now, at, end, at, end) === 0) continue;
      if (share === 1 || this.#chance.happens(share)) now.copy(mixed, at, at, end);
    }
    return mixed;
  }
}

/** Its salts change, or it is gone. */
function isBegunAnew(before: Buffer, now: Buffer): boolean {
  const end = LOG_HEADER_BYTES;
  if (before.length < end) return false;
  return now.length < end || before.compare(now, 0, end, 0, end) !== 0;
}

export type DiskImage = Image;
