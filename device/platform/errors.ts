/** What the caller may do after a fault: give up, try again later, or wait for a person. */
export type RetryAdvice = "never" | "backoff" | "after-operator";

/** A sentence for the person at the counter, Chinese first. */
export interface Hint {
  readonly zh: string;
  readonly en: string;
}

export interface CanteenErrorOptions {
  readonly code: string;
  readonly retry: RetryAdvice;
  readonly hint: Hint;
  readonly cause?: unknown;
}

/**
 * A fault: the world failed (disk, broker, camera, file), not our logic.
 * `code` is stable kebab-case and may be compared; `message` is for engineers and may change.
 * Refusals ("the answer is no") are returned values, never errors; bugs are `InvariantBroken`.
 */
export class CanteenError extends Error {
  override readonly name: string = "CanteenError";
  readonly code: string;
  readonly retry: RetryAdvice;
  readonly hint: Hint;

  constructor(message: string, options: CanteenErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retry = options.retry;
    this.hint = options.hint;
  }
}

/** True for our faults and for structurally equal ones of `models/` and `firmware-bridge/`, which import nothing of ours. */
export function isFault(error: unknown): error is CanteenError {
  return (
    error instanceof Error &&
    typeof (error as Partial<CanteenError>).code === "string" &&
    typeof (error as Partial<CanteenError>).hint?.zh === "string"
  );
}

/** The system's error code (`EADDRINUSE`, `SQLITE_FULL`, …) if there is one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : undefined;
}
