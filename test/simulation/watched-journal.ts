import Sqlite from "better-sqlite3";
import type { AppendResult, EntryDraft, Journal, JournalEntry } from "../../device/journal/journal-port.ts";

/** What befalls one transaction. */
export type WriteFate =
  | "written"
  /** The power goes before the first byte. */
  | "cut-before"
  /** The power goes while it is being written: what the disk has of it is the disk's choice. */
  | "cut-during"
  /** The power goes when it is on the disk and before anybody knows. */
  | "cut-after"
  /** fsync answers an error, and nothing of it stays. */
  | "sync-fails"
  /** fsync answers an error, and all or some of it may be there after the file was opened again. */
  | "sync-fails-later-there";

export interface WriteWatch {
  /** Asked once for each transaction, before it. */
  fate(): WriteFate;
  /** Called with the fate, before the transaction and after it. */
  before(fate: WriteFate): void;
  after(fate: WriteFate): void;
}

/**
 * Stands between the journal and everything that uses it: each transaction is a place where the power may go or the
 * disk may fail. Errors are thrown inside the real transaction, so that SQLite rolls back and the journal's own code
 * sees what it would see.
 */
export class WatchedJournal implements Journal {
  readonly #inner: Journal;
  readonly #watch: WriteWatch;
  readonly #listeners = new Set<() => void>();
  #depth = 0;
  #appended = false;
  #failed = false;

  constructor(inner: Journal, watch: WriteWatch) {
    this.#inner = inner;
    this.#watch = watch;
    inner.onAppended(() => {
      this.#appended = true;
    });
  }

  append(draft: EntryDraft): AppendResult {
    return this.transact(() => this.#inner.append(draft));
  }

  transact<T>(work: () => T): T {
    if (this.#depth > 0) return this.#inner.transact(work);
    const fate = this.#failed ? "sync-fails" : this.#watch.fate();
    this.#watch.before(fate);
    this.#depth += 1;
    let result: T;
    try {
      result = this.#inner.transact(() => {
        const value = work();
        if (fate === "sync-fails") throw failedSync();
        return value;
      });
    } finally {
      this.#depth -= 1;
    }
    this.#watch.after(fate);
    if (fate === "sync-fails-later-there") {
      this.#failed = true;
      // Through the real journal, so that it ends itself.
      this.#inner.transact(() => {
        throw failedSync();
      });
    }
    this.#tellListeners();
    return result;
  }

  acknowledge(ackedSeq: number): void {
    if (ackedSeq === this.#inner.ackedSeq()) return;
    this.transact(() => this.#inner.acknowledge(ackedSeq));
  }

  readAfter(
    afterSeq: number,
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): JournalEntry[] {
    return this.#inner.readAfter(afterSeq, limits);
  }

  entryById(id: string): JournalEntry | undefined {
    return this.#inner.entryById(id);
  }

  entryBySeq(seq: number): JournalEntry | undefined {
    return this.#inner.entryBySeq(seq);
  }

  base(): ReturnType<Journal["base"]> {
    return this.#inner.base();
  }

  head(): { readonly seq: number; readonly hash: string } {
    return this.#inner.head();
  }

  ackedSeq(): number {
    return this.#inner.ackedSeq();
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tellListeners(): void {
    if (!this.#appended) return;
    this.#appended = false;
    for (const listener of this.#listeners) listener();
  }
}

/** As better-sqlite3 tells it. */
function failedSync(): Error {
  return new Sqlite.SqliteError("disk I/O error", "SQLITE_IOERR_FSYNC");
}
