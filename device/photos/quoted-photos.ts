import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import type { PhotoSize } from "./photo-port.ts";

/** Every entry that quotes a photo does so under these two names, whatever it is about. */
const QUOTE = /"(photo|thumbnail)Sha256":"([0-9a-f]{64})"/g;
/** So many rows are read without a pause: some ten milliseconds on a small machine. */
const PAGE_ROWS = 500;

/**
 * Which of these photos an entry of the journal quotes, and as which size. Reads the whole journal: for what happens
 * seldom, as after a restore.
 * @param pause lets others run between two pages.
 */
export async function quotedPhotos(
  db: Database,
  hashes: ReadonlySet<string>,
  pause: () => Promise<void>,
): Promise<ReadonlyMap<string, PhotoSize>> {
  const quoted = new Map<string, PhotoSize>();
  if (hashes.size === 0) return quoted;
  const page = prepared<[number, number], { readonly seq: number; readonly body: string }>(
    db,
    "SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
  );
  for (let rows = page.all(0, PAGE_ROWS); rows.length > 0; ) {
    for (const { body } of rows)
      for (const [, size, sha256 = ""] of body.matchAll(QUOTE))
        if (hashes.has(sha256)) quoted.set(sha256, size === "photo" ? "photo" : "thumbnail");
    if (rows.length < PAGE_ROWS) break;
    await pause();
    rows = page.all(rows.at(-1)?.seq ?? 0, PAGE_ROWS);
  }
  return quoted;
}

/** Every photo that an entry still here quotes, with that entry's number; one that two quote comes twice. */
export function* quotesOf(db: Database): Generator<{ readonly seq: number; readonly sha256: string }> {
  const page = db.prepare<[number, number], { readonly seq: number; readonly body: string }>(
    `SELECT seq, body FROM journal WHERE seq > ? AND body LIKE '%Sha256":"%' ORDER BY seq LIMIT ?`,
  );
  for (let rows = page.all(0, PAGE_ROWS); rows.length > 0; ) {
    for (const { seq, body } of rows)
      for (const [, , sha256 = ""] of body.matchAll(QUOTE)) yield { seq, sha256 };
    rows = page.all(rows.at(-1)?.seq ?? 0, PAGE_ROWS);
  }
}
