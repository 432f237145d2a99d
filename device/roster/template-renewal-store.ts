import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { hasConsent } from "./consents.ts";
import { personEnrolledSchema, templatesRetiredSchema } from "./entries.ts";
import type { TemplateDraft } from "./roster-port.ts";
import type { SqliteTemplateStore } from "./template-store.ts";

/** What a person has on the disk while model packs change, and the two steps from the old pack to the new one. */

export interface TemplateRenewalStoreOptions {
  readonly db: Database;
  readonly journal: Journal;
  readonly store: SqliteTemplateStore;
  readonly clock: Pick<Clock, "now">;
  readonly ids: IdSource;
  /** The pack that everybody is to have. */
  readonly primaryModel: string;
  /** The packs before it. */
  readonly sideModels: readonly string[];
  /** Templates of the primary pack that make the others unneeded. */
  readonly templateCountWanted: number;
  /** Whom a pack cannot tell from somebody; null while that is not known. */
  readonly lookAlikesOf: (personId: string, modelId: string) => readonly string[] | null;
  /** The school's date: at most one template a person and day. */
  readonly dateOf: (atMs: number) => string;
}

/** Why a visit left no template; the first that applies, in this order. */
export type RenewalRefusal =
  | "person-unknown"
  | "consent-missing"
  | "not-needed"
  | "already-today"
  | "embedding-unfit";

export type Renewal =
  | { readonly kind: "renewed"; readonly templateCount: number; readonly retiredCount: number }
  | { readonly kind: "refused"; readonly reason: RenewalRefusal };

export interface TemplateRenewalStore {
  /** Whether a visit of this person today could leave a template. */
  wants(personId: string): boolean;
  /** Adds one template of the primary pack to what the person has, and retires the other packs' once there are enough. */
  addFromVisit(visit: {
    readonly entryId: string;
    readonly chargeId: string;
    readonly personId: string;
    readonly template: TemplateDraft;
  }): Renewal;
  /**
   * Retires what an enrolment or another terminal's share has made unneeded, of this person and of whoever looks like
   * them. @returns how many templates.
   */
  retire(personId: string): number;
  /** The same for everybody, a person a transaction: after a start with another pack. */
  retireAll(): number;
}

export function openTemplateRenewalStore(options: TemplateRenewalStoreOptions): TemplateRenewalStore {
  return new RenewalOnSqlite(options);
}

interface Row {
  readonly template_id: string;
  readonly model_id: string;
  readonly quality: number;
  readonly origin: "local" | "shared";
  readonly enrolled_at_ms: number;
}

class RenewalOnSqlite implements TemplateRenewalStore {
  readonly #options: TemplateRenewalStoreOptions;

  constructor(options: TemplateRenewalStoreOptions) {
    this.#options = options;
  }

