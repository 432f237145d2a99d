import { createHash } from "node:crypto";
import type { Database } from "better-sqlite3";
import canonicalize from "canonicalize";
import { z } from "zod";
import { prepared } from "../../device/journal/prepared.ts";
import { broken } from "./violation.ts";

export interface Row {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
}

/** Only what the checks need; whatever else an entry says is its owner's business. */
const madeBody = z.looseObject({
  chargeId: z.string(),
  personId: z.string(),
  businessDate: z.string(),
  periodId: z.string(),
  priceFen: z.int(),
  subsidyFen: z.int(),
  amountFen: z.int(),
  method: z.string(),
  operatorId: z.string().nullable(),
});
const voidedBody = z.looseObject({ chargeId: z.string(), personId: z.string(), amountFen: z.int() });
const notedBody = z.looseObject({ commandId: z.string() });

export interface Charge {
  readonly chargeId: string;
  readonly seq: number;
  readonly personId: string;
  readonly businessDate: string;
  readonly periodId: string;
  readonly amountFen: number;
  readonly method: string;
  readonly operatorId: string | null;
  voided: boolean;
}

export interface JournalEvents {
  /** A new charge is in the journal. */
  charged(charge: Charge): void;
  /** An entry, of whatever kind. */
  read(row: Row): void;
}

/**
 * What one terminal's journal must be, told by its rows alone: read with SQL of its own, hashed by code of its own,
 * and summed up in plain maps. It shares nothing with the journal, the ledger or their projections.
 */
export class JournalModel {
  readonly device: string;
  readonly #events: JournalEvents;
  readonly #hashes: string[] = [];
  readonly #ids = new Set<string>();
  readonly #commands = new Set<string>();
  readonly #charges = new Map<string, Charge>();
  /** By person, date and period: charges that stand. */
  readonly #meals = new Map<string, Set<Charge>>();
  /** What each entry did to a person's balance. */
  readonly #effects = new Map<string, { readonly seq: number; readonly amountFen: number }[]>();
  readonly #deviceEffects: { readonly seq: number; readonly amountFen: number }[] = [];
  #db: Database | null = null;
  #changes: () => number = () => 0;
  #changesSeen = -1;
  #ackedSeq = 0;

  constructor(device: string, events: JournalEvents) {
    this.device = device;
    this.#events = events;
  }

  get headSeq(): number {
    return this.#hashes.length;
  }

  get ackedSeq(): number {
    return this.#ackedSeq;
  }

  hashAt(seq: number): string | undefined {
    return this.#hashes[seq - 1];
  }

  charge(chargeId: string): Charge | undefined {
    return this.#charges.get(chargeId);
  }

