import type { Database } from "better-sqlite3";
import { isFault } from "../platform/errors.ts";
import type { PhotoFiles } from "./photo-files.ts";
import { findGone, type GonePhoto, goneDroppedThroughSeq } from "./photo-gone.ts";
import type { PhotoMediaType } from "./photo-port.ts";

/** What the files alone say of a photo that an entry quotes. */
export type PhotoEvidence =
  | { readonly kind: "intact"; readonly ackedAtMs: number | null }
  /** Under its name lies something else. */
  | { readonly kind: "changed"; readonly ackedAtMs: number | null }
  /** Deleted by this program, after the cloud had said that it has it. */
  | ({ readonly kind: "retired" } & GonePhoto)
  /** The note of it was dropped or lost in a restore: it may have been deleted by the rules, or not. */
  | { readonly kind: "not-on-record" }
  /** Nobody deleted it by the rules. `ackedAtMs`: the cloud has it all the same; null: it may be lost. */
  | { readonly kind: "missing"; readonly ackedAtMs: number | null };

const MEDIA_TYPES: readonly PhotoMediaType[] = ["image/jpeg", "image/webp"];

/**
 * @param db opened for reading, of this release or an older one.
 * @param seq of the entry that quotes the photo.
 */
export async function photoEvidence(
  db: Database,
  files: PhotoFiles,
  seq: number,
  sha256: string,
): Promise<PhotoEvidence> {
  const row = db
    .prepare<[string], { media_type: PhotoMediaType; acked_at_ms: number | null }>(
      "SELECT media_type, acked_at_ms FROM photo WHERE sha256 = ?",
    )
    .get(sha256);
  const ackedAtMs = row?.acked_at_ms ?? null;
  // A photo without a row lies there after a restore, until the terminal takes it up again.
  for (const mediaType of row === undefined ? MEDIA_TYPES : [row.media_type]) {
    const found = await fileState(files, sha256, mediaType);
    if (found !== "missing") return { kind: found, ackedAtMs };
  }
  if (row !== undefined) return { kind: "missing", ackedAtMs };
  if (!hasNotes(db)) return mayBeRetired(db, seq, Number.POSITIVE_INFINITY);
  const gone = findGone(db, sha256);
  if (gone !== undefined) return { kind: "retired", ...gone };
  return mayBeRetired(db, seq, Math.max(goneDroppedThroughSeq(db), restoredSeq(db)));
}

async function fileState(
  files: PhotoFiles,
  sha256: string,
  mediaType: PhotoMediaType,
): Promise<"intact" | "changed" | "missing"> {
  try {
    await files.read(sha256, mediaType);
    return "intact";
  } catch (error) {
    if (isFault(error) && error.code === "photo-changed") return "changed";
    if (isFault(error) && error.code === "photo-missing") return "missing";
    throw error;
  }
}

/** What the cloud does not have yet is never deleted, note or not: photos follow their entries. */
function mayBeRetired(db: Database, seq: number, throughSeq: number): PhotoEvidence {
  const ackedSeq = db.prepare<[], number>("SELECT acked_seq FROM journal_receipt").pluck().get() ?? 0;
  return seq <= Math.min(throughSeq, ackedSeq)
    ? { kind: "not-on-record" }
    : { kind: "missing", ackedAtMs: null };
}

/** A database of an older release has no such table. */
function hasNotes(db: Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'photo_gone'").get() !== undefined;
}

/** A restore puts the tables back as they were: notes from after the backup are lost with it. */
function restoredSeq(db: Database): number {
  const found = db.prepare<[], number | null>("SELECT max(seq) FROM journal WHERE kind = 'device.restored'");
  return found.pluck().get() ?? 0;
}
