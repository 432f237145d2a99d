import { createHash } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import canonicalize from "canonicalize";
import type { JournalGoneMessage } from "../../device/sync/journal-gone.ts";
import {
  BATCH_ENTRIES_MAX,
  type JournalBatchMessage,
  type JournalPageMessage,
  type JournalRequestMessage,
  MESSAGE_BYTES_MAX,
  type ReceiptMessage,
} from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

type Entry = JournalBatchMessage["entries"][number];

const ZERO_HASH = "0".repeat(64);
const RANGES_MAX = 64;
const EXPORT_PAGE = 500;

/** Called for each entry, in order and once, in the transaction in which it joins the unbroken chain. */
export type EntryPosted = (address: TerminalAddress, entry: Entry) => void;

/**
 * Takes journal batches and answers receipts.
 *
 * An entry is stored when its hash is right, its number is free and it joins the stored neighbours' hashes. A
 * number that is taken by other content, or a neighbour that does not join, is a conflict: both are kept and the
 * receipt stops before it. `ackedSeq` counts what is stored without a hole from the first entry on.
 */
export class JournalIntake {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #onPosted: EntryPosted;
  readonly #statements: Statements;

  constructor(db: Database, now: () => number, onPosted: EntryPosted) {
    this.#db = db;
    this.#now = now;
    this.#onPosted = onPosted;
    this.#statements = prepare(db);
  }

  /** Stores what can be stored, in one transaction that is on the disk when this returns. */
  take(address: TerminalAddress, batch: JournalBatchMessage): ReceiptMessage {
    const { site, device } = address;
    return this.#db
      .transaction(() => {
        this.#statements.addDevice.run(site, device);
        const refused = batch.entries.filter((entry) => this.#takeEntry(address, entry) === "refused");
        this.#advance(address);
        return { ...this.receipt(address, batch.ask), ...refusedIn(refused) };
      })
      .immediate();
  }

  /**
   * Takes the terminal's word that it no longer holds what lies before a checkpoint, whose signature somebody has
   * looked at: the receipt goes on behind the hole, which stays on record.
   */
  takeGone(address: TerminalAddress, { toSeq, checkpoint }: JournalGoneMessage): ReceiptMessage {
    const { site, device } = address;
    return this.#db
      .transaction(() => {
        this.#statements.addDevice.run(site, device);
        const { ackedSeq } = this.receipt(address, null);
        const isHole = ackedSeq < toSeq && checkpoint.seq === toSeq + 1;
        if (isHole && this.#takeEntry(address, checkpoint) === "known")
          this.#statements.addGone.run(site, device, ackedSeq + 1, toSeq, this.#now());
        this.#advance(address);
        return this.receipt(address, null);
      })
      .immediate();
  }

  /** Entries that no one sends any more: from, to. */
  gone({ site, device }: TerminalAddress): [number, number][] {
    return this.#statements.gone.all(site, device).map(({ from_seq, to_seq }) => [from_seq, to_seq]);
  }

  /** What is stored of this terminal's journal now. @param ask what the receipt answers, null for nothing. */
  receipt(address: TerminalAddress, ask: string | null): ReceiptMessage {
    const { site, device } = address;
    const ackedSeq = this.#statements.acked.get(site, device)?.acked_seq ?? 0;
    return {
      v: 1,
      ask,
      ackedSeq,
      headHash: this.#hashAt(address, ackedSeq) ?? ZERO_HASH,
      missing: this.#missing(address, ackedSeq),
      conflicts: this.#statements.conflicts
        .all(site, device, RANGES_MAX)
        .map(({ seq, stored_hash, received_hash }) => ({
          seq,
          storedHash: stored_hash,
          receivedHash: received_hash,
        })),
      cloudNowMs: this.#now(),
    };
  }

  /**
   * Gives a restored terminal its own entries back, a page at a time: what follows `after` without a hole. Also beyond the
   * receipt, where the terminal fills the hole itself. Where what follows is gone, the first entry behind it says so.
   */
  page(address: TerminalAddress, { ask, after }: JournalRequestMessage): JournalPageMessage {
    const { ackedSeq, headHash } = this.receipt(address, null);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const row of this.#statements.page.iterate(address.site, address.device, after, BATCH_ENTRIES_MAX)) {
      const follows = row.seq === (entries.at(-1)?.seq ?? after) + 1;
      // The terminal could not join what lies behind a hole.
      if (!follows && (entries.length > 0 || row.seq > ackedSeq)) break;
      const entry = entryOf(row);
      bytes += JSON.stringify(entry).length * 3;
      if (entries.length > 0 && bytes > MESSAGE_BYTES_MAX - 4096) break;
      entries.push(entry);
    }
    return { v: 1, ask, ackedSeq, headHash, entries };
  }

  /** All that is stored of a terminal, as its own `journal export` writes it; reads a page at a time. */
  *exportLines({ site, device }: TerminalAddress): Generator<string, void, void> {
    let after = 0;
    for (;;) {
      const rows = this.#statements.page.all(site, device, after, EXPORT_PAGE);
      for (const row of rows) yield `${canonicalize(entryOf(row)) ?? ""}\n`;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.seq;
    }
  }

  #takeEntry(address: TerminalAddress, entry: Entry): "known" | "refused" {
    const { site, device } = address;
    if (!isWhole(entry)) {
      // Damaged on its way or on the terminal's disk, or forged: as if it had not come. It is sent again, in case.
      this.#statements.countDamaged.run(site, device);
      return "refused";
    }
    const stored = this.#hashAt(address, entry.seq);
    if (stored === entry.hash) return "known";
    const before = this.#hashAt(address, entry.seq - 1);
    const after = this.#statements.prevHash.get(site, device, entry.seq + 1)?.prev_hash;
    if (stored !== undefined) {
      this.#keepConflict(address, entry.seq, stored, entry.hash, entry);
    } else if (before !== undefined && before !== entry.prevHash) {
      this.#keepConflict(address, entry.seq - 1, before, entry.prevHash, entry);
    } else if (after !== undefined && after !== entry.hash) {
      this.#keepConflict(address, entry.seq, after, entry.hash, entry);
    } else {
      this.#store(address, entry);
    }
    return "known";
  }

