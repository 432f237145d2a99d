import type { Database } from "better-sqlite3";
import { z } from "zod";
import { CHECKPOINT_KIND, checkpointOfBody } from "../journal/checkpoint.ts";
import type { JournalEntry } from "../journal/journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "../journal/journal-tables.ts";
import { CanteenError } from "../platform/errors.ts";
import { Stories, type Story, spans } from "./report-stories.ts";

/** What the inspector's report is made from: a header, and entries of the journal exactly as they are there. */

export const REPORT_FORMAT = 1;
/** Raise it with each change of how a report looks: an older report is then not compared by its looks. */
export const REPORT_RENDERER = 3;
/** From this one on the same data give the same page: 3 chose other entries, and drew them as before. */
export const RENDERER_OF_THIS_LOOK_MIN = 2;
/** Up to this one a calibration of before the span was left out, although it holds within it. */
const RENDERER_WITHOUT_FORMER_CALIBRATIONS = 1;
/**
 * Up to this one nothing was told that began before the span and ended after it, an alarm over the whole weekend among
 * it; and a sample's dose was known within the span only.
 */
const RENDERER_WITHOUT_WHOLE_STORIES = 2;
/** How far before and after the span the temperatures of a sample's stay are taken in: several times its hours. */
const STAY_BEYOND_MS_MAX = 14 * 86_400_000;
/** What a browser opens and prints without trouble. */
const REPORT_ENTRIES_MAX = 200_000;
const REPORT_BYTES_MAX = 64 * 1024 * 1024;

const bilingual = z.strictObject({ zh: z.string().max(200), en: z.string().max(200) });
const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const reportHeaderSchema = z.strictObject({
  format: z.literal(REPORT_FORMAT),
  renderer: z.int().min(1),
  appVersion: z.string().max(64),
  site: z.string().max(64),
  device: z.string().max(64),
  zone: z.string().max(64),
  /** First and last date of the report, both included. */
  fromDate: z.iso.date(),
  toDate: z.iso.date(),
  fromMs: z.int(),
  toMs: z.int(),
  /** Null: all cabinets. */
  cabinetId: z.string().max(128).nullable(),
  madeAtMs: z.int(),
  /** The journal's newest entry when the report was made. */
  head: z.strictObject({ seq: z.int().min(0), hash }),
  cabinets: z
    .array(
      z.strictObject({
        cabinetId: z.string().max(128),
        name: bilingual,
        probes: z
          .array(
            z.strictObject({
              probeId: z.string().max(128),
              name: bilingual,
              lowMilliC: z.int(),
              highMilliC: z.int(),
            }),
          )
          .max(64),
      }),
    )
    .max(64),
  /** Entries up to here were pruned before the report was made; absent where all are held. */
  prunedToSeq: z.int().min(1).exactOptional(),
  /**
   * Calibrations that hold in the span and whose entries are no longer held, from the tables that were carried over:
   * nothing in this file proves them. Absent where there are none.
   */
  carriedCalibrations: z
    .array(
      z.strictObject({
        probeId: z.string().max(128),
        offsetMilliC: z.int(),
        atMs: z.int(),
        operatorId: z.string().max(128),
      }),
    )
    .max(1024)
    .exactOptional(),
  /** Staff who acted, by id. Names are not part of the journal. */
  names: z.record(z.string().max(128), z.string().max(200)),
});
export type ReportHeader = z.infer<typeof reportHeaderSchema>;

export interface ReportData {
  readonly header: ReportHeader;
  readonly entries: readonly JournalEntry[];
}

const DEVICE_KINDS = ["device.started", "device.clock-stepped", "device.clock-confirmed"];

/**
 * The entries of a report: temperatures and the terminal's own of the span; calibrations up to its end; alarms, samples,
 * shelves, defrosts and what was out of service that touch it, each with all that became of it up to `headSeq`;
 * temperatures of the samples' stays; and the checkpoints that signed any of these.
 * @param db a snapshot. @throws CanteenError `report-too-large`.
 */
