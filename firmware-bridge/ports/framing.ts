/**
 * How a dialect's frames are told apart. The dialect says it as data; `framing/` turns it into a `Framer`.
 * Bytes are numbers 0…255; every length is in bytes and counts the delimiters.
 */
export type FramingSpec = LineSpec | EnclosedSpec | MeasuredSpec | BurstSpec;

/** Text lines. The terminators are not part of the frame, and an empty line is no frame. */
export interface LineSpec {
  readonly kind: "line";
  readonly terminators: readonly number[];
  /** A longer line is counted as `overLong` and dropped to its end, so that its tail is never taken for a line. */
  readonly frameBytesMax: number;
  /** Short messages without a terminator, which no line contains: where one ends, it is a frame of its own. */
  readonly commands?: readonly Uint8Array[];
  /** The device may leave the terminator out: silence ends the line too (scanners without a suffix). */
  readonly endsAtSilence?: boolean;
}

/** `start … end`, where neither byte can occur inside. A new start byte inside begins the frame again. */
export interface EnclosedSpec {
  readonly kind: "enclosed";
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly frameBytesMax: number;
}

/** Anything whose length follows from its first bytes: fixed length, length field, function code. */
export interface MeasuredSpec {
  readonly kind: "measured";
  /** Bytes that can begin a frame; others are skipped as noise without asking `measure`. */
  readonly firstBytes?: readonly number[];
  readonly frameBytesMax: number;
  readonly measure: Measure;
  /** Only what follows tells where a frame ends, and at times nothing follows: silence ends it too. */
  readonly endsAtSilence?: boolean;
  /**
   * Whether all bytes between two silences, in which no frame was found, are one frame after all:
   * a message whose length only the silence tells.
   */
  readonly acceptsBurst?: (burst: Uint8Array) => boolean;
}

/** No delimiter at all: the silence after the bytes ends the message (a 1-Wire answer, a Wiegand word). */
export interface BurstSpec {
  readonly kind: "burst";
  readonly frameBytesMax: number;
}

/**
 * Looks at the bytes from a candidate's first byte on and says what they are.
 * Pure, and once it has said something else than `wait` more bytes must not change its mind: this is what makes
 * the frames independent of chunking. With `frameBytesMax` bytes at hand, or when `ended`, it must not wait.
 */
export type Measure = (bytes: Uint8Array, ended: boolean) => Measured;

export type Measured =
  | { readonly kind: "wait" }
  | { readonly kind: "frame"; readonly length: number }
  /** Not the beginning of a frame. The search goes on one byte later. */
  | { readonly kind: "noise" }
  /** Looked like a frame of `length` bytes and is not one. The search goes on one byte later. */
  | { readonly kind: "rejected"; readonly reason: RejectReason; readonly length: number };

export type RejectReason = "checksum" | "crc" | "format" | "truncated" | "over-long" | "parity";

/** What a framer makes of the bytes. */
export type FrameEvent =
  | {
      readonly kind: "frame";
      /** A copy; the receiver owns it. */
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** Bytes that belonged to no frame since the frame before. */
      readonly noiseBytesBefore: number;
    }
  | { readonly kind: "rejected"; readonly reason: RejectReason; readonly bytes: Uint8Array<ArrayBuffer> };

/** Device health by name. Counts only grow; `reset` of the framer keeps them. */
export interface FramingCounters {
  readonly frames: number;
  readonly noiseBytes: number;
  readonly badChecksum: number;
  readonly badFormat: number;
  readonly overLong: number;
  readonly truncated: number;
}

/** Turns chunks into frames. The same bytes give the same events however they are chunked. */
export interface Framer {
  /** `bufferedBytes` never exceeds this. */
  readonly frameBytesMax: number;
  readonly bufferedBytes: number;
  push(chunk: Uint8Array): readonly FrameEvent[];
  /** The line went silent or was closed: what is left is a whole frame now or never. */
  end(): readonly FrameEvent[];
  /** Forgets buffered bytes without a trace in the events, as after a reconnect. */
  reset(): void;
  counters(): FramingCounters;
}