  #store({ site, device }: TerminalAddress, entry: Entry): void {
    const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } = entry;
    const text = JSON.stringify(body);
    this.#statements.insert.run(
      ...[site, device, seq, id, kind, atMs, timeTrust, text, prevHash, hash, this.#now()],
    );
  }

  /** Moves the receipt over what now joins without a hole. */
  #advance(address: TerminalAddress): void {
    const { site, device } = address;
    let ackedSeq = this.#statements.acked.get(site, device)?.acked_seq ?? 0;
    for (;;) {
      const row = this.#statements.at.get(site, device, ackedSeq + 1) ?? this.#behindGone(address, ackedSeq);
      if (row === undefined) break;
      ackedSeq = row.seq;
      this.#onPosted(address, entryOf(row));
    }
    this.#statements.setAcked.run(ackedSeq, site, device);
  }

  /** The next stored entry, where nothing but what is gone lies before it. */
  #behindGone({ site, device }: TerminalAddress, ackedSeq: number): EntryRow | undefined {
    const toSeq = this.#statements.goneOver.get(site, device, ackedSeq + 1, ackedSeq + 1)?.to_seq;
    const row = toSeq === undefined ? undefined : this.#statements.page.get(site, device, ackedSeq, 1);
    return row !== undefined && row.seq <= (toSeq ?? 0) + 1 ? row : undefined;
  }

  #keepConflict(
    { site, device }: TerminalAddress,
    seq: number,
    storedHash: string,
    receivedHash: string,
    entry: Entry,
  ): void {
    const text = JSON.stringify(entry);
    this.#statements.addConflict.run(site, device, seq, storedHash, receivedHash, text, this.#now());
  }

  #hashAt({ site, device }: TerminalAddress, seq: number): string | undefined {
    return seq === 0 ? ZERO_HASH : this.#statements.hash.get(site, device, seq)?.hash;
  }

  #missing({ site, device }: TerminalAddress, ackedSeq: number): [number, number][] {
    const missing: [number, number][] = [];
    let expected = ackedSeq + 1;
    for (const { seq } of this.#statements.seqsAfter.iterate(site, device, ackedSeq)) {
      if (seq > expected && missing.push([expected, seq - 1]) === RANGES_MAX) break;
      expected = seq + 1;
    }
    return missing;
  }
}

