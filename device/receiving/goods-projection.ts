import type { Database } from "better-sqlite3";
import type { JournalEntry, Projection } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import { assert } from "../platform/assert.ts";
import {
  deliveryClosedSchema,
  deliveryLineFinishedSchema,
  deliveryOpenedSchema,
  deliveryOrderChosenSchema,
  weighInAcceptedSchema,
  weighInIssuedSchema,
  weighInRejectedSchema,
  weighInReversedSchema,
} from "./entries.ts";

/** The weigh-in to strike is not there, or was struck before. Thrown out of the projection: nothing is recorded. */
export class WeighInNotStrikable extends Error {
  override readonly name = "WeighInNotStrikable";
}

/**
 * What follows from the entries about goods.
 *
 * - `goods_delivery`: deliveries that were begun here, with the order version in use; one open delivery per order.
 * - `goods_line`: what became of a line of a delivery: sums of what was taken and sent back, and its decision.
 * - `weigh_in`: where each weighing is in the journal, and whether it was struck.
 * - `goods_stock`: the running balance of each product.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS goods_delivery (
  delivery_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  order_version INTEGER NOT NULL CHECK (order_version >= 1),
  seen_version INTEGER NOT NULL CHECK (seen_version >= 1),
  opened_seq INTEGER NOT NULL UNIQUE,
  closed_seq INTEGER UNIQUE,
  outcome TEXT CHECK ((outcome IS NULL) = (closed_seq IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS goods_delivery_open ON goods_delivery (order_id) WHERE closed_seq IS NULL;
CREATE INDEX IF NOT EXISTS goods_delivery_of_order ON goods_delivery (order_id, opened_seq);

CREATE TABLE IF NOT EXISTS goods_line (
  delivery_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  received_g INTEGER NOT NULL,
  received_pieces INTEGER NOT NULL,
  rejected_g INTEGER NOT NULL,
  rejected_pieces INTEGER NOT NULL,
  decision TEXT,
  decided_by TEXT,
  PRIMARY KEY (delivery_id, line_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS goods_line_of_order ON goods_line (order_id);

CREATE TABLE IF NOT EXISTS weigh_in (
  weigh_in_id TEXT PRIMARY KEY CHECK (length(weigh_in_id) = 36),
  seq INTEGER NOT NULL UNIQUE CHECK (seq >= 1),
  kind TEXT NOT NULL CHECK (kind IN ('accepted', 'rejected', 'issued')),
  delivery_id TEXT,
  order_id TEXT,
  line_id TEXT,
  product_id TEXT NOT NULL,
  net_g INTEGER NOT NULL,
  pieces INTEGER NOT NULL,
  is_over INTEGER NOT NULL CHECK (is_over IN (0, 1)),
  operator_id TEXT NOT NULL,
  struck_seq INTEGER UNIQUE CHECK (struck_seq > seq)
) STRICT;
CREATE INDEX IF NOT EXISTS weigh_in_of_delivery ON weigh_in (delivery_id, seq);
CREATE INDEX IF NOT EXISTS weigh_in_issued ON weigh_in (product_id, seq) WHERE kind = 'issued';

CREATE TABLE IF NOT EXISTS goods_stock (
  product_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  balance_g INTEGER NOT NULL,
  balance_pieces INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT;
`;

/** To be given to the journal; `createGoodsLedger` reads what it writes. */
export const goodsProjection: Projection = {
  name: "receiving-goods",
  schema: SCHEMA,
  tables: ["goods_delivery", "goods_line", "weigh_in", "goods_stock"],
  apply(db, entry) {
    switch (entry.kind) {
      case "delivery.opened":
        return applyOpened(db, entry);
      case "delivery.order-chosen":
        return applyOrderChosen(db, entry);
      case "weighin.accepted":
        return applyAccepted(db, entry);
      case "weighin.rejected":
        return applyRejected(db, entry);
      case "weighin.issued":
        return applyIssued(db, entry);
      case "weighin.reversed":
        return applyReversed(db, entry);
      case "delivery.line-finished":
        return applyLineFinished(db, entry);
      case "delivery.closed":
        return applyClosed(db, entry);
    }
  },
};

