import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import { type Received, verdictOf } from "./quantity.ts";
import type { LineChange, Mismatch, Verdict } from "./receiving-port.ts";

/** Goods on the pan, as far as the order has something to say about them. */
export interface GoodsFacts {
  readonly lot: string | null;
  readonly expiry: string | null;
  readonly temperatureMilliC: number | null;
}

const MS_PER_DAY = 86_400_000;

/** In what goods differ from their line, whatever they weigh. @param day  today, YYYY-MM-DD. */
export function goodsMismatches(line: OrderLine, goods: GoodsFacts, day: string): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const { expiry, lot, temperatureMilliC } = goods;
  if (expiry !== null && expiry < day) found.push("expired");
  else if (expiry !== null && line.shelfDaysMin !== null && daysBetween(day, expiry) < line.shelfDaysMin)
    found.push("shelf-too-short");
  if (expiry === null && line.shelfDaysMin !== null) found.push("expiry-missing");
  if (line.lotRequired && lot === null) found.push("lot-missing");
  const limit = line.temperatureMilliCMax;
  if (limit !== null && temperatureMilliC === null) found.push("temperature-missing");
  if (limit !== null && temperatureMilliC !== null && temperatureMilliC > limit) found.push("too-warm");
  return found;
}

/** Of a pan: what the goods are, and whether the line becomes too much with it. A line may still be under. */
export function panMismatches(
  line: OrderLine | null,
  goods: GoodsFacts,
  receivedWithIt: Received,
  day: string,
): readonly Mismatch[] {
  if (line === null) {
    const isExpired = goods.expiry !== null && goods.expiry < day;
    return isExpired ? ["not-ordered", "expired"] : ["not-ordered"];
  }
  const over: Mismatch[] = verdictOf(receivedWithIt, line) === "over" ? ["over"] : [];
  return [...over, ...goodsMismatches(line, goods, day)];
}

/**
 * Of a line that is to be accepted.
 * @param wentBack  sent back at the door: with it the line is whole again where only a bad part was refused.
 * @param isOverAllowed  somebody let in a pan that made it too much.
 */
export function lineMismatches(
  line: OrderLine,
  decision: "accept" | "accept-in-part",
  received: Received,
  wentBack: Received,
  isOverAllowed: boolean,
): readonly Mismatch[] {
  const brought =
    decision === "accept"
      ? received
      : { netG: received.netG + wentBack.netG, pieces: received.pieces + wentBack.pieces };
  const verdict = verdictOf(brought, line);
  if (verdict === "under") return ["under"];
  return verdictOf(received, line) === "over" && !isOverAllowed ? ["over"] : [];
}

/** Whether the rest of a line went back or never came, so that "in part" says something. */
export function isInPart(verdict: Verdict, wentBack: Received): boolean {
  return verdict === "under" || wentBack.netG > 0 || wentBack.pieces > 0;
}

/** What differs between two versions of an order, in the order of the newer one. */
export function orderChanges(inUse: PurchaseOrder, newest: PurchaseOrder): readonly LineChange[] {
  const before = new Map(inUse.lines.map((line) => [line.lineId, line]));
  const kept = new Set(newest.lines.map(({ lineId }) => lineId));
  const changed = newest.lines.flatMap((after): LineChange[] => {
    const known = before.get(after.lineId);
    if (known === undefined) return [{ lineId: after.lineId, kind: "added", before: null, after }];
    const isSame = JSON.stringify(known) === JSON.stringify(after);
    return isSame ? [] : [{ lineId: after.lineId, kind: "changed", before: known, after }];
  });
  const removed = inUse.lines
    .filter(({ lineId }) => !kept.has(lineId))
    .map((line): LineChange => ({ lineId: line.lineId, kind: "removed", before: line, after: null }));
  return [...changed, ...removed];
}

/** Whole days of the calendar. */
function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / MS_PER_DAY);
}
