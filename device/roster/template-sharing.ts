import type { Database } from "better-sqlite3";
import { z } from "zod";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { CanteenError } from "../platform/errors.ts";
import type { SiteSealing } from "../security/site-key.ts";
import { hasConsent } from "./consents.ts";
import type { SqliteTemplateStore } from "./template-store.ts";
import { bytesOfEmbedding, embeddingOfBytes } from "./template-vault.ts";

/** One enrolment on its way to the site's other terminals. `sealed` is base64; only the site's terminals open it. */
export interface TemplateShare {
  /** The id of the enrolment's journal entry. */
  readonly shareId: string;
  readonly personId: string;
  readonly modelId: string;
  readonly sealed: string;
}

export type ShareAccepted =
  | { readonly kind: "accepted" }
  | {
      readonly kind: "refused";
      /** The first that applies, in this order. */
      readonly code:
        | "person-unknown"
        | "consent-missing"
        | "share-does-not-open"
        | "share-not-valid"
        | "older-enrolment";
    };

export interface TemplateSharing {
  /** Shares that the cloud has not confirmed, oldest first. */
  pendingShares(countMax: number): readonly TemplateShare[];
  /** Closes a share; unknown ones are passed over. */
  confirmShare(shareId: string): void;
  /**
   * Takes what another terminal enrolled, where this terminal's own roster has the consent for it.
   * @throws CanteenError of the disk.
   */
  accept(share: TemplateShare): ShareAccepted;
  /** Called when a share waits that did not before; must not throw. */
  onPending(listener: () => void): () => void;
}

export interface TemplateSharingOptions {
  readonly db: Database;
  readonly journal: Journal;
  readonly store: SqliteTemplateStore;
  readonly sealing: SiteSealing;
}

export function openTemplateSharing(options: TemplateSharingOptions): TemplateSharing {
  return new TemplateSharingOnSqlite(options);
}

const TEMPLATES_MAX = 20;
const SEALED_LENGTH_MAX = 700_000;

/** What is inside a sealed share. */
const contentSchema = z.strictObject({
  v: z.literal(1),
  enrolledAtMs: z.int().min(0),
  templates: z
    .array(
      z.strictObject({
        templateId: z.string().min(1).max(64),
        quality: z.number(),
        embedding: z.base64().max(SEALED_LENGTH_MAX),
      }),
    )
    .min(1)
    .max(TEMPLATES_MAX),
});

type ShareContent = z.infer<typeof contentSchema>;

interface PendingRow {
  readonly share_id: string;
  readonly person_id: string;
  readonly model_id: string;
}

interface EnrolledRow {
  readonly enrolment_id: string;
  readonly enrolled_at_ms: number;
}

class TemplateSharingOnSqlite implements TemplateSharing {
  readonly #options: TemplateSharingOptions;

  constructor(options: TemplateSharingOptions) {
    this.#options = options;
  }

