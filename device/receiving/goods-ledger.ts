import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import type { Received } from "./quantity.ts";
import { type LineDecision, STOCK_ROWS_MAX, type StockRow, type WeighInKind } from "./receiving-port.ts";

/** A delivery that was begun at this terminal. */
export interface DeliveryRecord {
  readonly deliveryId: string;
  readonly orderId: string;
  /** The one in use. */
  readonly orderVersion: number;
  /** The newest one that somebody has seen and chosen about. */
  readonly seenVersion: number;
  readonly outcome: "accepted" | "accepted-in-part" | "refused" | null;
}

export interface LineRecord {
  readonly received: Received;
  readonly rejected: Received;
  readonly decision: LineDecision | null;
}

export interface WeighInRecord {
  readonly weighInId: string;
  readonly seq: number;
  readonly kind: WeighInKind;
  readonly deliveryId: string | null;
  readonly lineId: string | null;
  readonly productId: string;
  readonly netG: number;
  readonly pieces: number;
  readonly operatorId: string;
  readonly isOver: boolean;
  readonly isStruck: boolean;
}

/** Reads of what follows from the entries: synchronous, each by an index. */
export interface GoodsLedger {
  delivery(deliveryId: string): DeliveryRecord | undefined;
  /** The newest delivery of an order. */
  deliveryOf(orderId: string): DeliveryRecord | undefined;
  /** Begun and not closed, oldest first. */
  openDeliveries(): readonly DeliveryRecord[];
  /** Of one delivery. */
  lines(deliveryId: string): ReadonlyMap<string, LineRecord>;
  /** Of an order, over all of its deliveries here. */
  receivedOf(orderId: string): ReadonlyMap<string, Received>;
  weighIns(deliveryId: string): readonly WeighInRecord[];
  weighIn(weighInId: string): WeighInRecord | undefined;
  /** Whoever weighed or decided in a delivery. */
  operatorsOf(deliveryId: string): readonly string[];
  stock(): readonly StockRow[];
  stockOf(productId: string): StockRow | undefined;
  /** Newest first. */
  recentIssues(productId: string, countMax: number): readonly WeighInRecord[];
}

const DELIVERY_COLUMNS =
  "delivery_id AS deliveryId, order_id AS orderId, order_version AS orderVersion, seen_version AS seenVersion, outcome";
const WEIGH_IN_COLUMNS = `weigh_in_id AS weighInId, seq, kind, delivery_id AS deliveryId, line_id AS lineId,
  product_id AS productId, net_g AS netG, pieces, operator_id AS operatorId, is_over AS isOver, struck_seq IS NOT NULL AS isStruck`;
/** On one screen; a terminal with more open deliveries has forgotten to close them. */
const OPEN_DELIVERIES_MAX = 200;

interface LineRow {
  readonly line_id: string;
  readonly received_g: number;
  readonly received_pieces: number;
  readonly rejected_g: number;
  readonly rejected_pieces: number;
  readonly decision: LineDecision | null;
}
interface StockTableRow {
  readonly product_id: string;
  readonly name: string;
  readonly balance_g: number;
  readonly balance_pieces: number;
}
type WeighInRow = Omit<WeighInRecord, "isOver" | "isStruck"> & {
  readonly isOver: number;
  readonly isStruck: number;
};

/** @param db the journal's database, after the journal was opened with `goodsProjection`. */
export function createGoodsLedger(db: Database): GoodsLedger {
  return {
    delivery: (deliveryId) =>
      prepared<[string], DeliveryRecord>(
        db,
        `SELECT ${DELIVERY_COLUMNS} FROM goods_delivery WHERE delivery_id = ?`,
      ).get(deliveryId),
    deliveryOf: (orderId) =>
      prepared<[string], DeliveryRecord>(
        db,
        `SELECT ${DELIVERY_COLUMNS} FROM goods_delivery WHERE order_id = +? ORDER BY opened_seq DESC LIMIT 1`,
      ).get(orderId),
    openDeliveries: () =>
      prepared<[number], DeliveryRecord>(
        db,
        `SELECT ${DELIVERY_COLUMNS} FROM goods_delivery WHERE closed_seq IS NULL ORDER BY opened_seq LIMIT +?`,
      ).all(OPEN_DELIVERIES_MAX),
    lines: (deliveryId) =>
      new Map(
        prepared<[string], LineRow>(db, "SELECT * FROM goods_line WHERE delivery_id = ?")
          .all(deliveryId)
          .map((row) => [row.line_id, lineOf(row)] as const),
      ),
    receivedOf: (orderId) =>
      new Map(
        prepared<[string], { line_id: string; g: number; pieces: number }>(
          db,
          `SELECT line_id, sum(received_g) AS g, sum(received_pieces) AS pieces FROM goods_line
           WHERE order_id = +? GROUP BY line_id`,
        )
          .all(orderId)
          .map(({ line_id, g, pieces }) => [line_id, { netG: g, pieces }] as const),
      ),
    weighIns: (deliveryId) =>
      prepared<[string], WeighInRow>(
        db,
        `SELECT ${WEIGH_IN_COLUMNS} FROM weigh_in WHERE delivery_id = +? ORDER BY seq`,
      )
        .all(deliveryId)
        .map(weighInOf),
    weighIn: (weighInId) => {
      const row = prepared<[string], WeighInRow>(
        db,
        `SELECT ${WEIGH_IN_COLUMNS} FROM weigh_in WHERE weigh_in_id = ?`,
      ).get(weighInId);
      return row === undefined ? undefined : weighInOf(row);
    },
    operatorsOf: (deliveryId) =>
      prepared<[string, string], { operator: string }>(
        db,
        `SELECT operator_id AS operator FROM weigh_in WHERE delivery_id = +?
         UNION SELECT decided_by FROM goods_line WHERE delivery_id = +? AND decided_by IS NOT NULL`,
      )
        .all(deliveryId, deliveryId)
        .map(({ operator }) => operator),
    stock: () =>
      // Where there are too many names, those go of which nothing is there.
      prepared<[number], StockTableRow>(
        db,
        `SELECT * FROM (SELECT * FROM goods_stock
           ORDER BY balance_g = 0 AND balance_pieces = 0, name, product_id LIMIT +?)
         ORDER BY name, product_id`,
      )
        .all(STOCK_ROWS_MAX)
        .map(stockOf),
    stockOf: (productId) => {
      const row = prepared<[string], StockTableRow>(db, "SELECT * FROM goods_stock WHERE product_id = ?").get(
        productId,
      );
      return row === undefined ? undefined : stockOf(row);
    },
    recentIssues: (productId, countMax) =>
      prepared<[string, number], WeighInRow>(
        db,
        `SELECT ${WEIGH_IN_COLUMNS} FROM weigh_in WHERE kind = 'issued' AND product_id = +? ORDER BY seq DESC LIMIT +?`,
      )
        .all(productId, countMax)
        .map(weighInOf),
  };
}

function lineOf(row: LineRow): LineRecord {
  return {
    received: { netG: row.received_g, pieces: row.received_pieces },
    rejected: { netG: row.rejected_g, pieces: row.rejected_pieces },
    decision: row.decision,
  };
}

function weighInOf(row: WeighInRow): WeighInRecord {
  return { ...row, isOver: row.isOver === 1, isStruck: row.isStruck === 1 };
}

function stockOf({ product_id, name, balance_g, balance_pieces }: StockTableRow): StockRow {
  return { product: { productId: product_id, name }, balanceG: balance_g, balancePieces: balance_pieces };
}
