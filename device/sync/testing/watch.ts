/** Lets a test wait for something without polling: whoever changes things calls `changed`. */
export class Watch {
  readonly #waiting = new Set<() => void>();

  readonly changed = (): void => {
    for (const check of [...this.#waiting]) check();
  };

  /** Resolves when `condition` holds, now or after a later change. */
  until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!condition()) return;
      this.#waiting.delete(check);
      resolve();
    };
    this.#waiting.add(check);
    check();
    return promise;
  }
}
