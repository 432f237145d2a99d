import type { Database, Statement } from "better-sqlite3";
import { z } from "zod";
import { type OrdersMessage, purchaseOrderSchema } from "../../device/sync/order-messages.ts";
import { cutIntoParts } from "./message-parts.ts";

export type PurchaseOrder = z.infer<typeof purchaseOrderSchema>;
/** An order as the buyer writes it; its version is the desk's to count. */
export type WrittenOrder = Omit<PurchaseOrder, "version">;

interface OrderRow {
  readonly revision: number;
  readonly content: string;
}

/** As many as a message of the contract holds. */
const ORDERS_PER_MESSAGE = 20;

/** What a terminal's `orders.received` says; what it says beside is not needed here. */
const receivedSchema = z.object({
  orders: z.array(z.object({ orderId: z.string(), version: z.int() })),
  kept: z.array(z.object({ orderId: z.string(), heldVersion: z.int() })).default([]),
});

/** An order that a terminal has and this cloud does not: it was lost with the cloud's newest changes. */
export interface LostOrder {
  readonly orderId: string;
  readonly version: number;
}

/**
 * Where the cloud keeps purchase orders: each change gets the next revision, so that a terminal can say what it has.
 *
 * The cloud may be put back from a backup and not know it, while terminals hold what it sent since. Then
 * - a revision is never given out twice, for it is at least the time of its making: a terminal that names one that this
 *   desk does not know has seen others, and is sent everything, above that;
 * - a version of an order is never used for other contents: what terminals have, or kept, is in their journals, and the
 *   desk goes above it.
 */
export class OrderDesk {
  readonly #db: Database;
  readonly #get: Statement<[string], OrderRow>;
  readonly #now: () => number;
  readonly #put: Statement<[string, number, string, string]>;
  readonly #issue: Statement<[number]>;
  readonly #isIssued: Statement<[number], number>;
  readonly #known: Statement<[string], number>;
  readonly #know: Statement<[string, number]>;
  readonly #lost: Statement<[number], LostOrder>;
  readonly #since: Statement<[number], OrderRow>;
  readonly #lift: Statement<[number, number]>;
  readonly #due: Statement<[string], OrderRow>;
  readonly #revision: Statement<[], { revision: number }>;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
    this.#issue = db.prepare("INSERT INTO order_issue (revision) VALUES (?)");
    this.#isIssued = db.prepare<[number], number>("SELECT 1 FROM order_issue WHERE revision = ?").pluck();
    this.#known = db.prepare<[string], number>("SELECT version FROM order_known WHERE order_id = ?").pluck();
    this.#know = db.prepare(
      `INSERT INTO order_known (order_id, version) VALUES (?, ?)
       ON CONFLICT (order_id) DO UPDATE SET version = max(version, excluded.version)`,
    );
    this.#lost = db.prepare(
      `SELECT order_id AS orderId, version FROM order_known
       WHERE order_id NOT IN (SELECT order_id FROM purchase_order) ORDER BY order_id LIMIT ?`,
    );
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
    this.#revision = db.prepare(
      `SELECT max((SELECT coalesce(max(revision), 0) FROM order_issue),
         (SELECT coalesce(max(revision), 0) FROM purchase_order)) AS revision`,
    );
  }

  revision(): number {
    return this.#revision.get()?.revision ?? 0;
  }

  /** Keeps an order as it now is, under its next version. */
  put(written: WrittenOrder): PurchaseOrder {
    return this.#db
      .transaction(() => {
        const { orderId } = written;
        const version = Math.max(this.find(orderId)?.version ?? 0, this.#known.get(orderId) ?? 0) + 1;
        return this.#keep(purchaseOrderSchema.parse({ ...written, version }));
      })
      .immediate();
  }

  #keep(order: PurchaseOrder): PurchaseOrder {
    this.#put.run(order.orderId, this.#nextRevision(0), order.dueDate, JSON.stringify(order));
    return order;
  }

  #nextRevision(above: number): number {
    const revision = Math.max(this.revision() + 1, above + 1, this.#now());
    this.#issue.run(revision);
    return revision;
  }

  /**
   * A terminal's entry says which versions it has.
   * @returns whether an order had to be raised above them, and terminals lack it.
   */
  heard(body: unknown): boolean {
    const said = receivedSchema.safeParse(body);
    if (!said.success) return false;
    const { orders, kept } = said.data;
    let isRaised = false;
    for (const { orderId, version } of orders) isRaised = this.#goAbove(orderId, version, "held") || isRaised;
    for (const { orderId, heldVersion } of kept)
      isRaised = this.#goAbove(orderId, heldVersion, "other-contents") || isRaised;
    return isRaised;
  }

  #goAbove(orderId: string, version: number, what: "held" | "other-contents"): boolean {
    return this.#db
      .transaction(() => {
        this.#know.run(orderId, version);
        const own = this.find(orderId);
        const isBelow =
          own !== undefined && (what === "held" ? own.version < version : own.version <= version);
        if (isBelow) this.#keep({ ...own, version: version + 1 });
        return isBelow;
      })
      .immediate();
  }

  /** Orders that only terminals have: a person has to write them anew, or to call the goods off. */
  lost(countMax: number): readonly LostOrder[] {
    return this.#lost.all(countMax);
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
    if (have > 0 && this.#isIssued.get(have) !== 1) this.#goOnAbove(have);
    const messages: OrdersMessage[] = [];
    for (const part of cutIntoParts(this.#since.all(have), ORDERS_PER_MESSAGE)) {
      const revision = part.at(-1)?.revision ?? have;
      messages.push({ v: 1, after: messages.at(-1)?.revision ?? have, revision, orders: part.map(orderOf) });
    }
    return messages;
  }

  /**
   * A terminal has seen a revision that this desk never gave out: all orders count as changed after it. Once they do, a
   * terminal that asks again finds them so.
   */
  #goOnAbove(have: number): void {
    this.#db
      .transaction(() => {
        const rows = this.#since.all(0);
        if (rows.every(({ revision }) => revision > have)) return;
        for (const { revision } of rows) this.#lift.run(this.#nextRevision(have), revision);
      })
      .immediate();
  }
}

function orderOf({ content }: OrderRow): PurchaseOrder {
  return purchaseOrderSchema.parse(JSON.parse(content));
}
