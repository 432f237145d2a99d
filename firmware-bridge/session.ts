import { createFramer } from "./framing/framer.ts";
import type { Codec, Decoder } from "./ports/dialect.ts";
import type { FrameEvent, Framer, FramingCounters } from "./ports/framing.ts";
import type { Reading } from "./ports/reading.ts";

/** A reading and the bytes it came from, which a record keeps as evidence. */
export interface DecodedFrame {
  readonly reading: Reading;
  /** Empty for a reading that only the end of the input completed. */
  readonly raw: Uint8Array;
  readonly noiseBytesBefore: number;
}

/** One connection's bytes on their way to readings: framer and decoder together. */
export class DecodingSession {
  readonly #framer: Framer;
  readonly #decoder: Decoder;

  constructor(codec: Codec) {
    this.#framer = createFramer(codec.framing);
    this.#decoder = codec.decoder();
  }

  push(chunk: Uint8Array): readonly DecodedFrame[] {
    return this.#decode(this.#framer.push(chunk));
  }

  /** The line went silent for good: whole frames come out, half ones are counted. */
  end(): readonly DecodedFrame[] {
    const decoded = this.#decode(this.#framer.end());
    const last = this.#decoder.end?.() ?? [];
    return [...decoded, ...last.map((reading) => ({ reading, raw: new Uint8Array(), noiseBytesBefore: 0 }))];
  }

  counters(): FramingCounters {
    return this.#framer.counters();
  }

  get bufferedBytes(): number {
    return this.#framer.bufferedBytes;
  }

  #decode(events: readonly FrameEvent[]): readonly DecodedFrame[] {
    return events.flatMap((event) => {
      if (event.kind === "rejected")
        return [
          { reading: { type: "invalid", reason: event.reason }, raw: event.bytes, noiseBytesBefore: 0 },
        ];
      return this.#decoder
        .decode(event.bytes)
        .map((reading) => ({ reading, raw: event.bytes, noiseBytesBefore: event.noiseBytesBefore }));
    });
  }
}
