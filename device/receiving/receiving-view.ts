import type { Journal, JsonObject } from "../journal/journal-port.ts";
import { assertNever } from "../platform/assert.ts";
import { type EpochMs, epochMs } from "../platform/units.ts";
import { lineRecord, NOTHING, orderInUse } from "./delivery-facts.ts";
import {
  type RecordedPhoto,
  type WeighInAccepted,
  type WeighInIssued,
  type WeighInRejected,
  weighInAcceptedSchema,
  weighInIssuedSchema,
  weighInRejectedSchema,
} from "./entries.ts";
import type { DeliveryRecord, WeighInRecord } from "./goods-ledger.ts";
import { orderChanges } from "./order-match.ts";
import type { OrderBook, OrderLine, PurchaseOrder } from "./order-port.ts";
import { amountFenOf, quantityOf, type Received, verdictOf } from "./quantity.ts";
import type {
  Activity,
  DeliverySummary,
  DeliveryView,
  GoodsView,
  KnownContainer,
  LineView,
  Named,
  PhotoRecord,
  ReceivingStep,
  ReceivingView,
  WeighInView,
} from "./receiving-port.ts";
import {
  ASKED_FOR,
  type Facts,
  type Goods,
  type OpenDelivery,
  type Place,
  type Product,
  type ReceivingState,
} from "./receiving-types.ts";

/** The lists that a person chooses from. */
export interface ReceivingLists {
  readonly containers: readonly KnownContainer[];
  readonly overrideReasons: readonly Named[];
  readonly rejectReasons: readonly Named[];
  readonly strikeReasons: readonly Named[];
  readonly binReasons: readonly Named[];
}

export interface ViewSources {
  readonly facts: Facts;
  readonly orders: Pick<OrderBook, "find" | "dueOn">;
  readonly journal: Pick<Journal, "entryBySeq">;
  readonly priceFree: boolean;
  readonly lists: ReceivingLists;
  /** Null for somebody whom this terminal does not know any more. */
  readonly operatorName: (operatorId: string) => string | null;
}

const RECENT_ISSUES_MAX = 20;
/** Over this the photo is marked. Source: what the moment of a weight allows a 10 Hz camera. */
const PHOTO_OFF_MS_MAX = 300;
/** Entries never change, so what was read once is kept; more than a day's are begun anew. */
const CACHED_MAX = 2000;

type WeighInBase = Omit<WeighInView, "isStruck"> & { readonly product: Product };

/** Makes the page's view from the machine's state and what is on record. */
export class ViewMaker {
  readonly #sources: ViewSources;
  readonly #bases = new Map<string, WeighInBase>();

  constructor(sources: ViewSources) {
    this.#sources = sources;
  }

  view(state: ReceivingState): ReceivingView {
    const { facts, priceFree, lists } = this.#sources;
    return {
      day: facts.day,
      priceFree,
      deliveries: this.#deliveries(),
      step: this.#step(state.place, state),
      activity: this.#activity(state),
      lastScan: state.lastScan,
      // Named one by one: whatever else stands beside them in the configuration is not for a page.
      containers: lists.containers,
      overrideReasons: lists.overrideReasons,
      rejectReasons: lists.rejectReasons,
      strikeReasons: lists.strikeReasons,
      binReasons: lists.binReasons,
    };
  }

  weighIn(weighInId: string): WeighInView | undefined {
    const known = this.#sources.facts.ledger.weighIn(weighInId);
    return known === undefined ? undefined : this.#weighIn(known);
  }

  /** Due today; and what was begun and is open, whatever its day. */
  #deliveries(): readonly DeliverySummary[] {
    const { facts, orders } = this.#sources;
    const due = orders.dueOn(facts.day);
    const isDue = new Set(due.map(({ orderId }) => orderId));
    const open = facts.ledger
      .openDeliveries()
      .flatMap(({ orderId }) => (isDue.has(orderId) ? [] : [orders.find(orderId)]))
      .filter((order) => order !== undefined);
    return [...open, ...due].map((order) => this.#summary(order, facts.ledger.deliveryOf(order.orderId)));
  }