function applyOpened(db: Database, entry: JournalEntry): void {
  const { deliveryId, order } = deliveryOpenedSchema.parse(entry.body);
  prepared<[string, string, number, number, number]>(
    db,
    `INSERT INTO goods_delivery (delivery_id, order_id, order_version, seen_version, opened_seq)
     VALUES (?, ?, ?, ?, ?)`,
  ).run(deliveryId, order.orderId, order.version, order.version, entry.seq);
}

function applyOrderChosen(db: Database, entry: JournalEntry): void {
  const { deliveryId, newestVersion, chosenVersion, reopenedLineIds } = deliveryOrderChosenSchema.parse(
    entry.body,
  );
  prepared<[number, number, string]>(
    db,
    "UPDATE goods_delivery SET order_version = ?, seen_version = ? WHERE delivery_id = ?",
  ).run(chosenVersion, newestVersion, deliveryId);
  for (const lineId of reopenedLineIds) reopenLine(db, deliveryId, lineId);
}

interface WeighInRow {
  readonly weighInId: string;
  readonly kind: "accepted" | "rejected" | "issued";
  readonly deliveryId: string | null;
  readonly orderId: string | null;
  readonly lineId: string | null;
  readonly product: { readonly productId: string; readonly name: string };
  readonly netG: number;
  readonly pieces: number;
  readonly isOver: boolean;
  readonly operatorId: string;
}

function applyAccepted(db: Database, entry: JournalEntry): void {
  const { deliveryId, order, line, weight, mismatches, ...body } = weighInAcceptedSchema.parse(entry.body);
  addWeighIn(db, entry, {
    ...body,
    kind: "accepted",
    deliveryId,
    orderId: order.orderId,
    lineId: line?.lineId ?? null,
    netG: weight.netG,
    isOver: mismatches.includes("over"),
  });
}

function applyRejected(db: Database, entry: JournalEntry): void {
  const { deliveryId, order, line, weight, ...body } = weighInRejectedSchema.parse(entry.body);
  addWeighIn(db, entry, {
    ...body,
    kind: "rejected",
    deliveryId,
    orderId: order.orderId,
    lineId: line?.lineId ?? null,
    netG: weight?.netG ?? 0,
    isOver: false,
  });
}

function applyIssued(db: Database, entry: JournalEntry): void {
  const { weight, ...body } = weighInIssuedSchema.parse(entry.body);
  addWeighIn(db, entry, {
    ...body,
    kind: "issued",
    deliveryId: null,
    orderId: null,
    lineId: null,
    netG: weight.netG,
    isOver: false,
  });
}

