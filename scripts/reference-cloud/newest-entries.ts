import type { Database } from "better-sqlite3";

/** An entry as the cloud stored it. */
export interface EntryRow<Kind extends string> {
  readonly site: string;
  readonly device: string;
  readonly seq: number;
  readonly hash: string;
  readonly kind: Kind;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly body: string;
}

export interface NewestEntries<Kind extends string> {
  /** In the order of their arrival. */
  readonly rows: readonly EntryRow<Kind>[];
  /** There are older entries than the page reads: what they say is not shown. */
  readonly isOlderLeftOut: boolean;
}

/** The newest of them, as many as a page reads: it is not an archive. */
export const ENTRIES_MAX = 5000;

export function newestEntries<Kind extends string>(
  db: Database,
  kinds: readonly Kind[],
  entriesMax: number,
): NewestEntries<Kind> {
  const newest = db
    .prepare<(string | number)[], EntryRow<Kind>>(
      `SELECT * FROM (SELECT arrival, site, device, seq, hash, kind, at_ms, time_trust, body FROM entry
         WHERE kind IN (${kinds.map(() => "?").join(", ")}) ORDER BY arrival DESC LIMIT ?) ORDER BY arrival`,
    )
    .all(...kinds, entriesMax + 1);
  const isOlderLeftOut = newest.length > entriesMax;
  return { rows: isOlderLeftOut ? newest.slice(1) : newest, isOlderLeftOut };
}
