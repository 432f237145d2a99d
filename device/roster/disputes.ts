import type { Database } from "better-sqlite3";
import type { JournalEntry, Projection } from "../journal/journal-port.ts";
import { identityDisputedSchema, identityDisputeNamedSchema } from "./entries.ts";
import type { Dispute, DisputeBook } from "./identity-bounds-port.ts";

/**
 * Matches that the person in front said were wrong. Follows from the entries alone, so it is rebuilt and verified
 * like the ledger, and raises bars again after a restart.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS identity_dispute (
  dispute_id TEXT PRIMARY KEY CHECK (length(dispute_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  charge_id TEXT NOT NULL UNIQUE CHECK (length(charge_id) = 36),
  charged INTEGER NOT NULL CHECK (charged IN (0, 1)),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  other_person_id TEXT CHECK (length(other_person_id) >= 1),
  model TEXT NOT NULL,
  similarity REAL NOT NULL CHECK (similarity BETWEEN -1 AND 1),
  business_date TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS identity_dispute_of_person ON identity_dispute (person_id, business_date);
CREATE INDEX IF NOT EXISTS identity_dispute_of_other ON identity_dispute (other_person_id);
`;

/** To be given to the journal; `openDisputeBook` reads what it writes. */
export const disputeProjection: Projection = {
  name: "roster-disputes",
  schema: SCHEMA,
  tables: ["identity_dispute"],
  apply(db, entry) {
    if (entry.kind === "identity.disputed") applyDisputed(db, entry);
    if (entry.kind === "identity.dispute-named") applyNamed(db, entry);
  },
};

function applyDisputed(db: Database, entry: JournalEntry): void {
  const { disputeId, chargeId, charged, personId, model, similarity, businessDate } =
    identityDisputedSchema.parse(entry.body);
  db.prepare(
    `INSERT INTO identity_dispute
       (dispute_id, seq, charge_id, charged, person_id, model, similarity, business_date, at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    disputeId,
    entry.seq,
    chargeId,
    charged ? 1 : 0,
    personId,
    model,
    similarity,
    businessDate,
    entry.atMs,
  );
}

/** The first word counts: a second card is somebody else's meal. */
function applyNamed(db: Database, entry: JournalEntry): void {
  const { disputeId, otherPersonId } = identityDisputeNamedSchema.parse(entry.body);
  db.prepare(
    "UPDATE identity_dispute SET other_person_id = ? WHERE dispute_id = ? AND other_person_id IS NULL",
  ).run(otherPersonId, disputeId);
}

export interface TerminalDisputeBook extends DisputeBook {
  dispute(disputeId: string): Dispute | undefined;
  /** Of matches with this person on that day. */
  countOfDay(personId: string, businessDate: string): number;
  disputesCharge(chargeId: string): boolean;
}

interface Row {
  readonly charge_id: string;
  readonly person_id: string;
  readonly other_person_id: string | null;
  readonly model: string;
  readonly similarity: number;
  readonly at_ms: number;
}

const COLUMNS = "charge_id, person_id, other_person_id, model, similarity, at_ms";
/** The newest; whoever is disputed more often than this is asked anyway. */
const DISPUTES_MAX = 100;

/**
 * The statements behind the book; exported so that a test can ask SQLite how it runs each of them. Why `+?`: `prepared.ts`
 * of the journal.
 */
export const DISPUTE_READS = {
  ofPerson: `SELECT ${COLUMNS}, seq FROM identity_dispute WHERE person_id = +?
    AND (other_person_id IS NULL OR other_person_id <> person_id)
    UNION SELECT ${COLUMNS}, seq FROM identity_dispute WHERE other_person_id = +? AND person_id <> other_person_id
    ORDER BY seq DESC LIMIT ${DISPUTES_MAX}`,
  one: `SELECT ${COLUMNS} FROM identity_dispute WHERE dispute_id = ?`,
  ofDay: "SELECT count(*) AS count FROM identity_dispute WHERE person_id = ? AND business_date = ?",
  ofCharge: "SELECT 1 AS found FROM identity_dispute WHERE charge_id = ? AND charged = 1",
} as const;

/** @param db the journal's database, after the journal was opened with `disputeProjection`. */
export function openDisputeBook(db: Database): TerminalDisputeBook {
  const ofPerson = db.prepare<[string, string], Row>(DISPUTE_READS.ofPerson);
  const one = db.prepare<[string], Row>(DISPUTE_READS.one);
  const ofDay = db.prepare<[string, string], { readonly count: number }>(DISPUTE_READS.ofDay);
  const ofCharge = db.prepare<[string], { readonly found: number }>(DISPUTE_READS.ofCharge);
  return {
    disputesOf: (personId) => ofPerson.all(personId, personId).map(disputeOf),
    dispute: (disputeId) => {
      const row = one.get(disputeId);
      return row === undefined ? undefined : disputeOf(row);
    },
    countOfDay: (personId, businessDate) => ofDay.get(personId, businessDate)?.count ?? 0,
    disputesCharge: (chargeId) => ofCharge.get(chargeId) !== undefined,
  };
}

function disputeOf(row: Row): Dispute {
  return {
    chargeId: row.charge_id,
    personId: row.person_id,
    otherPersonId: row.other_person_id,
    model: row.model,
    similarity: row.similarity,
    atMs: row.at_ms,
  };
}
