/** A sentence for the person at the counter, Chinese first. */
export interface FaultHint {
  readonly zh: string;
  readonly en: string;
}

/**
 * A fault of a device, a line or a setting. It has the shape of the runtime's own fault class (code, retry, hint),
 * which this folder may not import: the bridge is usable on its own.
 * `code` is stable kebab-case and may be compared; `message` is for engineers and may change.
 */
export class BridgeFault extends Error {
  override readonly name = "BridgeFault";
  readonly code: string;
  readonly retry: "never" | "backoff" | "after-operator";
  readonly hint: FaultHint;

  constructor(
    message: string,
    options: {
      readonly code: string;
      readonly retry: "never" | "backoff" | "after-operator";
      readonly hint: FaultHint;
      readonly cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retry = options.retry;
    this.hint = options.hint;
  }
}
