/**
 * Over 400 lines because it is one contract: what the page shows, what a person may do and why the answer is no are
 * read together, and most of it is names with a sentence each.
 */

import type { ScaleCommand, ScaleCommandOutcome } from "../../firmware-bridge/ports/scale.ts";
import type { TimeTrust } from "../journal/journal-port.ts";
import type { TakenPhoto } from "../photos/studio-port.ts";
import type { EpochMs } from "../platform/units.ts";
import type { SignOutcome } from "../signatures/signature-port.ts";
import type { OrderLine, OrderUnit, PurchaseOrder } from "./order-port.ts";

/**
 * Receiving as the page sees it: what a person may do, what is shown, and why the answer was no.
 * Texts are the page's own: here are codes, numbers and names of goods. Masses are whole grams; a quantity in the
 * order's unit is a decimal string. `operatorId` is always the session's, never what a page says.
 */

/** Why the scale's weight cannot be taken yet: the first that applies, in this order. */
export const GATE_REASONS = [
  /** Unplugged, or its line is faulty. */
  "scale-lost",
  /** Nothing came for too long: what stands on the display may be old. */
  "no-reading",
  "overload",
  "underload",
  /** It weighs in another unit than it is configured for. */
  "wrong-unit",
  /** No whole number of grams. */
  "not-whole-grams",
  "moving",
  /** The scale has its own tare on, and a container is to be taken off as well. */
  "tared-twice",
  /** The pan has not been empty (or down to the tare) since the last one. */
  "not-returned-to-zero",
  /** Under Min of the scale. */
  "below-min",
  "above-max",
  /** Fewer than 20 divisions above zero once the tare is off. */
  "too-close-to-zero",
] as const;
export type GateReason = (typeof GATE_REASONS)[number];

export type GateView = { readonly kind: "ready" } | { readonly kind: "waiting"; readonly reason: GateReason };

/** In what the goods differ from the order, or the record from what it should be; all that apply, in this order. */
export const MISMATCHES = [
  "not-ordered",
  "over",
  "under",
  "missing",
  "expired",
  /** Fewer days left than the order wants. */
  "shelf-too-short",
  "expiry-missing",
  "lot-missing",
  "too-warm",
  "temperature-missing",
  /** Outgoing goods: more than the balance has. */
  "more-than-stock",
  /** No photo could be taken (camera lost, disk at its budget), and nobody had allowed to go on without. */
  "photo-missing",
] as const;
export type Mismatch = (typeof MISMATCHES)[number];