/** For the receipt; absent where nothing was refused. */
export function refusedIn(entries: readonly Entry[]): Pick<ReceiptMessage, "refused"> {
  if (entries.length === 0) return {};
  return { refused: entries.slice(0, RANGES_MAX).map(({ seq }) => ({ seq, code: "hash-wrong" })) };
}

/** Whether its hash is its own, and it could stand where it says: before the first entry there is none. */
export function isWhole(entry: Entry): boolean {
  return hashOf(entry) === entry.hash && (entry.seq > 1 || entry.prevHash === ZERO_HASH);
}

/** SHA-256 over the other fields in canonical JSON (RFC 8785); written here anew, not taken from the terminal. */
function hashOf({ hash: _hash, ...fields }: Entry): string {
  return createHash("sha256")
    .update(canonicalize(fields) ?? "", "utf8")
    .digest("hex");
}

interface EntryRow {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly at_ms: number;
  readonly time_trust: Entry["timeTrust"];
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
}

function entryOf(row: EntryRow): Entry {
  const { seq, id, kind, hash } = row;
  return {
    seq,
    id,
    kind,
    atMs: row.at_ms,
    timeTrust: row.time_trust,
    body: JSON.parse(row.body) as Entry["body"],
    prevHash: row.prev_hash,
    hash,
  };
}

type Where = [site: string, device: string];

interface Statements {
  readonly addDevice: Statement<Where>;
  readonly acked: Statement<Where, { acked_seq: number }>;
  readonly setAcked: Statement<[number, string, string]>;
  readonly countDamaged: Statement<Where>;
  readonly hash: Statement<[...Where, number], { hash: string }>;
  readonly prevHash: Statement<[...Where, number], { prev_hash: string }>;
  readonly at: Statement<[...Where, number], EntryRow>;
  readonly page: Statement<[...Where, number, number], EntryRow>;
  readonly seqsAfter: Statement<[...Where, number], { seq: number }>;
  readonly insert: Statement<(string | number)[]>;
  readonly addConflict: Statement<[string, string, number, string, string, string, number]>;
  readonly addGone: Statement<[...Where, number, number, number]>;
  readonly gone: Statement<Where, { from_seq: number; to_seq: number }>;
  readonly goneOver: Statement<[...Where, number, number], { to_seq: number }>;
  readonly conflicts: Statement<
    [...Where, number],
    { seq: number; stored_hash: string; received_hash: string }
  >;
}

function prepare(db: Database): Statements {
  // `+?` and `?`: see `prepared.ts`.
  const here = "site = +? AND device = +?";
  return {
    addDevice: db.prepare("INSERT OR IGNORE INTO device (site, device) VALUES (?, ?)"),
    acked: db.prepare(`SELECT acked_seq FROM device WHERE ${here}`),
    setAcked: db.prepare(`UPDATE device SET acked_seq = ? WHERE ${here}`),
    countDamaged: db.prepare(`UPDATE device SET damaged_count = damaged_count + 1 WHERE ${here}`),
    hash: db.prepare(`SELECT hash FROM entry WHERE ${here} AND seq = ?`),
    prevHash: db.prepare(`SELECT prev_hash FROM entry WHERE ${here} AND seq = ?`),
    at: db.prepare(`SELECT * FROM entry WHERE ${here} AND seq = ?`),
    page: db.prepare(`SELECT * FROM entry WHERE ${here} AND seq > ? ORDER BY seq LIMIT +?`),
    seqsAfter: db.prepare(`SELECT seq FROM entry WHERE ${here} AND seq > ? ORDER BY seq`),
    insert: db.prepare(
      `INSERT INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    addConflict: db.prepare(
      `INSERT OR IGNORE INTO conflict
       (site, device, seq, stored_hash, received_hash, received_entry, received_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    addGone: db.prepare(
      "INSERT OR IGNORE INTO journal_gone (site, device, from_seq, to_seq, received_at_ms) VALUES (?, ?, ?, ?, ?)",
    ),
    gone: db.prepare(`SELECT from_seq, to_seq FROM journal_gone WHERE ${here} ORDER BY to_seq`),
    goneOver: db.prepare(
      `SELECT to_seq FROM journal_gone WHERE ${here} AND from_seq <= ? AND to_seq >= ? ORDER BY to_seq DESC LIMIT 1`,
    ),
    conflicts: db.prepare(
      `SELECT seq, stored_hash, received_hash FROM conflict WHERE ${here} ORDER BY seq LIMIT +?`,
    ),
  };
}
