import { assertNever } from "../platform/assert.ts";
import type { CommandOf } from "./act-parts.ts";
import { lineRecord, orderInUse, recordedOrder, workableOrder } from "./delivery-facts.ts";
import { linesOfGtin } from "./goods-code.ts";
import { orderChanges } from "./order-match.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import { reject, take } from "./receiving-acts.ts";
import { finishLine } from "./receiving-lines.ts";
import type { ChosenTare, ReceivingCommand, ReceivingRefusal, ScanNotice } from "./receiving-port.ts";
import {
  askOverride,
  closeDelivery,
  refuseDelivery,
  stopAsking,
  strike,
  waivePhotos,
} from "./receiving-signing.ts";
import {
  type CommandEvent,
  type Facts,
  type Goods,
  NO_GOODS,
  type OpenDelivery,
  type Place,
  type ReceivingState,
  type Step,
} from "./receiving-types.ts";
import { answer, at, deliveryOf, done, record, refuse, withDelivery } from "./step-parts.ts";

/** What a person does, one function each; those that end in a photo and a record are in receiving-acts.ts. */

const TARE_G_MAX = 1_000_000;
const PACKS_MAX = 10_000;
const LOT_LENGTH_MAX = 64;
const NAME_LENGTH_MAX = 80;

/** Nothing else may be done while a photo is taken, somebody signs, or a question waits. */
const WHILE_ASKING: ReadonlySet<ReceivingCommand["kind"]> = new Set(["override", "cancel", "reject-goods"]);

export function onCommand(state: ReceivingState, event: CommandEvent, facts: Facts): Step {
  const { pending } = state;
  const { token, command } = event;
  if (pending.kind === "photographing" || pending.kind === "recording") return refuse(state, token, "busy");
  if (pending.kind === "signing" && command.kind !== "cancel") return refuse(state, token, "busy");
  if (pending.kind === "asking" && !WHILE_ASKING.has(command.kind)) return refuse(state, token, "busy");
  if (!facts.mayKeep(event.operatorId)) return refuse(state, token, "no-right");
  return run(command.kind === "scan" ? state : { ...state, lastScan: null }, event, command, facts);
}

function run(state: ReceivingState, event: CommandEvent, command: ReceivingCommand, facts: Facts): Step {
  const { token } = event;
  switch (command.kind) {
    case "choose-delivery":
      return chooseDelivery(state, event, command.orderId, facts);
    case "leave-delivery":
      return deliveryOf(state.place) === null
        ? refuse(state, token, "not-now")
        : done(at(state, { kind: "choosing" }), token);
    case "choose-line":
      return chooseLine(state, token, command.lineId, NO_GOODS, facts);
    case "choose-not-ordered":
      return chooseNotOrdered(state, token, command, facts);
    case "leave-line":
      return state.place.kind === "weighing"
        ? done(at(state, { kind: "delivery", delivery: state.place.delivery }), token)
        : refuse(state, token, "not-now");
    case "scan":
      return scanned(state, event, facts);
    case "choose-order-version":
      return chooseVersion(state, event, command, facts);
    case "choose-scale":
      return facts.scale(command.scaleId) === undefined
        ? refuse(state, token, "scale-unknown")
        : done({ ...state, scaleId: command.scaleId, tare: { kind: "none" } }, token);
    case "scale-command":
      return facts.scale(command.scaleId) === undefined
        ? refuse(state, token, "scale-unknown")
        : { state, effects: [{ ...command, kind: "command-scale", token }] };
    case "set-tare":
      return setTare(state, token, command.tare, facts);
    case "set-packs":
      return command.count !== null && !isCount(command.count, PACKS_MAX)
        ? refuse(state, token, "tare-out-of-range")
        : withGoods(state, token, { packCount: command.count });
    case "set-goods":
      return setGoods(state, token, command);
    case "take-temperature":
      return takeTemperature(state, token, command, facts);
    case "take":
      return take(state, event, facts);
    case "reject-goods":
      return reject(state, event, command, facts);
    case "finish-line":
      return finishLine(state, event, command, facts);
    case "override":
      return askOverride(state, event, command, facts);
    case "cancel":
      return stopAsking(state, token);
    case "waive-photos":
      return waivePhotos(state, event, command, facts);
    case "strike":
      return strike(state, event, command, facts);
    case "close-delivery":
      return closeDelivery(state, event, command, facts);
    case "refuse-delivery":
      return refuseDelivery(state, event, command, facts);
    case "start-issue":
      return startIssue(state, token, command, facts);
    case "leave-issue":
      return state.place.kind === "issuing"
        ? done(at(state, { kind: "choosing" }), token)
        : refuse(state, token, "not-now");
    default:
      return assertNever(command);
  }
}

