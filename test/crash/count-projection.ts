import type { Projection } from "../../device/journal/journal-port.ts";
import { prepared } from "../../device/journal/prepared.ts";

/** How many entries each person has: enough to see an entry without its projection, or the reverse. */
export const countProjection: Projection = {
  name: "count",
  schema:
    "CREATE TABLE IF NOT EXISTS entry_count (person_id TEXT PRIMARY KEY, total INTEGER NOT NULL) STRICT;",
  tables: ["entry_count"],
  apply(db, entry) {
    prepared(
      db,
      `INSERT INTO entry_count (person_id, total) VALUES (?, 1)
       ON CONFLICT (person_id) DO UPDATE SET total = total + 1`,
    ).run(entry.body["personId"]);
  },
};
