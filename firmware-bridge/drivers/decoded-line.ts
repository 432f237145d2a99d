import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Codec } from "../ports/dialect.ts";
import type { FramingCounters } from "../ports/framing.ts";
import type { Transport } from "../ports/transport.ts";
import { type DecodedFrame, DecodingSession } from "../session.ts";
import { Line, type LineCounters, type LineState, type WriteOutcome } from "../transport/line.ts";
import { RecentBytes } from "./recent-bytes.ts";

export interface DecodedLineOptions {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  /** After so long without a byte the message is over, for devices that send no terminator. */
  readonly endAfterSilenceMs?: number;
}

export interface DecodedLineListener {
  frame(decoded: DecodedFrame): void;
  /** A new connection or a gap in the bytes: nothing that was seen before belongs to what comes. */
  begun(): void;
  state(state: LineState): void;
}

/** A few frames of any dialect. */
const RECENT_BYTES_MAX = 512;

/** A line whose bytes are decoded, with a fresh decoder for each connection: half a frame never survives a replug. */
export class DecodedLine {
  readonly #options: DecodedLineOptions;
  readonly #listener: DecodedLineListener;
  readonly #line: Line;
  #session: DecodingSession;
  #epoch = -1;
  #pastFraming = EMPTY_COUNTERS;
  #silence: BridgeTimer | undefined;
  readonly #recent = new RecentBytes(RECENT_BYTES_MAX);

  constructor(options: DecodedLineOptions, listener: DecodedLineListener) {
    this.#options = options;
    this.#listener = listener;
    this.#session = new DecodingSession(options.codec);
    this.#line = new Line(options.transport, options, {
      data: (bytes, epoch) => this.#onBytes(bytes, epoch),
      state: (state) => this.#onState(state),
    });
  }

  get state(): LineState {
    return this.#line.state;
  }

  open(signal: AbortSignal): void {
    this.#line.open(signal);
  }

  write(bytes: Uint8Array): Promise<WriteOutcome> {
    return this.#line.write(bytes);
  }

  counters(): LineCounters & { readonly framing: FramingCounters } {
    return { ...this.#line.counters(), framing: added(this.#pastFraming, this.#session.counters()) };
  }

  /** A copy of the last bytes of this connection. */
  recentBytes(): Uint8Array {
    return this.#recent.take();
  }

  /** What has come belongs together and nothing follows it: half a frame is judged as it stands, and does not wait on. */
  endMessage(): void {
    for (const frame of this.#session.end()) this.#listener.frame(frame);
  }

  async close(): Promise<void> {
    this.#silence?.cancel();
    await this.#line.close();
  }

  #onState(state: LineState): void {
    if (state.kind !== "open") this.#silence?.cancel();
    this.#listener.state(state);
  }

  #onBytes(bytes: Uint8Array, epoch: number): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#pastFraming = added(this.#pastFraming, this.#session.counters());
      this.#session = new DecodingSession(this.#options.codec);
      this.#recent.clear();
      this.#listener.begun();
    }
    this.#recent.add(bytes);
    for (const frame of this.#session.push(bytes)) this.#listener.frame(frame);
    const { endAfterSilenceMs, clock } = this.#options;
    if (endAfterSilenceMs === undefined) return;
    this.#silence?.cancel();
    this.#silence = clock.after(endAfterSilenceMs, () => this.endMessage());
  }
}

const EMPTY_COUNTERS: FramingCounters = {
  frames: 0,
  noiseBytes: 0,
  badChecksum: 0,
  badFormat: 0,
  overLong: 0,
  truncated: 0,
};

function added(left: FramingCounters, right: FramingCounters): FramingCounters {
  return {
    frames: left.frames + right.frames,
    noiseBytes: left.noiseBytes + right.noiseBytes,
    badChecksum: left.badChecksum + right.badChecksum,
    badFormat: left.badFormat + right.badFormat,
    overLong: left.overLong + right.overLong,
    truncated: left.truncated + right.truncated,
  };
}
