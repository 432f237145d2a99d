import type { EpochMs } from "../platform/units.ts";
import type { MigrationSet } from "./database.ts";
import { ENTRY_BODY_BYTES_MAX } from "./entry-hash.ts";
import type { JournalEntry, JsonObject, TimeTrust } from "./journal-port.ts";

/**
 * The database repeats the journal's rules: whatever writes to this file, through our code or beside it, cannot
 * leave a gap, repeat an id, or change and remove what was written, short of taking the triggers away.
 */
export const journalMigrations: MigrationSet = {
  folder: "journal",
  migrations: [
    {
      name: "entries, receipts and projections",
      sql: `
        CREATE TABLE journal (
          seq INTEGER PRIMARY KEY CHECK (seq >= 1),
          id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
          kind TEXT NOT NULL CHECK (length(kind) BETWEEN 3 AND 64),
          at_ms INTEGER NOT NULL,
          time_trust TEXT NOT NULL CHECK (time_trust IN ('synced', 'held', 'unknown')),
          body TEXT NOT NULL CHECK (json_valid(body) AND length(CAST(body AS BLOB)) <= ${ENTRY_BODY_BYTES_MAX}),
          prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
          hash TEXT NOT NULL CHECK (length(hash) = 64)
        ) STRICT;

        CREATE TRIGGER journal_never_updated BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never updated'); END;

        CREATE TRIGGER journal_never_deleted BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never deleted from'); END;

        CREATE TRIGGER journal_gapless BEFORE INSERT ON journal
        WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM journal)
        BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END;

        CREATE TRIGGER journal_chained BEFORE INSERT ON journal
        WHEN new.prev_hash IS NOT coalesce(
          (SELECT hash FROM journal ORDER BY seq DESC LIMIT 1),
          '0000000000000000000000000000000000000000000000000000000000000000'
        )
        BEGIN SELECT RAISE(ABORT, 'the journal is one chain'); END;

        CREATE TABLE journal_receipt (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0)
        ) STRICT;
        INSERT INTO journal_receipt (only, acked_seq) VALUES (1, 0);

        CREATE TABLE journal_projection (
          name TEXT PRIMARY KEY,
          schema_sha256 TEXT NOT NULL,
          tables TEXT NOT NULL CHECK (json_valid(tables))
        ) STRICT;
      `,
    },
    {
      name: "pruning behind a checkpoint",
      sql: `
        CREATE TABLE journal_base (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          seq INTEGER NOT NULL CHECK (seq >= 1),
          hash TEXT NOT NULL CHECK (length(hash) = 64),
          carried TEXT NOT NULL CHECK (json_valid(carried)),
          carried_sha256 TEXT NOT NULL CHECK (length(carried_sha256) = 64)
        ) STRICT;

        CREATE TABLE journal_carried (
          sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
          bytes BLOB NOT NULL
        ) STRICT;

        CREATE TRIGGER journal_base_behind_receipt BEFORE INSERT ON journal_base
        WHEN new.seq >= (SELECT acked_seq FROM journal_receipt)
        BEGIN SELECT RAISE(ABORT, 'what the cloud lacks is never pruned'); END;

        CREATE TRIGGER journal_base_moved_behind_receipt BEFORE UPDATE ON journal_base
        WHEN new.seq >= (SELECT acked_seq FROM journal_receipt)
        BEGIN SELECT RAISE(ABORT, 'what the cloud lacks is never pruned'); END;

        CREATE TRIGGER journal_base_at_checkpoint AFTER INSERT ON journal_base
        WHEN new.hash IS NOT (SELECT prev_hash FROM journal WHERE seq = new.seq + 1 AND kind = 'journal.checkpoint')
        BEGIN SELECT RAISE(ABORT, 'a pruned journal begins with a checkpoint'); END;

        CREATE TRIGGER journal_base_moved_to_checkpoint AFTER UPDATE ON journal_base
        WHEN new.seq <= old.seq OR
          new.hash IS NOT (SELECT prev_hash FROM journal WHERE seq = new.seq + 1 AND kind = 'journal.checkpoint')
        BEGIN SELECT RAISE(ABORT, 'a pruned journal begins with a later checkpoint'); END;

        CREATE TRIGGER journal_base_never_deleted BEFORE DELETE ON journal_base
        BEGIN SELECT RAISE(ABORT, 'what was pruned does not come back'); END;

        DROP TRIGGER journal_never_deleted;
        CREATE TRIGGER journal_never_deleted BEFORE DELETE ON journal
        WHEN old.seq > coalesce((SELECT seq FROM journal_base), 0)
        BEGIN SELECT RAISE(ABORT, 'the journal is never deleted from'); END;
      `,
    },
  ],
};

/** A row of table `journal`. */
export interface JournalRow {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
}

export const ENTRY_COLUMNS = "seq, id, kind, at_ms, time_trust, body, prev_hash, hash";

/** The entry of a row that our own code wrote: the casts rest on the table's constraints. */
export function entryOfRow(row: JournalRow): JournalEntry {
  return {
    seq: row.seq,
    id: row.id,
    kind: row.kind,
    atMs: row.at_ms as EpochMs,
    timeTrust: row.time_trust as TimeTrust,
    body: JSON.parse(row.body) as JsonObject,
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}

/** Its keys, quotes, commas and both hashes. */
const ENVELOPE_BYTES =
  Buffer.byteLength('{"atMs":,"body":,"hash":"","id":"","kind":"","prevHash":"","seq":,"timeTrust":""}') +
  128;

/** How long the entry is as canonical JSON, without writing it: ids and kinds hold nothing that is escaped. */
export function entryBytesOf({ seq, id, kind, at_ms, time_trust, body }: JournalRow): number {
  const fields = `${seq}${id}${kind}${at_ms}${time_trust}`;
  return ENVELOPE_BYTES + fields.length + Buffer.byteLength(body, "utf8");
}
