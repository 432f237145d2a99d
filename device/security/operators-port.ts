export type OperatorRole = "cashier" | "keeper" | "manager";

export interface Operator {
  readonly operatorId: string;
  readonly displayName: string;
  readonly role: OperatorRole;
}

export type SignIn =
  | {
      readonly kind: "signed-in";
      readonly operator: Operator;
      readonly token: string;
      readonly expiresInMs: number;
    }
  | { readonly kind: "wrong"; readonly attemptsLeft: number }
  | { readonly kind: "locked"; readonly waitMs: number };

/** A PIN by itself, outside of a session. */
export type OperatorPinCheck =
  | { readonly kind: "right"; readonly operator: Operator }
  | Exclude<SignIn, { readonly kind: "signed-in" }>;

/** People who run the terminal. PINs are hashed with scrypt; sessions live in memory only and end after idleness. */
export interface Operators {
  /** @throws CanteenError `pin-too-weak`, `operator-exists`. */
  add(request: {
    readonly operatorId: string;
    readonly displayName: string;
    readonly role: OperatorRole;
    readonly pin: string;
  }): Promise<Operator>;
  /** Appends `operator.signed-in`. */
  signIn(request: { readonly operatorId: string; readonly pin: string }): Promise<SignIn>;
  signOut(token: string): void;
  /** The operator of a live session; each call renews it. */
  session(token: string): Operator | undefined;
  list(): readonly Operator[];
}

/** Operators as people who put their name to a record: by PIN for one act, or by the face of a person of the roster. */
export interface OperatorSigners extends Pick<Operators, "list"> {
  /** Counted as at `signIn`, on the same lock; opens no session and leaves no entry: what is signed leaves one. */
  checkPin(request: { readonly operatorId: string; readonly pin: string }): Promise<OperatorPinCheck>;
  /**
   * Says which person of the roster the operator is, or that they are none any more (`null`). Appends
   * `operator.linked`; what is so already changes nothing. That the person exists is the caller's to know.
   * @throws CanteenError `operator-unknown`, `person-linked` (another operator is that person).
   */
  link(request: { readonly operatorId: string; readonly personId: string | null }): void;
  personIdOf(operatorId: string): string | null;
  operatorOfPerson(personId: string): Operator | undefined;
}
