import type { SigningHint } from "./signature-port.ts";

/** What the frames up to now say of who stands before the camera. */
export type LookWord =
  | {
      readonly kind: "looking";
      readonly hint: SigningHint | null;
      /** What it would be called if the time were over now. */
      readonly failure: "nobody" | "unsure";
    }
  /** As sure as the till has to be before it charges. */
  | { readonly kind: "recognised"; readonly personId: string }
  /** One of several who look alike, or no live face: a PIN has to say it. */
  | { readonly kind: "unsure" }
  /** Whom a face names could not be read. */
  | { readonly kind: "failed"; readonly fault: Error };

/** The terminal's own camera, which a signature takes from the till and gives back. */
export interface SigningCamera {
  /**
   * @param onWord never called before this has returned, nor after `end`.
   * @returns null while the till looks at somebody, or another signature does.
   */
  begin(onWord: (word: LookWord) => void): SigningLook | null;
}

export interface SigningLook {
  /** Gives the camera back. @param personId who was recognised: the till must not charge them for standing there. */
  end(bystander: { readonly personId: string | null }): void;
}
