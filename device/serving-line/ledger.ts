import type { Database, Statement } from "better-sqlite3";
import type { JournalEntry, Projection } from "../journal/journal-port.ts";
import { assert } from "../platform/assert.ts";
import { systemCode } from "../platform/errors.ts";
import { addFen, type EpochMs, epochMs, type Fen, fen, subtractFen } from "../platform/units.ts";
import type { AccountBase } from "../roster/roster-port.ts";
import { chargeMadeSchema, chargeRefusedSchema, chargeVoidedSchema } from "./entries.ts";

/** Someone has a charge for that meal already. Thrown out of the projection, so the new entry is rolled back. */
export class MealAlreadyClaimed extends Error {
  override readonly name = "MealAlreadyClaimed";
}

/** The charge to void is not there, or was voided before. Thrown out of the projection as well. */
export class ChargeNotVoidable extends Error {
  override readonly name = "ChargeNotVoidable";
}

/**
 * What follows from the entries about charges.
 *
 * - `meal_claim`: who had which meal. Its key makes a second charge for one meal impossible; a void frees it.
 * - `charge`: where each charge is in the journal, and whether it was voided.
 * - `account_effect`: what each entry did to a balance, with running sums per person and for the terminal, so that
 *   "all since entry N" is two look-ups however long the terminal was offline.
 * - `refusal_noted`: which refusal was written already for this meal, so that a diner who stays before the camera
 *   does not fill the disk.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS charge (
  charge_id TEXT PRIMARY KEY CHECK (length(charge_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  business_date TEXT NOT NULL CHECK (business_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  period_id TEXT NOT NULL CHECK (length(period_id) >= 1),
  claim_no INTEGER NOT NULL CHECK (claim_no >= 1),
  amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),
  voided_seq INTEGER UNIQUE CHECK (voided_seq > seq)
) STRICT;
CREATE INDEX IF NOT EXISTS charge_of_day ON charge (person_id, business_date, voided_seq, amount_fen);

CREATE TABLE IF NOT EXISTS meal_claim (
  person_id TEXT NOT NULL,
  business_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  claim_no INTEGER NOT NULL CHECK (claim_no >= 1),
  charge_id TEXT NOT NULL UNIQUE REFERENCES charge (charge_id),
  PRIMARY KEY (person_id, business_date, period_id, claim_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS meal_claim_of_period ON meal_claim (business_date, period_id);

CREATE TABLE IF NOT EXISTS account_effect (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  person_id TEXT NOT NULL CHECK (length(person_id) >= 1),
  at_ms INTEGER NOT NULL,
  amount_fen INTEGER NOT NULL,
  person_sum_fen INTEGER NOT NULL,
  device_sum_fen INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS account_effect_of_person ON account_effect (person_id, seq, person_sum_fen);

CREATE TABLE IF NOT EXISTS refusal_noted (
  person_id TEXT NOT NULL,
  business_date TEXT NOT NULL,
  period_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  PRIMARY KEY (person_id, business_date, period_id, reason)
) STRICT, WITHOUT ROWID;
`;

/** To be given to the journal; `createLedger` reads what it writes. */
export const ledgerProjection: Projection = {
  name: "serving-line-ledger",
  schema: SCHEMA,
  // Children first: they are dropped in this order when the projection is rebuilt.
  tables: ["meal_claim", "charge", "account_effect", "refusal_noted"],
  apply(db, entry) {
    switch (entry.kind) {
      case "charge.made":
        return applyMade(db, entry);
      case "charge.voided":
        return applyVoided(db, entry);
      case "charge.refused":
        return applyRefused(db, entry);
    }
  },
};

