/** The last things that happened in a run, for whoever has to understand a failure. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #nowMs: () => number;
  readonly #linesMax: number;
  #count = 0;

  constructor(nowMs: () => number, linesMax = 60) {
    this.#nowMs = nowMs;
    this.#linesMax = linesMax;
  }

  add(text: string): void {
    this.#count += 1;
    this.#lines.push(`${stamp(this.#nowMs())} ${text}`);
    if (this.#lines.length > this.#linesMax) this.#lines.shift();
  }

  get count(): number {
    return this.#count;
  }

  last(): readonly string[] {
    return [...this.#lines];
  }
}

/** Day of the run and time of day. */
function stamp(ms: number): string {
  const day = Math.floor(ms / 86_400_000) + 1;
  const time = new Date(ms % 86_400_000).toISOString().slice(11, 23);
  return `day ${day} ${time}`;
}
