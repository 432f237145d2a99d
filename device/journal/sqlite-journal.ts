import type { Database, Statement } from "better-sqlite3";
import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { CanteenError } from "../platform/errors.ts";
import { databaseFault, endsTheConnection } from "./database-fault.ts";
import { canonicalBody, GENESIS_HASH, hashOverBody } from "./entry-hash.ts";
import type {
  AppendResult,
  EntryDraft,
  Journal,
  JournalEntry,
  Projection,
  TimeTrust,
} from "./journal-port.ts";
import { ENTRY_COLUMNS, entryBytesOf, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { immediately } from "./prepared.ts";
import { prepareProjections } from "./projections.ts";

export interface JournalOptions {
  /** From `openDatabase`, with `journalMigrations` among its migrations. */
  readonly db: Database;
  readonly clock: Pick<Clock, "now">;
  readonly timeTrust: { current(): TimeTrust };
  readonly projections: readonly Projection[];
}

/**
 * Opens the journal, first bringing the projections' tables up to date with the entries.
 * @throws CanteenError of the disk.
 */
export function openJournal(options: JournalOptions): Journal {
  return new SqliteJournal(options);
}

const ID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const KIND_PATTERN = /^[a-z][a-z-]*(\.[a-z][a-z-]*)+$/;

class SqliteJournal implements Journal {
  readonly #db: Database;
  readonly #clock: Pick<Clock, "now">;
  readonly #timeTrust: { current(): TimeTrust };
  readonly #projections: readonly Projection[];
  readonly #listeners = new Set<() => void>();
  readonly #statements: Statements;
  /** Entries appended by the transaction under way. */
  #uncommittedCount = 0;
  #depth = 0;
  /** After a failed write to the disk: what the file holds is known only after it was opened again. */
  #ended: CanteenError | undefined;

  constructor({ db, clock, timeTrust, projections }: JournalOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#timeTrust = timeTrust;
    this.#projections = projections;
    this.transact(() => prepareProjections(db, projections));
    this.#statements = prepareStatements(db);
  }

  append(draft: EntryDraft): AppendResult {
    assert(ID_PATTERN.test(draft.id), "an entry's id is a UUID in small letters");
    assert(KIND_PATTERN.test(draft.kind), "an entry's kind is like charge.made");
    const bodyText = canonicalBody(draft.body);
    return this.transact(() => this.#appendChecked(draft, bodyText));
  }

  transact<T>(work: () => T): T {
    if (this.#ended !== undefined) throw this.#ended;
    assert(
      this.#db.inTransaction === this.#depth > 0,
      "transactions on the journal's database go through journal.transact",
    );
    const countBefore = this.#uncommittedCount;
    this.#depth += 1;
    let result: T;
    try {
      result = immediately(this.#db, work);
    } catch (error) {
      this.#uncommittedCount = countBefore;
      throw this.#noted(error);
    } finally {
      this.#depth -= 1;
    }
    if (this.#depth === 0 && this.#uncommittedCount > 0) {
      this.#uncommittedCount = 0;
      this.#tellListeners();
    }
    return result;
  }

  readAfter(
    afterSeq: number,
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): JournalEntry[] {
    return this.#reading(() => {
      const entries: JournalEntry[] = [];
      let bytes = 0;
      for (const row of this.#statements.after.iterate(afterSeq, limits.countMax)) {
        bytes += entryBytesOf(row);
        if (entries.length > 0 && bytes > limits.bytesMax) break;
        entries.push(entryOfRow(row));
      }
      return entries;
    });
  }

  entryById(id: string): JournalEntry | undefined {
    return this.#reading(() => entryOrNone(this.#statements.byId.get(id)));
  }

  entryBySeq(seq: number): JournalEntry | undefined {
    return this.#reading(() => entryOrNone(this.#statements.bySeq.get(seq)));
  }

  head(): { readonly seq: number; readonly hash: string } {
    return this.#reading(() => this.#statements.head.get() ?? { seq: 0, hash: GENESIS_HASH });
  }

  base(): { readonly seq: number; readonly hash: string } {
    return this.#reading(() => this.#statements.base.get() ?? { seq: 0, hash: GENESIS_HASH });
  }

  ackedSeq(): number {
    return this.#reading(() => this.#statements.acked.get()?.acked_seq ?? 0);
  }

  acknowledge(ackedSeq: number): void {
    assert(Number.isSafeInteger(ackedSeq) && ackedSeq >= 0, `ackedSeq is a count, got ${ackedSeq}`);
    const { seq } = this.head();
    if (ackedSeq > seq) throw receiptBeyondJournal(ackedSeq, seq);
    if (ackedSeq === this.ackedSeq()) return;
    this.transact(() => this.#statements.acknowledge.run(ackedSeq));
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #appendChecked(draft: EntryDraft, bodyText: string): AppendResult {
    const known = this.#statements.byId.get(draft.id);
    if (known !== undefined) {
      if (known.kind !== draft.kind || known.body !== bodyText) throw idConflict(draft, known.seq);
      return { kind: "exists", entry: entryOfRow(known) };
    }
    const head = this.#statements.head.get() ?? { seq: 0, hash: GENESIS_HASH };
    const fields = {
      seq: head.seq + 1,
      id: draft.id,
      kind: draft.kind,
      atMs: this.#clock.now(),
      timeTrust: this.#timeTrust.current(),
      prevHash: head.hash,
    };
    const { seq, id, kind, atMs, timeTrust, prevHash } = fields;
    const hash = hashOverBody(fields, bodyText);
    this.#statements.insert.run(seq, id, kind, atMs, timeTrust, bodyText, prevHash, hash);
    // Parsed back, so that a projection sees what a replay will see, not the caller's own object.
    const entry = entryOfRow({
      seq,
      id,
      kind,
      at_ms: atMs,
      time_trust: timeTrust,
      body: bodyText,
      prev_hash: prevHash,
      hash,
    });
    for (const projection of this.#projections) projection.apply(this.#db, entry);
    this.#uncommittedCount += 1;
    return { kind: "appended", entry };
  }

  #reading<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** The fault to throw; a failed disk also ends this journal, since a repeated fsync may lie (fsyncgate, 2018). */
  #noted(error: unknown): unknown {
    const fault = databaseFault(error);
    if (fault === undefined) return error;
    if (endsTheConnection(fault)) this.#ended ??= fault;
    return fault;
  }

  /** The entries are committed whatever a listener does, so its bug must not look like a failed append. */
  #tellListeners(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

interface Statements {
  readonly insert: Statement<[number, string, string, number, string, string, string, string]>;
  readonly byId: Statement<[string], JournalRow>;
  readonly bySeq: Statement<[number], JournalRow>;
  readonly after: Statement<[number, number], JournalRow>;
  readonly head: Statement<[], { seq: number; hash: string }>;
  readonly base: Statement<[], { seq: number; hash: string }>;
  readonly acked: Statement<[], { acked_seq: number }>;
  readonly acknowledge: Statement<[number]>;
}

function prepareStatements(db: Database): Statements {
  return {
    insert: db.prepare(`INSERT INTO journal (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    byId: db.prepare(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE id = ?`),
    bySeq: db.prepare(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq = ?`),
    after: db.prepare(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT +?`),
    head: db.prepare("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"),
    base: db.prepare("SELECT seq, hash FROM journal_base"),
    acked: db.prepare("SELECT acked_seq FROM journal_receipt"),
    acknowledge: db.prepare("UPDATE journal_receipt SET acked_seq = ?"),
  };
}

const entryOrNone = (row: JournalRow | undefined): JournalEntry | undefined =>
  row === undefined ? undefined : entryOfRow(row);

function idConflict(draft: EntryDraft, seq: number): CanteenError {
  return new CanteenError(`entry ${draft.id} exists as seq ${seq} with other content`, {
    code: "journal-id-conflict",
    retry: "never",
    hint: {
      zh: "同一编号的记录内容不一致，未记账。请联系技术人员。",
      en: "A record with the same id has other content; nothing was recorded. Please call support.",
    },
  });
}

function receiptBeyondJournal(ackedSeq: number, headSeq: number): CanteenError {
  return new CanteenError(`the cloud confirms entry ${ackedSeq}, but the journal ends at ${headSeq}`, {
    code: "receipt-beyond-journal",
    retry: "after-operator",
    hint: {
      zh: "云端的记录多于本机：本机数据可能来自旧备份。请联系技术人员，勿删除数据。",
      en: "The cloud has more records than this terminal: its data may be an old backup. Call support, delete nothing.",
    },
  });
}
