import type { Pool, PoolClient } from "pg";
import type { JournalBatchMessage, ReceiptMessage } from "../../../device/sync/messages.ts";
import type { TerminalAddress } from "../../../device/sync/topics.ts";
import { isWhole, refusedIn } from "../journal-intake.ts";
import { decideBatch, type Entry, type StoredLink } from "./batch-decision.ts";

const RANGES_MAX = 64;
const ADVANCE_PAGE = 1000;

interface TerminalRow {
  readonly id: number;
  readonly acked_seq: string;
  readonly top_seq: string;
  readonly head_hash: string;
  readonly conflict_count: number;
}

/** One terminal's row, locked until the transaction ends. */
interface Locked {
  readonly id: number;
  ackedSeq: number;
  headHash: string;
  topSeq: number;
  conflictCount: number;
}

/**
 * `JournalIntake` on PostgreSQL, for any number of workers at once. The contract is the same: (terminal, seq) once, a
 * receipt after the commit, no order assumed. Whoever takes a batch locks the terminal's row first, so that two
 * batches of one terminal are taken one after the other in whichever order, and those of two terminals side by side.
 */
export class PostgresIntake {
  readonly #pool: Pool;
  readonly #now: () => number;

  constructor(pool: Pool, now: () => number) {
    this.#pool = pool;
    this.#now = now;
  }

  /** @returns the receipt, once what it says is on the disk. @throws when the database cannot: nothing was stored. */
  async take(address: TerminalAddress, batch: JournalBatchMessage): Promise<ReceiptMessage> {
    // Hashed before the row is locked: it is most of the work.
    const damaged = batch.entries.filter((entry) => !isWhole(entry));
    const sound =
      damaged.length === 0 ? batch.entries : batch.entries.filter((entry) => !damaged.includes(entry));
    const client = await this.#pool.connect();
    try {
      await client.query("BEGIN");
      const terminal = await lock(client, address);
      await this.#store(client, terminal, sound, damaged.length);
      const receipt = await this.#receipt(client, terminal, batch.ask);
      await client.query("COMMIT");
      return { ...receipt, ...refusedIn(damaged) };
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  async #store(
    client: PoolClient,
    terminal: Locked,
    entries: readonly Entry[],
    damagedCount: number,
  ): Promise<void> {
    if (entries.length === 0 && damagedCount === 0) return;
    if (goesOn(terminal, entries)) await this.#append(client, terminal, entries);
    else await this.#fit(client, terminal, entries);
    await client.query({
      name: "advance",
      text: `UPDATE terminal SET acked_seq = $2, head_hash = decode($3, 'hex'), top_seq = $4, conflict_count = $5,
             damaged_count = damaged_count + $6 WHERE id = $1`,
      values: [
        ...[terminal.id, terminal.ackedSeq, terminal.headHash, terminal.topSeq, terminal.conflictCount],
        damagedCount,
      ],
    });
  }

  /** The everyday case: the batch begins where the chain ends, and nothing lies behind. */
  async #append(client: PoolClient, terminal: Locked, entries: readonly Entry[]): Promise<void> {
    await this.#insert(client, terminal, entries);
    terminal.ackedSeq += entries.length;
    terminal.topSeq = terminal.ackedSeq;
    terminal.headHash = entries.at(-1)?.hash ?? terminal.headHash;
  }

  /** Repeated, overtaken and conflicting entries. */
  async #fit(client: PoolClient, terminal: Locked, entries: readonly Entry[]): Promise<void> {
    const seqs = new Set(entries.flatMap(({ seq }) => [seq - 1, seq, seq + 1]));
    const { rows } = await client.query<{ seq: string; hash: string; prev_hash: string }>({
      name: "neighbours",
      text: `SELECT seq, encode(hash, 'hex') AS hash, encode(prev_hash, 'hex') AS prev_hash FROM entry
             WHERE terminal = $1 AND seq = ANY ($2::bigint[])`,
      values: [terminal.id, [...seqs]],
    });
    const stored = new Map<number, StoredLink>(
      rows.map(({ seq, hash, prev_hash }) => [Number(seq), { hash, prevHash: prev_hash }]),
    );
    const { store, conflicts } = decideBatch(entries, stored);
    await this.#insert(client, terminal, store);
    for (const { seq, storedHash, receivedHash, entry } of conflicts) {
      const { rowCount } = await client.query({
        name: "conflict",
        text: `INSERT INTO conflict VALUES ($1, $2, decode($3, 'hex'), decode($4, 'hex'), $5, $6)
               ON CONFLICT DO NOTHING`,
        values: [terminal.id, seq, storedHash, receivedHash, JSON.stringify(entry), this.#now()],
      });
      terminal.conflictCount += rowCount ?? 0;
    }
    terminal.topSeq = Math.max(terminal.topSeq, ...store.map(({ seq }) => seq));
    await this.#advance(client, terminal);
  }

