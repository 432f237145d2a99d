import { createHash, createPublicKey, verify } from "node:crypto";
import type { Database } from "better-sqlite3";
import { z } from "zod";
import type { JournalBatchMessage } from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

type Entry = JournalBatchMessage["entries"][number];

const checkpointBody = z.looseObject({
  site: z.string(),
  device: z.string(),
  seq: z.int(),
  hash: z.string(),
  atMs: z.int(),
  digestsFrom: z.int(),
  digests: z.base64(),
  publicKey: z.string(),
  signature: z.string(),
});
type CheckpointBody = z.infer<typeof checkpointBody>;

export type Verdict = "good" | "not-signed" | "other-key" | "other-entries";

export interface CheckpointView {
  readonly seq: number;
  readonly hash: string;
  readonly atMs: number;
  readonly verdict: Verdict;
}

/**
 * The signed checkpoints of each terminal, and the key that it is known by.
 *
 * The first key that a terminal signs with is registered; a later one waits until a person registers it, and what it
 * signs until then is kept as `other-key`. Written here anew, not taken from the terminal: two programs that agree
 * prove more than one that agrees with itself.
 */
export class CheckpointBook {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Called for each entry that joins the chain, in its transaction. */
  post({ site, device }: TerminalAddress, entry: Entry): void {
    if (entry.kind !== "journal.checkpoint") return;
    const body = checkpointBody.safeParse(entry.body);
    if (!body.success) return;
    const { seq, hash, atMs } = body.data;
    const verdict = this.#verdict({ site, device }, entry, body.data);
    this.#db
      .prepare(
        `INSERT OR REPLACE INTO checkpoint (site, device, seq, hash, at_ms, verdict) VALUES (?, ?, ?, ?, ?, ?)`,
      )
      .run(site, device, seq, hash, atMs, verdict);
  }

  /**
   * Whether the entry is a checkpoint by the key that this terminal is known by, of the entry just before it. A key that
   * this cloud does not know, because what it was put back from is older than the terminal, waits for a person: on its
   * word alone nobody may say that entries are gone.
   */
  vouches(address: TerminalAddress, entry: Entry): boolean {
    const body = checkpointBody.safeParse(entry.body);
    if (entry.kind !== "journal.checkpoint" || !body.success) return false;
    const { publicKey } = body.data;
    if (this.keys(address).registered === publicKey)
      return this.#verdict(address, entry, body.data) === "good";
    if (isSigned(address, body.data)) this.#keep(address, publicKey, false);
    return false;
  }

  /** Newest first. */
  checkpoints({ site, device }: TerminalAddress, countMax: number): CheckpointView[] {
    return this.#db
      .prepare<[string, string, number], CheckpointView>(
        `SELECT seq, hash, at_ms AS atMs, verdict FROM checkpoint WHERE site = ? AND device = ?
         ORDER BY seq DESC LIMIT ?`,
      )
      .all(site, device, countMax);
  }

  /** The key that this terminal is known by, and those that wait for a person's word. */
  keys({ site, device }: TerminalAddress): {
    readonly registered: string | null;
    readonly waiting: string[];
  } {
    const rows = this.#db
      .prepare<[string, string], { public_key: string; registered: number }>(
        "SELECT public_key, registered FROM device_key WHERE site = ? AND device = ? ORDER BY since_ms",
      )
      .all(site, device);
    return {
      registered: rows.find(({ registered }) => registered === 1)?.public_key ?? null,
      waiting: rows.flatMap(({ public_key, registered }) => (registered === 1 ? [] : [public_key])),
    };
  }

  /** A person says that the terminal has this key from now on. @returns false where it never signed with it. */
  register(address: TerminalAddress, publicKey: string): boolean {
    const { site, device } = address;
    if (!this.keys(address).waiting.includes(publicKey)) return false;
    this.#db.transaction(() => {
      this.#db
        .prepare("UPDATE device_key SET registered = 0 WHERE site = ? AND device = ?")
        .run(site, device);
      this.#db
        .prepare("UPDATE device_key SET registered = 1 WHERE site = ? AND device = ? AND public_key = ?")
        .run(site, device, publicKey);
    })();
    return true;
  }

  #verdict(address: TerminalAddress, entry: Entry, body: CheckpointBody): Verdict {
    if (!isSigned(address, body)) return "not-signed";
    // It signs the entry just before it; that one's hash is in this entry, and the intake has checked the chain.
    if (body.seq !== entry.seq - 1 || body.hash !== entry.prevHash) return "other-entries";
    return this.#isRegistered(address, body.publicKey) ? "good" : "other-key";
  }

  #isRegistered(address: TerminalAddress, publicKey: string): boolean {
    this.#keep(address, publicKey, this.keys(address).registered === null);
    return this.keys(address).registered === publicKey;
  }

  #keep({ site, device }: TerminalAddress, publicKey: string, isFirst: boolean): void {
    this.#db
      .prepare(
        "INSERT OR IGNORE INTO device_key (site, device, public_key, registered, since_ms) VALUES (?, ?, ?, ?, ?)",
      )
      .run(site, device, publicKey, isFirst ? 1 : 0, this.#now());
  }
}

function isSigned({ site, device }: TerminalAddress, body: CheckpointBody): boolean {
  if (body.site !== site || body.device !== device) return false;
  const digestsSha256 = createHash("sha256").update(Buffer.from(body.digests, "base64")).digest("hex");
  const { seq, hash, atMs, digestsFrom } = body;
  const text = JSON.stringify([
    ...["canteen-edge journal checkpoint 1", site, device],
    ...[seq, hash, atMs, digestsFrom, digestsSha256],
  ]);
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: body.publicKey }, format: "jwk" });
    return verify(null, Buffer.from(text), key, Buffer.from(body.signature, "base64url"));
  } catch {
    return false;
  }
}
