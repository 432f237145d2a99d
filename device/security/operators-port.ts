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