  wants(personId: string): boolean {
    return withDatabaseFaults(() => this.#refusal(personId)) === null;
  }

  addFromVisit({
    entryId,
    chargeId,
    personId,
    template,
  }: Parameters<TemplateRenewalStore["addFromVisit"]>[0]) {
    const { journal, store, clock, ids, primaryModel } = this.#options;
    const renewal = journal.transact((): Renewal => {
      const reason = this.#refusal(personId) ?? this.#unfit(template);
      if (reason !== null) return { kind: "refused", reason };
      const kept = this.#keptOf(personId);
      const added = { templateId: ids.next(), embedding: template.embedding, quality: template.quality };
      const templates = [...kept, added];
      // One enrolment with all of them, so that another terminal gets them as they are here.
      store.vault.put({
        enrolmentId: entryId,
        enrolledAtMs: clock.now(),
        origin: "local",
        personId,
        modelId: primaryModel,
        templates,
      });
      store.queueShares(personId);
      const templateIds = templates.map(({ templateId }) => templateId);
      const body = {
        personId,
        modelId: primaryModel,
        templateIds,
        operatorId: null,
        visitChargeId: chargeId,
      };
      journal.append({ id: entryId, kind: "person.enrolled", body: personEnrolledSchema.parse(body) });
      return { kind: "renewed", templateCount: templates.length, retiredCount: this.#retire(personId) };
    });
    if (renewal.kind === "renewed") store.announce([personId]);
    return renewal;
  }

  retire(personId: string): number {
    const { journal, store, sideModels, lookAlikesOf } = this.#options;
    // Read first: who is retired is nobody's look-alike any more.
    const others = sideModels.flatMap((modelId) => lookAlikesOf(personId, modelId) ?? []);
    let retiredCount = 0;
    for (const one of new Set([personId, ...others])) {
      const count = journal.transact(() => this.#retire(one));
      if (count > 0) store.announce([one]);
      retiredCount += count;
    }
    return retiredCount;
  }

  retireAll(): number {
    const { db, primaryModel, sideModels, templateCountWanted } = this.#options;
    const people = withDatabaseFaults(() =>
      prepared<[string, string, number], { person_id: string }>(
        db,
        `SELECT person_id FROM template WHERE model_id = ?
           AND person_id IN (SELECT person_id FROM template WHERE model_id IN (SELECT value FROM json_each(?)))
         GROUP BY person_id HAVING count(*) >= ? ORDER BY person_id`,
      ).all(primaryModel, JSON.stringify(sideModels), templateCountWanted),
    );
    return people.reduce((count, { person_id: personId }) => count + this.retire(personId), 0);
  }

  #refusal(personId: string): RenewalRefusal | null {
    const { db, primaryModel, sideModels, templateCountWanted, clock, dateOf } = this.#options;
    if (prepared<[string]>(db, "SELECT 1 FROM person WHERE person_id = ?").get(personId) === undefined)
      return "person-unknown";
    if (!hasConsent(db, personId, "face")) return "consent-missing";
    const rows = this.#rowsOf(personId);
    const primary = rows.filter((row) => row.model_id === primaryModel);
    const hasOthers = rows.some((row) => sideModels.includes(row.model_id));
    if (!hasOthers || primary.length >= templateCountWanted) return "not-needed";
    const today = dateOf(clock.now());
    return primary.some((row) => dateOf(row.enrolled_at_ms) === today) ? "already-today" : null;
  }

  #unfit({ modelId, embedding }: TemplateDraft): RenewalRefusal | null {
    const { primaryModel, store } = this.#options;
    return modelId !== primaryModel || store.vault.fits(modelId, embedding) !== null
      ? "embedding-unfit"
      : null;
  }

  /**
   * What the person has of the primary pack; a template that no longer opens is left behind. What another terminal sent
   * stays the other's: it goes when sharing is withdrawn.
   */
  #keptOf(personId: string) {
    const { store, primaryModel } = this.#options;
    const rows = new Map(this.#rowsOf(personId).map((row) => [row.template_id, row]));
    return store.vault
      .ofPerson(personId)
      .templates.filter(({ modelId }) => modelId === primaryModel)
      .map(({ templateId, embedding }) => ({
        templateId,
        embedding,
        quality: rows.get(templateId)?.quality ?? 0,
        origin: rows.get(templateId)?.origin ?? "shared",
      }));
  }

  /** Inside a transaction. Counts only templates that open: nobody loses the old ones for the sake of damaged ones. */
  #retire(personId: string): number {
    const { journal, store, ids, primaryModel, sideModels, templateCountWanted } = this.#options;
    if (this.#keptOf(personId).length < templateCountWanted) return 0;
    let retiredCount = 0;
    for (const modelId of sideModels) {
      if (this.#isNeededForOthers(personId, modelId)) continue;
      const templateCount = store.destroyModel(personId, modelId);
      if (templateCount === 0) continue;
      retiredCount += templateCount;
      const body = templatesRetiredSchema.parse({
        personId,
        modelId,
        templateCount,
        replacedBy: primaryModel,
      });
      journal.append({ id: ids.next(), kind: "person.templates-retired", body });
    }
    return retiredCount;
  }

  /**
   * Who looks like them by an older pack, and has templates of that one only, would be compared with nobody any more: the
   * new pack would name this person alone. Until then both are there, and are asked which of them it is.
   */
  #isNeededForOthers(personId: string, modelId: string): boolean {
    const { lookAlikesOf, primaryModel } = this.#options;
    const others = lookAlikesOf(personId, modelId);
    if (others === null) return true;
    return others.some((other) => {
      const models = this.#rowsOf(other).map((row) => row.model_id);
      return models.includes(modelId) && !models.includes(primaryModel);
    });
  }

  #rowsOf(personId: string): readonly Row[] {
    return prepared<[string], Row>(
      this.#options.db,
      "SELECT template_id, model_id, quality, origin, enrolled_at_ms FROM template WHERE person_id = ?",
    ).all(personId);
  }
}
