/** A person's word under a record: who signs, with what right, by PIN or by face. */

/** What somebody may put their name to. Which roles have which right is said once, in `rights.ts`. */
export type SigningRight =
  /** Receives goods, stores and disposes of samples, acknowledges alarms. */
  | "keep"
  /** Lets in what does not match, disposes of a sample early, takes a probe out of service. */
  | "override";

export interface Signature {
  readonly operatorId: string;
  readonly displayName: string;
  readonly by: "pin" | "face";
}

export interface SignatureRequest {
  readonly right: SigningRight;
  /** Operators who may not sign here, because they signed or weighed before: the second person is another one. */
  readonly notOperatorIds: readonly string[];
}

/** What the person before the camera may do to be recognised, in the words of the till. */
export type SigningHint =
  | "one-at-a-time"
  | "come-closer"
  | "look-here"
  | "more-light"
  | "hold-still"
  | "blink"
  | "turn-left"
  | "turn-right";

export type SignOutcome =
  | { readonly kind: "signed"; readonly signature: Signature }
  | { readonly kind: "wrong"; readonly attemptsLeft: number }
  | { readonly kind: "locked"; readonly waitMs: number }
  /** Known, but may not sign this. */
  | { readonly kind: "refused"; readonly reason: "no-right" | "same-person" }
  /** By face only. `busy`: the till looks at somebody, or another signature waits. */
  | { readonly kind: "not-recognised"; readonly reason: "nobody" | "unsure" | "cancelled" | "busy" };

/** Where receiving and the sample cabinet have things signed. It keeps no session: a signature is for one act. */
export interface SignatureDesk {
  /** The attempt is counted durably before the hash is compared. */
  byPin(
    request: SignatureRequest & { readonly operatorId: string; readonly pin: string },
  ): Promise<SignOutcome>;
  /** Looks at the terminal's own camera until a face is sure, `waitMsMax` is over or `signal` says stop. */
  byFace(
    request: SignatureRequest & {
      readonly waitMsMax: number;
      readonly signal: AbortSignal;
      /** For the screen, each time it changes; must not throw. */
      readonly onHint?: (hint: SigningHint | null) => void;
    },
  ): Promise<SignOutcome>;
  /** Who could sign this, for a list to choose from. */
  signers(
    request: SignatureRequest,
  ): readonly { readonly operatorId: string; readonly displayName: string; readonly faceKnown: boolean }[];
}
