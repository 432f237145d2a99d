import type { FrameObservation } from "../../models/face-engine-port.ts";
import type { Fen, MonoMs } from "../platform/units.ts";
import type { Evidence, IdentitySettings } from "./identity-decision.ts";
import type { Order, PricedOrder } from "./order-price.ts";
import type {
  Activation,
  CheckoutView,
  LookHint,
  MealPeriod,
  PaymentMethod,
  Receipt,
  RefusalReason,
} from "./serving-line-port.ts";

/** The evidence behind a face: the least similarity and margin of the frames that agreed. */
export interface FaceDecision {
  readonly model: string;
  readonly similarity: number;
  /** Lead over the second-best person; null when nobody else is enrolled. */
  readonly margin: number | null;
  readonly frames: number;
}

/** Why a face was seen and yet nobody was named. */
export type LookFailure = Extract<
  Extract<CheckoutView, { kind: "other-way" }>["reason"],
  "unknown-face" | "ambiguous" | "liveness"
>;

/** What is sold, frozen when the diner begins: whatever changes afterwards is for the next one. */
export interface Offer {
  readonly businessDate: string;
  /** Null outside of meals; such an offer is always refused. */
  readonly period: MealPeriod | null;
  readonly priced: PricedOrder;
  readonly mealPlanVersion: string;
  /** Which order this is the price of, so that a sale clears that order and no later one. */
  readonly orderRevision: number;
}

export interface Identity {
  readonly personId: string;
  readonly method: PaymentMethod;
  /** Whether the diner acted (press, card, PIN) or only stood there. */
  readonly activation: Activation;
  readonly decision: FaceDecision | null;
}

/** What the cashier would charge, asked before the diner confirms. `chargeId` is made here: the moment of intent. */
export interface Payable {
  readonly chargeId: string;
  readonly displayName: string;
  readonly amountFen: Fen;
  readonly balanceFen: Fen;
  readonly allergyWarning: readonly string[];
}

type RefusedView = Extract<CheckoutView, { kind: "refused" }>;

export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  readonly displayName: string | null;
  readonly amountFen: Fen | null;
  readonly balanceFen: Fen | null;
  readonly earlier: Receipt | null;
}

/** The disk or the database failed: whether something was recorded may not be known. */
export interface CashierFailed {
  readonly kind: "failed";
}

export type Assessment = { readonly kind: "payable"; readonly payable: Payable } | Refused | CashierFailed;
export type ChargeOutcome = { readonly kind: "paid"; readonly receipt: Receipt } | Refused | CashierFailed;
export type PinOutcome =
  | { readonly kind: "ok"; readonly personId: string }
  | NonNullable<RefusedView["pin"]>
  | CashierFailed;

export type ShownView = Extract<CheckoutView, { kind: "paid" | "refused" | "other-way" }>;

export type Phase =
  | { readonly kind: "closed"; readonly reason: RefusalReason }
  /** Waiting. In presence mode the camera is watched, and `evidence` is what it has shown so far. */
  | { readonly kind: "idle"; readonly evidence: Evidence }
  /** A face is being looked at. */
  | {
      readonly kind: "looking";
      readonly offer: Offer;
      /** The diner pressed; otherwise a face came into the picture in presence mode. */
      readonly pressed: boolean;
      readonly evidence: Evidence;
      readonly startedMono: MonoMs;
      readonly hint: LookHint | null;
      /** Frames in a row without anyone in front. */
      readonly absentFrames: number;
    }
  | {
      readonly kind: "checking-pin";
      readonly offer: Offer;
      readonly attempt: number;
      readonly startedMono: MonoMs;
    }
  /** Somebody is named; the cashier is asked what this would cost them and whether they may. */
  | { readonly kind: "identified"; readonly offer: Offer; readonly identity: Identity }
  | {
      readonly kind: "confirming";
      readonly offer: Offer;
      readonly identity: Identity;
      readonly payable: Payable;
      readonly evidence: Evidence;
      readonly startedMono: MonoMs;
    }
  | {
      readonly kind: "committing";
      readonly offer: Offer;
      readonly identity: Identity;
      readonly chargeId: string;
      readonly allergyConfirmed: boolean;
    }
  | {
      readonly kind: "shown";
      readonly view: ShownView;
      /** Whom the result is about, if anyone was named. */
      readonly personId: string | null;
      readonly startedMono: MonoMs;
    }
  /** Presence mode: whoever was served is waited for to leave, or to be clearly somebody else. */
  | {
      readonly kind: "cooling-down";
      readonly personId: string | null;
      readonly evidence: Evidence;
      readonly absentFrames: number;
      readonly strangerFrames: number;
    };

