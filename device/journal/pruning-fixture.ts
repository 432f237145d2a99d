import { generateKeyPairSync, sign } from "node:crypto";
import type { Database } from "better-sqlite3";
import { silentLogger } from "../platform/logger.ts";
import type { CheckpointSigner } from "./checkpoint.ts";
import { type Checkpoints, startCheckpoints } from "./checkpoint-writer.ts";
import {
  type FixtureOptions,
  type JournalFixture,
  journalFixture,
  tallyProjection,
} from "./journal-fixture.ts";
import type { Projection } from "./journal-port.ts";
import { prepared } from "./prepared.ts";
import { type Pruning, type PruningOptions, startPruning } from "./pruning.ts";

/** A journal of days that can be pruned. For tests only. */

export const DAY_MS = 86_400_000;
export const MINUTE_MS = 60_000;
export const STEP_MS = 25;

/** Two tables, one of which refers to the other, and a column of bytes. */
export const soldProjection: Projection = {
  name: "sold",
  schema: `
    CREATE TABLE IF NOT EXISTS sold_name (
      name TEXT NOT NULL REFERENCES sold_sum (name),
      seq INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (name, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sold_sum (name TEXT PRIMARY KEY, total INTEGER NOT NULL, half REAL, why TEXT) STRICT;`,
  tables: ["sold_name", "sold_sum"],
  apply(db, entry) {
    if (entry.kind !== "tally.sold") return;
    const { name } = entry.body;
    prepared(
      db,
      `INSERT INTO sold_sum (name, total, half) VALUES (?, 1, 0.5)
       ON CONFLICT (name) DO UPDATE SET total = total + 1, half = half + 0.5`,
    ).run(name);
    prepared(db, "INSERT INTO sold_name (name, seq, bytes) VALUES (?, ?, ?)").run(
      ...[name, entry.seq, Buffer.from(entry.hash, "hex")],
    );
  },
};
export const projections = [tallyProjection, soldProjection];

export function signerOf(): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64url"),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

export interface Rig extends JournalFixture {
  readonly pruning: Pruning;
  readonly checkpoints: Checkpoints;
  sell(count: number): void;
  /** A day with a signed checkpoint behind what was sold. */
  day(count?: number): Promise<void>;
  /** All there is reaches the cloud. */
  receipt(): void;
  prune(): Promise<void>;
  rows(): { readonly first: number; readonly count: number };
  restart(): Rig;
}

export interface RigOptions extends FixtureOptions {
  readonly pruning?: Partial<PruningOptions>;
  readonly signer?: CheckpointSigner;
}

export function rig(options: RigOptions = {}): Rig {
  const signer = options.signer ?? signerOf();
  const fixture = journalFixture({ projections, ...options });
  const { db, journal, clock, ids } = fixture;
  const place = { site: "school", device: "till-1" };
  const common = { journal, clock, ids, logger: silentLogger, ...place };
  const checkpoints = startCheckpoints({ ...common, signer, periodMs: MINUTE_MS });
  const pruning = startPruning({
    ...common,
    db,
    projections: options.projections ?? projections,
    publicKey: signer.publicKey,
    timeTrust: { current: () => options.timeTrust ?? "synced" },
    keptMs: 180 * DAY_MS,
    bytesMax: 1e12,
    mayWrite: () => true,
    prunedCountMin: 1,
    ...options.pruning,
  });
  const sell = (count: number): void => {
    for (let sold = 0; sold < count; sold++) {
      const body = { name: `dish ${(journal.head().seq * 7) % 5}` };
      journal.append({ id: ids.next(), kind: "tally.sold", body });
    }
  };
  return {
    ...fixture,
    pruning,
    checkpoints,
    sell,
    day: async (count = 3) => {
      sell(count);
      // The night passes for the stamps alone: a thousand looks of the timers would say nothing.
      clock.stepWall(DAY_MS - MINUTE_MS);
      await clock.advance(MINUTE_MS);
    },
    receipt: () => journal.acknowledge(journal.head().seq),
    prune: async () => {
      pruning.look();
      while (pruning.isAtWork()) await clock.advance(STEP_MS);
    },
    rows: () => {
      const sql = "SELECT min(seq) AS first, count(*) AS count FROM journal";
      return db.prepare<[], { first: number; count: number }>(sql).get() ?? { first: 0, count: 0 };
    },
    restart: () => {
      pruning.close();
      checkpoints.close();
      db.close();
      return rig({ ...options, signer, folder: fixture.folder, clock, ids });
    },
  };
}

/** Ten days with a checkpoint each, half a year ago; then one of today. All of it with the cloud. */
export async function oldJournal(options: RigOptions = {}): Promise<Rig> {
  const made = rig(options);
  for (let day = 0; day < 10; day++) await made.day();
  made.clock.stepWall(185 * DAY_MS);
  await made.day();
  made.receipt();
  return made;
}

export const tables = ({ db }: Pick<Rig, "db">): unknown =>
  ["sold_name", "sold_sum", "tally"].map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all());

export function tamper({ db }: Rig, change: (db: Database) => void): void {
  const triggers = db
    .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  change(db);
  for (const { sql } of triggers) db.exec(sql);
}