/** Goes on with the delivery of an order that is open here, or begins one. */
function chooseDelivery(state: ReceivingState, event: CommandEvent, orderId: string, facts: Facts): Step {
  const { token, id, operatorId } = event;
  const order = facts.orders.find(orderId);
  if (order === undefined) return refuse(state, token, "order-unknown");
  const known = facts.ledger.deliveryOf(orderId);
  if (known !== undefined && known.outcome === null) {
    const { deliveryId, orderVersion, seenVersion } = known;
    const delivery: OpenDelivery = { deliveryId, orderId, orderVersion, seenVersion, waiver: null };
    return done(at(state, { kind: "delivery", delivery }), token);
  }
  // What was accepted in part or refused may be delivered again, and so may what was ordered since.
  const isWhole = known?.outcome === "accepted" && order.version <= known.seenVersion;
  if (order.status !== "open" || isWhole) return refuse(state, token, "order-closed");
  const { version } = order;
  const delivery: OpenDelivery = {
    deliveryId: id,
    orderId,
    orderVersion: version,
    seenVersion: version,
    waiver: null,
  };
  const body = { deliveryId: id, order: recordedOrder(order), dueDate: order.dueDate, operatorId };
  return record(
    state,
    token,
    { id, record: { kind: "delivery.opened", body } },
    { after: at(state, { kind: "delivery", delivery }), answer: { kind: "done" } },
  );
}

function chooseLine(state: ReceivingState, token: number, lineId: string, goods: Goods, facts: Facts): Step {
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refuse(state, token, "choose-delivery-first");
  const found = workableOrder(facts, delivery);
  if (found.kind === "refused") return refuse(state, token, found.reason);
  if (!found.order.lines.some((line) => line.lineId === lineId)) return refuse(state, token, "line-unknown");
  if (lineRecord(facts, delivery, lineId).decision !== null) return refuse(state, token, "line-finished");
  return done(at(state, { kind: "weighing", delivery, target: { kind: "line", lineId }, goods }), token);
}

function chooseNotOrdered(
  state: ReceivingState,
  token: number,
  { name, gtin }: CommandOf<"choose-not-ordered">,
  facts: Facts,
): Step {
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refuse(state, token, "choose-delivery-first");
  const found = workableOrder(facts, delivery);
  if (found.kind === "refused") return refuse(state, token, found.reason);
  const trimmed = name.trim().slice(0, NAME_LENGTH_MAX);
  if (trimmed === "" || (gtin !== null && !/^\d{8,14}$/.test(gtin)))
    return refuse(state, token, "product-unknown");
  const productId = gtin === null ? `unlisted:${trimmed}` : `gtin:${gtin.padStart(14, "0")}`;
  return done(
    at(state, {
      kind: "weighing",
      delivery,
      target: { kind: "not-ordered", product: { productId, name: trimmed } },
      goods: { ...NO_GOODS, gtin },
    }),
    token,
  );
}

