import type { Database } from "better-sqlite3";
import type { z } from "zod";
import {
  SAMPLE_ENTRY_SCHEMAS,
  type SampleDisposed,
  type SampleSeized,
  type SampleStored,
  type SampleVoided,
} from "../../device/sample-cabinet/sample-entries.ts";
import { SAMPLE_OVERDUE } from "../../device/sample-cabinet/sample-projection.ts";
import type { SampleState } from "../../device/sample-cabinet/samples-port.ts";
import { ENTRIES_MAX, type EntryRow, newestEntries } from "./newest-entries.ts";

/** Food samples as the terminals have told them: what lies in which slot, what is overdue, how each left and with whom. */

/** How a sample left its slot. */
export interface SampleLeft {
  readonly seq: number;
  readonly atMs: number;
  readonly how: "after-hours" | "early" | "seized" | "voided";
  readonly reason: string | null;
  readonly note: string;
  readonly by: string;
  /** The second person of an early disposal or a striking out, and the witness of a seizure. */
  readonly secondBy: string | null;
  /** Hours kept as they could be proven, and as they were needed; null where nothing was kept. */
  readonly provenMs: number | null;
  readonly neededMs: number | null;
}

/** Who has a sample that an authority took. */
export interface SampleCustody {
  readonly authority: string;
  readonly officer: string;
  readonly documentNumber: string;
  readonly sealNumber: string;
}

export interface CloudSample {
  readonly site: string;
  readonly device: string;
  readonly sampleId: string;
  readonly seq: number;
  readonly hash: string;
  readonly cabinetId: string;
  readonly slotId: string;
  readonly meal: SampleStored["meal"];
  readonly dish: SampleStored["dish"];
  readonly netG: number;
  readonly isLate: boolean;
  readonly storedAtMs: number;
  readonly timeTrust: string;
  readonly storedBy: string;
  readonly keepUntilMs: number;
  readonly photoSha256: string | null;
  readonly thumbnailSha256: string | null;
  /** `due` by the stamps; `overdue` when the terminal says so, which alone knows how long a kitchen may take. */
  state: SampleState;
  left: SampleLeft | null;
  custody: SampleCustody | null;
}

/** A dish that was cooked and had no sample when its time of grace was over. */
export interface CloudMissedDish {
  readonly site: string;
  readonly device: string;
  readonly meal: SampleStored["meal"];
  readonly dish: SampleStored["dish"];
  readonly deadlineMs: number;
  readonly sampledLate: boolean;
}

export interface CloudSamples {
  /** Newest first. */
  readonly samples: readonly CloudSample[];
  /** Newest first. */
  readonly missed: readonly CloudMissedDish[];
  /** There are older entries than the page reads: what they say is not shown. */
  readonly isOlderLeftOut: boolean;
  /** Entries in words that this page does not know; it says that they are there. */
  readonly unknownCount: number;
}

type SampleKind = keyof typeof SAMPLE_ENTRY_SCHEMAS;
type SampleRow = EntryRow<SampleKind>;
type SampleRecord = {
  readonly [Kind in SampleKind]: {
    readonly kind: Kind;
    readonly body: z.output<(typeof SAMPLE_ENTRY_SCHEMAS)[Kind]>;
  };
}[SampleKind];

const KINDS = [
  "sample.stored",
  "sample.disposed",
  "sample.seized",
  "sample.voided",
  "sample.meal-checked",
] as const;

export function samplesOf(db: Database, nowMs: number, entriesMax = ENTRIES_MAX): CloudSamples {
  const { rows, isOlderLeftOut } = newestEntries(db, KINDS, entriesMax);
  const found = new Map<string, CloudSample>();
  const missed: CloudMissedDish[] = [];
  const checked = new Map<string, CheckedSample>();
  let unknownCount = 0;
  for (const row of rows) {
    const record = recordOf(row);
    if (record === null) {
      unknownCount++;
      continue;
    }
    addRecord(found, missed, row, record);
    noteStruck(found, checked, missed, row, record);
  }
  const overdue = overdueKeys(db);
  for (const [key, sample] of found) {
    if (sample.left !== null) continue;
    if (overdue.has(key)) sample.state = "overdue";
    else if (sample.keepUntilMs <= nowMs) sample.state = "due";
  }
  const samples = [...found.values()].reverse();
  return {
    samples,
    missed: missed
      .map((dish) => ({ ...dish, sampledLate: samples.some((sample) => isOfDish(sample, dish)) }))
      .reverse(),
    isOlderLeftOut,
    unknownCount,
  };
}

/** An id is a terminal's own word: what another terminal says under it is another sample. */
const keyOf = ({ site, device }: { readonly site: string; readonly device: string }, id: string): string =>
  `${site}/${device}/${id}`;

/** Once overdue, overdue until it leaves. */
function overdueKeys(db: Database): ReadonlySet<string> {
  const rows = db
    .prepare<[string, number], { site: string; device: string; sampleId: string }>(
      `SELECT site, device, body ->> '$.subject' AS sampleId FROM entry
         WHERE kind = 'alarm.raised' AND body ->> '$.type' = ? ORDER BY arrival DESC LIMIT ?`,
    )
    .all(SAMPLE_OVERDUE, ENTRIES_MAX);
  return new Set(rows.map((row) => keyOf(row, row.sampleId)));
}

