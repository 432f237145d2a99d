import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import { assertNever } from "../platform/assert.ts";
import { putConsent } from "./consents.ts";
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
    const all = prepared<[], { people: string }>(
      this.#db,
      "SELECT people FROM roster_snapshot_part ORDER BY part",
    ).all();
    if (all.length < parts) {
      return { applied: { kind: "applied", version: have, complete: false }, touched: NOBODY };
    }
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
    // Two people may swap numbers or cards in one message, so all of theirs are given up before any is given.
    const freeNumber = prepared(
      this.#db,
      "UPDATE person SET number = char(0) || person_id WHERE person_id = ?",
    );
    const freeCards = prepared(this.#db, "DELETE FROM card WHERE person_id = ?");
    for (const { personId } of people) {
      freeNumber.run(personId);
      freeCards.run(personId);
    }
    return people.filter((person) => this.#put(person)).map(({ personId }) => personId);
  }

  /** @returns whether templates changed. */
  #put(person: RosterPerson): boolean {
    const { personId, account } = person;
    this.#putPerson(person);
    prepared(
      this.#db,
      `INSERT INTO account (person_id, balance_fen, through_seq) VALUES (?, ?, ?)
       ON CONFLICT (person_id) DO UPDATE SET
         balance_fen = excluded.balance_fen, through_seq = excluded.through_seq`,
    ).run(personId, account.balanceFen, account.throughSeq);
    for (const card of new Set(person.cards)) {
      prepared(this.#db, "INSERT INTO card (card_token, person_id) VALUES (?, ?)").run(card, personId);
    }
    for (const consent of person.consents) putConsent(this.#db, personId, consent);
    const before = this.#templates.vault.count(personId);
    this.#templates.settleConsents(personId, "withdrawn-at-cloud");
    return this.#templates.vault.count(personId) !== before;
  }

  #putPerson(person: RosterPerson): void {
    prepared(
      this.#db,
      `INSERT INTO person
         (person_id, number, display_name, group_name, kind, active, allergens, limits, pin_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (person_id) DO UPDATE SET number = excluded.number, display_name = excluded.display_name,
         group_name = excluded.group_name, kind = excluded.kind, active = excluded.active,
         allergens = excluded.allergens, limits = excluded.limits, pin_hash = excluded.pin_hash`,
    ).run(
      person.personId,
      person.number,
      person.displayName,
      person.groupName,
      person.kind,
      person.active ? 1 : 0,
      JSON.stringify(person.allergens),
      JSON.stringify(person.limits),
      person.pinHash,
    );
  }

  #dropParts(): void {
    prepared(this.#db, "DELETE FROM roster_snapshot_part").run();
  }
}