/** Every code is answered, and shown: whoever scans looks at the goods, not at the screen. */
function scanned(state: ReceivingState, event: CommandEvent, facts: Facts): Step {
  const { token, code } = event;
  const note = (at: ReceivingState, notice: ScanNotice): ReceivingState => ({ ...at, lastScan: notice });
  const refused = (reason: ReceivingRefusal, gtin: string | null = null): Step =>
    refuse(note(state, { gtin, outcome: reason }), token, reason);
  // An order's number may look like an EAN with a wrong digit.
  const orderId = event.command.kind === "scan" ? event.command.text.trim() : "";
  if (facts.orders.find(orderId) !== undefined)
    return noted(chooseDelivery(state, event, orderId, facts), { gtin: null, outcome: "delivery-chosen" });
  if (code === undefined || code.kind === "text") return refused("code-unreadable");
  if (code.kind === "refused") return refused(code.reason);
  const { gtin } = code;
  const delivery = deliveryOf(state.place);
  if (delivery === null) return refused("choose-delivery-first", gtin);
  const found = workableOrder(facts, delivery);
  if (found.kind === "refused") return refused(found.reason, gtin);
  const line = scannedLine(state, linesOfGtin(found.order, gtin), delivery, facts);
  if (line === undefined) return refused("code-not-ordered", gtin);
  const label = { gtin, labelNetG: code.netG };
  const { place } = state;
  if (place.kind === "weighing" && place.target.kind === "line" && place.target.lineId === line.lineId) {
    // A label that names no lot or day takes none away that was keyed; but the day of one lot is not that of another.
    const { lot, expiry } = place.goods;
    const keptExpiry = isOtherLot(lot, code.lot) ? null : expiry;
    const read = { ...label, lot: code.lot ?? lot, expiry: code.expiry ?? keptExpiry };
    const filled: Place = { ...place, goods: withChange(place.goods, read) };
    return done({ ...note(state, { gtin, outcome: "goods-filled" }), place: filled }, token);
  }
  const chosen = chooseLine(
    state,
    token,
    line.lineId,
    { ...NO_GOODS, ...label, lot: code.lot, expiry: code.expiry },
    facts,
  );
  return noted(chosen, { gtin, outcome: "line-chosen" });
}

/** The line somebody is at, if the code fits it; else the first that is not finished. */
function scannedLine(
  { place }: ReceivingState,
  lines: readonly OrderLine[],
  delivery: OpenDelivery,
  facts: Facts,
): OrderLine | undefined {
  const here = place.kind === "weighing" && place.target.kind === "line" ? place.target.lineId : null;
  return (
    lines.find(({ lineId }) => lineId === here) ??
    lines.find(({ lineId }) => lineRecord(facts, delivery, lineId).decision === null) ??
    lines[0]
  );
}

/** Puts the notice into a step: as it was meant, or as the refusal that came of it. */
function noted(step: Step, notice: ScanNotice): Step {
  const refusal = step.effects.find((effect) => effect.kind === "answer");
  const isRefused = refusal?.answer.kind === "refused";
  const lastScan = isRefused ? { ...notice, outcome: refusal.answer.reason } : notice;
  const { pending } = step.state;
  const state: ReceivingState =
    pending.kind === "recording"
      ? { ...step.state, pending: { ...pending, after: { ...pending.after, lastScan } } }
      : { ...step.state, lastScan };
  return { ...step, state };
}

/** Both were on the screen; which one goods are matched against from here on is on record. */
function chooseVersion(
  state: ReceivingState,
  event: CommandEvent,
  { version, newestVersion }: CommandOf<"choose-order-version">,
  facts: Facts,
): Step {
  const { token, id, operatorId } = event;
  const delivery = deliveryOf(state.place);
  const found = delivery === null ? undefined : orderInUse(facts, delivery);
  if (delivery === null || found === undefined || !found.isChanged) return refuse(state, token, "not-now");
  const { inUse, newest } = found;
  // A third one came after the screen was drawn: it has been shown to nobody yet.
  if (newestVersion !== undefined && newestVersion !== newest.version)
    return refuse(state, token, "order-changed");
  if (version !== inUse.version && version !== newest.version) return refuse(state, token, "order-unknown");
  const chosen = { ...delivery, orderVersion: version, seenVersion: newest.version };
  const body = {
    deliveryId: delivery.deliveryId,
    orderId: delivery.orderId,
    inUseVersion: inUse.version,
    newestVersion: newest.version,
    chosenVersion: version,
    reopenedLineIds: version === inUse.version ? [] : decidedOtherwise(delivery, inUse, newest, facts),
    operatorId,
  };
  const after = { ...state, place: afterChoice(state.place, chosen, facts) };
  return record(
    state,
    token,
    { id, record: { kind: "delivery.order-chosen", body } },
    { after, answer: { kind: "done" } },
  );
}

