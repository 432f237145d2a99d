import type { TimeTrust } from "../journal/journal-port.ts";
import type { EpochMs, Fen } from "../platform/units.ts";
import type { PersonKind } from "../roster/roster-port.ts";
import type { LivenessChallenge } from "./liveness-check.ts";

/** Two languages, Chinese first. */
export interface Bilingual {
  readonly zh: string;
  readonly en: string;
}

export type Pricing =
  | { readonly kind: "fixed"; readonly priceFen: Fen }
  | { readonly kind: "menu" }
  | { readonly kind: "keyed"; readonly amountFenMax: Fen };

/** Who eats at a meal, by name or by class. */
export type ExpectedDiners =
  | { readonly kind: "people"; readonly personIds: readonly string[] }
  | { readonly kind: "groups"; readonly groupNames: readonly string[] };

export interface MealPeriod {
  readonly id: string;
  readonly name: Bilingual;
  /** Local time of day in minutes, start included, end excluded; never past midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly pricing: Pricing;
  /** Taken off the price and paid by the school, never below zero. */
  readonly subsidyFen: Readonly<Record<PersonKind, Fen>>;
  /**
   * Absent: everybody. It narrows with whom somebody may be confused, and asks a frame more of everybody else; whether
   * they are served is for the other rules.
   */
  readonly expected?: ExpectedDiners;
  /** What is cooked, whatever is charged for it: each dish leaves a sample. Absent: nobody wrote it down. */
  readonly dishes?: readonly PlannedDish[];
}

export interface PlannedDish {
  readonly id: string;
  readonly name: Bilingual;
  /** Only on these dates, YYYY-MM-DD. Absent: whichever the weekdays say. */
  readonly dates?: readonly string[];
  /** Only on these, 1 Monday to 7 Sunday. Absent: each day. */
  readonly weekdays?: readonly number[];
}

export interface MenuItem {
  readonly id: string;
  readonly name: Bilingual;
  readonly priceFen: Fen;
  readonly allergens: readonly string[];
}

export interface MealPlan {
  readonly version: string;
  /** IANA name, e.g. Asia/Shanghai; the business date and the period are computed in it. */
  readonly zone: string;
  readonly periods: readonly MealPeriod[];
  readonly menu: readonly MenuItem[];
}

