import type { Database } from "better-sqlite3";
import type { EpochMs } from "../platform/units.ts";

/** JSON as it is stored: numbers are safe integers wherever they count money, mass or time. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * How far the wall stamp may be believed.
 * `synced`: compared with the cloud or NTP not long ago. `held`: it ran on since then. `unknown`: neither.
 */
export type TimeTrust = "synced" | "held" | "unknown";

/** One record. `hash` = SHA-256 over the other fields in canonical JSON (RFC 8785), `prevHash` included. */
export interface JournalEntry {
  /** Gapless from 1; the only source of order. */
  readonly seq: number;
  /** UUIDv7, made at the moment of intent: a retry carries the same id. */
  readonly id: string;
  readonly kind: string;
  readonly atMs: EpochMs;
  readonly timeTrust: TimeTrust;
  readonly body: JsonObject;
  /** 64 hex digits; the first entry's is 64 zeros. */
  readonly prevHash: string;
  readonly hash: string;
}

export interface EntryDraft {
  readonly id: string;
  readonly kind: string;
  readonly body: JsonObject;
}

/** `exists`: the same id with the same content was appended before, and nothing was done now. */
export type AppendResult =
  | { readonly kind: "appended"; readonly entry: JournalEntry }
  | { readonly kind: "exists"; readonly entry: JournalEntry };

/**
 * Tables that follow from the entries alone. `apply` runs inside the entry's own transaction; an error it throws
 * (a UNIQUE constraint, say) rolls the entry back. `journal verify` replays all entries into empty tables of the
 * same schema and compares row by row, so `apply` may look at nothing but its own tables and the entry.
 */
export interface Projection {
  readonly name: string;
  /** `CREATE TABLE IF NOT EXISTS … STRICT` statements; each table has a PRIMARY KEY. */
  readonly schema: string;
  readonly tables: readonly string[];
  apply(db: Database, entry: JournalEntry): void;
}

export interface Journal {
  /**
   * Appends one entry and applies every projection, in one durable transaction. It has reached the disk when this
   * returns (WAL, synchronous=FULL). Inside `transact` it joins the outer transaction.
   * @throws CanteenError `journal-id-conflict` (same id, other content), `disk-full`, `disk-failed`;
   *         what a projection threw, unchanged.
   */
  append(draft: EntryDraft): AppendResult;
  /** Runs `work` in one IMMEDIATE transaction: what it appends and writes is there wholly or not at all. */
  transact<T>(work: () => T): T;
  /** Entries with seq > `afterSeq` in order, stopping before canonical JSON exceeds `bytesMax` (at least one entry). */
  readAfter(
    afterSeq: number,
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): JournalEntry[];
  entryById(id: string): JournalEntry | undefined;
  entryBySeq(seq: number): JournalEntry | undefined;
  /** Seq and hash of the newest entry; seq 0 and 64 zeros when empty. */
  head(): { readonly seq: number; readonly hash: string };
  /** What the first entry here follows: those up to `seq` were pruned. Seq 0 and 64 zeros while all are held. */
  base(): { readonly seq: number; readonly hash: string };
  /** The cloud holds every entry up to here. */
  ackedSeq(): number;
  /** Records the cloud's contiguous receipt. A lower one (a cloud restored from a backup) is taken too. */
  acknowledge(ackedSeq: number): void;
  /** Called after each commit that added entries; must not throw. @returns a function that unsubscribes. */
  onAppended(listener: () => void): () => void;
}
