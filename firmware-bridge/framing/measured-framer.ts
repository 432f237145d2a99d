import type { FrameEvent, Framer, FramingCounters, Measured, MeasuredSpec } from "../ports/framing.ts";
import { Tally } from "./tally.ts";

/** Room to take in big chunks in few copies; between calls never more than `frameBytesMax` bytes stay. */
const WORK_BYTES_MIN = 4096;

/**
 * Frames whose length follows from their bytes: see `MeasuredSpec`.
 * A candidate that turns out wrong costs one byte, and the search goes on inside it: noise that looks like a header
 * can't swallow the frame behind it. A candidate inside a rejected one is not counted again.
 */
export class MeasuredFramer implements Framer {
  readonly frameBytesMax: number;
  readonly #spec: MeasuredSpec;
  readonly #isFirstByte: Uint8Array;
  readonly #work: Uint8Array;
  /** The candidate begins at `#from`; bytes up to `#to` are at hand. */
  #from = 0;
  #to = 0;
  /** Up to this index of the work buffer a rejection has already been reported. */
  #reportedTo = 0;
  readonly #tally = new Tally();
  readonly #burst: Burst | undefined;

  constructor(spec: MeasuredSpec) {
    this.#spec = spec;
    this.frameBytesMax = spec.frameBytesMax;
    this.#burst = spec.acceptsBurst === undefined ? undefined : new Burst(spec.frameBytesMax);
    this.#work = new Uint8Array(Math.max(WORK_BYTES_MIN, 2 * spec.frameBytesMax));
    this.#isFirstByte = new Uint8Array(256).fill(spec.firstBytes === undefined ? 1 : 0);
    for (const byte of spec.firstBytes ?? []) this.#isFirstByte[byte] = 1;
  }

  get bufferedBytes(): number {
    return this.#to - this.#from;
  }

  push(chunk: Uint8Array): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
    this.#burst?.add(chunk);
    for (let taken = 0; taken < chunk.length; ) {
      this.#compact();
      const part = chunk.subarray(taken, taken + this.#work.length - this.#to);
      this.#work.set(part, this.#to);
      this.#to += part.length;
      taken += part.length;
      this.#search(events, false);
    }
    return events;
  }

  end(): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
    this.#search(events, true);
    const burst = this.#burst?.take();
    if (burst !== undefined && this.#spec.acceptsBurst?.(burst) === true)
      events.push(this.#tally.frame(burst));
    this.reset();
    return events;
  }

  reset(): void {
    this.#burst?.restart();
    this.#from = 0;
    this.#to = 0;
    this.#reportedTo = 0;
  }

  counters(): FramingCounters {
    return this.#tally.counters();
  }

  #compact(): void {
    if (this.#from === 0) return;
    this.#work.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#reportedTo = Math.max(0, this.#reportedTo - this.#from);
    this.#from = 0;
  }

  #search(events: FrameEvent[], ended: boolean): void {
    this.#skipToFirstByte();
    while (this.#from < this.#to) {
      const measured = this.#measure(ended);
      if (measured.kind === "wait") return;
      this.#settle(measured, events);
      this.#skipToFirstByte();
    }
  }

  #skipToFirstByte(): void {
    const before = this.#from;
    while (this.#from < this.#to && this.#isFirstByte[this.#work[this.#from] ?? 0] === 0) this.#from += 1;
    if (this.#from > before) this.#tally.noise(this.#from - before);
  }

  #measure(ended: boolean): Measured {
    const to = Math.min(this.#to, this.#from + this.frameBytesMax);
    const available = this.#work.subarray(this.#from, to);
    const measured = this.#spec.measure(available, ended && to === this.#to);
    // A rule that would wait for ever is a bug of the dialect; it must not cost the line.
    if (measured.kind !== "wait") return measured;
    if (ended) return { kind: "rejected", reason: "truncated", length: available.length };
    if (available.length >= this.frameBytesMax)
      return { kind: "rejected", reason: "over-long", length: this.frameBytesMax };
    return measured;
  }

  #settle(measured: Exclude<Measured, { kind: "wait" }>, events: FrameEvent[]): void {
    if (measured.kind === "frame") {
      events.push(this.#tally.frame(this.#work.subarray(this.#from, this.#from + measured.length)));
      this.#from += measured.length;
      this.#burst?.spoil();
      return;
    }
    if (measured.kind === "rejected" && this.#from >= this.#reportedTo) {
      const end = Math.min(this.#to, this.#from + measured.length);
      events.push(this.#tally.rejected(measured.reason, this.#work.subarray(this.#from, end)));
      this.#reportedTo = end;
    }
    this.#from += 1;
    this.#tally.noise(1);
  }
}

/** The bytes since the last silence, as long as they fit one frame and held none. */
class Burst {
  readonly #bytes: Uint8Array;
  #length = 0;
  #spoilt = false;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
  }

  add(chunk: Uint8Array): void {
    if (this.#length + chunk.length > this.#bytes.length) this.#spoilt = true;
    if (this.#spoilt) return;
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
  }

  spoil(): void {
    this.#spoilt = true;
  }

  restart(): void {
    this.#length = 0;
    this.#spoilt = false;
  }

  take(): Uint8Array | undefined {
    return this.#spoilt || this.#length === 0 ? undefined : this.#bytes.subarray(0, this.#length);
  }
}
