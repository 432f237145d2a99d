import type { Database, Statement } from "better-sqlite3";
import { z } from "zod";
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

  /** Adds someone, or replaces what is known of them. @param openingFen counts only for a new person. */
  put(person: PersonRecord, openingFen = 0): void {
    const record = personRecordSchema.parse(person);
    this.#change(() => {
      const isNew = this.#statements.get.get(record.personId) === undefined;
      this.#write(record);
      if (isNew) this.#post(`opening-${record.personId}`, record.personId, openingFen, "opening");
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
    return this.#db
      .transaction((): RosterMessage[] => {
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
        return snapshot(have > newest ? this.#versions.issueAbove(have) : newest, everyone);
      })
      .immediate();
  }

  /** Inside the intake's transaction it joins it: a savepoint for each of a backlog's charges costs as much as they do. */
  #change(work: () => void): void {
    if (this.#db.inTransaction) work();
    else this.#db.transaction(work)();
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
    if (row === undefined) return;
    const record = recordOf(row);
    const consents = new Map(record.consents.map((consent) => [consent.scope, consent]));
    for (const consent of fresh) {
      const known = consents.get(consent.scope);
      consents.set(consent.scope, known === undefined ? consent : joinConsents(known, consent));
    }
    this.#write({ ...record, consents: [...consents.values()] });
  }
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

function recordOf(row: PersonRow): PersonRecord {
  return personRecordSchema.parse(JSON.parse(row.content));
}

interface Statements {
  readonly count: Statement<[], { n: number }>;
  readonly get: Statement<[string], PersonRow>;
  readonly all: Statement<[], PersonRow>;
  readonly changedSince: Statement<[number], PersonRow>;
  readonly put: Statement<[string, string, string, number]>;
  readonly addPosting: Statement<[string, string, number, string, number]>;
  readonly addToBalance: Statement<[number, number, string]>;
  readonly acked: Statement<[string, string], { acked_seq: number }>;
}

function prepare(db: Database): Statements {
  return {
    count: db.prepare("SELECT count(*) AS n FROM person"),
    get: db.prepare("SELECT content, balance_fen FROM person WHERE person_id = ?"),
    all: db.prepare("SELECT content, balance_fen FROM person ORDER BY json_extract(content, '$.number')"),
    changedSince: db.prepare(
      "SELECT content, balance_fen FROM person WHERE changed_in > ? ORDER BY person_id",
    ),
    // A charge may have come before its person: a cloud that was put back does not know everybody.
    put: db.prepare(
      `INSERT INTO person (person_id, content, balance_fen, changed_in)
       VALUES (?, ?, (SELECT coalesce(sum(amount_fen), 0) FROM posting WHERE person_id = ?), ?)
       ON CONFLICT (person_id) DO UPDATE SET content = excluded.content, changed_in = excluded.changed_in`,
    ),
    addPosting: db.prepare(
      "INSERT OR IGNORE INTO posting (id, person_id, amount_fen, reason, at_ms) VALUES (?, ?, ?, ?, ?)",
    ),
    addToBalance: db.prepare(
      "UPDATE person SET balance_fen = balance_fen + ?, changed_in = ? WHERE person_id = ?",
    ),
    acked: db.prepare("SELECT acked_seq FROM device WHERE site = ? AND device = ?"),
  };
}
