/** What a run can find, one code for each rule of the model. */
export type ViolationCode =
  | "lost-after-commit"
  | "entry-changed"
  | "journal-gap"
  | "chain-broken"
  | "hash-wrong"
  | "id-twice"
  | "charge-wrong"
  | "void-wrong"
  | "command-twice"
  | "meal-twice"
  | "meal-of-another-time"
  | "wrong-person"
  | "charged-without-consent"
  | "charged-twice"
  | "paid-not-in-journal"
  | "balance-wrong"
  | "limit-exceeded"
  | "cloud-has-more"
  | "receipt-too-high"
  | "not-drained"
  | "roster-differs"
  | "cloud-balance-wrong"
  | "line-budget"
  | "verify-failed"
  | "stuck"
  | "weigh-in-wrong"
  | "weigh-in-twice"
  | "weigh-in-not-in-journal"
  | "strike-wrong"
  | "stock-wrong"
  | "alarm-twice"
  | "alarm-ended"
  | "alarm-missing"
  | "sample-twice"
  | "sample-not-in-journal"
  | "sample-gone"
  | "sample-too-early"
  | "photo-lost"
  | "disk-budget"
  | "bug-thrown";

/** A rule of the model does not hold: a run ends with it. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly code: ViolationCode;

  constructor(code: ViolationCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}

export const broken = (code: ViolationCode, message: string): Violation => new Violation(code, message);
