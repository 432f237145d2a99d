import { type BadEntry, type ChainHead, ChainWalk } from "./chain.ts";
import { databaseDamaged, databaseFault } from "./database-fault.ts";
import { canonicalEntry, canonicalJson } from "./entry-hash.ts";
import type { JournalEntry } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { openSnapshot } from "./verify.ts";

export interface ExportRange {
  /** First entry, from 1. */
  readonly fromSeq: number;
  /** Last entry, included; `null` for the newest. */
  readonly toSeq: number | null;
}

/**
 * The entries of a range as JSON lines (RFC 8785, hash included), without line ends, one at a time.
 * @throws CanteenError while it is read: of the disk, or `database-damaged` at an entry that is no JSON.
 */
export function* exportJournal(dbFile: string, range: ExportRange): Generator<string, void, void> {
  try {
    const db = openSnapshot(dbFile);
    try {
      const rows = db.prepare<[number, number], JournalRow>(
        `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq BETWEEN ? AND ? ORDER BY seq`,
      );
      for (const row of rows.iterate(range.fromSeq, range.toSeq ?? Number.MAX_SAFE_INTEGER)) {
        yield lineOf(row);
      }
    } finally {
      db.close();
    }
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}

function lineOf(row: JournalRow): string {
  try {
    return canonicalEntry(entryOfRow(row));
  } catch (error) {
    throw databaseDamaged(`entry ${row.seq} is no canonical JSON`, error);
  }
}

export interface ExportVerification {
  readonly ok: boolean;
  readonly entries: number;
  readonly fromSeq: number | null;
  readonly head: ChainHead | null;
  readonly firstBad: (BadEntry & { readonly line: number }) | null;
}

/**
 * Checks an export by itself: every entry's hash, and that each follows the one before.
 * An export that starts at 1 is complete up to its head; one that starts later is complete from there.
 * Never throws on damaged lines. Empty lines are passed over.
 */
export async function verifyExport(
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<ExportVerification> {
  let walk: ChainWalk | undefined;
  let fromSeq: number | null = null;
  let entries = 0;
  let lineNumber = 0;
  let firstBad: ExportVerification["firstBad"] = null;
  for await (const line of lines) {
    lineNumber += 1;
    if (line.trim() === "") continue;
    entries += 1;
    if (firstBad !== null) continue;
    const row = rowOfLine(line);
    if (walk === undefined) {
      fromSeq = row?.seq ?? null;
      walk = new ChainWalk(startBefore(row));
    }
    if (row === undefined) walk.fail("malformed");
    else walk.visit(row);
    if (walk.firstBad !== null) firstBad = { ...walk.firstBad, line: lineNumber };
  }
  const head = walk === undefined || walk.head.seq < (fromSeq ?? 1) ? null : walk.head;
  return { ok: firstBad === null && entries > 0, entries, fromSeq, head, firstBad };
}

/** A range from the middle hangs on its first entry's own word for what was before; the first entry never does. */
function startBefore(first: JournalRow | undefined): ChainHead {
  const genesis = new ChainWalk().head;
  if (first === undefined || first.seq <= 1) return genesis;
  return { seq: first.seq - 1, hash: first.prev_hash };
}

/** The row of a line, or nothing where it is no entry, or not written in the one canonical way. */
function rowOfLine(line: string): JournalRow | undefined {
  try {
    const entry = JSON.parse(line) as JournalEntry;
    if (canonicalEntry(entry) !== line.trim()) return undefined;
    const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } = entry;
    return {
      seq,
      id,
      kind,
      at_ms: atMs,
      time_trust: timeTrust,
      body: canonicalJson(body),
      prev_hash: prevHash,
      hash,
    };
  } catch {
    return undefined;
  }
}
