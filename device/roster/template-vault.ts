import type { KeyObject } from "node:crypto";
import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import type { Entropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { createWrappedKey, open, type SealContext, seal, unwrapKey } from "../security/sealing.ts";
import type { StoredTemplate } from "./roster-port.ts";

/** Why a template at rest cannot be used. */
export type TemplateDamage = "key-damaged" | "template-damaged" | "wrong-length" | "not-finite";

export interface DamagedTemplate {
  readonly templateId: string;
  readonly code: TemplateDamage;
}

export interface LoadedTemplates {
  readonly templates: StoredTemplate[];
  readonly damaged: readonly DamagedTemplate[];
}

export interface SealedTemplate {
  readonly templateId: string;
  readonly embedding: Float32Array;
  readonly quality: number;
  /** Where it came from, if elsewhere than the enrolment that it stands with now. */
  readonly origin?: EnrolledTemplates["origin"];
}

/** What one enrolment brought, whether here or at another terminal. */
export interface EnrolledTemplates {
  readonly enrolmentId: string;
  readonly enrolledAtMs: number;
  readonly origin: "local" | "shared";
  readonly personId: string;
  readonly modelId: string;
  readonly templates: readonly SealedTemplate[];
}

export interface VaultOptions {
  readonly db: Database;
  readonly deviceKey: KeyObject;
  readonly entropy: Entropy;
  /** Numbers in an embedding, by model id; other models' templates are kept, and only checked for whole numbers. */
  readonly embeddingLengths: ReadonlyMap<string, number>;
}

interface TemplateRow {
  readonly template_id: string;
  readonly person_id: string;
  readonly model_id: string;
  readonly sealed: Buffer;
  readonly wrapped: Buffer;
}

const TEMPLATE_ROWS = `SELECT template_id, person_id, model_id, sealed, wrapped
  FROM template JOIN person_key USING (person_id)`;

/**
 * Templates at rest: each sealed under its person's key, the key wrapped by the device key. Deleting the key row is
 * what destroys a template; every method works inside the caller's transaction.
 */
export class TemplateVault {
  readonly #options: VaultOptions;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  /** Replaces what the person has of that model. */
  put(enrolled: EnrolledTemplates): void {
    const { db, entropy } = this.#options;
    const { personId, modelId } = enrolled;
    const key = this.#keyOf(personId) ?? this.#newKey(personId);
    this.removeModel(personId, modelId);
    const insert = prepared(
      db,
      `INSERT INTO template
         (template_id, person_id, model_id, enrolment_id, enrolled_at_ms, origin, quality, sealed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const { templateId, embedding, quality, origin = enrolled.origin } of enrolled.templates) {
      const plain = bytesOfEmbedding(embedding);
      const sealed = seal(key, plain, templateContext(personId, modelId, templateId), entropy);
      plain.fill(0);
      const { enrolmentId, enrolledAtMs } = enrolled;
      insert.run(templateId, personId, modelId, enrolmentId, enrolledAtMs, origin, quality, sealed);
    }
  }

  /** @returns how many templates. */
  removeModel(personId: string, modelId: string): number {
    const { db } = this.#options;
    prepared(db, "DELETE FROM template_share WHERE person_id = ? AND model_id = ?").run(personId, modelId);
    return prepared(db, "DELETE FROM template WHERE person_id = ? AND model_id = ?").run(personId, modelId)
      .changes;
  }

  /** Removes what other terminals sent and what waits to be sent. @returns how many templates. */
  removeShared(personId: string): number {
    const { db } = this.#options;
    prepared(db, "DELETE FROM template_share WHERE person_id = ?").run(personId);
    return prepared(db, "DELETE FROM template WHERE person_id = ? AND origin = 'shared'").run(personId)
      .changes;
  }

  /** Destroys the person's key and, by the schema, all that hangs on it. @returns how many templates. */
  destroyKey(personId: string): number {
    const { db } = this.#options;
    const count = this.count(personId);
    prepared(db, "DELETE FROM person_key WHERE person_id = ?").run(personId);
    return count;
  }

  hasKey(personId: string): boolean {
    const sql = "SELECT 1 FROM person_key WHERE person_id = ?";
    return prepared<[string]>(this.#options.db, sql).get(personId) !== undefined;
  }

  /** The packs of which there are templates. */
  models(): readonly string[] {
    const sql = "SELECT DISTINCT model_id FROM template ORDER BY model_id";
    return prepared<[], { model_id: string }>(this.#options.db, sql)
      .all()
      .map(({ model_id }) => model_id);
  }

  count(personId: string): number {
    const sql = "SELECT count(*) AS count FROM template WHERE person_id = ?";
    return prepared<[string], { count: number }>(this.#options.db, sql).get(personId)?.count ?? 0;
  }

  ofModel(modelId: string): LoadedTemplates {
    const sql = `${TEMPLATE_ROWS} WHERE model_id = ? ORDER BY person_id, template_id`;
    return this.#openAll(prepared<[string], TemplateRow>(this.#options.db, sql).iterate(modelId));
  }

  /** Of the first `peopleMax` people with an id after `personId`; `lastPersonId` is null when there are no more. */
  ofModelAfter(
    modelId: string,
    personId: string,
    peopleMax: number,
  ): { readonly loaded: LoadedTemplates; readonly lastPersonId: string | null } {
    const { db } = this.#options;
    const people = prepared<[string, number], { person_id: string }>(
      db,
      "SELECT person_id FROM person_key WHERE person_id > ? ORDER BY person_id LIMIT ?",
    ).all(personId, peopleMax);
    const lastPersonId = people.at(-1)?.person_id ?? null;
    if (lastPersonId === null) return { loaded: { templates: [], damaged: [] }, lastPersonId };
    const rows = prepared<[string, string, string], TemplateRow>(
      db,
      // A sort by template as well would copy every template into a table of SQLite's.
      `${TEMPLATE_ROWS} WHERE model_id = ? AND person_id > ? AND person_id <= ? ORDER BY person_id`,
    )
      .all(modelId, personId, lastPersonId)
      .sort(byPersonAndTemplate);
    return { loaded: this.#openAll(rows), lastPersonId };
  }

  /** People who have templates of this model. */
  peopleCount(modelId: string): number {
    const sql = "SELECT count(DISTINCT person_id) AS count FROM template WHERE model_id = ?";
    return prepared<[string], { count: number }>(this.#options.db, sql).get(modelId)?.count ?? 0;
  }

  ofPerson(personId: string): LoadedTemplates {
    const sql = `${TEMPLATE_ROWS} WHERE person_id = ? ORDER BY template_id`;
    return this.#openAll(prepared<[string], TemplateRow>(this.#options.db, sql).iterate(personId));
  }

  /** Whether an embedding may be kept under this model's id. */
  fits(modelId: string, embedding: Float32Array): TemplateDamage | null {
    const length = this.#options.embeddingLengths.get(modelId);
    if (embedding.length === 0 || (length !== undefined && embedding.length !== length))
      return "wrong-length";
    // Of finite float32 numbers no sum of squares can overflow a double; with the load of a whole gallery in mind.
    let squares = 0;
    for (let index = 0; index < embedding.length; index++) squares += (embedding[index] ?? 0) ** 2;
    return Number.isFinite(squares) ? null : "not-finite";
  }

  #openAll(rows: Iterable<TemplateRow>): LoadedTemplates {
    const templates: StoredTemplate[] = [];
    const damaged: DamagedTemplate[] = [];
    let owner: { readonly personId: string; readonly key: KeyObject | undefined } | undefined;
    for (const row of rows) {
      if (owner?.personId !== row.person_id) {
        owner = { personId: row.person_id, key: this.#unwrap(row.person_id, row.wrapped) };
      }
      const opened = owner.key === undefined ? "key-damaged" : this.#open(row, owner.key);
      if (typeof opened === "string") damaged.push({ templateId: row.template_id, code: opened });
      else templates.push(opened);
    }
    return { templates, damaged };
  }

  #open(row: TemplateRow, key: KeyObject): StoredTemplate | TemplateDamage {
    const { template_id: templateId, person_id: personId, model_id: modelId } = row;
    const plain = sealedOrNone(() => open(key, row.sealed, templateContext(personId, modelId, templateId)));
    giveBack(row.sealed);
    if (plain === undefined) return "template-damaged";
    const embedding = embeddingIn(plain);
    if (embedding === undefined) return "wrong-length";
    return this.fits(modelId, embedding) ?? { templateId, personId, modelId, embedding };
  }

  /** A key that cannot be unwrapped is as good as none: the person is enrolled under a fresh one. */
  #keyOf(personId: string): KeyObject | undefined {
    const sql = "SELECT wrapped FROM person_key WHERE person_id = ?";
    const row = prepared<[string], { wrapped: Buffer }>(this.#options.db, sql).get(personId);
    return row === undefined ? undefined : this.#unwrap(personId, row.wrapped);
  }

  #unwrap(personId: string, wrapped: Buffer): KeyObject | undefined {
    return sealedOrNone(() => unwrapKey(this.#options.deviceKey, wrapped, keyContext(personId)));
  }

  #newKey(personId: string): KeyObject {
    const { db, deviceKey, entropy } = this.#options;
    this.destroyKey(personId);
    const { key, wrapped } = createWrappedKey(deviceKey, keyContext(personId), entropy);
    prepared(db, "INSERT INTO person_key (person_id, wrapped) VALUES (?, ?)").run(personId, wrapped);
    return key;
  }
}

function byPersonAndTemplate(a: TemplateRow, b: TemplateRow): number {
  if (a.person_id !== b.person_id) return a.person_id < b.person_id ? -1 : 1;
  return a.template_id < b.template_id ? -1 : 1;
}

const keyContext = (personId: string): SealContext => ["person-key", personId];
const templateContext = (personId: string, modelId: string, templateId: string): SealContext => [
  "template",
  personId,
  modelId,
  templateId,
];

function sealedOrNone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof CanteenError && error.code === "sealed-data-damaged") return undefined;
    throw error;
  }
}

/** Float32, little-endian whatever the machine. @returns a new buffer, for the caller to wipe. */
export function bytesOfEmbedding(embedding: Float32Array): Uint8Array {
  const bytes = new Uint8Array(embedding.length * Float32Array.BYTES_PER_ELEMENT);
  const view = new DataView(bytes.buffer);
  embedding.forEach((value, index) => {
    view.setFloat32(index * Float32Array.BYTES_PER_ELEMENT, value, true);
  });
  return bytes;
}

/** Nearly every machine is; then the bytes are the numbers, which a gallery of fifty thousand notices. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The numbers where the bytes lie if they can be read there; else copied, and the bytes wiped. */
function embeddingIn(bytes: Uint8Array): Float32Array | undefined {
  const size = Float32Array.BYTES_PER_ELEMENT;
  if (IS_LITTLE_ENDIAN && bytes.byteOffset % size === 0 && bytes.length % size === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / size);
  const embedding = embeddingOfBytes(bytes);
  bytes.fill(0);
  return embedding;
}

/**
 * Gives the memory of a read row back now. Twenty thousand of them at a start are garbage that is collected late, in
 * pieces between others, and such memory stays with the process.
 */
function giveBack(bytes: Buffer): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length) buffer.transfer(0);
}

/** @returns nothing when the bytes are no whole number of floats. */
export function embeddingOfBytes(bytes: Uint8Array): Float32Array | undefined {
  if (bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
  if (IS_LITTLE_ENDIAN) return new Float32Array(new Uint8Array(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const embedding = new Float32Array(bytes.length / Float32Array.BYTES_PER_ELEMENT);
  for (let index = 0; index < embedding.length; index++) {
    embedding[index] = view.getFloat32(index * Float32Array.BYTES_PER_ELEMENT, true);
  }
  return embedding;
}
