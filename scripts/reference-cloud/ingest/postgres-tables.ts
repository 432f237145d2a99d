import type { Pool } from "pg";

/**
 * What the ingest keeps: each (terminal, seq) once, what came under a taken number beside it, and how far each
 * terminal's chain is whole. `terminal.id` stands for site and device, so that a row of an entry is short.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS terminal (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  site text NOT NULL,
  device text NOT NULL,
  acked_seq bigint NOT NULL DEFAULT 0,
  head_hash bytea NOT NULL DEFAULT '\\x${"00".repeat(32)}',
  top_seq bigint NOT NULL DEFAULT 0,
  conflict_count integer NOT NULL DEFAULT 0,
  damaged_count integer NOT NULL DEFAULT 0,
  UNIQUE (site, device)
);
CREATE TABLE IF NOT EXISTS entry (
  terminal integer NOT NULL REFERENCES terminal (id),
  seq bigint NOT NULL CHECK (seq >= 1),
  at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL,
  id uuid NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  kind text NOT NULL,
  time_trust text NOT NULL,
  body json NOT NULL,
  PRIMARY KEY (terminal, seq)
);
CREATE TABLE IF NOT EXISTS conflict (
  terminal integer NOT NULL REFERENCES terminal (id),
  seq bigint NOT NULL,
  stored_hash bytea NOT NULL,
  received_hash bytea NOT NULL,
  received_entry json NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (terminal, seq, received_hash)
);
`;

/** Any number, the same for all workers: "CREATE … IF NOT EXISTS" by two at once can fail. */
const SCHEMA_LOCK = 7_201_113;

export async function createIngestTables(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [SCHEMA_LOCK]);
    await client.query(SCHEMA);
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [SCHEMA_LOCK]);
    client.release();
  }
}
