import type { Database, Statement } from "better-sqlite3";
import type { z } from "zod";
import { type OrdersMessage, purchaseOrderSchema } from "../../device/sync/messages.ts";

export type PurchaseOrder = z.infer<typeof purchaseOrderSchema>;
/** An order as the buyer writes it; its version is the desk's to count. */
export type WrittenOrder = Omit<PurchaseOrder, "version">;

interface OrderRow {
  readonly revision: number;
  readonly content: string;
}

/** As many as a message of the contract holds. */
const ORDERS_PER_MESSAGE = 20;

/** Where the cloud keeps purchase orders: each change gets the next revision, so that a terminal can say what it has. */
export class OrderDesk {
  readonly #db: Database;
  readonly #get: Statement<[string], OrderRow>;
  readonly #put: Statement<[string, number, string, string]>;
  readonly #since: Statement<[number], OrderRow>;
  readonly #lift: Statement<[number, number]>;
  readonly #due: Statement<[string], OrderRow>;
  readonly #revision: Statement<[], { revision: number }>;

  constructor(db: Database) {
    this.#db = db;
    this.#get = db.prepare("SELECT revision, content FROM purchase_order WHERE order_id = ?");
    this.#put = db.prepare(
      "INSERT OR REPLACE INTO purchase_order (order_id, revision, due_date, content) VALUES (?, ?, ?, ?)",
    );
    this.#since = db.prepare(
      "SELECT revision, content FROM purchase_order WHERE revision > ? ORDER BY revision",
    );
    this.#lift = db.prepare("UPDATE purchase_order SET revision = ? WHERE revision = ?");
    this.#due = db.prepare(
      "SELECT revision, content FROM purchase_order WHERE due_date = ? ORDER BY order_id",
    );
    this.#revision = db.prepare("SELECT coalesce(max(revision), 0) AS revision FROM purchase_order");
  }

  revision(): number {
    return this.#revision.get()?.revision ?? 0;
  }

  /** Keeps an order as it now is, under its next version. */
  put(written: WrittenOrder): PurchaseOrder {
    return this.#db
      .transaction(() => {
        const version = (this.find(written.orderId)?.version ?? 0) + 1;
        const order = purchaseOrderSchema.parse({ ...written, version });
        this.#put.run(order.orderId, this.revision() + 1, order.dueDate, JSON.stringify(order));
        return order;
      })
      .immediate();
  }

  find(orderId: string): PurchaseOrder | undefined {
    const row = this.#get.get(orderId);
    return row === undefined ? undefined : orderOf(row);
  }

  dueOn(date: string): PurchaseOrder[] {
    return this.#due.all(date).map(orderOf);
  }

  /** What brings a terminal from `have` to the newest revision, in order. */
  messagesSince(have: number): OrdersMessage[] {
    if (have > this.revision()) this.#goOnAbove(have);
    const rows = this.#since.all(have);
    const messages: OrdersMessage[] = [];
    for (let at = 0; at < rows.length; at += ORDERS_PER_MESSAGE) {
      const part = rows.slice(at, at + ORDERS_PER_MESSAGE);
      const revision = part.at(-1)?.revision ?? have;
      messages.push({ v: 1, after: messages.at(-1)?.revision ?? have, revision, orders: part.map(orderOf) });
    }
    return messages;
  }

  /** A terminal knows more than this desk, which was restored from a backup: all orders count as changed after that. */
  #goOnAbove(have: number): void {
    this.#db
      .transaction(() => {
        for (const { revision } of this.#since.all(0).reverse()) this.#lift.run(revision + have, revision);
      })
      .immediate();
  }
}

function orderOf({ content }: OrderRow): PurchaseOrder {
  return purchaseOrderSchema.parse(JSON.parse(content));
}
