import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Database, Statement } from "better-sqlite3";
import type { PhotoReceiptMessage } from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

/** What no terminal's photo reaches; more under one name is not taken. */
const PHOTO_BYTES_MAX = 1024 * 1024;

/**
 * Takes photos chunk by chunk and answers with how much is there. A chunk counts where it goes on from what is stored;
 * one at the beginning starts anew. A photo is complete when its bytes have the hash that it came under, so no
 * terminal has to say how long it is.
 */
export class PhotoIntake {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #find: Statement<[string, string, string], { bytes: number }>;
  readonly #anywhere: Statement<[string], { site: string; device: string }>;
  readonly #insert: Statement<[string, string, string, number, number]>;
  readonly #forget: Statement<[string, string, string]>;

  constructor(db: Database, folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
    this.#find = db.prepare("SELECT bytes FROM photo WHERE site = ? AND device = ? AND sha256 = ?");
    this.#anywhere = db.prepare("SELECT site, device FROM photo WHERE sha256 = ? LIMIT 1");
    this.#insert = db.prepare(
      "INSERT OR IGNORE INTO photo (site, device, sha256, bytes, received_at_ms) VALUES (?, ?, ?, ?, ?)",
    );
    this.#forget = db.prepare("DELETE FROM photo WHERE site = ? AND device = ? AND sha256 = ?");
    const all = db
      .prepare<[], TerminalAddress & { sha256: string; bytes: number }>("SELECT * FROM photo")
      .all();
    for (const { sha256, bytes, ...address } of all) this.#isStored(address, sha256, bytes);
  }

  take(address: TerminalAddress, sha256: string, offset: number, chunk: Uint8Array): PhotoReceiptMessage {
    const { site, device } = address;
    const stored = this.#find.get(site, device, sha256);
    if (stored !== undefined && this.#isStored(address, sha256, stored.bytes))
      return receipt(sha256, stored.bytes, true);
    const part = this.#file(address, sha256, "part");
    const haveBytes = existsSync(part) ? statSync(part).size : 0;
    if (offset + chunk.byteLength > PHOTO_BYTES_MAX)
      return { ...receipt(sha256, haveBytes, false), refused: "photo-too-large" };
    const fits = chunk.byteLength > 0 && (offset === 0 || offset === haveBytes);
    if (!fits) return receipt(sha256, haveBytes, false);
    mkdirSync(join(this.#folder, site, device), { recursive: true });
    append(part, chunk, offset === 0);
    const bytes = offset + chunk.byteLength;
    if (createHash("sha256").update(readFileSync(part)).digest("hex") !== sha256)
      return receipt(sha256, bytes, false);
    renameSync(part, this.#file(address, sha256, "photo"));
    this.#insert.run(site, device, sha256, bytes, this.#now());
    return receipt(sha256, bytes, true);
  }

  /** The bytes of a photo, whoever sent it; undefined when it has not come. */
  content(sha256: string): Uint8Array | undefined {
    const address = this.#anywhere.get(sha256);
    if (address === undefined) return undefined;
    const file = this.#file(address, sha256, "photo");
    return existsSync(file) ? readFileSync(file) : undefined;
  }

  /** A file that somebody lost is not claimed to be here: its row goes, and the photo may come again. */
  #isStored(address: TerminalAddress, sha256: string, bytes: number): boolean {
    const found = statSync(this.#file(address, sha256, "photo"), { throwIfNoEntry: false });
    if (found?.size === bytes) return true;
    this.#forget.run(address.site, address.device, sha256);
    return false;
  }

  #file({ site, device }: TerminalAddress, sha256: string, kind: "part" | "photo"): string {
    return join(this.#folder, site, device, `${sha256}.${kind}`);
  }
}

/** On the disk before the receipt lets the terminal forget it. */
function append(file: string, chunk: Uint8Array, anew: boolean): void {
  if (anew) rmSync(file, { force: true });
  const handle = openSync(file, "a");
  try {
    writeSync(handle, chunk);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function receipt(sha256: string, haveBytes: number, complete: boolean): PhotoReceiptMessage {
  return { v: 1, sha256, haveBytes, complete, refused: null };
}
