import type { Database } from "better-sqlite3";
import { databaseFault, withDatabaseFaults } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { assert, present } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { consentsOf, hasConsent, isLive, nextGrantMs, nextWithdrawalMs, putConsents } from "./consents.ts";
import { consentRecordedSchema, personEnrolledSchema, personWithdrawnSchema } from "./entries.ts";
import type { ConsentScope, StoredTemplate, TemplateDraft, TemplateStore } from "./roster-port.ts";
import { TemplateVault, type VaultOptions } from "./template-vault.ts";

export interface TemplateStoreOptions extends VaultOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Whether enrolments wait to be given to the site's other terminals, where the consent covers it. */
  readonly sharing: boolean;
}

/** `TemplateStore` with what the downlink and the exchange between terminals need besides. */
export interface SqliteTemplateStore extends TemplateStore {
  readonly vault: TemplateVault;
  /** Makes keys and templates follow the person's consents. Inside the caller's transaction. */
  settleConsents(personId: string, reason: string): void;
  /** Destroys what belongs to someone who is being removed. Inside the caller's transaction. */
  eraseRemoved(personId: string): void;
  /** Makes what was enrolled here wait to be shared, where the consent covers it. Inside the caller's transaction. */
  queueShares(personId: string): void;
  /** Destroys what the person has of one model. Inside the caller's transaction. @returns how many templates. */
  destroyModel(personId: string, modelId: string): number;
  /** Call after the commit of what changed these people's templates. */
  announce(personIds: Iterable<string>): void;
  /** Called after the commit when a share waits that did not before; must not throw. */
  onSharePending(listener: () => void): () => void;
  close(): void;
}

export function openTemplateStore(options: TemplateStoreOptions): SqliteTemplateStore {
  return new TemplateStoreOnSqlite(options);
}

type ChangeListener = Parameters<TemplateStore["onChanged"]>[0];
type ConsentRequest = Parameters<TemplateStore["recordConsent"]>[0];
type EnrolRequest = Parameters<TemplateStore["enrol"]>[0];
type WithdrawRequest = Parameters<TemplateStore["withdraw"]>[0];

const REASON_LENGTH_MAX = 200;
/** Few, so that not many opened templates are garbage at the same time; models/face-engine.ts has the measurement. */
const PEOPLE_PER_PART = 32;
const QUEUE_SHARES = `INSERT OR IGNORE INTO template_share (share_id, person_id, model_id)
  SELECT DISTINCT enrolment_id, person_id, model_id FROM template
  WHERE origin = 'local' AND 2 = (
    SELECT count(*) FROM consent WHERE consent.person_id = template.person_id AND withdrawn_at_ms IS NULL
  )`;
/** How long to wait when someone still reads the log that holds a destroyed key. */
const SCRUB_RETRY_MS = 1000;

class TemplateStoreOnSqlite implements SqliteTemplateStore {
  readonly vault: TemplateVault;
  readonly #options: TemplateStoreOptions;
  readonly #db: Database;
  readonly #changeListeners = new Set<ChangeListener>();
  readonly #shareListeners = new Set<() => void>();
  #destroyed = false;
  #scrubTimer: Timer | null = null;

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
    this.#db = options.db;
    this.vault = new TemplateVault(options);
    // Sharing may have been switched on since these were enrolled.
    if (options.sharing) options.journal.transact(() => this.#queueAllShares());
  }

