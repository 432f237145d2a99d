import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { CanteenError, systemCode } from "../platform/errors.ts";
import { fen } from "../platform/units.ts";
import { consentsOf, hasConsent } from "./consents.ts";
import { RosterChange } from "./roster-change.ts";
import type { RosterMessage } from "./roster-delta.ts";
import type {
  AccountBase,
  Consent,
  ConsentScope,
  Person,
  PersonKind,
  PersonLimits,
  Roster,
} from "./roster-port.ts";
import type { SqliteTemplateStore } from "./template-store.ts";

export interface RosterStoreOptions {
  readonly db: Database;
  readonly journal: Journal;
  readonly templates: SqliteTemplateStore;
}

export type RosterApplied =
  /** It is on the disk. `complete` is false while parts of a snapshot are missing: then the old version holds. */
  | { readonly kind: "applied"; readonly version: number; readonly complete: boolean }
  /** Everything in it is here already. */
  | { readonly kind: "stale" }
  /** Something between `have` and this delta is missing; nothing was changed. */
  | { readonly kind: "gap"; readonly have: number };

/** `Roster` with the downlink's side. */
export interface RosterStore extends Roster {
  /**
   * Applies a message of `down/roster` wholly or not at all; the same one again changes nothing.
   * @throws CanteenError `roster-conflict` (a number or card that someone else has), or of the disk.
   */
  apply(message: RosterMessage): RosterApplied;
  /** Of everybody in these groups, in no particular order. */
  personIdsOfGroups(groupNames: readonly string[]): string[];
}

export function openRosterStore(options: RosterStoreOptions): RosterStore {
  return new RosterOnSqlite(options);
}

interface PersonRow {
  readonly person_id: string;
  readonly number: string;
  readonly display_name: string;
  readonly group_name: string;
  readonly kind: PersonKind;
  readonly active: number;
  readonly allergens: string;
  readonly limits: string;
}

const PERSON_COLUMNS = "person_id, number, display_name, group_name, kind, active, allergens, limits";

class RosterOnSqlite implements RosterStore {
  readonly #db: Database;
  readonly #journal: Journal;
  readonly #templates: SqliteTemplateStore;
  readonly #change: RosterChange;

  constructor({ db, journal, templates }: RosterStoreOptions) {
    this.#db = db;
    this.#journal = journal;
    this.#templates = templates;
    this.#change = new RosterChange(db, templates);
  }

  apply(message: RosterMessage): RosterApplied {
    const { applied, touched } = this.#inTransaction(message);
    this.#templates.announce(touched);
    return applied;
  }

  person(personId: string): Person | undefined {
    return this.#one("person_id = ?", personId);
  }

  personByNumber(number: string): Person | undefined {
    return this.#one("number = ?", number);
  }

  personByCard(cardToken: string): Person | undefined {
    return this.#one("person_id = (SELECT person_id FROM card WHERE card_token = ?)", cardToken);
  }

  personIdsOfGroups(groupNames: readonly string[]): string[] {
    return withDatabaseFaults(() =>
      this.#db
        .prepare<[string], { readonly person_id: string }>(
          "SELECT person_id FROM person WHERE group_name IN (SELECT value FROM json_each(?))",
        )
        .all(JSON.stringify(groupNames))
        .map(({ person_id }) => person_id),
    );
  }

  find(text: string, countMax: number): Person[] {
    const pattern = `%${text.replace(/[\\%_]/g, "\\$&")}%`;
    return withDatabaseFaults(() =>
      prepared<[string, string, string, number], PersonRow>(
        this.#db,
        `SELECT ${PERSON_COLUMNS} FROM person
         WHERE number LIKE ? ESCAPE '\\' OR display_name LIKE ? ESCAPE '\\' OR group_name LIKE ? ESCAPE '\\'
         ORDER BY number LIMIT ?`,
      )
        .all(pattern, pattern, pattern, countMax)
        .map(personOfRow),
    );
  }

  account(personId: string): AccountBase | undefined {
    return withDatabaseFaults(() => {
      const row = prepared<[string], { balance_fen: number; through_seq: number }>(
        this.#db,
        "SELECT balance_fen, through_seq FROM account WHERE person_id = ?",
      ).get(personId);
      return row === undefined
        ? undefined
        : { balanceFen: fen(row.balance_fen), throughSeq: row.through_seq };
    });
  }

  consents(personId: string): readonly Consent[] {
    return withDatabaseFaults(() => consentsOf(this.#db, personId));
  }

  hasConsent(personId: string, scope: ConsentScope): boolean {
    return withDatabaseFaults(() => hasConsent(this.#db, personId, scope));
  }

  version(): number {
    return withDatabaseFaults(() => this.#change.version());
  }

  counts(): { readonly people: number; readonly withTemplate: number } {
    return withDatabaseFaults(
      () =>
        prepared<[], { people: number; withTemplate: number }>(
          this.#db,
          `SELECT (SELECT count(*) FROM person) AS people,
                  (SELECT count(DISTINCT person_id) FROM template) AS withTemplate`,
        ).get() ?? { people: 0, withTemplate: 0 },
    );
  }

  #inTransaction(message: RosterMessage): { applied: RosterApplied; touched: ReadonlySet<string> } {
    try {
      return this.#journal.transact(() => this.#change.apply(message));
    } catch (error) {
      throw systemCode(error)?.startsWith("SQLITE_CONSTRAINT") ? rosterConflict(error) : error;
    }
  }

  #one(where: string, value: string): Person | undefined {
    return withDatabaseFaults(() => {
      const row = prepared<[string], PersonRow>(
        this.#db,
        `SELECT ${PERSON_COLUMNS} FROM person WHERE ${where}`,
      ).get(value);
      return row === undefined ? undefined : personOfRow(row);
    });
  }
}

/** The JSON columns were written from a message that its schema had checked. */
function personOfRow(row: PersonRow): Person {
  return {
    personId: row.person_id,
    number: row.number,
    displayName: row.display_name,
    groupName: row.group_name,
    kind: row.kind,
    active: row.active === 1,
    allergens: JSON.parse(row.allergens) as string[],
    limits: JSON.parse(row.limits) as PersonLimits,
  };
}

/** The cause names columns, never values: SQLite's messages hold none. */
function rosterConflict(cause: unknown): CanteenError {
  return new CanteenError("the roster gives a number or a card to two people", {
    code: "roster-conflict",
    retry: "after-operator",
    hint: {
      zh: "云端名册有冲突：同一学号/工号或卡号属于两个人。请在云端更正。",
      en: "The cloud's roster gives one number or card to two people. Correct it there.",
    },
    cause,
  });
}