  pendingShares(countMax: number): readonly TemplateShare[] {
    return withDatabaseFaults(() => {
      const rows = prepared<[number], PendingRow>(
        this.#options.db,
        "SELECT share_id, person_id, model_id FROM template_share WHERE confirmed = 0 ORDER BY share_id LIMIT ?",
      ).all(countMax);
      return rows.flatMap((row) => this.#sealedShare(row) ?? []);
    });
  }

  confirmShare(shareId: string): void {
    const { db, journal } = this.#options;
    journal.transact(() =>
      prepared(db, "UPDATE template_share SET confirmed = 1 WHERE share_id = ?").run(shareId),
    );
  }

  accept(share: TemplateShare): ShareAccepted {
    const { journal, store } = this.#options;
    const accepted = journal.transact(() => this.#accept(share));
    if (accepted === "stored") store.announce([share.personId]);
    return typeof accepted === "string" ? { kind: "accepted" } : accepted;
  }

  onPending(listener: () => void): () => void {
    return this.#options.store.onSharePending(listener);
  }

  #accept(share: TemplateShare): ShareAccepted | "stored" | "known" {
    const { db, store } = this.#options;
    const { personId, modelId, shareId } = share;
    const refused = (code: Extract<ShareAccepted, { kind: "refused" }>["code"]) =>
      ({ kind: "refused", code }) as const;
    if (prepared<[string]>(db, "SELECT 1 FROM person WHERE person_id = ?").get(personId) === undefined) {
      return refused("person-unknown");
    }
    if (!hasConsent(db, personId, "face") || !hasConsent(db, personId, "share-template")) {
      return refused("consent-missing");
    }
    const content = this.#opened(share);
    if (typeof content === "string") return refused(content);
    const newest = this.#newestEnrolment(personId, modelId);
    if (newest?.enrolment_id === shareId) return "known";
    if (newest !== undefined && isOlder(content.enrolledAtMs, shareId, newest))
      return refused("older-enrolment");
    const templates = content.templates.flatMap(({ templateId, quality, embedding }) => {
      const numbers = embeddingOfBytes(Buffer.from(embedding, "base64"));
      if (numbers === undefined || store.vault.fits(modelId, numbers) !== null) return [];
      return [{ templateId, quality, embedding: numbers }];
    });
    if (templates.length < content.templates.length) return refused("share-not-valid");
    const { enrolledAtMs } = content;
    store.vault.put({ enrolmentId: shareId, enrolledAtMs, origin: "shared", personId, modelId, templates });
    return "stored";
  }

  /** Nothing for what has no readable template left; its damage is reported where the gallery is loaded. */
  #sealedShare({
    share_id: shareId,
    person_id: personId,
    model_id: modelId,
  }: PendingRow): TemplateShare | undefined {
    const { db, store, sealing } = this.#options;
    const rows = prepared<[string], { template_id: string; quality: number; enrolled_at_ms: number }>(
      db,
      "SELECT template_id, quality, enrolled_at_ms FROM template WHERE enrolment_id = ? ORDER BY template_id",
    ).all(shareId);
    const readable = new Map(
      store.vault.ofPerson(personId).templates.map(({ templateId, embedding }) => [templateId, embedding]),
    );
    const templates = rows.flatMap(({ template_id: templateId, quality }) => {
      const embedding = readable.get(templateId);
      if (embedding === undefined) return [];
      const bytes = bytesOfEmbedding(embedding);
      return [{ templateId, quality, embedding: Buffer.from(bytes).toString("base64") }];
    });
    const [first] = rows;
    if (first === undefined || templates.length === 0) return undefined;
    const content: ShareContent = { v: 1, enrolledAtMs: first.enrolled_at_ms, templates };
    const plain = Buffer.from(JSON.stringify(content), "utf8");
    const sealed = sealing.seal({ personId, modelId, shareId }, plain);
    plain.fill(0);
    return { shareId, personId, modelId, sealed: Buffer.from(sealed).toString("base64") };
  }

  #opened(share: TemplateShare): ShareContent | "share-does-not-open" | "share-not-valid" {
    const { personId, modelId, shareId, sealed } = share;
    let plain: Uint8Array;
    try {
      plain = this.#options.sealing.open({ personId, modelId, shareId }, Buffer.from(sealed, "base64"));
    } catch (error) {
      if (error instanceof CanteenError && error.code === "sealed-data-damaged") return "share-does-not-open";
      throw error;
    }
    const content = contentSchema.safeParse(jsonOrNone(plain));
    plain.fill(0);
    return content.success ? content.data : "share-not-valid";
  }

  #newestEnrolment(personId: string, modelId: string): EnrolledRow | undefined {
    return prepared<[string, string], EnrolledRow>(
      this.#options.db,
      "SELECT enrolment_id, enrolled_at_ms FROM template WHERE person_id = ? AND model_id = ? LIMIT 1",
    ).get(personId, modelId);
  }
}

/** The later enrolment counts; the id settles a tie, so that every terminal keeps the same one. */
function isOlder(enrolledAtMs: number, shareId: string, known: EnrolledRow): boolean {
  if (enrolledAtMs !== known.enrolled_at_ms) return enrolledAtMs < known.enrolled_at_ms;
  return shareId < known.enrolment_id;
}

function jsonOrNone(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
