import type { Database, Statement } from "better-sqlite3";
import { z } from "zod";
import { immediately } from "../../device/journal/prepared.ts";
import { CanteenError } from "../../device/platform/errors.ts";
import { isLive, joinConsents } from "../../device/roster/consents.ts";
import {
  consentSchema,
  type RosterMessage,
  type RosterPerson,
  rosterPersonSchema,
} from "../../device/roster/roster-delta.ts";
import type { Consent } from "../../device/roster/roster-port.ts";
import type { JournalBatchMessage } from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";
import type { RosterFeed } from "./cloud-mqtt.ts";
import { cutIntoParts } from "./message-parts.ts";
import { RosterVersions } from "./roster-versions.ts";

type Entry = JournalBatchMessage["entries"][number];
/** A person as the cloud keeps them; the account is added for each terminal. */
export type PersonRecord = Omit<RosterPerson, "account">;

const personRecordSchema = rosterPersonSchema.omit({ account: true });
const PEOPLE_PER_PART = 500;

/** Only what moves money or consent is read from an entry; everything else in it is the page's business. */
const chargeBody = z.looseObject({ personId: z.string(), amountFen: z.int().min(0) });
/** As the record has it: what is no date in an entry would make the person unreadable. */
const consentMs = consentSchema.shape.grantedAtMs;
const scopeList = z.array(z.enum(["face", "share-template"]));
const grantBody = z.looseObject({
  personId: z.string(),
  scopes: scopeList,
  grantedBy: z.enum(["self", "guardian"]),
  grantedAtMs: consentMs,
});
const withdrawalBody = z.looseObject({ personId: z.string(), scopes: scopeList, withdrawnAtMs: consentMs });

/**
 * People, accounts and consent, and the versions under which they go down to the terminals.
 *
 * A balance is opening + top-ups − charges + voids over all terminals. What a terminal is sent is the balance with
 * its own journal up to `throughSeq` in it; both are read in one transaction, so that a charge is neither missing
 * nor counted twice there.
 */
export class PeopleLedger implements RosterFeed {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #statements: Statements;
  readonly #versions: RosterVersions;
  readonly #onChanged: () => void;
  readonly #onConsentWithdrawn: (personId: string) => void;

  constructor(options: {
    readonly db: Database;
    readonly now: () => number;
    /** Some terminals lack something now. */
    readonly onChanged: () => void;
    readonly onConsentWithdrawn: (personId: string) => void;
  }) {
    this.#db = options.db;
    this.#now = options.now;
    this.#onChanged = options.onChanged;
    this.#onConsentWithdrawn = options.onConsentWithdrawn;
    this.#statements = prepare(options.db);
    this.#versions = new RosterVersions(options.db, options.now);
  }

  version(): number {
    return this.#versions.settled();
  }

  fits(version: number): boolean {
    return version === this.version() || this.#versions.isOwn(version);
  }

  count(): number {
    return this.#statements.count.get()?.n ?? 0;
  }

  all(): (PersonRecord & { readonly balanceFen: number })[] {
    return this.#statements.all.all().map((row) => ({ ...recordOf(row), balanceFen: row.balance_fen }));
  }

