/** The last bytes of a line, for a look at why they make no sense. */
export class RecentBytes {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
  }

  add(chunk: Uint8Array): void {
    const kept = chunk.subarray(Math.max(0, chunk.length - this.#bytes.length));
    const room = this.#bytes.length - this.#length;
    if (kept.length > room) {
      this.#bytes.copyWithin(0, kept.length - room, this.#length);
      this.#length -= kept.length - room;
    }
    this.#bytes.set(kept, this.#length);
    this.#length += kept.length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** A copy. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