function applyMade(db: Database, entry: JournalEntry): void {
  const body = chargeMadeSchema.parse(entry.body);
  assert(body.chargeId === entry.id, "a charge's entry carries the charge's id");
  const { chargeId, personId, businessDate, periodId, claimNo, amountFen } = body;
  const statements = writesOf(db);
  statements.addCharge.run(chargeId, entry.seq, personId, businessDate, periodId, claimNo, amountFen);
  try {
    statements.claim.run(personId, businessDate, periodId, claimNo, chargeId);
  } catch (error) {
    if (isUniqueViolation(error))
      throw new MealAlreadyClaimed(`claim ${claimNo} of ${businessDate} ${periodId} exists`, {
        cause: error,
      });
    throw error;
  }
  addEffect(statements, entry, personId, fen(-amountFen));
}

function applyVoided(db: Database, entry: JournalEntry): void {
  const { chargeId, personId, amountFen } = chargeVoidedSchema.parse(entry.body);
  const statements = writesOf(db);
  // The amount is part of the condition: what is given back is what was taken, or nothing is.
  const voided = statements.voidCharge.run(entry.seq, chargeId, personId, amountFen).changes;
  const released = statements.release.run(chargeId).changes;
  if (voided !== 1 || released !== 1) throw new ChargeNotVoidable(`charge ${chargeId} cannot be voided`);
  addEffect(statements, entry, personId, fen(amountFen));
}

function applyRefused(db: Database, entry: JournalEntry): void {
  const { personId, businessDate, periodId, reason } = chargeRefusedSchema.parse(entry.body);
  writesOf(db).noteRefusal.run(personId, businessDate, periodId, reason, entry.seq);
}

function addEffect(statements: Writes, entry: JournalEntry, personId: string, amountFen: Fen): void {
  const personSumFen = fen(statements.lastOfPerson.get(personId)?.sum_fen ?? 0);
  const deviceSumFen = fen(statements.lastOfDevice.get()?.sum_fen ?? 0);
  statements.addEffect.run(
    entry.seq,
    personId,
    entry.atMs,
    amountFen,
    addFen(personSumFen, amountFen),
    addFen(deviceSumFen, amountFen),
  );
}

function isUniqueViolation(error: unknown): boolean {
  const code = systemCode(error);
  return code === "SQLITE_CONSTRAINT_PRIMARYKEY" || code === "SQLITE_CONSTRAINT_UNIQUE";
}

interface Writes {
  readonly addCharge: Statement<[string, number, string, string, string, number, number]>;
  readonly claim: Statement<[string, string, string, number, string]>;
  readonly voidCharge: Statement<[number, string, string, number]>;
  readonly release: Statement<[string]>;
  readonly addEffect: Statement<[number, string, number, number, number, number]>;
  readonly lastOfPerson: Statement<[string], { sum_fen: number }>;
  readonly lastOfDevice: Statement<[], { sum_fen: number }>;
  readonly noteRefusal: Statement<[string, string, string, string, number]>;
}

/** `apply` is handed a database each time (`journal verify` replays into another one): prepare once for each. */
const writes = new WeakMap<Database, Writes>();