/** Why the answer is no: the first that applies, in this order. Texts are in refusal-text.ts. */
export const REFUSAL_REASONS = [
  "till-closed",
  "camera-in-use",
  "clock-untrusted",
  "no-meal-now",
  "person-unknown",
  "person-inactive",
  "person-kind-not-served",
  "meal-already-charged",
  "period-blocked-by-guardian",
  "allergy-not-confirmed",
  "amount-missing",
  "amount-out-of-range",
  "charge-limit",
  "day-limit",
  "balance-too-low",
  "offline-too-long",
  "offline-person-limit",
  "offline-total-limit",
  "disk-unsafe",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** `staff`: an operator named the person (`chargeAgain`). */
export type PaymentMethod = "face" | "card" | "pin" | "staff";
export type Activation = "touch" | "presence";

export interface Receipt {
  readonly chargeId: string;
  readonly seq: number;
  readonly personId: string;
  readonly displayName: string;
  readonly groupName: string;
  readonly period: { readonly id: string; readonly name: Bilingual };
  readonly businessDate: string;
  /** What the meal costs, what the school pays of it, what the person pays. */
  readonly priceFen: Fen;
  readonly subsidyFen: Fen;
  readonly amountFen: Fen;
  readonly balanceFen: Fen;
  readonly method: PaymentMethod;
  readonly atMs: EpochMs;
  readonly timeTrust: TimeTrust;
  readonly allergyWarning: readonly string[];
}

/** Whether somebody whom the camera confuses with others shows a card or PIN, or is named under an operator's eye. */
export type LookAlikeMode = "second-factor" | "choose";

/** One of those who are asked about. */
export interface Choice {
  readonly personId: string;
  readonly displayName: string;
  readonly groupName: string;
}

/** What the diner's screen shows. One variant at a time; every text comes from codes, never from here. */
export type CheckoutView =
  | { readonly kind: "closed"; readonly reason: RefusalReason }
  | { readonly kind: "idle" }
  | { readonly kind: "looking"; readonly hint: LookHint | null }
  | {
      readonly kind: "confirm";
      /** Of what would be charged: the press names it. */
      readonly chargeId: string;
      readonly personId: string;
      readonly displayName: string;
      readonly amountFen: Fen;
      readonly balanceFen: Fen;
      readonly allergyWarning: readonly string[];
      /** A face named them, so they may say that it is not them. */
      readonly disputable: boolean;
    }
  /** Card or PIN says which of those who look alike it is; `choices` are the names that may be pressed instead. */
  | { readonly kind: "asking"; readonly choices: readonly Choice[] | null }
  | { readonly kind: "paid"; readonly receipt: Receipt }
  /**
   * After "that's not me". `not-charged`: nothing had been charged. `voided`: `amountFen` was given back.
   * `refused`: pressed too often today, so an operator has to take the charge back.
   */
  | {
      readonly kind: "not-me";
      readonly outcome: "not-charged" | "voided" | "refused";
      readonly amountFen: Fen | null;
    }
  | {
      readonly kind: "refused";
      readonly reason: RefusalReason;
      readonly displayName: string | null;
      readonly amountFen: Fen | null;
      readonly balanceFen: Fen | null;
      /** For "already paid": the receipt of the first charge. */
      readonly earlier: Receipt | null;
      /** Only after number + PIN was refused (`reason` is then `person-unknown`): what to tell the person. */
      readonly pin?:
        | { readonly kind: "wrong"; readonly attemptsLeft: number }
        | { readonly kind: "locked"; readonly untilMs: number };
    }
  | {
      readonly kind: "other-way";
      readonly reason: "unknown-face" | "ambiguous" | "liveness" | FaceLoss;
    };

/** Why nobody can be recognised now, whoever stands there. */
export type FaceLoss = "camera-lost" | "faces-loading";

export type LookHint =
  | "one-at-a-time"
  | "come-closer"
  | "look-here"
  | "more-light"
  | "hold-still"
  | LivenessChallenge;

export interface ServingLineStatus {
  readonly view: CheckoutView;
  readonly activation: Activation;
  readonly mealPeriod: MealPeriod | null;
  readonly businessDate: string;
  readonly menu: readonly MenuItem[];
  /** The order being built by staff: menu items or a keyed amount. */
  readonly order: {
    readonly itemIds: readonly string[];
    readonly keyedFen: Fen | null;
    readonly totalFen: Fen | null;
  };
  readonly servedCount: number;
}

/** What a person does at the terminal. */
export type ServingLineCommand =
  | { readonly kind: "activate" }
  /** What stood on the screen that was pressed; when something else stands there now, the press is for nothing. */
  | { readonly kind: "confirm"; readonly chargeId: string }
  | { readonly kind: "cancel" }
  /** Of a face that was to be confirmed or was charged: it is somebody else's. */
  | { readonly kind: "not-me"; readonly chargeId: string }
  /** One of the names asked about, under the eye of the operator who is signed in at this screen. */
  | { readonly kind: "choose"; readonly personId: string; readonly operatorId: string }
  | { readonly kind: "set-order"; readonly itemIds: readonly string[]; readonly keyedFen: Fen | null }
  | { readonly kind: "card"; readonly cardToken: string }
  | { readonly kind: "pin"; readonly number: string; readonly pin: string };

export type VoidResult =
  | { readonly kind: "voided"; readonly seq: number; readonly balanceFen: Fen }
  | { readonly kind: "refused"; readonly reason: "charge-unknown" | "already-voided" | "meal-period-over" };

export type OverrideResult =
  | { readonly kind: "paid"; readonly receipt: Receipt }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

export interface ListedCharge extends Receipt {
  readonly voided: boolean;
  /** The diner said that it was not them. */
  readonly disputed: boolean;
}

export interface ServingLine {
  status(): ServingLineStatus;
  /** Called at each change of status; must not throw. */
  onStatus(listener: (status: ServingLineStatus) => void): () => void;
  command(command: ServingLineCommand): Promise<void>;
  /** Newest first; for the operator's page. */
  recentCharges(countMax: number): readonly ListedCharge[];
  voidCharge(request: {
    readonly chargeId: string;
    readonly operatorId: string;
    readonly reason: string;
  }): VoidResult;
  /**
   * A second meal in the same period, under an operator's name.
   * @param request `chargeId` is a UUID made by the page at the press: the same request sent again then answers
   *                with the same receipt, where without it each request is a meal of its own.
   */
  chargeAgain(request: {
    readonly chargeId?: string;
    readonly personId: string;
    readonly operatorId: string;
    readonly reason: string;
  }): OverrideResult;
  close(): Promise<void>;
}
