import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import { findGone } from "./photo-gone.ts";
import type { PhotoProblem, PhotosAskedFor } from "./photo-port.ts";

/**
 * Photos that wait for the cloud and may not be deleted: with so many the rest of what it asks for is not promised yet.
 * Some 30 MB, a fraction of the space that photos have.
 */
const WAITING_MAX = 256;

interface AskedRow {
  readonly acked_at_ms: number | null;
  readonly problem: PhotoProblem | null;
}

/** Within a transaction: what the cloud lost and is still here waits for it once more. */
export function sendPhotosAgain(
  db: Database,
  hashes: readonly string[],
  waitingCount: number,
): PhotosAskedFor {
  const asked: PhotosAskedFor = { sending: [], gone: [] };
  let room = WAITING_MAX - waitingCount;
  for (const sha256 of hashes) {
    const row = prepared<[string], AskedRow>(
      db,
      "SELECT acked_at_ms, problem FROM photo WHERE sha256 = ? AND claimed = 1",
    ).get(sha256);
    if (row === undefined) {
      asked.gone.push(goneOf(db, sha256));
    } else if (row.problem !== null) {
      const why = row.problem === "photo-missing" ? "missing" : "changed";
      asked.gone.push({ sha256, why, ackedAtMs: row.acked_at_ms, deletedAtMs: null });
    } else if (row.acked_at_ms === null) {
      asked.sending.push(sha256);
    } else if (room > 0) {
      room -= 1;
      prepared<[string]>(db, "UPDATE photo SET acked_at_ms = NULL WHERE sha256 = ?").run(sha256);
      asked.sending.push(sha256);
    }
  }
  return asked;
}

function goneOf(db: Database, sha256: string): PhotosAskedFor["gone"][number] {
  const gone = findGone(db, sha256);
  return gone === undefined
    ? { sha256, why: "unknown", ackedAtMs: null, deletedAtMs: null }
    : { sha256, why: "deleted", ackedAtMs: gone.ackedAtMs, deletedAtMs: gone.deletedAtMs };
}
