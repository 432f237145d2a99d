import { GENESIS_HASH, hashOfEntry } from "../../journal/entry-hash.ts";
import type { EntryDraft, Journal, JournalEntry } from "../../journal/journal-port.ts";
import type { Clock } from "../../platform/clock.ts";

/** A journal that is gone with its process: for hundreds of terminals in one, where the disk is not what is tried. */
export class MemoryJournal implements Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #bytes: number[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #clock: Clock;
  #ackedSeq = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  append({ id, kind, body }: EntryDraft): { kind: "appended"; entry: JournalEntry } {
    const { seq, hash: prevHash } = this.head();
    const fields = {
      seq: seq + 1,
      id,
      kind,
      atMs: this.#clock.now(),
      timeTrust: "synced",
      body,
      prevHash,
    } as const;
    const entry = { ...fields, hash: hashOfEntry(fields) };
    this.#entries.push(entry);
    this.#bytes.push(JSON.stringify(entry).length);
    for (const listener of this.#listeners) listener();
    return { kind: "appended", entry };
  }

  transact<T>(work: () => T): T {
    return work();
  }

  readAfter(
    afterSeq: number,
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): JournalEntry[] {
    const found: JournalEntry[] = [];
    let bytes = 0;
    for (let index = afterSeq; index < this.#entries.length && found.length < limits.countMax; index++) {
      bytes += this.#bytes[index] ?? 0;
      const entry = this.#entries[index];
      if (entry === undefined || (found.length > 0 && bytes > limits.bytesMax)) break;
      found.push(entry);
    }
    return found;
  }

  entryById(id: string): JournalEntry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  entryBySeq(seq: number): JournalEntry | undefined {
    return this.#entries[seq - 1];
  }

  head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#entries.length, hash: this.#entries.at(-1)?.hash ?? GENESIS_HASH };
  }

  base(): { readonly seq: number; readonly hash: string } {
    return { seq: 0, hash: GENESIS_HASH };
  }

  ackedSeq(): number {
    return this.#ackedSeq;
  }

  acknowledge(ackedSeq: number): void {
    this.#ackedSeq = ackedSeq;
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