  /**
   * Adds someone, or replaces what is known of them; consents join, so that an older record revives none.
   * @param openingFen counts only for a new person.
   * @throws CanteenError `roster-conflict`: a number or card is somebody else's, or a card stands twice.
   */
  put(person: PersonRecord, openingFen = 0): void {
    const record = personRecordSchema.parse(person);
    this.#change(() => {
      this.#claim(record);
      const known = this.#statements.get.get(record.personId);
      const consents = known === undefined ? this.#takeEarly(record.personId) : recordOf(known).consents;
      this.#write({ ...record, consents: joinedConsents(consents, record.consents) });
      if (known === undefined)
        this.#post(`opening-${record.personId}`, record.personId, openingFen, "opening");
    });
  }

  /** @returns false where nobody has this id. */
  topUp(id: string, personId: string, amountFen: number): boolean {
    if (this.#statements.get.get(personId) === undefined) return false;
    this.#change(() => this.#post(id, personId, amountFen, "top-up"));
    return true;
  }

  /** Withdraws the face consent as the guardian would on a phone. @returns false where there is none to withdraw. */
  withdrawFace(personId: string): boolean {
    const row = this.#statements.get.get(personId);
    if (row === undefined) return false;
    const live = recordOf(row).consents.filter(isLive);
    if (live.length === 0) return false;
    // Not before any grant, so that it counts even where a terminal's clock ran ahead.
    const atMs = Math.max(this.#now(), ...live.map(({ grantedAtMs }) => grantedAtMs));
    const scopes = live.map(({ scope }) => scope);
    this.#change(() => this.#withdraw(personId, scopes, atMs));
    return true;
  }

  /** Whether this person's templates may lie here, sealed, and go to other terminals. */
  mayShare(personId: string): boolean {
    const row = this.#statements.get.get(personId);
    const consents = row === undefined ? [] : recordOf(row).consents;
    const live = consents.filter(isLive).map(({ scope }) => scope);
    return live.includes("face") && live.includes("share-template");
  }

  /** Books what a terminal's entry means; called once per entry, inside the intake's transaction. */
  post(_address: TerminalAddress, entry: Entry): void {
    switch (entry.kind) {
      case "charge.made":
      case "charge.voided": {
        const body = chargeBody.safeParse(entry.body);
        if (!body.success) return;
        const { personId, amountFen } = body.data;
        const made = entry.kind === "charge.made";
        this.#change(() =>
          this.#post(entry.id, personId, made ? -amountFen : amountFen, made ? "charge" : "void"),
        );
        return;
      }
      case "consent.recorded": {
        const body = grantBody.safeParse(entry.body);
        if (body.success) this.#change(() => this.#grant(body.data));
        return;
      }
      case "person.withdrawn": {
        const body = withdrawalBody.safeParse(entry.body);
        if (!body.success) return;
        const { personId, scopes: withdrawn, withdrawnAtMs } = body.data;
        this.#change(() => this.#withdraw(personId, withdrawn, withdrawnAtMs));
        return;
      }
    }
  }

  messagesSince({ site, device }: TerminalAddress, have: number): RosterMessage[] {
    return immediately(this.#db, (): RosterMessage[] => {
      const newest = this.#versions.settled();
      if (have === newest) return [];
      const throughSeq = this.#statements.acked.get(site, device)?.acked_seq ?? 0;
      const changedSince = (version: number): RosterPerson[] =>
        this.#statements.changedSince
          .all(version)
          .map((row) => ({ ...recordOf(row), account: { balanceFen: row.balance_fen, throughSeq } }));
      const changed = this.#versions.isOwn(have) ? changedSince(have) : null;
      if (changed !== null && cutIntoParts(changed, PEOPLE_PER_PART).length <= 1)
        return [{ v: 1, kind: "delta", from: have, to: newest, people: changed, removed: [] }];
      const everyone = changedSince(0);
      // Nobody is ever removed here: this cloud was started on an empty folder, and a school would lose its faces by it.
      if (everyone.length === 0) return [];
      return snapshot(this.#versions.forSnapshot(have), everyone);
    });
  }

  /** Inside the intake's transaction it joins it: a savepoint for each of a backlog's charges costs as much as they do. */
  #change(work: () => void): void {
    if (this.#db.inTransaction) work();
    else immediately(this.#db, work);
    this.#onChanged();
  }

  #post(id: string, personId: string, amountFen: number, reason: string): void {
    const { changes } = this.#statements.addPosting.run(id, personId, amountFen, reason, this.#now());
    if (changes === 1) this.#statements.addToBalance.run(amountFen, this.#versions.next(), personId);
  }

  #write(record: PersonRecord): void {
    const { personId } = record;
    this.#statements.put.run(personId, JSON.stringify(record), personId, this.#versions.next());
  }

  /** Every terminal refuses a whole message with somebody else's number or card in it, the withdrawals included. */
  #claim({ personId, number, cards }: PersonRecord): void {
    const { numberTaken, cardHolder, dropCards, addCard } = this.#statements;
    const isAnothers = (card: string) => (cardHolder.get(card) ?? personId) !== personId;
    if (numberTaken.get(number, personId) !== undefined || cards.some(isAnothers)) throw rosterConflict();
    if (new Set(cards).size < cards.length) throw rosterConflict();
    dropCards.run(personId);
    for (const card of cards) addCard.run(card, personId);
  }

  #grant({ personId, scopes: granted, grantedBy, grantedAtMs }: z.infer<typeof grantBody>): void {
    this.#join(
      personId,
      granted.map((scope) => ({ scope, grantedBy, grantedAtMs, withdrawnAtMs: null })),
    );
  }

  /** Also where no grant is known: an older one may still be on its way in another terminal's journal. */
  #withdraw(personId: string, withdrawn: readonly Consent["scope"][], atMs: number): void {
    this.#join(
      personId,
      withdrawn.map((scope) => ({ scope, grantedBy: "self", grantedAtMs: 0, withdrawnAtMs: atMs })),
    );
    this.#onConsentWithdrawn(personId);
  }

  /** By the terminals' own rule, so that both sides come to the same result in any order. */
  #join(personId: string, fresh: readonly Consent[]): void {
    const row = this.#statements.get.get(personId);
    if (row === undefined) {
      const consents = joinedConsents(this.#early(personId), fresh);
      this.#statements.putEarly.run(personId, JSON.stringify(consents));
      return;
    }
    const record = recordOf(row);
    this.#write({ ...record, consents: joinedConsents(record.consents, fresh) });
  }

  /** What came before its person did: a cloud that was put back does not know everybody. */
  #early(personId: string): readonly Consent[] {
    const consents = this.#statements.early.get(personId);
    return consents === undefined ? [] : z.array(consentSchema).parse(JSON.parse(consents));
  }

  #takeEarly(personId: string): readonly Consent[] {
    const consents = this.#early(personId);
    this.#statements.dropEarly.run(personId);
    return consents;
  }
}

