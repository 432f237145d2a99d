import type { Box, FaceQuality } from "../../models/face-engine-port.ts";
import type { ConsentScope } from "./roster-port.ts";

/** Why a shot was not taken; the first that applies, in this order. */
export type ShotProblem =
  | "image-unreadable"
  | "no-face"
  | "several-faces"
  | "face-too-small"
  | "turned-away"
  | "too-dark"
  | "too-bright"
  | "blurred"
  | "low-quality"
  | "not-live"
  | "other-person-than-first-shot";

export interface Shot {
  readonly accepted: boolean;
  readonly problem: ShotProblem | null;
  readonly box: Box | null;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly quality: FaceQuality | null;
}

export interface EnrolmentProgress {
  readonly sessionId: string;
  readonly personId: string;
  readonly acceptedCount: number;
  /** Accepted shots that are needed at least, and taken at most. */
  readonly shotCountMin: number;
  readonly shotCountMax: number;
  readonly lastShot: Shot | null;
  /** Someone else who looks the same to the engine: completing then needs `duplicateConfirmed`. */
  readonly duplicateOf: { readonly personId: string; readonly similarity: number } | null;
}

export type EnrolmentResult =
  | {
      readonly kind: "enrolled";
      readonly personId: string;
      readonly templateCount: number;
      readonly seq: number;
    }
  | {
      readonly kind: "refused";
      readonly reason:
        | "session-unknown"
        | "person-unknown"
        | "too-few-shots"
        | "duplicate-not-confirmed"
        | "consent-missing"
        | "consent-needs-guardian";
    };

/**
 * Enrolment at the terminal: several shots, a quality check each, one duplicate check, a recorded consent.
 * Shots live in memory as embeddings only and end with the session (completed, cancelled or idle too long).
 */
export interface Enrolment {
  begin(request: { readonly personId: string; readonly operatorId: string }): EnrolmentProgress | undefined;
  addShot(sessionId: string, image: Uint8Array<ArrayBuffer>): Promise<EnrolmentProgress | undefined>;
  complete(request: {
    readonly sessionId: string;
    readonly consent: {
      readonly scopes: readonly ConsentScope[];
      readonly grantedBy: "self" | "guardian";
    } | null;
    readonly duplicateConfirmed: boolean;
  }): Promise<EnrolmentResult>;
  cancel(sessionId: string): void;
}
