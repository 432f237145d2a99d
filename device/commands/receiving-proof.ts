import type { Database } from "better-sqlite3";
import { exactGrams } from "../../firmware-bridge/drivers/grams.ts";
import type { Reading } from "../../firmware-bridge/ports/reading.ts";
import { dialectOf } from "../../firmware-bridge/protocol/registry.ts";
import { readBase } from "../journal/carried-state.ts";
import { ChainWalk } from "../journal/chain.ts";
import type { JournalEntry } from "../journal/journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "../journal/journal-tables.ts";
import { photoEvidence } from "../photos/photo-evidence.ts";
import { PhotoFiles } from "../photos/photo-files.ts";
import { contentCode, contentOnRecord } from "../receiving/caption-content.ts";
import {
  GOODS_ENTRY_SCHEMAS,
  type GoodsKind,
  type GoodsRecord,
  type RecordedPhoto,
  type RecordedWeight,
} from "../receiving/entries.ts";
import type { OrderLine, PurchaseOrder } from "../receiving/order-port.ts";
import { framesSha256 } from "../receiving/raw-frames.ts";

/** The proof of one entry about goods, from the files alone: no terminal runs, no network is asked. */

/**
 * `gone`: deleted here by the rules, after the cloud had it; the hash stays on record. `unknown`: nobody can say from
 * these files whether it was by the rules.
 */
export type CheckState = "ok" | "failed" | "gone" | "unknown" | "none";

export interface ProofCheck {
  readonly what: "chain" | "photo" | "thumbnail" | "caption" | "frames" | "weight" | "order";
  readonly state: CheckState;
  /** Stable, for machines: which of the ways in which a check fails. */
  readonly code: string;
  /** Of a photo: when the cloud said that it has all of it; null where it never did. */
  readonly ackedAtMs?: number | null;
  readonly deletedAtMs?: number;
}

export interface Proof {
  readonly ok: boolean;
  readonly entry: JournalEntry;
  readonly record: GoodsRecord;
  readonly checks: readonly ProofCheck[];
  /** The entry that struck it. */
  readonly struckBySeq: number | null;
}

export type FoundProof =
  | { readonly kind: "proof"; readonly proof: Proof }
  | { readonly kind: "unknown" }
  /** Its entry was pruned after its retention; this terminal's journal begins with `heldFrom`. */
  | { readonly kind: "no-longer-held"; readonly heldFrom: number }
  | { readonly kind: "not-goods"; readonly entryKind: string }
  | { readonly kind: "unreadable"; readonly entryKind: string };

/** @param db opened for reading. @param id of a weigh-in or a delivery's entry. */
export async function proveEntry(db: Database, photoFolder: string, id: string): Promise<FoundProof> {
  const row = db.prepare<[string], JournalRow>(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE id = ?`).get(id);
  if (row === undefined) return prunedOrUnknown(db, id);
  if (!isGoodsKind(row.kind)) return { kind: "not-goods", entryKind: row.kind };
  const entry = entryOfRow(row);
  const parsed = GOODS_ENTRY_SCHEMAS[row.kind].safeParse(entry.body);
  if (!parsed.success) return { kind: "unreadable", entryKind: row.kind };
  // The schema was chosen by the kind, so kind and body belong together.
  const record = { kind: row.kind, body: parsed.data } as GoodsRecord;
  const checks = [
    checkChain(db, row),
    ...(await checkPhotos(db, photoFolder, entry.seq, photoOf(record))),
    ...checkCaption(id, record),
    ...checkWeight(weightOf(record)),
    ...checkOrder(db, record),
  ];
  return {
    kind: "proof",
    proof: {
      ok: checks.every(({ state }) => state !== "failed"),
      entry,
      record,
      checks,
      struckBySeq: struckBy(db, row),
    },
  };
}

/** The tables remember what was weighed longer than the journal does. */
function prunedOrUnknown(db: Database, id: string): FoundProof {
  const baseSeq = readBase(db)?.seq ?? 0;
  const weighIn = db
    .prepare<[string, number], number>("SELECT 1 FROM weigh_in WHERE weigh_in_id = ? AND seq <= ?")
    .pluck();
  return weighIn.get(id, baseSeq) === 1
    ? { kind: "no-longer-held", heldFrom: baseSeq + 1 }
    : { kind: "unknown" };
}

function isGoodsKind(kind: string): kind is GoodsKind {
  return kind in GOODS_ENTRY_SCHEMAS;
}

/** The entry's own hash, and both links: to the one before and from the one behind. */
function checkChain(db: Database, row: JournalRow): ProofCheck {
  const around = db
    .prepare<[number, number], JournalRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq BETWEEN ? AND ? ORDER BY seq`,
    )
    .all(row.seq - 1, row.seq + 1);
  const first = around[0] ?? row;
  const genesis = new ChainWalk().head;
  const walk = new ChainWalk(first.seq <= 1 ? genesis : { seq: first.seq - 1, hash: first.prev_hash });
  for (const known of around) walk.visit(known);
  return walk.firstBad === null
    ? { what: "chain", state: "ok", code: "unbroken" }
    : { what: "chain", state: "failed", code: walk.firstBad.problem };
}

