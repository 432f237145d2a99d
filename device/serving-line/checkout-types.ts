import type { FrameObservation } from "../../models/face-engine-port.ts";
import type { Fen, MonoMs } from "../platform/units.ts";
import type { IdentityBounds } from "../roster/identity-bounds-port.ts";
import type { Evidence, IdentitySettings } from "./identity-decision.ts";
import type { Order, PricedOrder } from "./order-price.ts";
import type {
  Activation,
  CheckoutView,
  Choice,
  FaceLoss,
  LookAlikeMode,
  LookHint,
  MealPeriod,
  PaymentMethod,
  Receipt,
  RefusalReason,
} from "./serving-line-port.ts";

/** The evidence behind a face: similarity and margin in the mean over the frames that agreed. */
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

/** Somebody whom the camera cannot tell from others stands there: which of them, only they can say. */
export interface Question {
  readonly matchedPersonId: string;
  /** Without the matched one. */
  readonly lookAlikeIds: readonly string[];
  readonly decision: FaceDecision;
}

/** What a charge keeps of its question. */
export interface AnsweredQuestion {
  readonly matchedPersonId: string;
  readonly lookAlikeIds: readonly string[];
  readonly answeredBy: "card" | "pin" | "choice";
  /** Under whose eye a name was chosen; null for card and PIN, which speak for themselves. */
  readonly operatorId: string | null;
}

export interface Identity {
  readonly personId: string;
  readonly method: PaymentMethod;
  /** Whether the diner acted (press, card, PIN) or only stood there. */
  readonly activation: Activation;
  readonly decision: FaceDecision | null;
  /** Null where nobody had to be asked who it is. */
  readonly question: AnsweredQuestion | null;
}

/** What a card or PIN that comes now would answer. */
export type Pending =
  | { readonly kind: "question"; readonly question: Question }
  /** "That's not me" was pressed, and who it was instead is not known yet. */
  | { readonly kind: "dispute"; readonly disputeId: string };

/** What may follow a result while it is shown; the offer is the one of the diner whom it is about. */
export type FollowUp =
  | { readonly kind: "may-dispute"; readonly offer: Offer; readonly identity: Identity }
  | { readonly kind: "awaits-payer"; readonly offer: Offer; readonly disputeId: string };

/** What the cashier would charge, asked before the diner confirms. `chargeId` is made here: the moment of intent. */
export interface Payable {
  readonly chargeId: string;
  readonly displayName: string;
  readonly amountFen: Fen;
  readonly balanceFen: Fen;
  readonly allergyWarning: readonly string[];
}

