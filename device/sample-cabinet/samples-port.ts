import type { Hint } from "../platform/errors.ts";
import type { SignOutcome } from "../signatures/signature-port.ts";

/**
 * Food samples: what lies in which slot, what is still missing for a meal, how one is taken, and how it leaves.
 * Whatever comes back as `refused` is an answer, not a fault; faults of the disk are thrown as CanteenError.
 */

/** What a meal is called wherever it is spoken of. */
export interface MealRef {
  /** YYYY-MM-DD in the school's zone. */
  readonly date: string;
  readonly periodId: string;
  readonly periodName: Hint;
}

export interface DishRef {
  readonly dishId: string;
  readonly dishName: Hint;
}

/** Which dishes were cooked for which meal; the meal plan knows. */
export interface DishesOfMeals {
  /** The meals of one date in the order of the day; a meal whose dishes nobody wrote down has an empty list. */
  mealsOn(date: string): readonly MealDishes[];
  /** YYYY-MM-DD in the school's zone. */
  dateOf(atMs: number): string;
}

export interface MealDishes extends MealRef {
  readonly startMs: number;
  readonly endMs: number;
  readonly dishes: readonly DishRef[];
}

/**
 * `keeping`: its hours are not over, or cannot be proven yet. `due`: it may be thrown away. `overdue`: it should have
 * been. `seized`: an authority has it. `disposed` and `voided` are history.
 */
export type SampleState = "keeping" | "due" | "overdue" | "seized" | "disposed" | "voided";

/** A signer as shown; the name is null when the operator is no longer known here. */
export interface SamplePerson {
  readonly operatorId: string;
  readonly displayName: string | null;
}

export interface SampleView {
  /** Also the id of its journal entry. */
  readonly sampleId: string;
  /** Number of its journal entry: where a page of `history` goes on. */
  readonly seq: number;
  readonly meal: MealRef;
  readonly dish: DishRef;
  readonly cabinetId: string;
  readonly slotId: string;
  readonly netG: number;
  readonly storedAtMs: number;
  readonly storedBy: SamplePerson;
  /** Taken after the meal's time of grace. */
  readonly isLate: boolean;
  readonly photo: { readonly photoSha256: string; readonly thumbnailSha256: string } | null;
  readonly state: SampleState;
  /** By the clock on the wall. */
  readonly keepUntilMs: number;
  readonly hours: KeptHours;
  readonly custody: CustodyView | null;
}

/** How far the hours of a sample are over, by both measures; both must be full. */
export interface KeptHours {
  readonly neededMs: number;
  /** By the wall clock; negative when the clock was set back before the sample was stored. */
  readonly wallMs: number;
  /** What can be proven whatever the wall clock was set to. */
  readonly provenMs: number;
}

/** What left with an authority. */
export interface CustodyView {
  readonly seizedAtMs: number;
  readonly handedBy: SamplePerson;
  readonly witness: SamplePerson;
  readonly authority: string;
  readonly officer: string;
  readonly documentNumber: string;
  readonly sealNumber: string;
}

export interface SlotView {
  readonly slotId: string;
  readonly sample: SampleView | null;
}

export interface CabinetSlots {
  readonly cabinetId: string;
  readonly name: Hint;
  readonly slots: readonly SlotView[];
}

/** `open`: the meal or its time of grace runs. `missing`: an alarm was raised. `acknowledged`: somebody answered it. */
export interface MissingSample {
  readonly meal: MealRef;
  readonly dish: DishRef;
  readonly state: "open" | "missing" | "acknowledged";
  /** When it becomes, or became, an alarm. */
  readonly deadlineMs: number;
}

export interface SamplesView {
  readonly cabinets: readonly CabinetSlots[];
  /** Dishes without a sample: of the meals of today that have begun, and of the days before that have no answer. */
  readonly missing: readonly MissingSample[];
  /** `due` and `overdue`, the oldest first. They are in their slots too. */
  readonly toDispose: readonly SampleView[];
  /** With an authority now; newest first, at most 50. */
  readonly seized: readonly SampleView[];
  readonly taking: TakingView;
  readonly rules: {
    readonly gramsMin: number;
    readonly keepHours: number;
    readonly graceMs: number;
    readonly containers: readonly SampleContainer[];
    /** Who may take samples along, to choose from: a canteen's screen has no keyboard. */
    readonly authorities: readonly string[];
    /** The size of the paper in the label printer. */
    readonly label: { readonly widthMm: number; readonly heightMm: number };
  };
  /** False: the clock is not believed, so meals are not checked and hours are counted by what can be proven. */
  readonly clockTrusted: boolean;
}