  async #insert(client: PoolClient, terminal: Locked, entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    await client.query({
      name: "insert",
      text: `INSERT INTO entry (terminal, received_at_ms, seq, at_ms, id, prev_hash, hash, kind, time_trust, body)
             SELECT $1, $2, seq, at_ms, id, decode(prev_hash, 'hex'), decode(hash, 'hex'), kind, time_trust, body
             FROM unnest($3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::json[]) AS given (seq, at_ms, id, prev_hash, hash, kind, time_trust, body)`,
      values: [
        terminal.id,
        this.#now(),
        entries.map(({ seq }) => seq),
        entries.map(({ atMs }) => atMs),
        entries.map(({ id }) => id),
        entries.map(({ prevHash }) => prevHash),
        entries.map(({ hash }) => hash),
        entries.map(({ kind }) => kind),
        entries.map(({ timeTrust }) => timeTrust),
        entries.map(({ body }) => JSON.stringify(body)),
      ],
    });
  }

  /** Moves the chain's end over what now joins without a hole. */
  async #advance(client: PoolClient, terminal: Locked): Promise<void> {
    for (;;) {
      const { rows } = await client.query<{ seq: string; hash: string }>({
        name: "behind",
        text: `SELECT seq, encode(hash, 'hex') AS hash FROM entry WHERE terminal = $1 AND seq > $2
               ORDER BY seq LIMIT ${ADVANCE_PAGE}`,
        values: [terminal.id, terminal.ackedSeq],
      });
      for (const { seq, hash } of rows) {
        if (Number(seq) !== terminal.ackedSeq + 1) return;
        terminal.ackedSeq += 1;
        terminal.headHash = hash;
      }
      if (rows.length < ADVANCE_PAGE) return;
    }
  }

  async #receipt(client: PoolClient, terminal: Locked, ask: string): Promise<ReceiptMessage> {
    const { ackedSeq, headHash } = terminal;
    return {
      ...{ v: 1, ask, ackedSeq, headHash, cloudNowMs: this.#now() },
      missing: terminal.topSeq > ackedSeq ? await missing(client, terminal) : [],
      conflicts: terminal.conflictCount > 0 ? await conflicts(client, terminal) : [],
    };
  }
}

/** Whether the entries are the chain's next ones, each joined to the one before. */
function goesOn({ ackedSeq, headHash, topSeq }: Locked, entries: readonly Entry[]): boolean {
  if (topSeq !== ackedSeq) return false;
  let [seq, hash] = [ackedSeq, headHash];
  for (const entry of entries) {
    if (entry.seq !== seq + 1 || entry.prevHash !== hash) return false;
    [seq, hash] = [entry.seq, entry.hash];
  }
  return true;
}

async function lock(client: PoolClient, { site, device }: TerminalAddress): Promise<Locked> {
  const select = {
    name: "lock",
    text: `SELECT id, acked_seq, top_seq, conflict_count, encode(head_hash, 'hex') AS head_hash
           FROM terminal WHERE site = $1 AND device = $2 FOR UPDATE`,
    values: [site, device],
  };
  let { rows } = await client.query<TerminalRow>(select);
  if (rows.length === 0) {
    const values = [site, device];
    await client.query("INSERT INTO terminal (site, device) VALUES ($1, $2) ON CONFLICT DO NOTHING", values);
    ({ rows } = await client.query<TerminalRow>(select));
  }
  const [row] = rows;
  if (row === undefined) throw new Error("the terminal's row is there");
  return {
    id: row.id,
    ackedSeq: Number(row.acked_seq),
    topSeq: Number(row.top_seq),
    headHash: row.head_hash,
    conflictCount: row.conflict_count,
  };
}

async function missing(client: PoolClient, { id, ackedSeq }: Locked): Promise<[number, number][]> {
  const { rows } = await client.query<{ first: string; last: string }>({
    name: "missing",
    text: `SELECT before + 1 AS first, seq - 1 AS last
           FROM (SELECT seq, lag(seq, 1, $2::bigint) OVER (ORDER BY seq) AS before FROM entry
                 WHERE terminal = $1 AND seq > $2) AS stored
           WHERE seq > before + 1 ORDER BY seq LIMIT ${RANGES_MAX}`,
    values: [id, ackedSeq],
  });
  return rows.map(({ first, last }) => [Number(first), Number(last)]);
}

async function conflicts(client: PoolClient, { id }: Locked): Promise<ReceiptMessage["conflicts"]> {
  const { rows } = await client.query<{ seq: string; stored: string; received: string }>({
    name: "conflicts",
    text: `SELECT seq, encode(stored_hash, 'hex') AS stored, encode(received_hash, 'hex') AS received FROM conflict
           WHERE terminal = $1 ORDER BY seq LIMIT ${RANGES_MAX}`,
    values: [id],
  });
  return rows.map(({ seq, stored, received }) => ({
    seq: Number(seq),
    storedHash: stored,
    receivedHash: received,
  }));
}