/** What the diner saw before they were charged. Nothing else may be charged in the name of that press. */
export interface Agreed {
  readonly amountFen: Fen;
  /** Allergens that were warned of; empty where nobody had to be asked. */
  readonly allergens: readonly string[];
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
export type ChargeOutcome =
  | { readonly kind: "paid"; readonly receipt: Receipt }
  /** Nothing was charged: it would cost something else now, or there is an allergen that nobody was warned of. */
  | { readonly kind: "changed" }
  | Refused
  | CashierFailed;
/** What became of "that's not me". `refused`: too often today; a charge then stays until an operator voids it. */
export type DisputeOutcome =
  | { readonly kind: "not-charged" }
  | { readonly kind: "voided"; readonly amountFen: Fen }
  | { readonly kind: "refused" }
  | CashierFailed;
export type PinOutcome =
  | { readonly kind: "ok"; readonly personId: string }
  | NonNullable<RefusedView["pin"]>
  | CashierFailed;

/** Who stands before the camera and is no diner, unless they press; `personId` null: it is not known who. */
export interface Bystander {
  readonly personId: string | null;
}

export type ShownView = Extract<CheckoutView, { kind: "paid" | "refused" | "other-way" | "not-me" }>;

export type Phase =
  | {
      readonly kind: "closed";
      readonly reason: RefusalReason;
      /** Who stood there when it closed or came meanwhile: still no diner when it opens. Null: nobody in particular. */
      readonly bystander: Bystander | null;
    }
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
  /** A match that is never accepted silently: card, PIN or the press of a name says which of them it is. */
  | {
      readonly kind: "asking";
      readonly offer: Offer;
      readonly pressed: boolean;
      readonly question: Question;
      /** Names to choose from; null where only card or PIN will do. */
      readonly choices: readonly Choice[] | null;
      readonly evidence: Evidence;
      readonly startedMono: MonoMs;
      /** Frames in a row without anyone in front. */
      readonly absentFrames: number;
    }
  | {
      readonly kind: "checking-pin";
      readonly offer: Offer;
      readonly pending: Pending | null;
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
      /** Frames in a row with a face that is nobody's who is asked. */
      readonly strangerFrames: number;
    }
  | {
      readonly kind: "committing";
      readonly offer: Offer;
      readonly identity: Identity;
      readonly chargeId: string;
      readonly agreed: Agreed;
    }
  /** "That's not me" was pressed; the cashier takes the charge back, if there is one. */
  | {
      readonly kind: "disputing";
      readonly offer: Offer;
      readonly disputeId: string;
      readonly personId: string;
    }
  | {
      readonly kind: "shown";
      readonly view: ShownView;
      readonly followUp: FollowUp | null;
      /** Whom the result is about, if anyone was named. */
      readonly personId: string | null;
      readonly startedMono: MonoMs;
    }
  /** Presence mode: whoever was served is waited for to leave, or to be clearly somebody else. */
  | {
      readonly kind: "cooling-down";
      readonly personId: string | null;
      /** Somebody came for something else than a meal and is not known: nobody is looked at until the place was empty. */
      readonly emptyFirst: boolean;
      readonly evidence: Evidence;
      readonly absentFrames: number;
      readonly strangerFrames: number;
    };

export interface Checkout {
  readonly phase: Phase;
  readonly order: Order & { readonly revision: number };
  readonly cameraLost: FaceLoss | null;
  /** Why no sale may begin; null while the till is open. */
  readonly closedReason: RefusalReason | null;
  /** PIN checks that were begun; the answer to an earlier one is ignored. */
  readonly pinAttempts: number;
}

/** What happens to the machine. `atMono` is when; `offer` is what would be sold if a diner began now. */
export type CheckoutInput =
  | { readonly kind: "activate"; readonly offer: Offer; readonly atMono: MonoMs }
  /** `chargeId` is the one on the screen that was pressed: the press is for nothing else. */
  | { readonly kind: "confirm"; readonly chargeId: string; readonly atMono: MonoMs }
  | { readonly kind: "cancel"; readonly atMono: MonoMs }
  /** `chargeId` as for `confirm`; `disputeId` is made at the press. */
  | {
      readonly kind: "not-me";
      readonly chargeId: string;
      readonly disputeId: string;
      readonly atMono: MonoMs;
    }
  | {
      readonly kind: "choose";
      readonly personId: string;
      readonly operatorId: string;
      readonly atMono: MonoMs;
    }
  /** Null: nobody with an eye on it is there, or there are too many to choose from. */
  | { readonly kind: "choices"; readonly choices: readonly Choice[] | null; readonly atMono: MonoMs }
  | { readonly kind: "set-order"; readonly order: Order; readonly atMono: MonoMs }
  | {
      readonly kind: "frame";
      readonly observation: FrameObservation;
      readonly capturedMono: MonoMs;
      readonly offer: Offer;
      /** For the models and people of this frame, as of now. */
      readonly bounds: IdentityBounds;
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
  | { readonly kind: "disputed"; readonly outcome: DisputeOutcome; readonly atMono: MonoMs }
  | { readonly kind: "camera"; readonly lost: FaceLoss | null; readonly atMono: MonoMs }
  | {
      readonly kind: "till";
      readonly closedReason: RefusalReason | null;
      /** Who stands before the camera and did not come to pay. */
      readonly bystander?: Bystander;
      readonly atMono: MonoMs;
    }
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
      readonly agreed: Agreed;
    }
  /** Answered by `choices`, at once. */
  | { readonly kind: "find-choices"; readonly personIds: readonly string[] }
  /** Answered by `disputed`, at once, after the commit. */
  | {
      readonly kind: "dispute";
      readonly disputeId: string;
      /** Of the charge that was made, or would have been. */
      readonly chargeId: string;
      readonly identity: Identity;
      readonly offer: Offer;
    }
  /** Whoever was matched wrongly turned out to be this person. Not answered. */
  | { readonly kind: "name-payer"; readonly disputeId: string; readonly personId: string };

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
  readonly lookAlikes: LookAlikeMode;
  /** From the first face that could be judged. */
  readonly lookMsMax: number;
  /** Until such a face comes. */
  readonly faceWaitMsMax: number;
  /** How long a question waits for a card, a PIN or a name. */
  readonly questionMsMax: number;
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
  "asking",
  "checking-pin",
  "identified",
  "confirming",
  "committing",
  "disputing",
  "shown",
  "cooling-down",
] as const satisfies readonly Phase["kind"][];

export const INPUT_KINDS = [
  "activate",
  "confirm",
  "cancel",
  "not-me",
  "choose",
  "choices",
  "set-order",
  "frame",
  "card",
  "pin-entered",
  "pin-checked",
  "assessed",
  "charged",
  "disputed",
  "camera",
  "till",
  "time-passed",
] as const satisfies readonly CheckoutInput["kind"][];

type Missing =
  | Exclude<Phase["kind"], (typeof PHASE_KINDS)[number]>
  | Exclude<CheckoutInput["kind"], (typeof INPUT_KINDS)[number]>;
/** Fails to compile while a kind is not listed above. */
export const NO_KIND_IS_MISSING: [Missing] extends [never] ? true : Missing = true;
