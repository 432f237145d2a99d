import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";

/** What is left of a photo that was deleted by the rules: enough to say that it was by the rules. */
export interface GonePhoto {
  /** When the cloud said that it has all of it. */
  readonly ackedAtMs: number;
  readonly deletedAtMs: number;
  /** `space`: before its time, because the disk or the budget was full. */
  readonly why: "retention" | "space";
}

/** Two years of 60 files a day, and some 10 MB. */
const GONE_RECORDS_MAX = 50_000;

/** Notes, in the transaction that deletes its row, that a photo goes. Beyond the bound the oldest notes are dropped. */
export function noteGone(
  db: Database,
  sha256: string,
  { ackedAtMs, deletedAtMs, why }: GonePhoto,
  recordsMax = GONE_RECORDS_MAX,
): void {
  const { lastInsertRowid } = prepared<[string, number, number, string]>(
    db,
    `INSERT OR REPLACE INTO photo_gone (sha256, acked_at_ms, deleted_at_ms, why, head_seq)
     VALUES (?, ?, ?, ?, (SELECT coalesce(max(seq), 0) FROM journal))`,
  ).run(sha256, ackedAtMs, deletedAtMs, why);
  const dropped = Number(lastInsertRowid) - recordsMax;
  if (dropped <= 0) return;
  // The entry that quotes a photo is older than its deletion: up to here nobody can say any more what became of one.
  prepared<[number]>(
    db,
    `UPDATE photo_gone_dropped SET through_seq =
       max(through_seq, (SELECT coalesce(max(head_seq), 0) FROM photo_gone WHERE order_no <= ?))`,
  ).run(dropped);
  prepared<[number]>(db, "DELETE FROM photo_gone WHERE order_no <= ?").run(dropped);
}

export function findGone(db: Database, sha256: string): GonePhoto | undefined {
  return prepared<[string], GonePhoto>(
    db,
    "SELECT acked_at_ms AS ackedAtMs, deleted_at_ms AS deletedAtMs, why FROM photo_gone WHERE sha256 = ?",
  ).get(sha256);
}

/** Up to this entry a photo may have gone by the rules without a note that is still there; 0 where all notes are. */
export function goneDroppedThroughSeq(db: Database): number {
  return prepared<[], number>(db, "SELECT through_seq FROM photo_gone_dropped").pluck().get() ?? 0;
}