  #summary(order: PurchaseOrder, delivery: DeliveryRecord | undefined): DeliverySummary {
    const { orderId, supplier, dueDate, lines } = order;
    const decided = delivery === undefined ? null : this.#sources.facts.ledger.lines(delivery.deliveryId);
    const finishedLineCount =
      decided === null
        ? 0
        : lines.filter(({ lineId }) => (decided.get(lineId)?.decision ?? null) !== null).length;
    return {
      orderId,
      supplier,
      dueDate,
      lineCount: lines.length,
      finishedLineCount,
      state: summaryState(order, delivery),
      deliveryId: delivery?.deliveryId ?? null,
    };
  }

  #step(place: Place, state: ReceivingState): ReceivingStep {
    switch (place.kind) {
      case "choosing":
        return { kind: "choosing" };
      case "delivery":
        return { kind: "delivery", delivery: this.#delivery(place.delivery) };
      case "weighing": {
        const delivery = this.#delivery(place.delivery);
        const { target } = place;
        const line =
          target.kind === "line"
            ? delivery.lines.find(({ lineId }) => lineId === target.lineId)
            : (delivery.lines.find(
                ({ lineId, product }) => lineId === null && product.productId === target.product.productId,
              ) ?? this.#extra(target.product, []));
        // The line went with another version of the order: the person is back among those that are left.
        if (line === undefined) return { kind: "delivery", delivery };
        return { kind: "weighing", delivery, line, goods: goodsView(place.goods, state) };
      }
      case "issuing": {
        const { ledger } = this.#sources.facts;
        const { productId } = place.product;
        const stock = ledger.stockOf(productId) ?? { product: place.product, balanceG: 0, balancePieces: 0 };
        const recent = ledger.recentIssues(productId, RECENT_ISSUES_MAX).map((known) => this.#weighIn(known));
        return { kind: "issuing", stock, target: place.target, goods: goodsView(place.goods, state), recent };
      }
      default:
        return assertNever(place);
    }
  }

  #delivery(delivery: OpenDelivery): DeliveryView {
    const { facts } = this.#sources;
    const { deliveryId, orderId, orderVersion, waiver } = delivery;
    const found = orderInUse(facts, delivery);
    const order = found?.inUse;
    const weighIns = facts.ledger.weighIns(deliveryId).map((known) => ({
      lineId: known.lineId,
      ...this.#weighInWithProduct(known),
    }));
    const received = facts.ledger.receivedOf(orderId);
    const ordered = (order?.lines ?? []).map((line) =>
      this.#line(
        line,
        delivery,
        received.get(line.lineId) ?? NOTHING,
        weighIns.filter(({ lineId }) => lineId === line.lineId).map(({ view }) => view),
      ),
    );
    const known = new Set(order?.lines.map(({ lineId }) => lineId));
    const extras = Map.groupBy(
      weighIns.filter(({ lineId }) => lineId === null || !known.has(lineId)),
      ({ product }) => product.productId,
    );
    return {
      deliveryId,
      orderId,
      orderVersion,
      supplier: order?.supplier ?? { supplierId: "", name: "" },
      dueDate: order?.dueDate ?? facts.day,
      lines: [
        ...ordered,
        ...[...extras.values()].map((of) =>
          this.#extra(
            of[0]?.product ?? { productId: "", name: "" },
            of.map(({ view }) => view),
          ),
        ),
      ],
      orderChange:
        found?.isChanged === true
          ? { inUse: found.inUse, newest: found.newest, changes: orderChanges(found.inUse, found.newest) }
          : null,
      photosWaivedBy: this.#named(waiver),
      weighedBy: facts.ledger.operatorsOf(deliveryId),
    };
  }

  #line(
    line: OrderLine,
    delivery: OpenDelivery,
    received: Received,
    weighIns: readonly WeighInView[],
  ): LineView {
    const { decision, rejected } = lineRecord(this.#sources.facts, delivery, line.lineId);
    const priceFen = this.#sources.priceFree ? null : line.priceFen;
    return {
      lineId: line.lineId,
      product: line.product,
      unit: line.unit,
      orderedQuantity: line.quantity,
      receivedQuantity: quantityOf(received, line.unit),
      rejectedQuantity: quantityOf(rejected, line.unit),
      receivedG: received.netG,
      verdict: verdictOf(received, line),
      decision,
      lotRequired: line.lotRequired,
      shelfDaysMin: line.shelfDaysMin,
      temperatureMilliCMax: line.temperatureMilliCMax,
      packTareG: line.packTareG,
      priceFen,
      amountFen: priceFen === null ? null : amountFenOf(received, line.unit, priceFen),
      weighIns,
    };
  }

  /** Goods of no line: taken with an override, or on record as sent back. */
  #extra(product: Product, weighIns: readonly WeighInView[]): LineView {
    const sum = (kind: WeighInView["kind"]): Received => ({
      netG: weighIns
        .filter((weighIn) => weighIn.kind === kind && !weighIn.isStruck)
        .reduce((total, { netG }) => total + (netG ?? 0), 0),
      pieces: 0,
    });
    const received = sum("accepted");
    return {
      lineId: null,
      product,
      unit: "kg",
      orderedQuantity: null,
      receivedQuantity: quantityOf(received, "kg"),
      rejectedQuantity: quantityOf(sum("rejected"), "kg"),
      receivedG: received.netG,
      verdict: "not-ordered",
      decision: null,
      lotRequired: false,
      shelfDaysMin: null,
      temperatureMilliCMax: null,
      packTareG: null,
      priceFen: null,
      amountFen: null,
      weighIns,
    };
  }

  #activity({ pending, shown }: ReceivingState): Activity {
    switch (pending.kind) {
      case "photographing":
        return { kind: "photographing", netG: pending.doing.weight?.weight.netG ?? null };
      case "asking": {
        const { doing, photo, mismatches } = pending.asked;
        const kind = doing.act.kind;
        if (kind === "refuse-delivery") return { kind: "none" };
        const netG = doing.weight?.weight.netG ?? null;
        return { kind: "asking", for: ASKED_FOR[kind], mismatches, netG, photo: photoView(photo) };
      }
      case "signing": {
        const { signed } = pending;
        if (signed.kind !== "override") return { kind: "signing", for: signed.kind };
        const kind = signed.asked.doing.act.kind;
        return { kind: "signing", for: kind === "refuse-delivery" ? "refusal" : ASKED_FOR[kind] };
      }
      case "none":
      case "recording": {
        const weighIn = shown === null ? undefined : this.weighIn(shown);
        return weighIn === undefined ? { kind: "none" } : { kind: "taken", weighIn };
      }
      default:
        return assertNever(pending);
    }
  }

  #weighIn(known: WeighInRecord): WeighInView {
    return this.#weighInWithProduct(known).view;
  }

  #weighInWithProduct(known: WeighInRecord): { readonly product: Product; readonly view: WeighInView } {
    let cached = this.#bases.get(known.weighInId);
    if (cached === undefined) {
      cached = this.#read(known);
      if (this.#bases.size >= CACHED_MAX) this.#bases.clear();
      this.#bases.set(known.weighInId, cached);
    }
    const { product, ...base } = cached;
    return { product, view: { ...base, isStruck: known.isStruck } };
  }

  /** Entries have ids only; a page is for people. */
  #named(person: { readonly operatorId: string } | null): string | null {
    return person === null ? null : (this.#sources.operatorName(person.operatorId) ?? person.operatorId);
  }

  #read(known: WeighInRecord): WeighInBase {
    const { seq, kind, weighInId } = known;
    const { facts, journal } = this.#sources;
    const entry = journal.entryBySeq(seq);
    if (entry === undefined) return archived(known, facts.ledger.stockOf(known.productId)?.product.name);
    const body = readBody(kind, entry.body);
    return {
      weighInId,
      seq,
      hash: entry.hash,
      kind,
      atMs: entry.atMs,
      timeTrust: entry.timeTrust,
      operatorId: body.operatorId,
      product: body.product,
      netG: body.weight?.netG ?? null,
      packCount: body.weight?.packs?.count ?? null,
      quantity: "quantity" in body ? body.quantity : quantityOf({ netG: body.weight.netG, pieces: 0 }, "kg"),
      scaleId: body.weight?.scale.scaleId ?? null,
      lot: body.goods.lot,
      expiry: body.goods.expiry,
      temperatureMilliC: body.goods.temperature?.milliC ?? null,
      photo: photoView(body.photo),
      mismatches: body.mismatches,
      overriddenBy: this.#named(body.override),
    };
  }
}