function photoOf({ body }: GoodsRecord): RecordedPhoto | null {
  return "photo" in body ? body.photo : null;
}

function weightOf({ body }: GoodsRecord): RecordedWeight | null {
  return "weight" in body ? body.weight : null;
}

async function checkPhotos(
  db: Database,
  folder: string,
  seq: number,
  photo: RecordedPhoto | null,
): Promise<ProofCheck[]> {
  if (photo === null) return [];
  if (photo.kind === "none") return [{ what: "photo", state: "none", code: photo.why }];
  const files = new PhotoFiles(folder);
  return [
    await checkPhoto(db, files, seq, "photo", photo.photoSha256),
    await checkPhoto(db, files, seq, "thumbnail", photo.thumbnailSha256),
  ];
}

async function checkPhoto(
  db: Database,
  files: PhotoFiles,
  seq: number,
  what: "photo" | "thumbnail",
  sha256: string,
): Promise<ProofCheck> {
  const found = await photoEvidence(db, files, seq, sha256);
  switch (found.kind) {
    case "intact":
      return { what, state: "ok", code: "intact", ackedAtMs: found.ackedAtMs };
    case "changed":
      return { what, state: "failed", code: "photo-changed", ackedAtMs: found.ackedAtMs };
    case "retired": {
      const { ackedAtMs, deletedAtMs, why } = found;
      const code = why === "retention" ? "photo-retired" : "photo-retired-for-space";
      return { what, state: "gone", code, ackedAtMs, deletedAtMs };
    }
    case "not-on-record":
      return { what, state: "unknown", code: "photo-not-on-record" };
    case "missing":
      return { what, state: "failed", code: "photo-missing", ackedAtMs: found.ackedAtMs };
  }
}

/** The code that was written under the photo is that of what is on record now. */
function checkCaption(id: string, record: GoodsRecord): ProofCheck[] {
  const photo = photoOf(record);
  if (photo?.kind !== "taken") return [];
  if (photo.contentCode === null) return [{ what: "caption", state: "none", code: "caption-without-code" }];
  const isSame = contentCode(contentOnRecord(id, record)) === photo.contentCode;
  return [
    {
      what: "caption",
      state: isSame ? "ok" : "failed",
      code: isSame ? "content-matches" : "content-differs",
    },
  ];
}

/** The frames are those of the hash, and read by the scale's own dialect they say the weight that is on record. */
function checkWeight(weight: RecordedWeight | null): ProofCheck[] {
  if (weight === null) return [];
  const hash = framesSha256(weight.readings.map(({ frame }) => frame));
  const frames: ProofCheck =
    hash === weight.framesSha256
      ? { what: "frames", state: "ok", code: "intact" }
      : { what: "frames", state: "failed", code: "frames-changed" };
  const code = decodedProblem(weight);
  return [frames, { what: "weight", state: code === null ? "ok" : "failed", code: code ?? "decodes" }];
}

function decodedProblem(weight: RecordedWeight): string | null {
  const dialect = dialectOf(weight.scale.protocol);
  if (dialect === null) return "protocol-unknown";
  const decoder = dialect.open(weight.scale.protocolOptions).decoder();
  let newest: string | null = "frames-say-nothing";
  for (const reading of weight.readings) {
    const said = decoder.decode(Uint8Array.from(Buffer.from(reading.frame, "base64"))).find(isWeight);
    if (said === undefined || said.value === null || said.unit === null) return "frames-say-nothing";
    if (said.value !== reading.text || said.unit !== reading.unit) return "readings-differ";
    newest = exactGrams(said.value, said.unit) === weight.shownG ? null : "weight-differs";
  }
  return newest;
}

function isWeight(reading: Reading): reading is Extract<Reading, { readonly type: "weight" }> {
  return reading.type === "weight";
}

/** The line on record is the line of that version, as the book still has it. */
function checkOrder(db: Database, { body }: GoodsRecord): ProofCheck[] {
  if (!("order" in body)) return [];
  const { orderId, version } = body.order;
  const row = db
    .prepare<[string, number], { content: string }>(
      "SELECT content FROM purchase_order WHERE order_id = ? AND version = ?",
    )
    .get(orderId, version);
  if (row === undefined) return [{ what: "order", state: "gone", code: "order-retired" }];
  const line = "line" in body ? body.line : null;
  if (line === null) return [{ what: "order", state: "ok", code: "order-known" }];
  const order = JSON.parse(row.content) as PurchaseOrder;
  const known = order.lines.find(({ lineId }) => lineId === line.lineId);
  const isSame = known !== undefined && canonical(known) === canonical(line);
  return [{ what: "order", state: isSame ? "ok" : "failed", code: isSame ? "line-matches" : "line-differs" }];
}

/** Keys in one order: the record went through canonical JSON, the book did not. */
function canonical(line: OrderLine): string {
  return JSON.stringify(line, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** As the chain says it: the table that follows from it could have been told otherwise. */
function struckBy(db: Database, { seq, id }: JournalRow): number | null {
  const row = db
    .prepare<[number, string], { seq: number }>(
      "SELECT seq FROM journal WHERE seq > ? AND kind = 'weighin.reversed' AND body ->> 'weighInId' = ? LIMIT 1",
    )
    .get(seq, id);
  return row?.seq ?? null;
}