export interface Checkout {
  readonly phase: Phase;
  readonly order: Order & { readonly revision: number };
  readonly cameraLost: boolean;
  /** Why no sale may begin; null while the till is open. */
  readonly closedReason: RefusalReason | null;
  /** PIN checks that were begun; the answer to an earlier one is ignored. */
  readonly pinAttempts: number;
}

/** What happens to the machine. `atMono` is when; `offer` is what would be sold if a diner began now. */
export type CheckoutInput =
  | { readonly kind: "activate"; readonly offer: Offer; readonly atMono: MonoMs }
  | { readonly kind: "confirm"; readonly atMono: MonoMs }
  | { readonly kind: "cancel"; readonly atMono: MonoMs }
  | { readonly kind: "set-order"; readonly order: Order; readonly atMono: MonoMs }
  | {
      readonly kind: "frame";
      readonly observation: FrameObservation;
      readonly capturedMono: MonoMs;
      readonly offer: Offer;
      readonly atMono: MonoMs;
    }
  /** A card or code was read; `personId` is null when nobody has it. */
  | {
      readonly kind: "card";
      readonly personId: string | null;
      readonly offer: Offer;
      readonly atMono: MonoMs;
    }
  | { readonly kind: "pin-entered"; readonly offer: Offer; readonly atMono: MonoMs }
  | {
      readonly kind: "pin-checked";
      readonly attempt: number;
      readonly outcome: PinOutcome;
      readonly atMono: MonoMs;
    }
  | { readonly kind: "assessed"; readonly assessment: Assessment; readonly atMono: MonoMs }
  | { readonly kind: "charged"; readonly outcome: ChargeOutcome; readonly atMono: MonoMs }
  | { readonly kind: "camera"; readonly lost: boolean; readonly atMono: MonoMs }
  | { readonly kind: "till"; readonly closedReason: RefusalReason | null; readonly atMono: MonoMs }
  | { readonly kind: "time-passed"; readonly atMono: MonoMs };

/** What the loop does for the machine; each answers with an input. */
export type CheckoutEffect =
  /** Answered by `pin-checked`, some time later. */
  | { readonly kind: "check-pin"; readonly attempt: number }
  /** Answered by `assessed`, at once. */
  | { readonly kind: "assess"; readonly identity: Identity; readonly offer: Offer }
  /** Answered by `charged`, at once, after the commit. */
  | {
      readonly kind: "commit";
      readonly chargeId: string;
      readonly identity: Identity;
      readonly offer: Offer;
      readonly allergyConfirmed: boolean;
    };

export type PhaseOf<Kind extends Phase["kind"]> = Extract<Phase, { readonly kind: Kind }>;
export type InputOf<Kind extends CheckoutInput["kind"]> = Extract<CheckoutInput, { readonly kind: Kind }>;

/** What one input makes of the checkout. */
export interface Step {
  readonly checkout: Checkout;
  readonly effects: readonly CheckoutEffect[];
}

export interface CheckoutSettings {
  readonly activation: Activation;
  /** Ask for one more press after a face was recognised. */
  readonly confirmFace: boolean;
  readonly lookMsMax: number;
  readonly confirmMsMax: number;
  readonly pinMsMax: number;
  /** How long a result stays on the screen. */
  readonly shownMsMin: number;
  /** How long "pay by card or PIN" stays: there is something to do. */
  readonly otherWayMsMin: number;
  /** Frames in a row without anyone in front until the place counts as free. */
  readonly absentFramesMin: number;
  readonly identity: IdentitySettings;
}

/** All kinds, for whoever walks the whole table. The compiler checks that none is missing. */
export const PHASE_KINDS = [
  "closed",
  "idle",
  "looking",
  "checking-pin",
  "identified",
  "confirming",
  "committing",
  "shown",
  "cooling-down",
] as const satisfies readonly Phase["kind"][];

export const INPUT_KINDS = [
  "activate",
  "confirm",
  "cancel",
  "set-order",
  "frame",
  "card",
  "pin-entered",
  "pin-checked",
  "assessed",
  "charged",
  "camera",
  "till",
  "time-passed",
] as const satisfies readonly CheckoutInput["kind"][];

type Missing =
  | Exclude<Phase["kind"], (typeof PHASE_KINDS)[number]>
  | Exclude<CheckoutInput["kind"], (typeof INPUT_KINDS)[number]>;
/** Fails to compile while a kind is not listed above. */
export const NO_KIND_IS_MISSING: [Missing] extends [never] ? true : Missing = true;
