import type { FrameEvent, Framer, FramingCounters, LineSpec } from "../ports/framing.ts";
import { Tally } from "./tally.ts";

/** Text lines: see `LineSpec`. */
export class LineFramer implements Framer {
  readonly frameBytesMax: number;
  readonly #isTerminator: Uint8Array;
  readonly #line: Uint8Array;
  #lineBytes = 0;
  /** Inside an over-long line: drop up to its terminator. */
  #dropping = false;
  readonly #spec: LineSpec;
  readonly #tally = new Tally();

  constructor(spec: LineSpec) {
    this.#spec = spec;
    this.frameBytesMax = spec.frameBytesMax;
    this.#line = new Uint8Array(spec.frameBytesMax);
    this.#isTerminator = new Uint8Array(256);
    for (const byte of spec.terminators) this.#isTerminator[byte] = 1;
  }

  get bufferedBytes(): number {
    return this.#lineBytes;
  }

  push(chunk: Uint8Array): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
    for (const byte of chunk) {
      if (this.#isTerminator[byte] === 1) this.#finishLine(events);
      else if (this.#dropping) this.#tally.noise(1);
      else if (this.#lineBytes < this.frameBytesMax) this.#add(byte, events);
      else this.#startDropping(events);
    }
    return events;
  }

  end(): readonly FrameEvent[] {
    const events: FrameEvent[] = [];
    const rest = this.#line.subarray(0, this.#lineBytes);
    if (this.#spec.endsAtSilence === true) this.#finishLine(events);
    else if (rest.length > 0) {
      events.push(this.#tally.rejected("truncated", rest));
      this.#tally.noise(rest.length);
    }
    this.reset();
    return events;
  }

  reset(): void {
    this.#lineBytes = 0;
    this.#dropping = false;
  }

  counters(): FramingCounters {
    return this.#tally.counters();
  }

  #add(byte: number, events: FrameEvent[]): void {
    this.#line[this.#lineBytes++] = byte;
    for (const command of this.#spec.commands ?? []) {
      const from = this.#lineBytes - command.length;
      if (from < 0 || !command.every((wanted, index) => wanted === this.#line[from + index])) continue;
      this.#tally.noise(from);
      this.#line.copyWithin(0, from, this.#lineBytes);
      this.#lineBytes = command.length;
      this.#finishLine(events);
      return;
    }
  }

  #finishLine(events: FrameEvent[]): void {
    if (this.#lineBytes > 0) events.push(this.#tally.frame(this.#line.subarray(0, this.#lineBytes)));
    this.reset();
  }

  #startDropping(events: FrameEvent[]): void {
    events.push(this.#tally.rejected("over-long", this.#line));
    this.#tally.noise(this.#lineBytes + 1);
    this.#lineBytes = 0;
    this.#dropping = true;
  }
}