export function selectEntries(
  db: Database,
  range: Pick<ReportHeader, "fromMs" | "toMs" | "cabinetId" | "renderer">,
  headSeq: number,
  onRead: (seq: number) => void = () => {},
): readonly JournalEntry[] {
  const chosen = new Map<number, JournalEntry>();
  let bytes = 0;
  const take = (entry: JournalEntry, textBytes: number): void => {
    if (chosen.has(entry.seq)) return;
    bytes += textBytes + 400;
    if (chosen.size >= REPORT_ENTRIES_MAX || bytes > REPORT_BYTES_MAX) throw tooLarge();
    chosen.set(entry.seq, entry);
  };
  const select = db.prepare<[number], JournalRow>(
    `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq <= ? AND (kind GLOB 'sample.*' OR kind GLOB 'alarm.*' OR
       kind IN ('temperature.summary', 'probe.calibrated', ${DEVICE_KINDS.map((kind) => `'${kind}'`).join(", ")}))
     ORDER BY seq`,
  );
  const hasWholeStories = range.renderer > RENDERER_WITHOUT_WHOLE_STORIES;
  const stories = new Stories(hasWholeStories);
  for (const row of select.iterate(headSeq)) {
    onRead(row.seq);
    const entry = entryOfRow(row);
    const isWithin = isOfCabinet(entry, range.cabinetId) && touches(entry, range);
    const isTold = stories.tell(entry, row.body.length, isWithin);
    if (!isTold && isWithin) take(entry, row.body.length);
  }
  const wanted = stories.all().filter((story) => {
    // A sample's later entries do not name its cabinet: its first one does.
    const [first] = story.rows[0] ?? [];
    const isOurs = first !== undefined && isOfCabinet(first, range.cabinetId);
    return isOurs && (story.isWanted || (hasWholeStories && spans(story, range)));
  });
  for (const { rows } of wanted) for (const [entry, size] of rows) take(entry, size);
  if (hasWholeStories)
    for (const [entry, size] of summariesOfStays(db, wanted, range, headSeq)) take(entry, size);
  for (const [entry, size] of checkpointsOver(db, chosen, headSeq)) take(entry, size);
  return [...chosen.values()].toSorted((a, b) => a.seq - b.seq);
}

/** The temperatures of wanted samples' stays that lie outside of the report's own span. */
function* summariesOfStays(
  db: Database,
  stories: readonly Story[],
  { fromMs, toMs }: Pick<ReportHeader, "fromMs" | "toMs">,
  headSeq: number,
): Generator<readonly [JournalEntry, number]> {
  const stays = stories.flatMap((story) => {
    const [stored] = story.rows[0] ?? [];
    if (stored?.kind !== "sample.stored") return [];
    const stay = {
      fromMs: Math.max(story.fromMs, fromMs - STAY_BEYOND_MS_MAX),
      toMs: Math.min(story.toMs, toMs + STAY_BEYOND_MS_MAX),
    };
    return [{ ...stay, seq: stored.seq, cabinetId: stored.body["cabinetId"] }];
  });
  if (stays.length === 0) return;
  const rows = db
    .prepare<[number, number], JournalRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq > ? AND seq <= ? AND kind = 'temperature.summary' ORDER BY seq`,
    )
    .iterate(Math.min(...stays.map(({ seq }) => seq)), headSeq);
  for (const row of rows) {
    const entry = entryOfRow(row);
    const { cabinetId, fromMs: from, toMs: to } = entry.body;
    const isOfStay = stays.some(
      (stay) =>
        stay.cabinetId === cabinetId &&
        typeof from === "number" &&
        typeof to === "number" &&
        to > stay.fromMs &&
        from < stay.toMs,
    );
    if (isOfStay) yield [entry, row.body.length];
  }
}

function isOfCabinet({ body }: JournalEntry, cabinetId: string | null): boolean {
  return cabinetId === null || body["cabinetId"] === undefined || body["cabinetId"] === cabinetId;
}

function touches(
  { kind, atMs, body }: JournalEntry,
  { fromMs, toMs, renderer }: Pick<ReportHeader, "fromMs" | "toMs" | "renderer">,
): boolean {
  if (kind === "probe.calibrated" && renderer > RENDERER_WITHOUT_FORMER_CALIBRATIONS) return atMs < toMs;
  if (kind === "temperature.summary") {
    const { fromMs: from, toMs: to } = body;
    return typeof from === "number" && typeof to === "number" && to > fromMs && from < toMs;
  }
  return atMs >= fromMs && atMs < toMs;
}

/** The checkpoints whose signed lists hold any chosen entry. */
function checkpointsOver(
  db: Database,
  chosen: ReadonlyMap<number, JournalEntry>,
  headSeq: number,
): readonly (readonly [JournalEntry, number])[] {
  const seqs = [...chosen.keys()].toSorted((a, b) => a - b);
  const found: [JournalEntry, number][] = [];
  let next = 0;
  const rows = db
    .prepare<[string, number], JournalRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal WHERE kind = ? AND seq <= ? ORDER BY seq`,
    )
    .iterate(CHECKPOINT_KIND, headSeq);
  for (const row of rows) {
    const entry = entryOfRow(row);
    const checkpoint = checkpointOfBody(entry.body);
    if (checkpoint === undefined) continue;
    while ((seqs[next] ?? Number.POSITIVE_INFINITY) < checkpoint.digestsFrom) next += 1;
    if ((seqs[next] ?? Number.POSITIVE_INFINITY) <= checkpoint.seq) found.push([entry, row.body.length]);
  }
  return found;
}

function tooLarge(): CanteenError {
  return new CanteenError("the report would hold too many entries", {
    code: "report-too-large",
    retry: "never",
    hint: {
      zh: "报告过大：请缩短日期范围，或只选一个留样柜。",
      en: "The report would be too large: choose fewer days, or one cabinet only.",
    },
  });
}
