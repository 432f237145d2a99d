import type { Database } from "better-sqlite3";
import { readBase } from "../journal/carried-state.ts";
import { GENESIS_HASH } from "../journal/entry-hash.ts";
import type { JournalEntry, Json } from "../journal/journal-port.ts";
import { noLongerHeld } from "../journal/pruned-journal.ts";
import { REPORT_FORMAT, REPORT_RENDERER, type ReportHeader, selectEntries } from "./report-data.ts";
import { closingHash } from "./report-file.ts";
import { renderReport } from "./report-page.ts";
import type { ReportPhase } from "./report-port.ts";

export type ReportWish = Pick<
  ReportHeader,
  | "appVersion"
  | "site"
  | "device"
  | "zone"
  | "fromDate"
  | "toDate"
  | "fromMs"
  | "toMs"
  | "cabinetId"
  | "madeAtMs"
> & { readonly cabinets: ReportHeader["cabinets"] };

export interface MadeReport {
  readonly html: string;
  readonly entries: number;
  readonly closing: string;
}

/**
 * Makes the inspector's report from a snapshot of the journal; needs no running terminal and disturbs none.
 * @param operatorName of those who acted; null where the terminal no longer knows them.
 * @param onProgress   `share` from 0 to 1 of the phase, as far as it can be told.
 * @throws CanteenError `report-too-large`, or `journal-no-longer-held` for days of which entries were pruned.
 */
export function makeReport(
  db: Database,
  wish: ReportWish,
  operatorName: (operatorId: string) => string | null,
  onProgress: (phase: ReportPhase, share: number) => void = () => {},
): MadeReport {
  const head = db
    .prepare<[], { seq: number; hash: string }>("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
    .get() ?? { seq: 0, hash: GENESIS_HASH };
  refusePruned(db, wish);
  const entries = selectEntries(db, { ...wish, renderer: REPORT_RENDERER }, head.seq, (seq) =>
    onProgress("reading", seq / head.seq),
  );
  onProgress("drawing", 0);
  const names = Object.fromEntries(
    [...peopleOf(entries)].toSorted().flatMap((operatorId) => {
      const name = operatorName(operatorId);
      return name === null ? [] : [[operatorId, name.slice(0, 200)] as const];
    }),
  );
  const cabinets = wish.cabinets.filter(
    ({ cabinetId }) => wish.cabinetId === null || cabinetId === wish.cabinetId,
  );
  const baseSeq = readBase(db)?.seq ?? 0;
  const carried = carriedCalibrations(db, { baseSeq, toMs: wish.toMs }, cabinets);
  const header = {
    ...wish,
    cabinets,
    names,
    ...(baseSeq === 0 ? {} : { prunedToSeq: baseSeq }),
    ...(carried.length === 0 ? {} : { carriedCalibrations: carried }),
    head,
    format: REPORT_FORMAT,
    renderer: REPORT_RENDERER,
  } as const;
  const data = { header, entries };
  return { html: renderReport(data), entries: entries.length, closing: closingHash(data) };
}

/** Who acted: the name of nobody else is in a report. */
function peopleOf(entries: readonly JournalEntry[]): ReadonlySet<string> {
  const people = new Set<string>();
  const look = (value: Json): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      if (key === "operatorId" && typeof member === "string") people.add(member);
      else look(member);
    }
  };
  for (const { body, kind } of entries) if (!kind.startsWith("journal.")) look(body);
  return people;
}

/** The last calibration of each probe of the report, where its entry went with what was pruned. */
function carriedCalibrations(
  db: Database,
  { baseSeq, toMs }: { readonly baseSeq: number; readonly toMs: number },
  cabinets: ReportHeader["cabinets"],
): NonNullable<ReportHeader["carriedCalibrations"]> {
  if (baseSeq === 0) return [];
  const probeIds = new Set(cabinets.flatMap(({ probes }) => probes.map(({ probeId }) => probeId)));
  return db
    .prepare<[number, number], NonNullable<ReportHeader["carriedCalibrations"]>[number]>(
      `SELECT probe_id AS probeId, offset_milli_c AS offsetMilliC, at_ms AS atMs, operator_id AS operatorId
       FROM probe_calibration WHERE at_ms < ? AND NOT EXISTS (
         SELECT 1 FROM journal WHERE seq > ? AND kind = 'probe.calibrated' AND body ->> 'probeId' = probe_id)
       ORDER BY probe_id`,
    )
    .all(toMs, baseSeq)
    .filter(({ probeId }) => probeIds.has(probeId));
}

/** A report that leaves out what was pruned would look like one of quiet days. */
function refusePruned(db: Database, { fromMs }: ReportWish): void {
  const baseSeq = readBase(db)?.seq ?? 0;
  if (baseSeq === 0) return;
  const first = db
    .prepare<[number], number>("SELECT at_ms FROM journal WHERE seq > ? ORDER BY seq LIMIT 1")
    .pluck();
  if (fromMs < (first.get(baseSeq) ?? 0)) throw noLongerHeld(baseSeq + 1);
}
