import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";

/**
 * Opens the reference cloud's one database file.
 *
 * `entry` keeps what terminals sent, each (site, device, seq) once; `conflict` keeps what came under a number that
 * was taken by other content. Nothing is ever deleted from either.
 */
export function openCloudDatabase(file: string): Database {
  mkdirSync(dirname(file), { recursive: true });
  const db = new Sqlite(file);
  db.pragma("journal_mode = WAL");
  // A receipt lets the terminal forget, so it must not be quicker than the disk.
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  db.exec(SCHEMA);
  return db;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS device (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  acked_seq INTEGER NOT NULL DEFAULT 0,
  online INTEGER NOT NULL DEFAULT 0 CHECK (online IN (0, 1)),
  connection_id TEXT,
  seen_at_ms INTEGER NOT NULL DEFAULT 0,
  software TEXT NOT NULL DEFAULT '',
  head_seq INTEGER NOT NULL DEFAULT 0,
  roster_version INTEGER NOT NULL DEFAULT 0,
  meal_plan_version TEXT,
  damaged_count INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (site, device)
) STRICT;

CREATE TABLE IF NOT EXISTS entry (
  arrival INTEGER PRIMARY KEY AUTOINCREMENT,
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  time_trust TEXT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  UNIQUE (site, device, seq)
) STRICT;

CREATE INDEX IF NOT EXISTS entry_by_kind ON entry (kind, arrival);
CREATE INDEX IF NOT EXISTS entry_void ON entry (body ->> '$.chargeId') WHERE kind = 'charge.voided';
CREATE INDEX IF NOT EXISTS entry_dispute ON entry (body ->> '$.chargeId') WHERE kind = 'identity.disputed';

CREATE TABLE IF NOT EXISTS conflict (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  seq INTEGER NOT NULL,
  stored_hash TEXT NOT NULL,
  received_hash TEXT NOT NULL,
  received_entry TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (site, device, seq, received_hash)
) STRICT;

CREATE TABLE IF NOT EXISTS journal_gone (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  from_seq INTEGER NOT NULL,
  to_seq INTEGER NOT NULL CHECK (to_seq >= from_seq),
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (site, device, to_seq)
) STRICT;

CREATE TABLE IF NOT EXISTS device_key (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  public_key TEXT NOT NULL,
  registered INTEGER NOT NULL CHECK (registered IN (0, 1)),
  since_ms INTEGER NOT NULL,
  PRIMARY KEY (site, device, public_key)
) STRICT;

CREATE TABLE IF NOT EXISTS checkpoint (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('good', 'not-signed', 'other-key', 'other-entries')),
  PRIMARY KEY (site, device, seq)
) STRICT;

CREATE TABLE IF NOT EXISTS person (
  person_id TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  balance_fen INTEGER NOT NULL,
  changed_in INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS person_by_change ON person (changed_in);
CREATE INDEX IF NOT EXISTS person_by_number ON person (content ->> '$.number');

CREATE TABLE IF NOT EXISTS card (
  token TEXT PRIMARY KEY,
  person_id TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS card_by_person ON card (person_id);
-- A file of before this table has its cards with the people only.
INSERT OR IGNORE INTO card (token, person_id)
  SELECT each.value, person_id FROM person, json_each(content, '$.cards') AS each;

CREATE TABLE IF NOT EXISTS early_consent (
  person_id TEXT PRIMARY KEY,
  consents TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS posting (
  id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  amount_fen INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('opening', 'top-up', 'charge', 'void')),
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS posting_by_person ON posting (person_id);

CREATE TABLE IF NOT EXISTS roster (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO roster (one, version) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS template (
  share_id TEXT PRIMARY KEY,
  site TEXT NOT NULL,
  from_device TEXT NOT NULL,
  person_id TEXT NOT NULL,
  model_id TEXT NOT NULL,
  sealed TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS template_outcome (
  share_id TEXT NOT NULL,
  device TEXT NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (share_id, device),
  FOREIGN KEY (share_id) REFERENCES template (share_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE IF NOT EXISTS purchase_order (
  order_id TEXT PRIMARY KEY,
  revision INTEGER NOT NULL UNIQUE,
  due_date TEXT NOT NULL,
  content TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS order_issue (
  revision INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE IF NOT EXISTS order_known (
  order_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS photo_quote (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size TEXT NOT NULL CHECK (size IN ('photo', 'thumbnail')),
  state TEXT NOT NULL CHECK (state IN ('wanted', 'here', 'lost')),
  asked_count INTEGER NOT NULL DEFAULT 0,
  next_ask_ms INTEGER NOT NULL,
  lost_why TEXT CHECK (lost_why IN ('unknown', 'deleted', 'missing', 'changed')),
  acked_at_ms INTEGER,
  deleted_at_ms INTEGER,
  PRIMARY KEY (site, device, sha256)
) STRICT;
CREATE INDEX IF NOT EXISTS photo_wanted ON photo_quote (site, device, next_ask_ms) WHERE state = 'wanted';

CREATE TABLE IF NOT EXISTS photo (
  site TEXT NOT NULL,
  device TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (site, device, sha256)
) STRICT;
CREATE INDEX IF NOT EXISTS photo_by_hash ON photo (sha256);

CREATE TABLE IF NOT EXISTS meal_plan (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  content TEXT NOT NULL
) STRICT;
`;