function writesOf(db: Database): Writes {
  const known = writes.get(db);
  if (known !== undefined) return known;
  const made: Writes = {
    addCharge: db.prepare(
      `INSERT INTO charge (charge_id, seq, person_id, business_date, period_id, claim_no, amount_fen)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    claim: db.prepare(
      `INSERT INTO meal_claim (person_id, business_date, period_id, claim_no, charge_id) VALUES (?, ?, ?, ?, ?)`,
    ),
    voidCharge: db.prepare(
      `UPDATE charge SET voided_seq = ?
       WHERE charge_id = ? AND person_id = ? AND amount_fen = ? AND voided_seq IS NULL`,
    ),
    release: db.prepare("DELETE FROM meal_claim WHERE charge_id = ?"),
    addEffect: db.prepare(
      `INSERT INTO account_effect (seq, person_id, at_ms, amount_fen, person_sum_fen, device_sum_fen)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    lastOfPerson: db.prepare(
      `SELECT person_sum_fen AS sum_fen FROM account_effect WHERE person_id = +? ORDER BY seq DESC LIMIT 1`,
    ),
    lastOfDevice: db.prepare(
      "SELECT device_sum_fen AS sum_fen FROM account_effect ORDER BY seq DESC LIMIT 1",
    ),
    noteRefusal: db.prepare(
      `INSERT OR IGNORE INTO refusal_noted (person_id, business_date, period_id, reason, seq)
       VALUES (?, ?, ?, ?, ?)`,
    ),
  };
  writes.set(db, made);
  return made;
}

export interface ChargeRecord {
  readonly chargeId: string;
  readonly seq: number;
  readonly personId: string;
  readonly businessDate: string;
  readonly periodId: string;
  readonly claimNo: number;
  readonly amountFen: Fen;
  readonly voided: boolean;
}

export interface MealClaim {
  readonly claimNo: number;
  readonly chargeId: string;
}

/** One meal of one person. */
export interface MealKey {
  readonly personId: string;
  readonly businessDate: string;
  readonly periodId: string;
}

/** Reads of the ledger: synchronous, each by an index, none longer because the terminal was offline longer. */
export interface Ledger {
  /** The cloud's balance and what happened here since. A person without an account has 0. */
  balanceFen(personId: string, base: AccountBase | undefined): Fen;
  /** Charged on that day and not voided. */
  spentFen(personId: string, businessDate: string): Fen;
  /** By number; none when the meal was not charged or was voided. */
  claims(meal: MealKey): readonly MealClaim[];
  charge(chargeId: string): ChargeRecord | undefined;
  /** Newest first. */
  recentCharges(countMax: number): readonly ChargeRecord[];
  /** Meals charged and not voided. */
  servedCount(businessDate: string, periodId: string): number;
  /** Charges less voids that the cloud has not confirmed, by all; negative when the voids prevail. */
  unacknowledgedFen(ackedSeq: number): Fen;
  /** The same for one person. */
  unacknowledgedOfPersonFen(personId: string, ackedSeq: number): Fen;
  /** Wall time of the oldest one that the cloud has not confirmed. */
  oldestUnacknowledgedAtMs(ackedSeq: number): EpochMs | null;
  refusalNoted(meal: MealKey, reason: string): boolean;
}

interface ChargeRow {
  readonly charge_id: string;
  readonly seq: number;
  readonly person_id: string;
  readonly business_date: string;
  readonly period_id: string;
  readonly claim_no: number;
  readonly amount_fen: number;
  readonly voided_seq: number | null;
}

const CHARGE_COLUMNS =
  "charge_id, seq, person_id, business_date, period_id, claim_no, amount_fen, voided_seq";

/**
 * The statements behind `Ledger`; exported so that a test can ask SQLite how it runs each of them. Why some have `+?`:
 * `prepared.ts` of the journal.
 */
export const LEDGER_READS = {
  personSum: `SELECT person_sum_fen AS sum_fen FROM account_effect
    WHERE person_id = +? AND seq <= ? ORDER BY seq DESC LIMIT 1`,
  deviceSum: "SELECT device_sum_fen AS sum_fen FROM account_effect WHERE seq <= ? ORDER BY seq DESC LIMIT 1",
  oldest: "SELECT at_ms FROM account_effect WHERE seq > ? ORDER BY seq LIMIT 1",
  spent: `SELECT coalesce(sum(amount_fen), 0) AS sum_fen FROM charge
    WHERE person_id = ? AND business_date = ? AND voided_seq IS NULL`,
  claims: `SELECT claim_no AS claimNo, charge_id AS chargeId FROM meal_claim
    WHERE person_id = +? AND business_date = +? AND period_id = +? ORDER BY claim_no`,
  charge: `SELECT ${CHARGE_COLUMNS} FROM charge WHERE charge_id = ?`,
  recent: `SELECT ${CHARGE_COLUMNS} FROM charge WHERE seq > 0 ORDER BY seq DESC LIMIT +?`,
  served: "SELECT count(*) AS count FROM meal_claim WHERE business_date = ? AND period_id = ?",
  newest: "SELECT seq FROM account_effect WHERE seq > 0 ORDER BY seq DESC LIMIT 1",
  noted: `SELECT 1 AS noted FROM refusal_noted
    WHERE person_id = ? AND business_date = ? AND period_id = ? AND reason = ?`,
} as const;

/** Newer than every entry: the sum through here is the sum of all. */
const SEQ_LAST = Number.MAX_SAFE_INTEGER;

/** @param db the journal's database, after the journal was opened with `ledgerProjection`. */
export function createLedger(db: Database): Ledger {
  type Sum = { readonly sum_fen: number };
  const personSum = db.prepare<[string, number], Sum>(LEDGER_READS.personSum);
  const deviceSum = db.prepare<[number], Sum>(LEDGER_READS.deviceSum);
  const oldest = db.prepare<[number], { readonly at_ms: number }>(LEDGER_READS.oldest);
  const spent = db.prepare<[string, string], Sum>(LEDGER_READS.spent);
  const claims = db.prepare<[string, string, string], MealClaim>(LEDGER_READS.claims);
  const charge = db.prepare<[string], ChargeRow>(LEDGER_READS.charge);
  const recent = db.prepare<[number], ChargeRow>(LEDGER_READS.recent);
  const served = db.prepare<[string, string], { readonly count: number }>(LEDGER_READS.served);
  const newest = db.prepare<[], number>(LEDGER_READS.newest).pluck();
  const noted = db.prepare<[string, string, string, string], { readonly noted: number }>(LEDGER_READS.noted);

  /** Whatever adds or frees a claim also adds an effect, so the count stands until there is a newer one. */
  let counted = { seq: -1, businessDate: "", periodId: "", count: 0 };

  const personSinceFen = (personId: string, seq: number): Fen =>
    subtractFen(sumOf(personSum.get(personId, SEQ_LAST)), sumOf(personSum.get(personId, seq)));
  const sumOf = (row: Sum | undefined): Fen => fen(row?.sum_fen ?? 0);
  const negated = (amount: Fen): Fen => subtractFen(fen(0), amount);

  return {
    balanceFen: (personId, base) =>
      addFen(base?.balanceFen ?? fen(0), personSinceFen(personId, base?.throughSeq ?? 0)),
    spentFen: (personId, businessDate) => sumOf(spent.get(personId, businessDate)),
    claims: ({ personId, businessDate, periodId }) => claims.all(personId, businessDate, periodId),
    charge: (chargeId) => {
      const row = charge.get(chargeId);
      return row === undefined ? undefined : recordOf(row);
    },
    recentCharges: (countMax) => recent.all(countMax).map(recordOf),
    servedCount: (businessDate, periodId) => {
      // What is not committed yet may be taken back, and its number used for something else.
      if (db.inTransaction) return served.get(businessDate, periodId)?.count ?? 0;
      const seq = newest.get() ?? 0;
      if (seq !== counted.seq || businessDate !== counted.businessDate || periodId !== counted.periodId) {
        const count = served.get(businessDate, periodId)?.count ?? 0;
        counted = { seq, businessDate, periodId, count };
      }
      return counted.count;
    },
    unacknowledgedFen: (ackedSeq) =>
      subtractFen(sumOf(deviceSum.get(ackedSeq)), sumOf(deviceSum.get(SEQ_LAST))),
    unacknowledgedOfPersonFen: (personId, ackedSeq) => negated(personSinceFen(personId, ackedSeq)),
    oldestUnacknowledgedAtMs: (ackedSeq) => {
      const row = oldest.get(ackedSeq);
      return row === undefined ? null : epochMs(row.at_ms);
    },
    refusalNoted: ({ personId, businessDate, periodId }, reason) =>
      noted.get(personId, businessDate, periodId, reason) !== undefined,
  };
}

function recordOf(row: ChargeRow): ChargeRecord {
  return {
    chargeId: row.charge_id,
    seq: row.seq,
    personId: row.person_id,
    businessDate: row.business_date,
    periodId: row.period_id,
    claimNo: row.claim_no,
    amountFen: fen(row.amount_fen),
    voided: row.voided_seq !== null,
  };
}
