import type { Database } from "better-sqlite3";
import {
  mealCheckedSchema,
  SAMPLE_ENTRY_SCHEMAS,
  type SampleDisposed,
  type SampleSeized,
  type SampleStored,
  type SampleVoided,
  sampleDisposedSchema,
  sampleSeizedSchema,
  sampleStoredSchema,
  sampleVoidedSchema,
} from "../../device/sample-cabinet/sample-entries.ts";
import { SAMPLE_OVERDUE } from "../../device/sample-cabinet/sample-projection.ts";
import type { SampleState } from "../../device/sample-cabinet/samples-port.ts";

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

interface SampleRow {
  readonly site: string;
  readonly device: string;
  readonly seq: number;
  readonly hash: string;
  readonly kind: keyof typeof SAMPLE_ENTRY_SCHEMAS;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly body: string;
}

/** The newest of them: a page is not an archive. */
const ENTRIES_MAX = 5000;

export function samplesOf(db: Database, nowMs: number, entriesMax = ENTRIES_MAX): CloudSamples {
  const newest = db
    .prepare<[number], SampleRow>(
      `SELECT * FROM (SELECT arrival, site, device, seq, hash, kind, at_ms, time_trust, body FROM entry
         WHERE kind IN ('sample.stored', 'sample.disposed', 'sample.seized', 'sample.voided', 'sample.meal-checked')
         ORDER BY arrival DESC LIMIT ?) ORDER BY arrival`,
    )
    .all(entriesMax + 1);
  const isOlderLeftOut = newest.length > entriesMax;
  const rows = isOlderLeftOut ? newest.slice(1) : newest;
  const found = new Map<string, CloudSample>();
  const missed: CloudMissedDish[] = [];
  const checked = new Map<string, CheckedSample>();
  let unknownCount = 0;
  for (const row of rows) {
    if (!SAMPLE_ENTRY_SCHEMAS[row.kind].safeParse(JSON.parse(row.body)).success) unknownCount++;
    addRow(found, missed, row);
    noteStruck(found, checked, missed, row);
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

/** A body of a later release, which may say more than this page knows, is passed over. */
function addRow(found: Map<string, CloudSample>, missed: CloudMissedDish[], row: SampleRow): void {
  const body: unknown = JSON.parse(row.body);
  switch (row.kind) {
    case "sample.stored": {
      const { data } = sampleStoredSchema.safeParse(body);
      if (data !== undefined) found.set(keyOf(row, data.sampleId), storedSample(row, data));
      return;
    }
    case "sample.meal-checked": {
      const { site, device } = row;
      const { meal, missing, deadlineMs } = mealCheckedSchema.safeParse(body).data ?? NOTHING_MISSING;
      for (const dish of missing) missed.push({ site, device, meal, dish, deadlineMs, sampledLate: false });
      return;
    }
    case "sample.disposed": {
      const { data } = sampleDisposedSchema.safeParse(body);
      if (data !== undefined) leave(found, row, data.sampleId, "disposed", disposal(row, data));
      return;
    }
    case "sample.seized": {
      const { data } = sampleSeizedSchema.safeParse(body);
      if (data === undefined) return;
      leave(found, row, data.sampleId, "seized", seizure(row, data));
      const { authority, officer, documentNumber, sealNumber } = data;
      const sample = found.get(keyOf(row, data.sampleId));
      if (sample !== undefined) sample.custody = { authority, officer, documentNumber, sealNumber };
      return;
    }
    case "sample.voided": {
      const { data } = sampleVoidedSchema.safeParse(body);
      if (data !== undefined) leave(found, row, data.sampleId, "voided", striking(row, data));
    }
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
): void {
  const body: unknown = JSON.parse(row.body);
  if (row.kind === "sample.meal-checked") {
    const { data } = mealCheckedSchema.safeParse(body);
    for (const { sampleId } of data?.sampled ?? [])
      if (data !== undefined) checked.set(keyOf(row, sampleId), data);
  }
  if (row.kind !== "sample.voided") return;
  const key = keyOf(row, sampleVoidedSchema.safeParse(body).data?.sampleId ?? "");
  const [of, sample] = [checked.get(key), found.get(key)];
  if (of === undefined || sample === undefined) return;
  const { site, device } = row;
  const { meal, deadlineMs } = of;
  missed.push({ site, device, meal, dish: sample.dish, deadlineMs, sampledLate: false });
}

const NOTHING_MISSING = {
  meal: { date: "", periodId: "", periodName: { zh: "", en: "" } },
  missing: [],
  deadlineMs: 0,
};

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
