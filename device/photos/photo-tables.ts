import type { MigrationSet } from "../journal/database.ts";

export const photoMigrations: MigrationSet = {
  folder: "photos",
  migrations: [
    {
      name: "photos by hash",
      sql: `CREATE TABLE photo (
        sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
        bytes INTEGER NOT NULL CHECK (bytes > 0),
        size TEXT NOT NULL CHECK (size IN ('photo', 'thumbnail')),
        media_type TEXT NOT NULL CHECK (media_type IN ('image/jpeg', 'image/webp')),
        stored_at_ms INTEGER NOT NULL,
        claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
        acked_at_ms INTEGER,
        problem TEXT CHECK (problem IN ('photo-missing', 'photo-changed'))
      ) STRICT;
      CREATE INDEX photo_to_send ON photo (size DESC, stored_at_ms, sha256)
        WHERE claimed = 1 AND acked_at_ms IS NULL AND problem IS NULL;
      CREATE INDEX photo_deletable ON photo (acked_at_ms) WHERE acked_at_ms IS NOT NULL;
      CREATE INDEX photo_loose ON photo (stored_at_ms) WHERE claimed = 0;`,
    },
    {
      name: "what became of deleted photos",
      // Whatever was deleted before this is not on record: the entries up to now are those that may quote it.
      sql: `CREATE TABLE photo_gone (
        order_no INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
        acked_at_ms INTEGER NOT NULL,
        deleted_at_ms INTEGER NOT NULL,
        why TEXT NOT NULL CHECK (why IN ('retention', 'space')),
        head_seq INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE photo_gone_dropped (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        through_seq INTEGER NOT NULL
      ) STRICT;
      INSERT INTO photo_gone_dropped (only, through_seq) SELECT 1, coalesce(max(seq), 0) FROM journal;`,
    },
  ],
};
