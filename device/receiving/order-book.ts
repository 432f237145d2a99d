import { isDeepStrictEqual } from "node:util";
import type { Database } from "better-sqlite3";
import type { MigrationSet } from "../journal/database.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { OrderBook, OrderChange, OrdersApplied, PurchaseOrder } from "./order-port.ts";

export const receivingMigrations: MigrationSet = {
  folder: "receiving",
  migrations: [
    {
      name: "purchase orders",
      sql: `CREATE TABLE order_book (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        revision INTEGER NOT NULL
      ) STRICT;
      INSERT INTO order_book (only, revision) VALUES (1, 0);
      CREATE TABLE purchase_order (
        order_id TEXT NOT NULL,
        version INTEGER NOT NULL CHECK (version >= 1),
        is_newest INTEGER NOT NULL CHECK (is_newest IN (0, 1)),
        due_date TEXT NOT NULL,
        content TEXT NOT NULL CHECK (json_valid(content)),
        saved_at_ms INTEGER NOT NULL,
        PRIMARY KEY (order_id, version)
      ) STRICT;
      CREATE UNIQUE INDEX purchase_order_newest ON purchase_order (order_id) WHERE is_newest = 1;
      CREATE INDEX purchase_order_due ON purchase_order (due_date) WHERE is_newest = 1;
      CREATE INDEX purchase_order_age ON purchase_order (saved_at_ms);`,
    },
  ],
};

export interface OrderBookOptions {
  /** With `receivingMigrations`; the journal's own database. */
  readonly db: Database;
  readonly journal: Journal;
  readonly clock: Pick<Clock, "now">;
  readonly ids: IdSource;
  /**
   * Where money and goods are kept apart (管钱不管物, 管物不管钱): the cloud is asked for orders without prices, and one that
   * comes all the same is dropped before anything is saved.
   */
  readonly priceFree: boolean;
}

/** Longer than an entry waits for the cloud: whoever looks into the record finds what it was matched against. */
const KEPT_MS_MIN = 400 * 86_400_000;
const DELETE_ROUND_MAX = 500;
/** Of one day, on one screen. */
const DUE_ORDERS_MAX = 500;

interface OrderRow {
  readonly content: string;
}

interface OrderKept {
  readonly kind: "kept";
  readonly orderId: string;
  readonly offeredVersion: number;
  readonly heldVersion: number;
}

type OrderTaken =
  | { readonly kind: "saved"; readonly order: PurchaseOrder }
  | { readonly kind: "same" }
  /** What came has no higher version than what is in force, and other contents. */
  | OrderKept;

/** Purchase orders on the terminal's disk: each version is kept, the newest is in force. */
export class SqliteOrderBook implements OrderBook {
  readonly #options: OrderBookOptions;
  readonly #listeners = new Set<() => void>();

  constructor(options: OrderBookOptions) {
    this.#options = options;
  }

  get priceFree(): boolean {
    return this.#options.priceFree;
  }

  revision(): number {
    const { db } = this.#options;
    return prepared<[], { revision: number }>(db, "SELECT revision FROM order_book").get()?.revision ?? 0;
  }

  apply(change: OrderChange): OrdersApplied {
    const { journal } = this.#options;
    const applied = journal.transact((): OrdersApplied => {
      const have = this.revision();
      if (change.revision <= have) return { kind: "stale" };
      if (change.after > have) return { kind: "gap", have };
      const taken = change.orders.map((order) => this.#save(order));
      const kept = taken.filter((outcome) => outcome.kind === "kept");
      const changed = taken.flatMap((outcome) => (outcome.kind === "saved" ? [outcome.order] : []));
      this.#record(change.revision, changed, kept);
      return { kind: "applied", revision: change.revision };
    });
    if (applied.kind === "applied") for (const listener of this.#listeners) listener();
    return applied;
  }

  dueOn(date: string): readonly PurchaseOrder[] {
    const rows = prepared<[string, number], OrderRow>(
      this.#options.db,
      "SELECT content FROM purchase_order WHERE is_newest = 1 AND due_date = +? ORDER BY order_id LIMIT +?",
    ).all(date, DUE_ORDERS_MAX);
    return rows
      .map(orderOf)
      .filter(({ status }) => status !== "cancelled")
      .toSorted(
        (a, b) => a.supplier.name.localeCompare(b.supplier.name, "zh") || (a.orderId < b.orderId ? -1 : 1),
      );
  }

  find(orderId: string, version?: number): PurchaseOrder | undefined {
    const { db } = this.#options;
    const row =
      version === undefined
        ? prepared<[string], OrderRow>(
            db,
            "SELECT content FROM purchase_order WHERE order_id = ? AND is_newest = 1",
          ).get(orderId)
        : prepared<[string, number], OrderRow>(
            db,
            "SELECT content FROM purchase_order WHERE order_id = ? AND version = ?",
          ).get(orderId, version);
    return row === undefined ? undefined : orderOf(row);
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A version that is not above the one in force never takes its place: an entry may quote that one. */
  #save(sent: PurchaseOrder): OrderTaken {
    const { db, clock, priceFree } = this.#options;
    const order = priceFree ? withoutPrices(sent) : sent;
    const { orderId, version, dueDate } = order;
    const held = this.find(orderId);
    if (held !== undefined && held.version >= version)
      return isDeepStrictEqual(held, order)
        ? { kind: "same" }
        : { kind: "kept", orderId, offeredVersion: version, heldVersion: held.version };
    prepared<[string]>(db, "UPDATE purchase_order SET is_newest = 0 WHERE order_id = ?").run(orderId);
    prepared<[string, number, string, string, number]>(
      db,
      `INSERT INTO purchase_order (order_id, version, is_newest, due_date, content, saved_at_ms)
       VALUES (?, ?, 1, ?, ?, ?)`,
    ).run(orderId, version, dueDate, JSON.stringify(order), clock.now());
    return { kind: "saved", order };
  }

  #record(revision: number, changed: readonly PurchaseOrder[], kept: readonly OrderKept[]): void {
    const { db, journal, ids, clock } = this.#options;
    prepared<[number]>(db, "UPDATE order_book SET revision = ?").run(revision);
    // By the day of the delivery as well: a clock that began at 1970 has saved today's orders long ago.
    const beforeMs = clock.now() - KEPT_MS_MIN;
    prepared<[number, string, number]>(
      db,
      `DELETE FROM purchase_order WHERE (order_id, version) IN
       (SELECT order_id, version FROM purchase_order WHERE saved_at_ms < ? AND due_date < ? LIMIT ?)`,
    ).run(beforeMs, new Date(beforeMs).toISOString().slice(0, 10), DELETE_ROUND_MAX);
    const orders = changed.map(({ orderId, version, lines }) => ({ orderId, version, lines: lines.length }));
    // Only a cloud that was put back sends what is not above: the entry tells it from where on its versions are free.
    const held = kept.map(({ kind: _, ...order }) => order);
    const body = { revision, orders, ...(held.length === 0 ? {} : { kept: held }) };
    journal.append({ id: ids.next(), kind: "orders.received", body });
  }
}

function orderOf({ content }: OrderRow): PurchaseOrder {
  return JSON.parse(content) as PurchaseOrder;
}

function withoutPrices(order: PurchaseOrder): PurchaseOrder {
  return { ...order, lines: order.lines.map((line) => ({ ...line, priceFen: null })) };
}