/** What was accepted, or found missing, was so against the line as it stood. */
function decidedOtherwise(
  delivery: OpenDelivery,
  inUse: PurchaseOrder,
  newest: PurchaseOrder,
  facts: Facts,
): string[] {
  return orderChanges(inUse, newest).flatMap(({ lineId, kind }) =>
    kind === "changed" && lineRecord(facts, delivery, lineId).decision !== null ? [lineId] : [],
  );
}

/** A line that the chosen version does not have any more is left. */
function afterChoice(place: Place, delivery: OpenDelivery, facts: Facts): Place {
  if (place.kind === "weighing" && place.target.kind === "line") {
    const { lineId } = place.target;
    const order = facts.orders.find(delivery.orderId, delivery.orderVersion);
    if (order?.lines.some((line) => line.lineId === lineId) !== true) return { kind: "delivery", delivery };
  }
  return withDelivery(place, delivery);
}

function setTare(state: ReceivingState, token: number, tare: ChosenTare, { containers }: Facts): Step {
  if (tare.kind === "container" && !containers.has(tare.containerId))
    return refuse(state, token, "container-unknown");
  if (tare.kind === "keyed" && !isCount(tare.tareG, TARE_G_MAX))
    return refuse(state, token, "tare-out-of-range");
  return done({ ...state, tare }, token);
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function setGoods(state: ReceivingState, token: number, { lot, expiry }: CommandOf<"set-goods">): Step {
  const isDay = expiry === undefined || expiry === null || isCalendarDay(expiry);
  if (!isDay) return refuse(state, token, "code-unreadable");
  const keyed = lot?.trim().slice(0, LOT_LENGTH_MAX);
  return withGoods(state, token, {
    ...(lot === undefined ? {} : { lot: keyed === undefined || keyed === "" ? null : keyed }),
    ...(expiry === undefined ? {} : { expiry }),
  });
}

function isCalendarDay(day: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(day);
}

function takeTemperature(
  state: ReceivingState,
  token: number,
  { thermometerId, probe }: CommandOf<"take-temperature">,
  facts: Facts,
): Step {
  const measured = facts.temperature(thermometerId, probe);
  if (measured.kind === "unknown") return refuse(state, token, "thermometer-unknown");
  if (measured.kind === "not-read") return refuse(state, token, "temperature-not-read");
  return withGoods(state, token, { temperature: { milliC: measured.milliC, thermometerId, probe } });
}

function withGoods(state: ReceivingState, token: number, change: Partial<Goods>): Step {
  const { place } = state;
  if (place.kind !== "weighing" && place.kind !== "issuing") return refuse(state, token, "not-now");
  return done({ ...state, place: { ...place, goods: withChange(place.goods, change) } }, token);
}

/** Another lot has a temperature of its own: what was measured of the one before is not this one's. */
function withChange(goods: Goods, change: Partial<Goods>): Goods {
  const { lot = goods.lot } = change;
  return { ...goods, ...(isOtherLot(goods.lot, lot) ? { temperature: null } : {}), ...change };
}

function isOtherLot(before: string | null, after: string | null): boolean {
  return before !== null && after !== null && after !== before;
}

function startIssue(
  state: ReceivingState,
  token: number,
  { productId, target }: CommandOf<"start-issue">,
  facts: Facts,
): Step {
  const product = facts.ledger.stockOf(productId)?.product;
  if (product === undefined) return refuse(state, token, "product-unknown");
  if (target.kind === "bin" && !facts.reasons.bin.has(target.reasonId))
    return refuse(state, token, "reason-unknown");
  return answer(at(state, { kind: "issuing", product, target, goods: NO_GOODS }), token, { kind: "done" });
}