function addWeighIn(db: Database, entry: JournalEntry, row: WeighInRow): void {
  assert(row.weighInId === entry.id, "a weigh-in's entry carries the weigh-in's id");
  prepared(
    db,
    `INSERT INTO weigh_in (weigh_in_id, seq, kind, delivery_id, order_id, line_id, product_id, net_g, pieces, is_over,
       operator_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    row.weighInId,
    entry.seq,
    row.kind,
    row.deliveryId,
    row.orderId,
    row.lineId,
    row.product.productId,
    row.netG,
    row.pieces,
    row.isOver ? 1 : 0,
    row.operatorId,
  );
  count(db, entry, row, 1);
}

/** @param sign  1 for a weigh-in, −1 for the entry that strikes it. */
function count(db: Database, { seq }: JournalEntry, row: WeighInRow, sign: 1 | -1): void {
  const [netG, pieces] = [sign * row.netG, sign * row.pieces];
  if (row.deliveryId !== null && row.orderId !== null && row.lineId !== null) {
    const sums = row.kind === "accepted" ? [netG, pieces, 0, 0] : [0, 0, netG, pieces];
    prepared(
      db,
      `INSERT INTO goods_line (delivery_id, line_id, order_id, received_g, received_pieces, rejected_g, rejected_pieces)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (delivery_id, line_id) DO UPDATE SET
         received_g = received_g + excluded.received_g, received_pieces = received_pieces + excluded.received_pieces,
         rejected_g = rejected_g + excluded.rejected_g, rejected_pieces = rejected_pieces + excluded.rejected_pieces`,
    ).run(row.deliveryId, row.lineId, row.orderId, ...sums);
  }
  if (row.kind === "rejected") return;
  const direction = row.kind === "accepted" ? 1 : -1;
  prepared(
    db,
    `INSERT INTO goods_stock (product_id, name, balance_g, balance_pieces, last_seq) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, balance_g = balance_g + excluded.balance_g,
       balance_pieces = balance_pieces + excluded.balance_pieces, last_seq = excluded.last_seq`,
  ).run(row.product.productId, row.product.name, direction * netG, direction * pieces, seq);
}

function applyReversed(db: Database, entry: JournalEntry): void {
  const { weighInId, kind } = weighInReversedSchema.parse(entry.body);
  const struck = prepared<[string, string], Record<string, string | number | null>>(
    db,
    `SELECT delivery_id, order_id, line_id, product_id, net_g, pieces, operator_id FROM weigh_in
     WHERE weigh_in_id = ? AND kind = ? AND struck_seq IS NULL`,
  ).get(weighInId, kind);
  if (struck === undefined) throw new WeighInNotStrikable(`weigh-in ${weighInId} cannot be struck`);
  prepared<[number, string]>(db, "UPDATE weigh_in SET struck_seq = ? WHERE weigh_in_id = ?").run(
    entry.seq,
    weighInId,
  );
  const { delivery_id, order_id, line_id, product_id, net_g, pieces, operator_id } = struck;
  const productId = String(product_id);
  const row: WeighInRow = {
    weighInId,
    kind,
    deliveryId: textOrNull(delivery_id),
    orderId: textOrNull(order_id),
    lineId: textOrNull(line_id),
    product: { productId, name: stockName(db, productId) },
    netG: Number(net_g),
    pieces: Number(pieces),
    isOver: false,
    operatorId: String(operator_id),
  };
  count(db, entry, row, -1);
  if (row.deliveryId !== null && row.lineId !== null) reopenLine(db, row.deliveryId, row.lineId);
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

function stockName(db: Database, productId: string): string {
  const row = prepared<[string], { name: string }>(
    db,
    "SELECT name FROM goods_stock WHERE product_id = ?",
  ).get(productId);
  return row?.name ?? productId;
}

/** A decision rested on what was weighed and ordered; once the delivery is closed it is what people signed, and stays. */
function reopenLine(db: Database, deliveryId: string, lineId: string): void {
  prepared<[string, string]>(
    db,
    `UPDATE goods_line SET decision = NULL, decided_by = NULL WHERE delivery_id = ? AND line_id = ?
     AND EXISTS (SELECT 1 FROM goods_delivery d WHERE d.delivery_id = goods_line.delivery_id AND d.closed_seq IS NULL)`,
  ).run(deliveryId, lineId);
}

function applyLineFinished(db: Database, entry: JournalEntry): void {
  const { deliveryId, order, line, decision, operatorId } = deliveryLineFinishedSchema.parse(entry.body);
  decide(db, { deliveryId, orderId: order.orderId, lineId: line.lineId, decision, operatorId });
}

function applyClosed(db: Database, entry: JournalEntry): void {
  const { deliveryId, order, outcome, lines, operatorId } = deliveryClosedSchema.parse(entry.body);
  for (const { lineId, decision } of lines)
    decide(db, { deliveryId, orderId: order.orderId, lineId, decision, operatorId });
  const { changes } = prepared<[number, string, string]>(
    db,
    "UPDATE goods_delivery SET closed_seq = ?, outcome = ? WHERE delivery_id = ? AND closed_seq IS NULL",
  ).run(entry.seq, outcome, deliveryId);
  assert(changes === 1, "a delivery is closed once");
}

function decide(
  db: Database,
  made: Readonly<Record<"deliveryId" | "orderId" | "lineId" | "decision" | "operatorId", string>>,
): void {
  const { deliveryId, lineId, orderId, decision, operatorId } = made;
  prepared<string[]>(
    db,
    `INSERT INTO goods_line (delivery_id, line_id, order_id, received_g, received_pieces, rejected_g, rejected_pieces,
       decision, decided_by) VALUES (?, ?, ?, 0, 0, 0, 0, ?, ?)
     ON CONFLICT (delivery_id, line_id) DO UPDATE SET decision = excluded.decision,
       decided_by = coalesce(decided_by, excluded.decided_by)`,
  ).run(deliveryId, lineId, orderId, decision, operatorId);
}