/** An order that was changed after it was accepted whole is due again. */
function summaryState(
  { version }: PurchaseOrder,
  delivery: DeliveryRecord | undefined,
): DeliverySummary["state"] {
  if (delivery === undefined) return "due";
  const { outcome, seenVersion } = delivery;
  return outcome === "accepted" && version > seenVersion ? "due" : (outcome ?? "open");
}

/** Of an entry that is no longer here: what the tables that follow from the journal still say. */
function archived(
  { seq, kind, weighInId, productId, netG, pieces, operatorId }: WeighInRecord,
  name: string = productId,
): WeighInBase {
  return {
    ...{ weighInId, seq, kind, operatorId, netG, hash: null, product: { productId, name } },
    // An id that was made at the moment of intent says when that was.
    atMs: idTimeMs(weighInId),
    timeTrust: "unknown",
    packCount: pieces === 0 ? null : pieces,
    ...{ quantity: null, scaleId: null, lot: null, expiry: null, temperatureMilliC: null },
    photo: { kind: "none", why: "archived" },
    ...{ mismatches: [], overriddenBy: null },
  };
}

/** Source: RFC 9562, 5.7: the first 48 bits of a UUIDv7 are milliseconds. */
function idTimeMs(id: string): EpochMs {
  return epochMs(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
}

function readBody(
  kind: WeighInRecord["kind"],
  body: JsonObject,
): WeighInAccepted | WeighInRejected | WeighInIssued {
  switch (kind) {
    case "accepted":
      return weighInAcceptedSchema.parse(body);
    case "rejected":
      return weighInRejectedSchema.parse(body);
    case "issued":
      return weighInIssuedSchema.parse(body);
    default:
      return assertNever(kind);
  }
}

function photoView(photo: RecordedPhoto): PhotoRecord {
  if (photo.kind === "none") return photo;
  const { kind: _, ...taken } = photo;
  return { kind: "taken", photo: taken, isOff: Math.abs(photo.offMs) > PHOTO_OFF_MS_MAX };
}

function goodsView({ temperature, ...goods }: Goods, { scaleId, tare }: ReceivingState): GoodsView {
  return { ...goods, temperature, scaleId, tare };
}
