import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import { assertNever } from "../platform/assert.ts";
import { putConsents } from "./consents.ts";
import type { RosterMessage, RosterPerson } from "./roster-delta.ts";
import type { RosterApplied } from "./roster-store.ts";
import type { SqliteTemplateStore } from "./template-store.ts";

type Snapshot = Extract<RosterMessage, { kind: "snapshot" }>;
type Delta = Extract<RosterMessage, { kind: "delta" }>;

interface Change {
  readonly applied: RosterApplied;
  /** People whose templates may have changed. */
  readonly touched: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Writes roster messages into the tables. Every method works inside the caller's transaction. */
export class RosterChange {
  readonly #db: Database;
  readonly #templates: SqliteTemplateStore;

  constructor(db: Database, templates: SqliteTemplateStore) {
    this.#db = db;
    this.#templates = templates;
  }

  version(): number {
    const sql = "SELECT version FROM roster_state";
    return prepared<[], { version: number }>(this.#db, sql).get()?.version ?? 0;
  }

  apply(message: RosterMessage): Change {
    const have = this.version();
    if (message.to <= have) return { applied: { kind: "stale" }, touched: NOBODY };
    switch (message.kind) {
      case "delta":
        return message.from > have
          ? { applied: { kind: "gap", have }, touched: NOBODY }
          : this.#applyDelta(message);
      case "snapshot":
        return this.#takePart(message, have);
      default:
        return assertNever(message);
    }
  }

  #applyDelta({ people, removed, to }: Delta): Change {
    const touched = new Set([...this.#remove(removed), ...this.#putAll(people)]);
    return this.#reached(to, touched);
  }

  /** Parts are kept until all are there; a part of a newer snapshot, or of another cut, starts afresh. */
  #takePart(snapshot: Snapshot, have: number): Change {
    const { to, part, parts, people } = snapshot;
    if (parts === 1) return this.#applySnapshot(people, to);
    const staged = prepared<[], { to_version: number; parts: number }>(
      this.#db,
      "SELECT to_version, parts FROM roster_snapshot_part LIMIT 1",
    ).get();
    if (staged !== undefined && staged.to_version > to)
      return { applied: { kind: "stale" }, touched: NOBODY };
    if (staged !== undefined && (staged.to_version !== to || staged.parts !== parts)) this.#dropParts();
    prepared(
      this.#db,
      "INSERT OR REPLACE INTO roster_snapshot_part (part, parts, to_version, people) VALUES (?, ?, ?, ?)",
    ).run(part, parts, to, JSON.stringify(people));
    // Counted first: a large school's parts are megabytes, and each that comes would read all before it.
    const countSql = "SELECT count(*) AS parts FROM roster_snapshot_part";
    const here = prepared<[], { parts: number }>(this.#db, countSql).get()?.parts ?? 0;
    if (here < parts) {
      return { applied: { kind: "applied", version: have, complete: false }, touched: NOBODY };
    }
    const all = prepared<[], { people: string }>(
      this.#db,
      "SELECT people FROM roster_snapshot_part ORDER BY part",
    ).all();
    // Each part was checked against the schema when it came.
    return this.#applySnapshot(
      all.flatMap((row) => JSON.parse(row.people) as RosterPerson[]),
      to,
    );
  }

  #applySnapshot(people: readonly RosterPerson[], to: number): Change {
    const listed = new Set(people.map(({ personId }) => personId));
    const gone = prepared<[], { person_id: string }>(this.#db, "SELECT person_id FROM person")
      .all()
      .map((row) => row.person_id)
      .filter((personId) => !listed.has(personId));
    const touched = new Set([...this.#remove(gone), ...this.#putAll(people)]);
    return this.#reached(to, touched);
  }

  #reached(version: number, touched: ReadonlySet<string>): Change {
    prepared(this.#db, "UPDATE roster_state SET version = ?").run(version);
    prepared(this.#db, "DELETE FROM roster_snapshot_part WHERE to_version <= ?").run(version);
    return { applied: { kind: "applied", version, complete: true }, touched };
  }

  /** @returns those whose templates went with them. */
  #remove(personIds: readonly string[]): string[] {
    return personIds.filter((personId) => {
      const hadKey = this.#templates.vault.hasKey(personId);
      this.#templates.eraseRemoved(personId);
      prepared(this.#db, "DELETE FROM person WHERE person_id = ?").run(personId);
      return hadKey;
    });
  }

  /** @returns those whose templates changed by a withdrawal. */
  #putAll(people: readonly RosterPerson[]): string[] {
    // A snapshot names everyone, and most are as they were: only what differs is written, or the line would wait.
    const changed = people.filter(
      (person) => !sameRow(rowOfPerson(person), this.#personRow(person.personId)),
    );
    const recarded = people.filter(({ personId, cards }) => !sameCards(cards, this.#cardsOf(personId)));
    // Two people may swap numbers or cards in one message, so all of theirs are given up before any is given.
    const freeNumber = prepared(
      this.#db,
      "UPDATE person SET number = char(0) || person_id WHERE person_id = ?",
    );
    const freeCards = prepared(this.#db, "DELETE FROM card WHERE person_id = ?");
    for (const { personId } of changed) freeNumber.run(personId);
    for (const { personId } of recarded) freeCards.run(personId);
    for (const person of changed) this.#putPerson(rowOfPerson(person));
    for (const { personId, cards } of recarded) this.#giveCards(personId, cards);
    for (const { personId, account } of people) this.#putAccount(personId, account);
    return people.filter((person) => this.#putConsents(person)).map(({ personId }) => personId);
  }

  #personRow(personId: string): PersonRow | undefined {
    return prepared<[string], PersonRow>(this.#db, "SELECT * FROM person WHERE person_id = ?").get(personId);
  }

  #cardsOf(personId: string): string[] {
    return prepared<[string], { card_token: string }>(
      this.#db,
      "SELECT card_token FROM card WHERE person_id = ?",
    )
      .all(personId)
      .map((row) => row.card_token);
  }

  #giveCards(personId: string, cards: readonly string[]): void {
    const give = prepared(this.#db, "INSERT INTO card (card_token, person_id) VALUES (?, ?)");
    for (const card of new Set(cards)) give.run(card, personId);
  }

  #putAccount(personId: string, { balanceFen, throughSeq }: RosterPerson["account"]): void {
    prepared(
      this.#db,
      `INSERT INTO account (person_id, balance_fen, through_seq) VALUES (?, ?, ?)
       ON CONFLICT (person_id) DO UPDATE SET
         balance_fen = excluded.balance_fen, through_seq = excluded.through_seq`,
    ).run(personId, balanceFen, throughSeq);
  }

  /** @returns whether templates changed. */
  #putConsents({ personId, consents }: RosterPerson): boolean {
    if (!putConsents(this.#db, personId, consents)) return false;
    const before = this.#templates.vault.count(personId);
    this.#templates.settleConsents(personId, "withdrawn-at-cloud");
    return this.#templates.vault.count(personId) !== before;
  }

  #putPerson(row: PersonRow): void {
    prepared<[PersonRow]>(
      this.#db,
      `INSERT INTO person
         (person_id, number, display_name, group_name, kind, active, allergens, limits, pin_hash)
       VALUES (@person_id, @number, @display_name, @group_name, @kind, @active, @allergens, @limits, @pin_hash)
       ON CONFLICT (person_id) DO UPDATE SET number = excluded.number, display_name = excluded.display_name,
         group_name = excluded.group_name, kind = excluded.kind, active = excluded.active,
         allergens = excluded.allergens, limits = excluded.limits, pin_hash = excluded.pin_hash`,
    ).run(row);
  }

  #dropParts(): void {
    prepared(this.#db, "DELETE FROM roster_snapshot_part").run();
  }
}

/** A row of table `person`. */
interface PersonRow {
  readonly person_id: string;
  readonly number: string;
  readonly display_name: string;
  readonly group_name: string;
  readonly kind: string;
  readonly active: number;
  readonly allergens: string;
  readonly limits: string;
  readonly pin_hash: string | null;
}

function rowOfPerson(person: RosterPerson): PersonRow {
  const { perChargeFenMax, perDayFenMax, overdraftFenMax, blockedPeriodIds } = person.limits;
  return {
    person_id: person.personId,
    number: person.number,
    display_name: person.displayName,
    group_name: person.groupName,
    kind: person.kind,
    active: person.active ? 1 : 0,
    allergens: JSON.stringify(person.allergens),
    limits: JSON.stringify({ perChargeFenMax, perDayFenMax, overdraftFenMax, blockedPeriodIds }),
    pin_hash: person.pinHash,
  };
}

const PERSON_FIELDS = [
  "person_id",
  "number",
  "display_name",
  "group_name",
  "kind",
  "active",
  "allergens",
  "limits",
  "pin_hash",
] as const satisfies readonly (keyof PersonRow)[];

const sameRow = (a: PersonRow, b: PersonRow | undefined): boolean =>
  b !== undefined && PERSON_FIELDS.every((field) => a[field] === b[field]);

const sameCards = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((card) => b.includes(card));