  enrol(request: EnrolRequest): StoredTemplate[] {
    const { journal, ids, clock } = this.#options;
    const { entryId, personId, templates, operatorId, consent } = request;
    const modelId = this.#modelOf(templates);
    journal.transact(() => {
      // The same enrolment again: its templates are there, or were replaced or withdrawn since. Nothing to do.
      if (journal.entryById(entryId) !== undefined) return;
      if (consent !== undefined) this.#putGrant({ ...consent, personId, operatorId });
      if (!hasConsent(this.#db, personId, "face")) throw consentMissing();
      const sealed = templates.map((draft) => ({ ...draft, templateId: ids.next() }));
      this.vault.put({
        enrolmentId: entryId,
        enrolledAtMs: clock.now(),
        origin: "local",
        personId,
        modelId,
        templates: sealed,
      });
      this.queueShares(personId);
      const templateIds = sealed.map(({ templateId }) => templateId);
      const body = personEnrolledSchema.parse({ personId, modelId, templateIds, operatorId });
      journal.append({ id: entryId, kind: "person.enrolled", body });
    });
    this.announce([personId]);
    return this.vault.ofPerson(personId).templates.filter((template) => template.modelId === modelId);
  }

  recordConsent(request: ConsentRequest): void {
    const { journal } = this.#options;
    journal.transact(() => {
      this.#putGrant(request);
      this.queueShares(request.personId);
    });
    this.#tellShareListeners();
  }

  withdraw({ entryId, personId, operatorId, reason }: WithdrawRequest): void {
    const { journal, clock } = this.#options;
    journal.transact(() => {
      if (journal.entryById(entryId) !== undefined) return;
      const live = consentsOf(this.#db, personId).filter(isLive);
      const withdrawnAtMs = nextWithdrawalMs(live, clock.now());
      const withdrawn = live.map((consent) => ({ ...consent, withdrawnAtMs }));
      putConsents(this.#db, personId, withdrawn);
      const templateCount = this.#destroyKey(personId);
      const scopes = live.length === 0 ? ["face" as const] : live.map(({ scope }) => scope);
      this.#appendWithdrawn(entryId, { personId, scopes, templateCount, operatorId, reason, withdrawnAtMs });
    });
    this.announce([personId]);
  }

  settleConsents(personId: string, reason: string): void {
    const { ids } = this.#options;
    const consents = consentsOf(this.#db, personId);
    const live = new Set(consents.filter(isLive).map(({ scope }) => scope));
    const withdrawnAtMs = (scope: ConsentScope): number =>
      consents.find((consent) => consent.scope === scope)?.withdrawnAtMs ?? this.#options.clock.now();
    if (!live.has("face")) {
      if (!this.vault.hasKey(personId)) return;
      const templateCount = this.#destroyKey(personId);
      const gone = consents.filter((consent) => !isLive(consent)).map(({ scope }) => scope);
      const scopes = gone.length === 0 ? ["face" as const] : gone;
      const common = { personId, templateCount, operatorId: null, reason };
      this.#appendWithdrawn(ids.next(), { ...common, scopes, withdrawnAtMs: withdrawnAtMs("face") });
    } else if (!live.has("share-template")) {
      const templateCount = this.vault.removeShared(personId);
      if (templateCount === 0) return;
      this.#destroyed = true;
      const common = { personId, templateCount, operatorId: null, reason };
      const at = withdrawnAtMs("share-template");
      this.#appendWithdrawn(ids.next(), { ...common, scopes: ["share-template"], withdrawnAtMs: at });
    } else {
      this.queueShares(personId);
    }
  }

  eraseRemoved(personId: string): void {
    if (!this.vault.hasKey(personId)) return;
    const { clock, ids } = this.#options;
    const live = consentsOf(this.#db, personId).filter(isLive);
    const templateCount = this.#destroyKey(personId);
    this.#appendWithdrawn(ids.next(), {
      personId,
      scopes: live.length === 0 ? ["face"] : live.map(({ scope }) => scope),
      templateCount,
      operatorId: null,
      reason: "removed-by-cloud",
      withdrawnAtMs: nextWithdrawalMs(live, clock.now()),
    });
  }

  destroyModel(personId: string, modelId: string): number {
    const templateCount = this.vault.removeModel(personId, modelId);
    if (templateCount > 0) this.#destroyed = true;
    return templateCount;
  }

  loadAll(modelId: string): ReturnType<TemplateStore["loadAll"]> {
    return withDatabaseFaults(() => this.vault.ofModel(modelId));
  }

  loadInParts(modelId: string): ReturnType<TemplateStore["loadInParts"]> {
    const { vault } = this;
    const parts = function* (): Generator<ReturnType<TemplateStore["loadAll"]>, void> {
      for (let after: string | null = ""; after !== null; ) {
        const from: string = after;
        const part = withDatabaseFaults(() => vault.ofModelAfter(modelId, from, PEOPLE_PER_PART));
        yield part.loaded;
        after = part.lastPersonId;
      }
    };
    return { peopleCount: withDatabaseFaults(() => vault.peopleCount(modelId)), parts: parts() };
  }

  onChanged(listener: ChangeListener): () => void {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  onSharePending(listener: () => void): () => void {
    this.#shareListeners.add(listener);
    return () => void this.#shareListeners.delete(listener);
  }

  announce(personIds: Iterable<string>): void {
    assert(!this.#db.inTransaction, "changes are announced after the commit");
    for (const personId of new Set(personIds)) {
      const { templates } = withDatabaseFaults(() => this.vault.ofPerson(personId));
      for (const listener of this.#changeListeners) listener({ personId, templates });
    }
    if (this.#destroyed) this.#scrubLog();
    this.#tellShareListeners();
  }

  close(): void {
    this.#scrubTimer?.cancel();
    this.#scrubTimer = null;
  }

  #modelOf(drafts: readonly TemplateDraft[]): string {
    const { modelId } = present(drafts[0], "a template to enrol");
    for (const draft of drafts) {
      assert(draft.modelId === modelId, "one enrolment is of one model");
      const damage = this.vault.fits(modelId, draft.embedding);
      assert(damage === null, `an embedding to enrol is ${damage}`);
    }
    return modelId;
  }

  #putGrant({ personId, scopes, grantedBy, operatorId }: ConsentRequest): void {
    const { journal, clock, ids } = this.#options;
    if (!this.#isPerson(personId)) throw personUnknown(personId);
    const grantedAtMs = nextGrantMs(consentsOf(this.#db, personId), clock.now());
    const granted = scopes.map((scope) => ({ scope, grantedBy, grantedAtMs, withdrawnAtMs: null }));
    putConsents(this.#db, personId, granted);
    const body = consentRecordedSchema.parse({ personId, scopes, grantedBy, operatorId, grantedAtMs });
    journal.append({ id: ids.next(), kind: "consent.recorded", body });
  }

  /** What waits or was confirmed stays as it is. */
  queueShares(personId: string): void {
    if (this.#options.sharing) prepared(this.#db, `${QUEUE_SHARES} AND person_id = ?`).run(personId);
  }

  #queueAllShares(): void {
    prepared(this.#db, QUEUE_SHARES).run();
  }

  #destroyKey(personId: string): number {
    if (this.vault.hasKey(personId)) this.#destroyed = true;
    return this.vault.destroyKey(personId);
  }

  #appendWithdrawn(
    id: string,
    fields: {
      readonly personId: string;
      readonly scopes: readonly ConsentScope[];
      readonly templateCount: number;
      readonly operatorId: string | null;
      readonly reason: string;
      readonly withdrawnAtMs: number;
    },
  ): void {
    const reason = fields.reason.slice(0, REASON_LENGTH_MAX).toWellFormed();
    const body = personWithdrawnSchema.parse({ ...fields, reason });
    this.#options.journal.append({ id, kind: "person.withdrawn", body });
  }

  #isPerson(personId: string): boolean {
    return (
      prepared<[string]>(this.#db, "SELECT 1 FROM person WHERE person_id = ?").get(personId) !== undefined
    );
  }

  /**
   * Deleted rows are zeroed in the main file (`secure_delete`), but the write-ahead log still holds the pages as
   * they were. Emptying it removes them; while someone reads an older state it has to wait.
   */
  #scrubLog(): void {
    this.#scrubTimer?.cancel();
    this.#scrubTimer = null;
    if (this.#logIsEmptied()) this.#destroyed = false;
    else this.#scrubTimer = this.#options.clock.after(SCRUB_RETRY_MS, () => this.#scrubLog());
  }

  #logIsEmptied(): boolean {
    const waitMs = Number(this.#db.pragma("busy_timeout", { simple: true }));
    this.#db.pragma("busy_timeout = 0");
    try {
      const busy = this.#db.prepare<[], number>("PRAGMA wal_checkpoint(TRUNCATE)").pluck().get();
      return busy === 0;
    } catch (error) {
      // The withdrawal is committed; a disk that cannot be written now is reported by the next append.
      if (databaseFault(error) === undefined) throw error;
      return false;
    } finally {
      this.#db.pragma(`busy_timeout = ${waitMs}`);
    }
  }

  #tellShareListeners(): void {
    for (const listener of this.#shareListeners) listener();
  }
}

function consentMissing(): CanteenError {
  return new CanteenError("no consent to face templates is recorded", {
    code: "consent-missing",
    retry: "after-operator",
    hint: {
      zh: "该人员尚无刷脸同意记录。请先取得并登记本人（或监护人）的同意。",
      en: "No consent to face recognition is recorded. Obtain it, from the guardian where needed, and record it.",
    },
  });
}

function personUnknown(personId: string): CanteenError {
  return new CanteenError(`the roster has no person ${personId}`, {
    code: "person-unknown",
    retry: "after-operator",
    hint: {
      zh: "名册中没有该人员，请先在云端添加。",
      en: "The roster does not have this person; add them in the cloud first.",
    },
  });
}
