import type { MigrationSet } from "../journal/database.ts";

export const securityMigrations: MigrationSet = {
  folder: "security",
  migrations: [
    {
      name: "operators and PIN attempts",
      sql: `
        CREATE TABLE operator (
          operator_id TEXT PRIMARY KEY CHECK (length(operator_id) BETWEEN 1 AND 64),
          display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 64),
          role TEXT NOT NULL CHECK (role IN ('cashier', 'keeper', 'manager')),
          pin_hash TEXT NOT NULL CHECK (pin_hash LIKE 'scrypt$%')
        ) STRICT;

        CREATE TABLE pin_attempt (
          subject TEXT PRIMARY KEY,
          wrong_count INTEGER NOT NULL CHECK (wrong_count >= 1),
          locked_at_ms INTEGER,
          touched_at_ms INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX pin_attempt_touched ON pin_attempt (touched_at_ms);
      `,
    },
    {
      // Two operators in one face would be each other's second person.
      name: "the operator's face",
      sql: `
        ALTER TABLE operator ADD COLUMN person_id TEXT CHECK (length(person_id) BETWEEN 1 AND 128);
        CREATE UNIQUE INDEX operator_person ON operator (person_id) WHERE person_id IS NOT NULL;
      `,
    },
  ],
};
