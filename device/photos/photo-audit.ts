import type { Database } from "better-sqlite3";
import { isFault } from "../platform/errors.ts";
import { photoEvidence } from "./photo-evidence.ts";
import { PhotoFiles } from "./photo-files.ts";
import type { PhotoMediaType, PhotoProblem } from "./photo-port.ts";
import { quotesOf } from "./quoted-photos.ts";

export interface PhotoAudit {
  readonly count: number;
  readonly bytes: number;
  /** Photos that an entry quotes and that are gone or changed; at most the first 100. */
  readonly problems: readonly { readonly sha256: string; readonly code: PhotoProblem }[];
}

const PROBLEMS_MAX = 100;

interface AuditRow {
  readonly sha256: string;
  readonly bytes: number;
  readonly media_type: PhotoMediaType;
}

/**
 * Reads every claimed photo and compares it with its hash, and looks for those that entries quote and no row names.
 * @param db opened for reading. @param signal ends the walk early; what was looked at until then is reported.
 */
export async function auditPhotos(db: Database, folder: string, signal: AbortSignal): Promise<PhotoAudit> {
  const files = new PhotoFiles(folder);
  const problems: { sha256: string; code: PhotoProblem }[] = [];
  let count = 0;
  let bytes = 0;
  const page = db.prepare<[string], AuditRow>(
    "SELECT sha256, bytes, media_type FROM photo WHERE claimed = 1 AND sha256 > ? ORDER BY sha256 LIMIT 100",
  );
  const hasRow = db.prepare<[string], number>("SELECT 1 FROM photo WHERE sha256 = ? AND claimed = 1").pluck();
  for (let rows = page.all(""); rows.length > 0; rows = page.all(rows.at(-1)?.sha256 ?? "")) {
    for (const row of rows) {
      if (signal.aborted) return { count, bytes, problems };
      count += 1;
      bytes += row.bytes;
      const code = await problemOf(files, row);
      if (code !== null && problems.length < PROBLEMS_MAX) problems.push({ sha256: row.sha256, code });
    }
  }
  // What an entry quotes and no row speaks of any more: gone by the rules, or not.
  for (const { seq, sha256 } of quotesOf(db)) {
    if (signal.aborted) break;
    if (hasRow.get(sha256) === 1) continue;
    const { kind } = await photoEvidence(db, files, seq, sha256);
    if (kind !== "missing" && kind !== "changed") continue;
    count += 1;
    if (problems.length < PROBLEMS_MAX) problems.push({ sha256, code: `photo-${kind}` });
  }
  return { count, bytes, problems };
}

async function problemOf(files: PhotoFiles, row: AuditRow): Promise<PhotoProblem | null> {
  try {
    await files.read(row.sha256, row.media_type);
    return null;
  } catch (error) {
    if (isFault(error) && (error.code === "photo-missing" || error.code === "photo-changed"))
      return error.code;
    throw error;
  }
}