/** Received against ordered. */
export const VERDICTS = ["missing", "under", "within", "exact", "over", "not-ordered"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Why an action was not done. Closed; the page has a sentence for each. */
export const RECEIVING_REFUSALS = [
  /** Nothing of the kind is under way: the page is behind, and gets the newest view. */
  "not-now",
  "no-right",
  /** A photo is being taken, somebody signs, or a question waits for its answer. */
  "busy",
  "order-unknown",
  "order-closed",
  /** The cloud changed the order: somebody has to choose a version first. */
  "order-changed",
  "line-unknown",
  "line-finished",
  /** Lines without a decision; the view says which. */
  "lines-open",
  /** Refusing a whole delivery of which something was taken: strike that first. */
  "goods-already-taken",
  /** Accepting a line of which nothing was weighed; it is `missing`, or rejected. */
  "nothing-received",
  "product-unknown",
  "scale-unknown",
  /** The weight is not to be taken: `gate` says why. */
  "weight-not-ready",
  /** Goods by the piece need their number. */
  "packs-missing",
  "container-unknown",
  "tare-out-of-range",
  "thermometer-unknown",
  /** No measurement, an old one, or the probe's fault. */
  "temperature-not-read",
  "reason-unknown",
  /** Refusing a delivery needs a photo: get the camera back, or have photos waived. */
  "camera-lost",
  "no-frame",
  "photo-space-full",
  "weigh-in-unknown",
  "already-struck",
  /** "Accept in part" where nothing went back and nothing is short: that is accepted, whole. */
  "nothing-in-part",
  /** A scanned code whose check digit is wrong: read it again or type it. */
  "code-check-digit",
  /** Too short, unknown parts, a day that does not exist. */
  "code-unreadable",
  /** A good code of nothing that is ordered here. */
  "code-not-ordered",
  "choose-delivery-first",
  /** The disk failed or is full. Nothing was recorded. */
  "not-recorded",
] as const;
export type ReceivingRefusal = (typeof RECEIVING_REFUSALS)[number];

export interface Named {
  readonly id: string;
  readonly name: { readonly zh: string; readonly en: string };
}

/** A box or trolley whose weight is known. */
export interface KnownContainer extends Named {
  readonly tareG: number;
}

/** The tare that is set at the terminal. The scale's own (its key, or our command) shows in its readings. */
export type ChosenTare =
  | { readonly kind: "none" }
  | { readonly kind: "container"; readonly containerId: string }
  | { readonly kind: "keyed"; readonly tareG: number };

/** What was taken off, and who said so. `tareG` null: the scale did not say how much. */
export type TareRecord =
  | { readonly kind: "none" }
  | { readonly kind: "scale-key" | "command"; readonly tareG: number | null }
  | { readonly kind: "container"; readonly containerId: string; readonly tareG: number }
  | { readonly kind: "keyed"; readonly tareG: number };

/** Boxes or wrappings of one piece each. */
export interface PackTare {
  readonly count: number;
  /** Of one. */
  readonly tareG: number;
}

export interface LiveScale {
  readonly scaleId: string;
  readonly label: string;
  readonly connection: "closed" | "connecting" | "live" | "lost" | "faulty";
  /** The fault's code while lost or faulty. */
  readonly code: string | null;
  /** As the scale shows it, with its trailing zeros; null where it shows no weight. */
  readonly text: string | null;
  readonly unit: string | null;
  /** The same in grams; null where that is no whole number. */
  readonly grams: number | null;
  /** Less the tare chosen here and the packs; what would be recorded. */
  readonly netG: number | null;
  readonly stable: boolean;
  readonly overload: boolean;
  readonly underload: boolean;
  readonly zero: boolean;
  /** The scale's own tare is on. */
  readonly tared: boolean;
  readonly gate: GateView;
  readonly minG: number;
  readonly maxG: number;
  readonly divisionG: number;
  /** YYYY-MM-DD of the last verification (检定); null where nobody wrote it down. */
  readonly verifiedOn: string | null;
}

export interface LiveTemperature {
  readonly thermometerId: string;
  readonly probe: string;
  readonly milliC: number | null;
  readonly fault: string | null;
}

/** What changes many times a second: kept apart from the view. */
export interface LiveReceiving {
  readonly scales: readonly LiveScale[];
  readonly temperatures: readonly LiveTemperature[];
  readonly camera:
    | { readonly kind: "ready" }
    | { readonly kind: "lost"; readonly code: string }
    | { readonly kind: "none" };
}

export type DeliveryState = "due" | "open" | "accepted" | "accepted-in-part" | "refused";

export interface DeliverySummary {
  readonly orderId: string;
  readonly supplier: { readonly supplierId: string; readonly name: string };
  readonly dueDate: string;
  readonly lineCount: number;
  readonly finishedLineCount: number;
  readonly state: DeliveryState;
  readonly deliveryId: string | null;
}

/** `accepted`: what matches, or was overridden. `missing`: nothing of it came. */
export type LineDecision = "accepted" | "accepted-in-part" | "rejected" | "missing";

export type PhotoRecord =
  | {
      readonly kind: "taken";
      readonly photo: TakenPhoto;
      /** Over 300 ms from the stable moment. */
      readonly isOff: boolean;
    }
  | {
      readonly kind: "none";
      readonly why:
        | "camera-lost"
        | "no-frame"
        | "picture-unreadable"
        | "faces-unseen"
        | "photo-space-full"
        /** The terminal has none. */
        | "no-camera"
        /** Nothing came, so nothing can be shown. */
        | "nothing-to-show"
        /** The record is so old that only the cloud has it. */
        | "archived";
    };

export type WeighInKind = "accepted" | "rejected" | "issued";

export interface WeighInView {
  readonly weighInId: string;
  readonly seq: number;
  /**
   * The entry's hash: its first digits are what people compare. Null: the entry is so old that only the cloud has it;
   * then what follows is what the sums were made of, and the rest is null.
   */
  readonly hash: string | null;
  readonly kind: WeighInKind;
  readonly atMs: EpochMs;
  readonly timeTrust: TimeTrust;
  readonly operatorId: string;
  /** Null where goods were turned away without weighing. */
  readonly netG: number | null;
  readonly packCount: number | null;
  /** In the unit of the line. */
  readonly quantity: string | null;
  readonly scaleId: string | null;
  readonly lot: string | null;
  readonly expiry: string | null;
  readonly temperatureMilliC: number | null;
  readonly photo: PhotoRecord;
  readonly mismatches: readonly Mismatch[];
  /** Their name; the operator's id where the name is not known here. */
  readonly overriddenBy: string | null;
  readonly isStruck: boolean;
}

export interface LineView {
  /** Null: not in the order. */
  readonly lineId: string | null;
  readonly product: { readonly productId: string; readonly name: string };
  readonly unit: OrderUnit;
  readonly orderedQuantity: string | null;
  /** Of this order, in earlier deliveries and in this one; struck ones not counted. */
  readonly receivedQuantity: string;
  readonly rejectedQuantity: string;
  readonly receivedG: number;
  readonly verdict: Verdict;
  readonly decision: LineDecision | null;
  readonly lotRequired: boolean;
  readonly shelfDaysMin: number | null;
  readonly temperatureMilliCMax: number | null;
  readonly packTareG: number | null;
  /** Null where prices are not shown. */
  readonly priceFen: number | null;
  readonly amountFen: number | null;
  /** Of this delivery, oldest first. */
  readonly weighIns: readonly WeighInView[];
}

export interface LineChange {
  readonly lineId: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before: OrderLine | null;
  readonly after: OrderLine | null;
}

export interface DeliveryView {
  readonly deliveryId: string;
  readonly orderId: string;
  /** The one that goods are matched against. */
  readonly orderVersion: number;
  readonly supplier: { readonly supplierId: string; readonly name: string };
  readonly dueDate: string;
  readonly lines: readonly LineView[];
  /** Both versions, while somebody has to choose; null otherwise. */
  readonly orderChange: {
    readonly inUse: PurchaseOrder;
    readonly newest: PurchaseOrder;
    readonly changes: readonly LineChange[];
  } | null;
  /** Somebody allowed to go on without photos while the camera is lost: as `overriddenBy`. */
  readonly photosWaivedBy: string | null;
  /** Operators who weighed: they cannot be the second person. */
  readonly weighedBy: readonly string[];
}

/** What is on its way onto the scale. */
export interface GoodsView {
  readonly scaleId: string | null;
  readonly lot: string | null;
  readonly expiry: string | null;
  readonly gtin: string | null;
  /** The net weight that the label claims (AI 310x); the scale's is the one recorded. */
  readonly labelNetG: number | null;
  readonly temperature: {
    readonly milliC: number;
    readonly thermometerId: string;
    readonly probe: string;
  } | null;
  readonly tare: ChosenTare;
  readonly packCount: number | null;
}

/** Where outgoing goods go. */
export type IssueTarget =
  | { readonly kind: "meal"; readonly mealId: string }
  | { readonly kind: "bin"; readonly reasonId: string };

/** The list of the stock ends here; where there are more names, those go first of which nothing is there. */
export const STOCK_ROWS_MAX = 2000;

export interface StockRow {
  readonly product: { readonly productId: string; readonly name: string };
  readonly balanceG: number;
  /** Counted goods only; 0 otherwise. */
  readonly balancePieces: number;
}

/** What a question is about. */
export type AskedFor = "take" | "reject" | "finish-line" | "issue";

export type Activity =
  | { readonly kind: "none" }
  | { readonly kind: "photographing"; readonly netG: number | null }
  /** It does not match: answered by `override`, by `reject-goods`, or by `cancel`. */
  | {
      readonly kind: "asking";
      readonly for: AskedFor;
      readonly mismatches: readonly Mismatch[];
      readonly netG: number | null;
      readonly photo: PhotoRecord | null;
    }
  /** The desk looks at a face; `cancel` stops it. */
  | { readonly kind: "signing"; readonly for: AskedFor | "delivery" | "refusal" | "strike" | "photo-waiver" }
  /** The last one taken, until the pan is empty or somebody goes on. */
  | { readonly kind: "taken"; readonly weighIn: WeighInView };

export type ReceivingStep =
  | { readonly kind: "choosing" }
  | { readonly kind: "delivery"; readonly delivery: DeliveryView }
  | {
      readonly kind: "weighing";
      readonly delivery: DeliveryView;
      /** Of `delivery.lines`. */
      readonly line: LineView;
      readonly goods: GoodsView;
    }
  | {
      readonly kind: "issuing";
      readonly stock: StockRow;
      readonly target: IssueTarget;
      readonly goods: GoodsView;
      readonly recent: readonly WeighInView[];
    };

/** The last code that was scanned, whatever became of it. */
export interface ScanNotice {
  readonly gtin: string | null;
  readonly outcome: "delivery-chosen" | "line-chosen" | "goods-filled" | ReceivingRefusal;
}

export interface ReceivingView {
  /** Today at the school, YYYY-MM-DD. */
  readonly day: string;
  readonly priceFree: boolean;
  /** Due today, and those that were begun and not closed; by supplier. */
  readonly deliveries: readonly DeliverySummary[];
  readonly step: ReceivingStep;
  readonly activity: Activity;
  readonly lastScan: ScanNotice | null;
  readonly containers: readonly KnownContainer[];
  readonly overrideReasons: readonly Named[];
  readonly rejectReasons: readonly Named[];
  readonly strikeReasons: readonly Named[];
  readonly binReasons: readonly Named[];
}

/** How somebody signs for an act of their own. */
export type Signer =
  | { readonly by: "pin"; readonly operatorId: string; readonly pin: string }
  | { readonly by: "face" };

/** What a person does. */
export type ReceivingCommand =
  /** Begins the delivery of an order, or goes on with it; a scanned QR of the order's id does the same. */
  | { readonly kind: "choose-delivery"; readonly orderId: string }
  | { readonly kind: "leave-delivery" }
  | { readonly kind: "choose-line"; readonly lineId: string }
  /** Goods that nobody ordered: to be rejected on record, or taken with an override. */
  | { readonly kind: "choose-not-ordered"; readonly name: string; readonly gtin: string | null }
  | { readonly kind: "leave-line" }
  /** Typed in, or from the page's own scanner. */
  | { readonly kind: "scan"; readonly text: string }
  /**
   * Which version of the order is matched against from here on: one of the two in `orderChange`. `newestVersion` is the
   * newer one of the two that were shown; left out, the newest there is.
   */
  | { readonly kind: "choose-order-version"; readonly version: number; readonly newestVersion?: number }
  | { readonly kind: "choose-scale"; readonly scaleId: string }
  | { readonly kind: "scale-command"; readonly scaleId: string; readonly command: ScaleCommand }
  | { readonly kind: "set-tare"; readonly tare: ChosenTare }
  | { readonly kind: "set-packs"; readonly count: number | null }
  /** `expiry` is YYYY-MM-DD. What is left out stays. */
  | { readonly kind: "set-goods"; readonly lot?: string | null; readonly expiry?: string | null }
  | { readonly kind: "take-temperature"; readonly thermometerId: string; readonly probe: string }
  /** Weight and photo, now. Answers `asked` where the goods do not match. */
  | { readonly kind: "take" }
  /** Sends goods back, with a photo; with what is on the pan, or unweighed. */
  | { readonly kind: "reject-goods"; readonly reasonId: string; readonly weighed: boolean }
  /**
   * `accept`: matches, or is asked about. `accept-in-part`: what was weighed stays, and the rest went back or is not
   * taken. `reject`: none of it stays. `missing`: nothing came. The last three need a reason, the middle two a photo.
   */
  | {
      readonly kind: "finish-line";
      readonly decision: "accept" | "accept-in-part" | "reject" | "missing";
      readonly reasonId: string | null;
    }
  /** Lets in what was asked about. */
  | { readonly kind: "override"; readonly reasonId: string; readonly signer: Signer }
  /** Drops the question, or stops looking at a face. What is on record stays. */
  | { readonly kind: "cancel" }
  /** The camera is lost: somebody with the right lets the delivery go on without photos until it is back. */
  | { readonly kind: "waive-photos"; readonly reasonId: string; readonly signer: Signer }
  /** By a new entry. Of a closed delivery it needs a signer with the right to override. */
  | {
      readonly kind: "strike";
      readonly weighInId: string;
      readonly reasonId: string;
      readonly signer: Signer | null;
    }
  /** Every line has its decision: the second person signs, and the delivery is closed. */
  | { readonly kind: "close-delivery"; readonly signer: Signer }
  /** The whole delivery goes back, with a photo and the second person's signature. */
  | { readonly kind: "refuse-delivery"; readonly reasonId: string; readonly signer: Signer }
  /** Weighing out (出库). */
  | { readonly kind: "start-issue"; readonly productId: string; readonly target: IssueTarget }
  | { readonly kind: "leave-issue" };

export type ReceivingAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "taken"; readonly weighIn: WeighInView }
  /** Not taken: it does not match, and the view asks. */
  | { readonly kind: "asked"; readonly mismatches: readonly Mismatch[] }
  | { readonly kind: "not-signed"; readonly outcome: Exclude<SignOutcome, { readonly kind: "signed" }> }
  | { readonly kind: "scale-answered"; readonly outcome: ScaleCommandOutcome }
  | { readonly kind: "closed"; readonly outcome: "accepted" | "accepted-in-part" | "refused" }
  | { readonly kind: "refused"; readonly reason: ReceivingRefusal; readonly gate?: GateReason };

export interface Receiving {
  view(): ReceivingView;
  /** Called at each change of the view; must not throw. @returns a function that unsubscribes. */
  onView(listener: (view: ReceivingView) => void): () => void;
  /** Whether a delivery is open, or goods are weighed out. Costs nothing to ask. */
  isAtGoods(): boolean;
  live(): LiveReceiving;
  /** Called at each reading of a scale or a probe; must not throw. */
  onLive(listener: (live: LiveReceiving) => void): () => void;
  /**
   * One at a time: while one is under way (a photo, a signature) every other but `cancel` is refused as `busy`.
   * @param operatorId of the session: whoever weighs.
   */
  command(operatorId: string, command: ReceivingCommand): Promise<ReceivingAnswer>;
  /** Who could sign now, for a list to choose from. */
  signers(
    what: "override" | "delivery",
  ): readonly { readonly operatorId: string; readonly displayName: string; readonly faceKnown: boolean }[];
  /** Products with a balance, by name, for weighing out. */
  stock(): readonly StockRow[];
  close(): Promise<void>;
}
