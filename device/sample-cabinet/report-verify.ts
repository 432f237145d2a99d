import type { Database } from "better-sqlite3";
import { readBase } from "../journal/carried-state.ts";
import {
  CHECKPOINT_KIND,
  checkpointOfBody,
  DIGEST_BYTES,
  digestOfRow,
  isSigned,
} from "../journal/checkpoint.ts";
import { canonicalEntry, canonicalJson, GENESIS_HASH, hashOfEntry } from "../journal/entry-hash.ts";
import type { JournalEntry } from "../journal/journal-port.ts";
import { ENTRY_COLUMNS, entryOfRow, type JournalRow } from "../journal/journal-tables.ts";
import { RENDERER_OF_THIS_LOOK_MIN, REPORT_RENDERER, type ReportData, selectEntries } from "./report-data.ts";
import { closingHash, dataOfPage } from "./report-file.ts";
import { renderReport } from "./report-page.ts";

export type ReportProblem =
  /** The page holds no report, or not whole. */
  | { readonly problem: "no-report" }
  | { readonly problem: "hash-wrong"; readonly seq: number }
  | { readonly problem: "order-wrong"; readonly seq: number }
  /** Two entries that follow each other are not linked. */
  | { readonly problem: "chain-broken"; readonly seq: number }
  /** A checkpoint is not signed by its key, or by another key than the others. */
  | { readonly problem: "signature-wrong"; readonly seq: number }
  /** Signed with another content at this number. */
  | { readonly problem: "not-as-signed"; readonly seq: number }
  /** The visible part is not what the entries give. */
  | { readonly problem: "page-differs" }
  /** Against the journal. */
  | { readonly problem: "not-in-journal"; readonly seq: number }
  | { readonly problem: "removed"; readonly seq: number }
  | { readonly problem: "head-differs"; readonly seq: number };

export interface ReportVerification {
  readonly ok: boolean;
  readonly entries: number;
  /** Of these, covered by a signature of `publicKey`. */
  readonly signedEntries: number;
  readonly publicKey: string | null;
  readonly closing: string | null;
  /** False: made by another version of the program, so the visible part was not compared. */
  readonly pageCompared: boolean;
  readonly journal: "compared" | "not-given";
  /** At most `PROBLEMS_MAX`. */
  readonly problems: readonly ReportProblem[];
}

const PROBLEMS_MAX = 20;

/**
 * Checks a report by itself, and against the journal where there is one.
 *
 * By itself: every entry has the content that its hash was made from; neighbours are linked; what a checkpoint of the
 * device's key signed is as it was signed; and the page shows what the entries say. What it cannot know: whether an
 * entry was left out, and, where no checkpoint covers it, whether somebody computed all hashes anew. The closing hash,
 * noted when the report was received, or the journal tells.
 */
export function verifyReport(html: string, journal: Database | null): ReportVerification {
  const data = dataOfPage(html);
  if (data === undefined) return { ...NOTHING, problems: [{ problem: "no-report" }] };
  const problems: ReportProblem[] = [...chainProblems(data.entries)];
  // What has not even its own hash is reported; it may hold values that nothing can be computed from.
  const sound = data.entries.filter(isOwnHash);
  const signed = checkSignatures(sound);
  problems.push(...signed.problems);
  const { renderer } = data.header;
  const pageCompared = renderer >= RENDERER_OF_THIS_LOOK_MIN && renderer <= REPORT_RENDERER;
  if (problems.length === 0 && pageCompared && renderReport(data) !== html)
    problems.push({ problem: "page-differs" });
  if (journal !== null) problems.push(...journalProblems({ ...data, entries: sound }, journal));
  return {
    ok: problems.length === 0,
    entries: data.entries.length,
    signedEntries: signed.count,
    publicKey: signed.publicKey,
    closing: closingHash(data),
    pageCompared,
    journal: journal === null ? "not-given" : "compared",
    problems: problems.slice(0, PROBLEMS_MAX),
  };
}

