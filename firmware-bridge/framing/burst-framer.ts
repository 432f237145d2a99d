import type { BurstSpec, FrameEvent, Framer, FramingCounters } from "../ports/framing.ts";
import { Tally } from "./tally.ts";

/** Messages that only silence ends: see `BurstSpec`. */
export class BurstFramer implements Framer {
  readonly frameBytesMax: number;
  readonly #buffer: Uint8Array;
  #bufferedBytes = 0;
  #dropping = false;
  readonly #tally = new Tally();

  constructor(spec: BurstSpec) {
    this.frameBytesMax = spec.frameBytesMax;
    this.#buffer = new Uint8Array(spec.frameBytesMax);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Uint8Array): readonly FrameEvent[] {
    if (this.#dropping) {
      this.#tally.noise(chunk.length);
      return [];
    }
    const room = this.frameBytesMax - this.#bufferedBytes;
    this.#buffer.set(chunk.subarray(0, room), this.#bufferedBytes);
    this.#bufferedBytes += Math.min(room, chunk.length);
    if (chunk.length <= room) return [];
    const event = this.#tally.rejected("over-long", this.#buffer);
    this.#tally.noise(this.#bufferedBytes + chunk.length - room);
    this.#bufferedBytes = 0;
    this.#dropping = true;
    return [event];
  }

  end(): readonly FrameEvent[] {
    const message = this.#buffer.subarray(0, this.#bufferedBytes);
    const events = message.length === 0 ? [] : [this.#tally.frame(message)];
    this.reset();
    return events;
  }

  reset(): void {
    this.#bufferedBytes = 0;
    this.#dropping = false;
  }

  counters(): FramingCounters {
    return this.#tally.counters();
  }
}
