/** A broken invariant: a bug of ours. Nothing catches it on the way up; the supervisor restarts the process. */
export class InvariantBroken extends Error {
  override readonly name = "InvariantBroken";
}

/** @throws InvariantBroken when `condition` is false. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantBroken(message);
}

/** Closes a `switch` over a union: the compiler proves that no case is missing. */
export function assertNever(value: never): never {
  throw new InvariantBroken(`unexpected variant: ${JSON.stringify(value)}`);
}

/** @returns `value` without its null or undefined. @throws InvariantBroken when there is none. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new InvariantBroken(`missing ${what}`);
  return value;
}