function isOfDish(sample: CloudSample, { site, device, meal, dish }: CloudMissedDish): boolean {
  return (
    sample.site === site &&
    sample.device === device &&
    sample.state !== "voided" &&
    sample.meal.date === meal.date &&
    sample.meal.periodId === meal.periodId &&
    sample.dish.dishId === dish.dishId
  );
}

/** A terminal of a later release may say more than this page knows: null. */
function recordOf({ kind, body }: SampleRow): SampleRecord | null {
  const parsed = SAMPLE_ENTRY_SCHEMAS[kind].safeParse(JSON.parse(body));
  return parsed.success ? ({ kind, body: parsed.data } as SampleRecord) : null;
}

function addRecord(
  found: Map<string, CloudSample>,
  missed: CloudMissedDish[],
  row: SampleRow,
  { kind, body }: SampleRecord,
): void {
  switch (kind) {
    case "sample.stored":
      found.set(keyOf(row, body.sampleId), storedSample(row, body));
      return;
    case "sample.meal-checked": {
      const { site, device } = row;
      const { meal, missing, deadlineMs } = body;
      for (const dish of missing) missed.push({ site, device, meal, dish, deadlineMs, sampledLate: false });
      return;
    }
    case "sample.disposed":
      leave(found, row, body.sampleId, "disposed", disposal(row, body));
      return;
    case "sample.seized": {
      leave(found, row, body.sampleId, "seized", seizure(row, body));
      const { authority, officer, documentNumber, sealNumber } = body;
      const sample = found.get(keyOf(row, body.sampleId));
      if (sample !== undefined) sample.custody = { authority, officer, documentNumber, sealNumber };
      return;
    }
    case "sample.voided":
      leave(found, row, body.sampleId, "voided", striking(row, body));
  }
}

/** A sample that its meal's check counted. */
type CheckedSample = Pick<CloudMissedDish, "meal" | "deadlineMs">;

/** Struck after its meal was checked: the dish has no sample after all. */
function noteStruck(
  found: ReadonlyMap<string, CloudSample>,
  checked: Map<string, CheckedSample>,
  missed: CloudMissedDish[],
  row: SampleRow,
  { kind, body }: SampleRecord,
): void {
  if (kind === "sample.meal-checked")
    for (const { sampleId } of body.sampled) checked.set(keyOf(row, sampleId), body);
  if (kind !== "sample.voided") return;
  const key = keyOf(row, body.sampleId);
  const [of, sample] = [checked.get(key), found.get(key)];
  if (of === undefined || sample === undefined) return;
  const { site, device } = row;
  const { meal, deadlineMs } = of;
  missed.push({ site, device, meal, dish: sample.dish, deadlineMs, sampledLate: false });
}

function storedSample(row: SampleRow, body: SampleStored): CloudSample {
  const { sampleId, cabinetId, slotId, meal, dish, weight, photo, isLate, storedBy, keepUntilMs } = body;
  return {
    site: row.site,
    device: row.device,
    seq: row.seq,
    hash: row.hash,
    storedAtMs: row.at_ms,
    timeTrust: row.time_trust,
    sampleId,
    cabinetId,
    slotId,
    meal,
    dish,
    isLate,
    keepUntilMs,
    netG: weight.netG,
    storedBy: storedBy.operatorId,
    photoSha256: photo?.photoSha256 ?? null,
    thumbnailSha256: photo?.thumbnailSha256 ?? null,
    state: "keeping",
    left: null,
    custody: null,
  };
}

function leave(
  found: ReadonlyMap<string, CloudSample>,
  row: SampleRow,
  sampleId: string,
  state: "disposed" | "seized" | "voided",
  left: SampleLeft,
): void {
  const sample = found.get(keyOf(row, sampleId));
  if (sample === undefined) return;
  sample.state = state;
  sample.left = left;
}

function disposal(
  { seq, at_ms }: SampleRow,
  { how, reason, note, disposedBy, secondBy, hours }: SampleDisposed,
): SampleLeft {
  const { provenMs, neededMs } = hours;
  const secondOperatorId = secondBy?.operatorId ?? null;
  return {
    seq,
    atMs: at_ms,
    how,
    reason,
    note,
    by: disposedBy.operatorId,
    secondBy: secondOperatorId,
    provenMs,
    neededMs,
  };
}

function seizure({ seq, at_ms }: SampleRow, { note, handedBy, witness, hours }: SampleSeized): SampleLeft {
  const { provenMs, neededMs } = hours;
  const people = { by: handedBy.operatorId, secondBy: witness.operatorId };
  return { seq, atMs: at_ms, how: "seized", reason: null, note, ...people, provenMs, neededMs };
}

function striking({ seq, at_ms }: SampleRow, { reason, note, struckBy, secondBy }: SampleVoided): SampleLeft {
  const people = { by: struckBy.operatorId, secondBy: secondBy.operatorId };
  return { seq, atMs: at_ms, how: "voided", reason, note, ...people, provenMs: null, neededMs: null };
}