const NOTHING = {
  ok: false,
  entries: 0,
  signedEntries: 0,
  publicKey: null,
  closing: null,
  pageCompared: false,
  journal: "not-given",
} as const;

function* chainProblems(entries: readonly JournalEntry[]): Generator<ReportProblem> {
  let before: JournalEntry | undefined;
  for (const entry of entries) {
    if (!isOwnHash(entry)) yield { problem: "hash-wrong", seq: entry.seq };
    if (before !== undefined && entry.seq <= before.seq) yield { problem: "order-wrong", seq: entry.seq };
    const isLinked =
      before === undefined
        ? entry.seq !== 1 || entry.prevHash === GENESIS_HASH
        : entry.seq !== before.seq + 1 || entry.prevHash === before.hash;
    if (!isLinked) yield { problem: "chain-broken", seq: entry.seq };
    before = entry;
  }
}

function isOwnHash(entry: JournalEntry): boolean {
  try {
    return hashOfEntry(entry) === entry.hash;
  } catch {
    return false; // Values that no journal holds.
  }
}

function checkSignatures(entries: readonly JournalEntry[]): {
  readonly count: number;
  readonly publicKey: string | null;
  readonly problems: readonly ReportProblem[];
} {
  const problems: ReportProblem[] = [];
  const signed = new Set<number>();
  const bySeq = new Map(entries.map((entry) => [entry.seq, entry]));
  let publicKey: string | null = null;
  for (const { kind, body, seq } of entries) {
    if (kind !== CHECKPOINT_KIND) continue;
    const checkpoint = checkpointOfBody(body);
    publicKey ??= checkpoint?.publicKey ?? null;
    if (checkpoint === undefined || checkpoint.publicKey !== publicKey || !isSigned(checkpoint)) {
      problems.push({ problem: "signature-wrong", seq });
      continue;
    }
    const digests = Buffer.from(checkpoint.digests ?? "", "base64");
    for (let at = checkpoint.digestsFrom; at <= checkpoint.seq; at++) {
      const entry = bySeq.get(at);
      if (entry === undefined) continue;
      const offset = (at - checkpoint.digestsFrom) * DIGEST_BYTES;
      if (digestOfRow(rowOf(entry)).equals(digests.subarray(offset, offset + DIGEST_BYTES))) signed.add(at);
      else problems.push({ problem: "not-as-signed", seq: at });
    }
    if (bySeq.get(checkpoint.seq)?.hash !== undefined && bySeq.get(checkpoint.seq)?.hash !== checkpoint.hash)
      problems.push({ problem: "not-as-signed", seq: checkpoint.seq });
  }
  return { count: signed.size, publicKey, problems };
}

function rowOf({ seq, id, kind, atMs, timeTrust, body, prevHash, hash }: JournalEntry): JournalRow {
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
}

function* journalProblems({ header, entries }: ReportData, db: Database): Generator<ReportProblem> {
  const select = db.prepare<[number], JournalRow>(`SELECT ${ENTRY_COLUMNS} FROM journal WHERE seq = ?`);
  // What was pruned since proves itself by its hashes and signatures alone.
  const baseSeq = readBase(db)?.seq ?? 0;
  const head = select.get(header.head.seq);
  if (header.head.seq > baseSeq && head?.hash !== header.head.hash)
    yield { problem: "head-differs", seq: header.head.seq };
  const seqs = new Set<number>();
  for (const entry of entries) {
    seqs.add(entry.seq);
    if (entry.seq <= baseSeq) continue;
    const row = select.get(entry.seq);
    if (row === undefined || canonicalEntry(entryOfRow(row)) !== canonicalEntry(entry))
      yield { problem: "not-in-journal", seq: entry.seq };
  }
  for (const { seq } of selectEntries(db, header, header.head.seq))
    if (seq > baseSeq && !seqs.has(seq)) yield { problem: "removed", seq };
}