/** Names no value: they are people's data. */
function rosterConflict(): CanteenError {
  return new CanteenError("a person's number or card is taken", {
    code: "roster-conflict",
    retry: "after-operator",
    hint: {
      zh: "该学号/工号或卡号已属于他人，或同一张卡写了两次，未保存。请先更正。",
      en: "The number or a card is somebody else's, or one card stands twice; nothing was saved. Correct it first.",
    },
  });
}

/** Of each scope one. */
function joinedConsents(known: readonly Consent[], fresh: readonly Consent[]): Consent[] {
  const consents = new Map(known.map((consent) => [consent.scope, consent]));
  for (const consent of fresh) {
    const before = consents.get(consent.scope);
    consents.set(consent.scope, before === undefined ? consent : joinConsents(before, consent));
  }
  return [...consents.values()];
}

function snapshot(to: number, people: readonly RosterPerson[]): RosterMessage[] {
  const parts = cutIntoParts(people, PEOPLE_PER_PART);
  return parts.map((some, index) => ({
    v: 1,
    kind: "snapshot",
    to,
    part: index + 1,
    parts: parts.length,
    people: some,
  }));
}

interface PersonRow {
  readonly content: string;
  readonly balance_fen: number;
}

/** Only what was checked against the schema is written here. */
function recordOf(row: PersonRow): PersonRecord {
  return JSON.parse(row.content) as PersonRecord;
}

interface Statements {
  readonly count: Statement<[], { n: number }>;
  readonly get: Statement<[string], PersonRow>;
  readonly all: Statement<[], PersonRow>;
  readonly changedSince: Statement<[number], PersonRow>;
  readonly put: Statement<[string, string, string, number]>;
  readonly numberTaken: Statement<[string, string], number>;
  readonly cardHolder: Statement<[string], string>;
  readonly dropCards: Statement<[string]>;
  readonly addCard: Statement<[string, string]>;
  readonly early: Statement<[string], string>;
  readonly putEarly: Statement<[string, string]>;
  readonly dropEarly: Statement<[string]>;
  readonly addPosting: Statement<[string, string, number, string, number]>;
  readonly addToBalance: Statement<[number, number, string]>;
  readonly acked: Statement<[string, string], { acked_seq: number }>;
}

function prepare(db: Database): Statements {
  return {
    count: db.prepare("SELECT count(*) AS n FROM person"),
    get: db.prepare("SELECT content, balance_fen FROM person WHERE person_id = ?"),
    all: db.prepare("SELECT content, balance_fen FROM person ORDER BY json_extract(content, '$.number')"),
    // `+`: or SQLite reads the whole school in this order, to find the few that changed.
    changedSince: db.prepare(
      "SELECT content, balance_fen FROM person WHERE changed_in > ? ORDER BY +person_id",
    ),
    // A charge may have come before its person: a cloud that was put back does not know everybody.
    put: db.prepare(
      `INSERT INTO person (person_id, content, balance_fen, changed_in)
       VALUES (?, ?, (SELECT coalesce(sum(amount_fen), 0) FROM posting WHERE person_id = ?), ?)
       ON CONFLICT (person_id) DO UPDATE SET content = excluded.content, changed_in = excluded.changed_in`,
    ),
    numberTaken: db
      .prepare<[string, string], number>(
        "SELECT 1 FROM person WHERE content ->> '$.number' = ? AND person_id <> ? LIMIT 1",
      )
      .pluck(),
    cardHolder: db.prepare<[string], string>("SELECT person_id FROM card WHERE token = ?").pluck(),
    dropCards: db.prepare("DELETE FROM card WHERE person_id = ?"),
    addCard: db.prepare("INSERT INTO card (token, person_id) VALUES (?, ?)"),
    early: db.prepare<[string], string>("SELECT consents FROM early_consent WHERE person_id = ?").pluck(),
    putEarly: db.prepare("INSERT OR REPLACE INTO early_consent (person_id, consents) VALUES (?, ?)"),
    dropEarly: db.prepare("DELETE FROM early_consent WHERE person_id = ?"),
    addPosting: db.prepare(
      "INSERT OR IGNORE INTO posting (id, person_id, amount_fen, reason, at_ms) VALUES (?, ?, ?, ?, ?)",
    ),
    addToBalance: db.prepare(
      "UPDATE person SET balance_fen = balance_fen + ?, changed_in = ? WHERE person_id = ?",
    ),
    acked: db.prepare("SELECT acked_seq FROM device WHERE site = ? AND device = ?"),
  };
}
