import { readBase } from "./carried-state.ts";
import { type BadEntry, type ChainHead, ChainWalk } from "./chain.ts";
import { type CheckpointFindings, CheckpointWalk } from "./checkpoint-walk.ts";
import { databaseDamaged, databaseFault } from "./database-fault.ts";
import { canonicalEntry, canonicalJson } from "./entry-hash.ts";
import type { JournalEntry } from "./journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "./journal-tables.ts";
import { noLongerHeld } from "./pruned-journal.ts";
import { openSnapshot, type VerifyAgainst } from "./verify.ts";

export interface ExportRange {
  /** First entry, from 1. */
  readonly fromSeq: number;
  /** Last entry, included; `null` for the newest. */
  readonly toSeq: number | null;
}

/**
 * The entries of a range as JSON lines (RFC 8785, hash included), without line ends, one at a time.
 * Of a pruned journal it begins with the first entry that is held: a signed checkpoint of what was before.
 * @throws CanteenError while it is read: of the disk, `database-damaged` at an entry that is no JSON, or
 *         `journal-no-longer-held` when all of the range was pruned.
 */
export function* exportJournal(dbFile: string, range: ExportRange): Generator<string, void, void> {
  try {
    const db = openSnapshot(dbFile);
    try {
      const heldFrom = (readBase(db)?.seq ?? 0) + 1;
      if (range.toSeq !== null && range.toSeq < heldFrom) throw noLongerHeld(heldFrom);
      const rows = db.prepare<[number, number], JournalRow>(
        `SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq BETWEEN ? AND ? ORDER BY seq`,
      );
      for (const row of rows.iterate(
        Math.max(range.fromSeq, heldFrom),
        range.toSeq ?? Number.MAX_SAFE_INTEGER,
      )) {
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
  readonly checkpoints: CheckpointFindings;
  readonly firstBad: (BadEntry & { readonly line: number }) | null;
}

/**
 * Checks an export by itself: every entry's hash, and that each follows the one before.
 * An export that starts at 1 is complete up to its head; one that starts later is complete from there.
 * Never throws on damaged lines. Empty lines are passed over.
 */
export async function verifyExport(
  lines: Iterable<string> | AsyncIterable<string>,
  { checkpoint = null, publicKey = null }: VerifyAgainst = {},
): Promise<ExportVerification> {
  let walks: { readonly chain: ChainWalk; readonly signed: CheckpointWalk } | undefined;
  const walksFrom = (row: JournalRow | undefined): NonNullable<typeof walks> => {
    const chain = new ChainWalk(startBefore(row));
    return { chain, signed: new CheckpointWalk(chain, checkpoint, publicKey) };
  };
  let fromSeq: number | null = null;
  let entries = 0;
  let lineNumber = 0;
  let firstBad: ExportVerification["firstBad"] = null;
  for await (const line of lines) {
    lineNumber += 1;
    if (line.trim() === "") continue;
    entries += 1;
    const row = rowOfLine(line);
    if (walks === undefined) {
      fromSeq = row?.seq ?? null;
      walks = walksFrom(row);
    }
    if (row === undefined) walks.chain.fail("malformed");
    else {
      walks.chain.visit(row);
      walks.signed.visit(row);
    }
    if (walks.chain.firstBad !== null) firstBad ??= { ...walks.chain.firstBad, line: lineNumber };
  }
  const { chain, signed } = walks ?? walksFrom(undefined);
  const checkpoints = signed.findings();
  return {
    ok: firstBad === null && checkpoints.problems.length === 0 && entries > 0,
    entries,
    fromSeq,
    head: walks === undefined || chain.head.seq < (fromSeq ?? 1) ? null : chain.head,
    checkpoints,
    firstBad,
  };
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
