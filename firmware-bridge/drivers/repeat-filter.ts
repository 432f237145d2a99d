/**
 * Lets the first of a row of equal messages through: readers repeat a card as long as it lies there, and a scanner a
 * code as long as it is seen. A row ends after `quietMsMin` without that message.
 */
export class RepeatFilter {
  readonly #quietMsMin: number;
  #last: { readonly text: string; readonly monoMs: number } | undefined;

  constructor(quietMsMin: number) {
    this.#quietMsMin = quietMsMin;
  }

  isNew(text: string, monoMs: number): boolean {
    const last = this.#last;
    this.#last = { text, monoMs };
    return last === undefined || last.text !== text || monoMs - last.monoMs >= this.#quietMsMin;
  }
}