/** What a sample is put into; its empty weight is taken off. */
export interface SampleContainer {
  readonly containerId: string;
  readonly name: Hint;
  readonly tareG: number;
}

// Taking a sample: dish → weight → photo → person → slot → stored.

export type TakingView =
  | { readonly step: "idle" }
  | {
      readonly step: "weighing";
      readonly what: TakingWhat;
      readonly containerId: string;
      readonly weight: LiveWeight;
    }
  | { readonly step: "photographing"; readonly what: TakingWhat; readonly weighed: WeighedView }
  /** No picture came. `retry-photo`, or `go-on-without-photo`, which is written down. */
  | {
      readonly step: "photo-failed";
      readonly what: TakingWhat;
      readonly weighed: WeighedView;
      readonly reason: PhotoMissing;
    }
  | {
      readonly step: "signing";
      readonly what: TakingWhat;
      readonly weighed: WeighedView;
      readonly thumbnailSha256: string | null;
      /** A face is being looked for. */
      readonly isLooking: boolean;
    }
  | {
      readonly step: "choosing-slot";
      readonly what: TakingWhat;
      readonly weighed: WeighedView;
      readonly thumbnailSha256: string | null;
      readonly by: SamplePerson;
      readonly freeSlots: readonly { readonly cabinetId: string; readonly slotIds: readonly string[] }[];
    }
  /** On record. Stays until `start`, `cancel` or a minute has passed, so that the label can be printed. */
  | { readonly step: "stored"; readonly sample: SampleView; readonly label: LabelView };

export type PhotoMissing =
  | "camera-lost"
  | "no-frame"
  | "busy"
  | "photo-space-full"
  | "picture-unreadable"
  | "faces-unseen";

export interface TakingWhat {
  readonly sampleId: string;
  readonly meal: MealRef;
  readonly dish: DishRef;
  readonly isLate: boolean;
}

/** What the pan says now. `null` grams: nothing to trust. */
export interface LiveWeight {
  readonly state: "no-scale" | "silent" | "unstable" | "not-grams" | "pan-not-cleared" | "stable";
  readonly grossG: number | null;
  readonly netG: number | null;
  /** How much is missing to the least; 0 when it is enough, null without a weight. */
  readonly shortG: number | null;
}

export interface WeighedView {
  readonly containerId: string;
  readonly grossG: number;
  readonly tareG: number;
  readonly netG: number;
}

export type TakeCommand =
  | {
      readonly kind: "start";
      readonly date: string;
      readonly periodId: string;
      readonly dishId: string;
      readonly containerId: string;
    }
  | { readonly kind: "choose-container"; readonly containerId: string }
  /** Takes the weight that stands on the pan now, and the photo after it. */
  | { readonly kind: "take-weight" }
  | { readonly kind: "retry-photo" }
  | { readonly kind: "go-on-without-photo" }
  | { readonly kind: "sign-by-pin"; readonly operatorId: string; readonly pin: string }
  | { readonly kind: "sign-by-face" }
  | { readonly kind: "stop-looking" }
  | { readonly kind: "choose-slot"; readonly cabinetId: string; readonly slotId: string }
  | { readonly kind: "cancel" };

/** Why not, the first that applies, in this order. Texts are in sample-text.ts. */
export const TAKE_REFUSALS = [
  "wrong-step",
  "clock-untrusted",
  "disk-unsafe",
  "no-free-slot",
  "dish-unknown",
  "meal-not-begun",
  "already-sampled",
  "container-unknown",
  "no-scale",
  "scale-silent",
  "not-stable",
  "not-grams",
  "pan-not-cleared",
  "too-light",
  "too-heavy",
  "slot-unknown",
  "slot-taken",
] as const;
export type TakeRefusal = (typeof TAKE_REFUSALS)[number];

export type TakeAnswer =
  | { readonly kind: "ok" }
  /** `shortG` and `netG` come with `too-light`. */
  | {
      readonly kind: "refused";
      readonly reason: TakeRefusal;
      readonly shortG: number | null;
      readonly netG: number | null;
    }
  /** The signature was not given; the step stays. */
  | { readonly kind: "not-signed"; readonly outcome: NotSigned };

export type NotSigned = Exclude<SignOutcome, { readonly kind: "signed" }>;

// Leaving the cabinet.

