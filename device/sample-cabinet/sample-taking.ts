import type { TakenPhoto } from "../photos/studio-port.ts";
import { assertNever } from "../platform/assert.ts";
import type { Signature } from "../signatures/signature-port.ts";
import type { RecordedWeight } from "./sample-scale.ts";
import type { PhotoMissing, SampleContainer, TakingWhat } from "./samples-port.ts";

/**
 * Taking one sample, as a pure machine: dish → weight → photo → person → slot → stored.
 * What can be judged only outside (is the slot free, is the weight enough) is judged before the input is given.
 */

export interface Weighed {
  readonly weight: RecordedWeight;
  /** When the reading came: what the photo is to be of. */
  readonly atMono: number;
}

/** A photo, or why there is none. */
export type PhotoFound =
  | { readonly kind: "taken"; readonly photo: TakenPhoto }
  | { readonly kind: "missing"; readonly reason: PhotoMissing };

export type TakingState =
  | { readonly step: "idle" }
  | { readonly step: "weighing"; readonly what: TakingWhat; readonly container: SampleContainer }
  | { readonly step: "photographing"; readonly what: TakingWhat; readonly weighed: Weighed }
  | {
      readonly step: "photo-failed";
      readonly what: TakingWhat;
      readonly weighed: Weighed;
      readonly reason: PhotoMissing;
    }
  | {
      readonly step: "signing";
      readonly what: TakingWhat;
      readonly weighed: Weighed;
      readonly photo: PhotoFound;
      readonly isLooking: boolean;
    }
  | {
      readonly step: "choosing-slot";
      readonly what: TakingWhat;
      readonly weighed: Weighed;
      readonly photo: PhotoFound;
      readonly signature: Signature;
    }
  | { readonly step: "stored"; readonly sampleId: string };

export type TakingInput =
  | { readonly kind: "start"; readonly what: TakingWhat; readonly container: SampleContainer }
  | { readonly kind: "choose-container"; readonly container: SampleContainer }
  | { readonly kind: "weigh"; readonly weighed: Weighed }
  /** Outcomes name their sample: one that comes late must not be another dish's. */
  | { readonly kind: "photo"; readonly sampleId: string; readonly found: PhotoFound }
  | { readonly kind: "retry-photo" }
  | { readonly kind: "go-on-without-photo" }
  | { readonly kind: "look" }
  | { readonly kind: "looked"; readonly sampleId: string }
  | { readonly kind: "signed"; readonly sampleId: string; readonly signature: Signature }
  | { readonly kind: "stored"; readonly sampleId: string }
  | { readonly kind: "cancel" }
  /** Nobody did anything for long. */
  | { readonly kind: "forget" };

export type TakingEffect =
  | {
      readonly kind: "take-photo";
      readonly what: TakingWhat;
      readonly weighed: Weighed;
      /** The camera has forgotten the moment of the weight: the photo is of now. */
      readonly isAgain: boolean;
    }
  /** The face that is being looked for is no longer wanted. */
  | { readonly kind: "stop-looking" };

export interface TakingStep {
  readonly state: TakingState;
  readonly effects: readonly TakingEffect[];
  /** False: the input does not belong to this step, and nothing happened. */
  readonly isTaken: boolean;
}

const IDLE: TakingState = { step: "idle" };

export function stepTaking(state: TakingState, input: TakingInput): TakingStep {
  switch (input.kind) {
    case "start":
      return state.step === "idle" || state.step === "stored"
        ? to({ step: "weighing", what: input.what, container: input.container })
        : ignored(state);
    case "choose-container":
      return state.step === "weighing" ? to({ ...state, container: input.container }) : ignored(state);
    case "weigh":
      return state.step === "weighing" ? photograph(state.what, input.weighed, false) : ignored(state);
    case "photo":
      return state.step === "photographing" && state.what.sampleId === input.sampleId
        ? photographed(state, input.found)
        : ignored(state);
    case "retry-photo":
      return state.step === "photo-failed" ? photograph(state.what, state.weighed, true) : ignored(state);
    case "go-on-without-photo": {
      if (state.step !== "photo-failed") return ignored(state);
      const { what, weighed, reason } = state;
      return to({ step: "signing", what, weighed, photo: { kind: "missing", reason }, isLooking: false });
    }
    case "look":
      return state.step === "signing" && !state.isLooking
        ? to({ ...state, isLooking: true })
        : ignored(state);
    case "looked":
      return state.step === "signing" && state.what.sampleId === input.sampleId
        ? to({ ...state, isLooking: false })
        : ignored(state);
    case "signed": {
      if (state.step !== "signing" || state.what.sampleId !== input.sampleId) return ignored(state);
      const { what, weighed, photo, isLooking } = state;
      return to(
        { step: "choosing-slot", what, weighed, photo, signature: input.signature },
        isLooking ? [{ kind: "stop-looking" }] : [],
      );
    }
    case "stored":
      return state.step === "choosing-slot" && state.what.sampleId === input.sampleId
        ? to({ step: "stored", sampleId: input.sampleId })
        : ignored(state);
    case "cancel":
    case "forget":
      return state.step === "idle"
        ? ignored(state)
        : to(IDLE, state.step === "signing" && state.isLooking ? [{ kind: "stop-looking" }] : []);
    default:
      return assertNever(input);
  }
}

function photograph(what: TakingWhat, weighed: Weighed, isAgain: boolean): TakingStep {
  return to({ step: "photographing", what, weighed }, [{ kind: "take-photo", what, weighed, isAgain }]);
}

function photographed(
  { what, weighed }: Extract<TakingState, { readonly step: "photographing" }>,
  found: PhotoFound,
): TakingStep {
  return found.kind === "missing"
    ? to({ step: "photo-failed", what, weighed, reason: found.reason })
    : to({ step: "signing", what, weighed, photo: found, isLooking: false });
}

function to(state: TakingState, effects: readonly TakingEffect[] = []): TakingStep {
  return { state, effects, isTaken: true };
}

function ignored(state: TakingState): TakingStep {
  return { state, effects: [], isTaken: false };
}