  /** Charges of this meal that were not voided. */
  standing(personId: string, businessDate: string, periodId: string): readonly Charge[] {
    return [...(this.#meals.get(`${personId} ${businessDate} ${periodId}`) ?? [])];
  }

  /** Of one person, by entries after `seq`; negative: paid. */
  effectFen(personId: string, afterSeq: number): number {
    const effects = this.#effects.get(personId) ?? [];
    let sum = 0;
    for (let at = effects.length - 1; at >= 0; at--) {
      const effect = effects[at];
      if (effect === undefined || effect.seq <= afterSeq) break;
      sum += effect.amountFen;
    }
    return sum;
  }

  /** Charged and not yet confirmed by the cloud, less what was voided. */
  unacknowledgedFen(): number {
    let sum = 0;
    for (let at = this.#deviceEffects.length - 1; at >= 0; at--) {
      const effect = this.#deviceEffects[at];
      if (effect === undefined || effect.seq <= this.#ackedSeq) break;
      sum -= effect.amountFen;
    }
    return sum;
  }

  /** What the terminal has for this person: the cloud's balance in its own table, and its own entries since. */
  balanceFen(personId: string): number | null {
    if (this.#db === null) return null;
    const row = prepared<[string], { balance_fen: number; through_seq: number }>(
      this.#db,
      "SELECT balance_fen, through_seq FROM account WHERE person_id = ?",
    ).get(personId);
    return row === undefined ? null : row.balance_fen + this.effectFen(personId, row.through_seq);
  }

  /**
   * A process opened the database.
   * @param committedSeq  what transactions brought that had returned before the power went.
   * @param doubtfulSeq  where the journal ends if the transaction under way made it, else null.
   */
  opened(db: Database, committedSeq: number, doubtfulSeq: number | null): void {
    this.#db = db;
    this.#changes = changesOf(db);
    this.#changesSeen = -1;
    const head = this.#head(db);
    const allowed = head === committedSeq || (doubtfulSeq !== null && head === doubtfulSeq);
    if (!allowed && committedSeq > 0)
      throw broken("lost-after-commit", `${this.device} ended at ${committedSeq}, starts at ${head}`);
    if (head < this.headSeq)
      throw broken("lost-after-commit", `${this.device} had shown ${this.headSeq} entries, has ${head}`);
    this.observe();
  }

  /**
   * The power is gone.
   * @param committedSeq  what had been committed by then, some of it perhaps in this very turn.
   */
  off(committedSeq: number): void {
    if (this.#db !== null) this.#read(this.#db, committedSeq);
    this.#db = null;
  }

  /** Reads what came since the last time. */
  observe(): void {
    if (this.#db === null) return;
    const changes = this.#changes();
    if (changes === this.#changesSeen) return;
    this.#changesSeen = changes;
    this.#read(this.#db, Number.MAX_SAFE_INTEGER);
    this.#ackedSeq =
      prepared<[], { acked_seq: number }>(this.#db, "SELECT acked_seq FROM journal_receipt").get()
        ?.acked_seq ?? 0;
  }

  /** Every row again, against what was seen of it when it was new. */
  recheck(): void {
    if (this.#db === null) return;
    let seq = 0;
    for (const row of this.#db.prepare<[], Row>("SELECT * FROM journal ORDER BY seq").iterate()) {
      seq += 1;
      if (row.seq !== seq || row.hash !== this.#hashes[seq - 1] || hashOf(row) !== row.hash)
        throw broken("entry-changed", `${this.device} seq ${row.seq} is not what it was`);
    }
    if (seq !== this.headSeq)
      throw broken("entry-changed", `${this.device} has ${seq} rows of ${this.headSeq}`);
  }

  #read(db: Database, throughSeq: number): void {
    const rows = prepared<[number, number], Row>(
      db,
      "SELECT * FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq",
    ).all(this.headSeq, throughSeq);
    for (const row of rows) this.#take(row);
  }

  #head(db: Database): number {
    return (
      prepared<[], { head: number }>(db, "SELECT coalesce(max(seq), 0) AS head FROM journal").get()?.head ?? 0
    );
  }

  #take(row: Row): void {
    const where = `${this.device} seq ${row.seq}`;
    if (row.seq !== this.headSeq + 1) throw broken("journal-gap", `${where} after ${this.headSeq}`);
    if (row.prev_hash !== (this.#hashes.at(-1) ?? "0".repeat(64))) throw broken("chain-broken", where);
    if (hashOf(row) !== row.hash) throw broken("hash-wrong", where);
    if (this.#ids.has(row.id)) throw broken("id-twice", where);
    this.#ids.add(row.id);
    this.#hashes.push(row.hash);
    if (row.kind === "charge.made") this.#takeCharge(row);
    if (row.kind === "charge.voided") this.#takeVoid(row);
    if (row.kind === "command.noted") this.#takeCommand(row);
    this.#events.read(row);
  }

  #takeCharge(row: Row): void {
    const body = madeBody.parse(JSON.parse(row.body));
    const { chargeId, personId, businessDate, periodId, amountFen, method, operatorId } = body;
    if (chargeId !== row.id) throw broken("charge-wrong", `seq ${row.seq} carries another id`);
    if (amountFen !== body.priceFen - body.subsidyFen || amountFen < 0)
      throw broken("charge-wrong", `seq ${row.seq} takes ${amountFen}`);
    const charge: Charge = {
      ...{ chargeId, seq: row.seq, personId, businessDate, periodId, amountFen, method, operatorId },
      voided: false,
    };
    const key = `${personId} ${businessDate} ${periodId}`;
    const meal = this.#meals.get(key) ?? new Set();
    if (meal.size > 0 && operatorId === null)
      throw broken("meal-twice", `${this.device}: ${personId} pays ${businessDate} ${periodId} again`);
    meal.add(charge);
    this.#meals.set(key, meal);
    this.#charges.set(chargeId, charge);
    this.#addEffect(personId, row.seq, -amountFen);
    this.#events.charged(charge);
  }

  #takeVoid(row: Row): void {
    const { chargeId, personId, amountFen } = voidedBody.parse(JSON.parse(row.body));
    const charge = this.#charges.get(chargeId);
    if (
      charge === undefined ||
      charge.voided ||
      charge.personId !== personId ||
      charge.amountFen !== amountFen
    )
      throw broken("void-wrong", `${this.device} seq ${row.seq}`);
    charge.voided = true;
    this.#meals.get(`${personId} ${charge.businessDate} ${charge.periodId}`)?.delete(charge);
    this.#addEffect(personId, row.seq, amountFen);
  }

  #takeCommand(row: Row): void {
    const { commandId } = notedBody.parse(JSON.parse(row.body));
    if (this.#commands.has(commandId)) throw broken("command-twice", `${this.device}: ${commandId}`);
    this.#commands.add(commandId);
  }

  #addEffect(personId: string, seq: number, amountFen: number): void {
    const effects = this.#effects.get(personId) ?? [];
    effects.push({ seq, amountFen });
    this.#effects.set(personId, effects);
    this.#deviceEffects.push({ seq, amountFen });
  }
}

/** Rows written through this connection since it was opened: without a new one there is nothing to look at. */
export function changesOf(db: Database): () => number {
  const statement = db.prepare<[], number>("SELECT total_changes()").pluck();
  return () => statement.get() ?? 0;
}

/** SHA-256 over RFC 8785 JSON of the entry without its hash; written here anew. */
function hashOf(row: Row): string {
  const { seq, id, kind, prev_hash: prevHash } = row;
  const fields = {
    atMs: row.at_ms,
    body: JSON.parse(row.body),
    id,
    kind,
    prevHash,
    seq,
    timeTrust: row.time_trust,
  };
  return createHash("sha256")
    .update(canonicalize(fields) ?? "", "utf8")
    .digest("hex");
}
