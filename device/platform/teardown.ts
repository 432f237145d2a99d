/** Steps that undo a start-up, run once, last in first out; every step runs even when an earlier one failed. */
export class Teardown {
  readonly #steps: { readonly name: string; readonly run: () => void | Promise<void> }[] = [];
  #closing: Promise<void> | null = null;

  add(name: string, run: () => void | Promise<void>): void {
    this.#steps.push({ name, run });
  }

  /** Idempotent: a second call waits for the first. @throws AggregateError with each failed step's error. */
  run(): Promise<void> {
    this.#closing ??= this.#runAll();
    return this.#closing;
  }

  async #runAll(): Promise<void> {
    const failures: Error[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.run();
      } catch (error) {
        failures.push(new Error(`closing ${step.name} failed`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "some parts did not close cleanly");
  }
}
