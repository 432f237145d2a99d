import type { FrameEvent, FramingCounters, RejectReason } from "../ports/framing.ts";

const COUNTER_OF_REASON = {
  checksum: "badChecksum",
  crc: "badChecksum",
  parity: "badChecksum",
  format: "badFormat",
  "over-long": "overLong",
  truncated: "truncated",
} as const satisfies Record<RejectReason, keyof FramingCounters>;

/** Keeps a framer's counters and builds its events, so that the two never disagree. */
export class Tally {
  readonly #counters = { frames: 0, noiseBytes: 0, badChecksum: 0, badFormat: 0, overLong: 0, truncated: 0 };
  #noiseBytesBefore = 0;

  noise(byteCount: number): void {
    this.#counters.noiseBytes += byteCount;
    this.#noiseBytesBefore += byteCount;
  }

  /** @param bytes is copied. */
  frame(bytes: Uint8Array): FrameEvent {
    this.#counters.frames += 1;
    const noiseBytesBefore = this.#noiseBytesBefore;
    this.#noiseBytesBefore = 0;
    return { kind: "frame", bytes: Uint8Array.from(bytes), noiseBytesBefore };
  }

  /** @param bytes is copied. */
  rejected(reason: RejectReason, bytes: Uint8Array): FrameEvent {
    this.#counters[COUNTER_OF_REASON[reason]] += 1;
    return { kind: "rejected", reason, bytes: Uint8Array.from(bytes) };
  }

  counters(): FramingCounters {
    return { ...this.#counters };
  }
}
