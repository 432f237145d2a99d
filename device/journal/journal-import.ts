import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import { CanteenError } from "../platform/errors.ts";
import { type ChainHead, ChainWalk } from "./chain.ts";
import { canonicalJson, GENESIS_HASH } from "./entry-hash.ts";
import type { JournalEntry, Projection } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { prepareProjections } from "./projections.ts";

const ROWS_AT_ONCE = 500;

/**
 * Puts a journal's own entries back: from a damaged file, or from the cloud's copy. They keep number, stamp and hash,
 * and each must follow the one before; so nothing that this terminal did not write can come in this way.
 * For a database that no `openJournal` has open.
 */
export class JournalImport {
  readonly #db: Database;
  readonly #projections: readonly Projection[];

  constructor(db: Database, projections: readonly Projection[]) {
    this.#db = db;
    this.#projections = projections;
    db.transaction(() => prepareProjections(db, projections)).immediate();
  }

  head(): ChainHead {
    const head = this.#db
      .prepare<[], ChainHead>("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
      .get();
    return head ?? { seq: 0, hash: GENESIS_HASH };
  }

  /** What lies up to here was pruned. */
  base(): ChainHead {
    const base = this.#db.prepare<[], ChainHead>("SELECT seq, hash FROM journal_base").get();
    return base ?? { seq: 0, hash: GENESIS_HASH };
  }

  /** @returns undefined for what this file does not have, and what it no longer has. */
  hashAt(seq: number): string | undefined {
    if (seq === 0) return GENESIS_HASH;
    const base = this.base();
    if (seq === base.seq) return base.hash;
    return this.#db.prepare<[number], string>("SELECT hash FROM journal WHERE seq = ?").pluck().get(seq);
  }

  /** In one transaction. @throws CanteenError `journal-parted` when one does not follow: then none was taken. */
  take(entries: readonly JournalEntry[]): void {
    const rows = entries.map(({ body, atMs, timeTrust, prevHash, ...rest }) => ({
      ...rest,
      at_ms: atMs,
      time_trust: timeTrust,
      body: canonicalJson(body),
      prev_hash: prevHash,
    }));
    if (this.#insertGood(rows, true) < rows.length) throw journalParted(this.head().seq + 1);
  }

  /**
   * As much of another file's journal as follows this one's head and can be read.
   * @returns how many entries came, and the highest number of which the file still knows.
   */
  salvage(damagedFile: string): { readonly count: number; readonly lastSeq: number | null } {
    let count = 0;
    let lastSeq: number | null = null;
    let damaged: Database | undefined;
    try {
      damaged = new Sqlite(damagedFile, { fileMustExist: true });
      for (;;) {
        const page = readable(damaged, this.head().seq);
        const taken = this.#insertGood(page.rows, false);
        count += taken;
        if (page.isLast || taken < page.rows.length) break;
      }
      lastSeq = damaged.prepare<[], number | null>("SELECT max(seq) FROM journal").pluck().get() ?? null;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    } finally {
      damaged?.close();
    }
    return { count, lastSeq };
  }

  acknowledge(ackedSeq: number): void {
    this.#db.prepare("UPDATE journal_receipt SET acked_seq = ?").run(ackedSeq);
  }

  /** @param whole all or none. @returns how many from the first on follow the head. */
  #insertGood(rows: readonly JournalRow[], whole: boolean): number {
    const walk = new ChainWalk(this.head());
    const good = rows.filter((row) => {
      walk.visit(row);
      return walk.firstBad === null;
    });
    if (whole && good.length < rows.length) return good.length;
    const insert = this.#db.prepare(`INSERT INTO journal (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#db
      .transaction(() => {
        for (const row of good) {
          const { seq, id, kind, at_ms, time_trust, body, prev_hash, hash } = row;
          insert.run(seq, id, kind, at_ms, time_trust, body, prev_hash, hash);
          for (const projection of this.#projections) projection.apply(this.#db, entryOfRow(row));
        }
      })
      .immediate();
    return good.length;
  }
}

/** A page up to the first row that cannot be read. */
function readable(db: Database, afterSeq: number): { readonly rows: JournalRow[]; readonly isLast: boolean } {
  const rows: JournalRow[] = [];
  try {
    const found = db
      .prepare<[number, number], JournalRow>(
        `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?`,
      )
      .iterate(afterSeq, ROWS_AT_ONCE);
    for (const row of found) rows.push(row);
    return { rows, isLast: rows.length < ROWS_AT_ONCE };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { rows, isLast: true };
  }
}

/** Whatever SQLite says about a damaged file; a bug of ours has no such code. */
function isUnreadable(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError;
}

export function journalParted(seq: number): CanteenError {
  return new CanteenError(`what was to be put back does not follow entry ${seq - 1}`, {
    code: "journal-parted",
    retry: "after-operator",
    hint: {
      zh: "云端的流水与本机恢复的流水对不上，暂停收款。请联系技术人员，勿删除数据。",
      en: "The cloud's entries do not follow those restored here; sales stay stopped. Call support, delete nothing.",
    },
  });
}
