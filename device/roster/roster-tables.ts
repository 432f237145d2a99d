import type { MigrationSet } from "../journal/database.ts";

/**
 * A template hangs on its person's key and a key on its person: a person cannot be deleted while a key is left, and
 * a key takes every template and every waiting share with it.
 */
export const rosterMigrations: MigrationSet = {
  folder: "roster",
  // A copy would keep what a withdrawal destroys. Whoever goes back to the copy enrols the faces again.
  notInBackup: ["template_share", "template", "person_key"],
  migrations: [
    {
      name: "people, consent and templates",
      sql: `
        CREATE TABLE roster_state (
          only INTEGER PRIMARY KEY CHECK (only = 1),
          version INTEGER NOT NULL CHECK (version >= 0)
        ) STRICT;
        INSERT INTO roster_state (only, version) VALUES (1, 0);

        CREATE TABLE roster_snapshot_part (
          part INTEGER PRIMARY KEY CHECK (part BETWEEN 1 AND parts),
          parts INTEGER NOT NULL,
          to_version INTEGER NOT NULL,
          people TEXT NOT NULL CHECK (json_valid(people))
        ) STRICT;

        CREATE TABLE person (
          person_id TEXT PRIMARY KEY,
          number TEXT NOT NULL UNIQUE,
          display_name TEXT NOT NULL,
          group_name TEXT NOT NULL,
          kind TEXT NOT NULL CHECK (kind IN ('student', 'staff', 'guest')),
          active INTEGER NOT NULL CHECK (active IN (0, 1)),
          allergens TEXT NOT NULL CHECK (json_valid(allergens)),
          limits TEXT NOT NULL CHECK (json_valid(limits)),
          pin_hash TEXT
        ) STRICT;

        CREATE TABLE account (
          person_id TEXT PRIMARY KEY REFERENCES person (person_id) ON DELETE CASCADE,
          balance_fen INTEGER NOT NULL,
          through_seq INTEGER NOT NULL CHECK (through_seq >= 0)
        ) STRICT;

        CREATE TABLE card (
          card_token TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person (person_id) ON DELETE CASCADE
        ) STRICT;
        CREATE INDEX card_of_person ON card (person_id);

        CREATE TABLE consent (
          person_id TEXT NOT NULL REFERENCES person (person_id) ON DELETE CASCADE,
          scope TEXT NOT NULL CHECK (scope IN ('face', 'share-template')),
          granted_by TEXT NOT NULL CHECK (granted_by IN ('self', 'guardian')),
          granted_at_ms INTEGER NOT NULL,
          withdrawn_at_ms INTEGER CHECK (withdrawn_at_ms >= granted_at_ms),
          PRIMARY KEY (person_id, scope)
        ) STRICT;

        CREATE TABLE person_key (
          person_id TEXT PRIMARY KEY REFERENCES person (person_id),
          wrapped BLOB NOT NULL
        ) STRICT;

        CREATE TABLE template (
          template_id TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person_key (person_id) ON DELETE CASCADE,
          model_id TEXT NOT NULL,
          enrolment_id TEXT NOT NULL,
          enrolled_at_ms INTEGER NOT NULL,
          origin TEXT NOT NULL CHECK (origin IN ('local', 'shared')),
          quality REAL NOT NULL,
          sealed BLOB NOT NULL
        ) STRICT;
        CREATE INDEX template_of_person ON template (person_id, model_id);

        CREATE TABLE template_share (
          share_id TEXT PRIMARY KEY,
          person_id TEXT NOT NULL REFERENCES person_key (person_id) ON DELETE CASCADE,
          model_id TEXT NOT NULL,
          confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1))
        ) STRICT;
        CREATE INDEX template_share_of_person ON template_share (person_id);
      `,
    },
  ],
};