/** How somebody puts their name to an act: a PIN at once, or a look into the camera. */
export type SignWith =
  | { readonly by: "pin"; readonly operatorId: string; readonly pin: string }
  | { readonly by: "face" };

/** Why a sample may go before its hours are over. `clock-unproven`: the hours passed but cannot be proven. */
export const EARLY_REASONS = [
  "container-broken",
  "spoiled",
  "cabinet-failed",
  "clock-unproven",
  "other",
] as const;
export type EarlyReason = (typeof EARLY_REASONS)[number];

/** Why an entry about a sample is struck out. */
export const VOID_REASONS = ["wrong-dish", "wrong-slot", "wrong-weight", "stored-twice", "other"] as const;
export type VoidReason = (typeof VOID_REASONS)[number];

/** At most this many in one act: what a cabinet holds. */
export const SAMPLES_OF_ONE_ACT_MAX = 100;

/** Thrown away after their hours, by one person. */
export interface DisposeRequest {
  readonly sampleIds: readonly string[];
  readonly first: SignWith;
}

/** Thrown away before, by two. `note` is asked for with `other`. */
export interface DisposeEarlyRequest extends DisposeRequest {
  readonly reason: EarlyReason;
  readonly note: string;
  /** Another person, with the right to override. */
  readonly second: SignWith;
}

/** An authority takes them along. */
export interface SeizeRequest extends DisposeRequest {
  readonly authority: string;
  readonly officer: string;
  readonly documentNumber: string;
  readonly sealNumber: string;
  readonly note: string;
  readonly second: SignWith;
}

/** The entry was wrong: it is struck by another one, its slot is free and the dish is missing again. */
export interface VoidRequest {
  readonly sampleId: string;
  readonly reason: VoidReason;
  readonly note: string;
  readonly first: SignWith;
  readonly second: SignWith;
}

/** Why not, the first that applies, in this order. Texts are in sample-text.ts. */
export const LEAVE_REFUSALS = [
  "disk-unsafe",
  "nothing-chosen",
  "sample-unknown",
  /** Disposed, seized or voided already. */
  "already-gone",
  "reason-missing",
  /** The wall clock says that the hours are not over. */
  "too-early",
  /** The wall clock says so, but it cannot be proven: it was set, or not compared with the cloud. */
  "hours-unproven",
  /** An authority's name, officer, document or seal is missing. */
  "custody-incomplete",
] as const;
export type LeaveRefusal = (typeof LEAVE_REFUSALS)[number];

export type LeaveAnswer =
  | { readonly kind: "done"; readonly sampleIds: readonly string[] }
  /** `hours` come with `too-early` and `hours-unproven`: of the sample that has longest to go. */
  | {
      readonly kind: "refused";
      readonly reason: LeaveRefusal;
      readonly sampleId: string | null;
      readonly hours: KeptHours | null;
    }
  | { readonly kind: "not-signed"; readonly who: "first" | "second"; readonly outcome: NotSigned };

// The label.

export interface LabelView {
  /** What the QR code holds; `canteen-edge cabinet check` compares it with the journal. */
  readonly code: string;
  /** A picture of it: one `<svg>` element. */
  readonly qrSvg: string;
  /** The whole label as a page that prints at its own size. */
  readonly html: string;
  readonly widthMm: number;
  readonly heightMm: number;
}

export interface Samples {
  view(): SamplesView;
  /** Newest first, at most 200 at a time; also what has gone. */
  history(limits: { readonly beforeSeq: number | null; readonly countMax: number }): readonly SampleView[];
  /** Whether the picture is of a sample that is here or was: what else is photographed is not for this page. */
  hasPhoto(sha256: string): boolean;
  /** One step of taking a sample. One is taken at a time. */
  take(command: TakeCommand): Promise<TakeAnswer>;
  /** Whether somebody takes one now. Costs nothing to ask. */
  isTaking(): boolean;
  dispose(request: DisposeRequest): Promise<LeaveAnswer>;
  disposeEarly(request: DisposeEarlyRequest): Promise<LeaveAnswer>;
  seize(request: SeizeRequest): Promise<LeaveAnswer>;
  void(request: VoidRequest): Promise<LeaveAnswer>;
  /** Of a sample that is in its slot or was; null when there is none. */
  label(sampleId: string): LabelView | null;
  /** Called after each change of what `view` returns; must not throw. @returns a function that unsubscribes. */
  onChanged(listener: () => void): () => void;
  close(): Promise<void>;
}
