import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { BridgeFault } from "../ports/fault.ts";
import type { Connection, Transport } from "../ports/transport.ts";
import { FloodGate } from "./flood-gate.ts";
import { faultOf, portFault } from "./port-faults.ts";

export type LineState =
  | { readonly kind: "closed" }
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly generation: number }
  /** Waits before the next try. */
  | { readonly kind: "waiting"; readonly fault: BridgeFault };

export type WriteOutcome =
  | { readonly kind: "written"; readonly generation: number }
  | { readonly kind: "refused"; readonly reason: "not-open" | "busy" | "lost" };

export interface LineOptions {
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  readonly retryWaitMsMin?: number;
  readonly retryWaitMsMax?: number;
  readonly writeWaitMsMax?: number;
  /** More is a broken device or a wrong baud rate: the rest of that second is dropped, and in the next the port closes. */
  readonly bytesPerSecondMax?: number;
}

export interface LineListener {
  /** @param epoch  grows with each connection and each gap: bytes of two epochs never belong to one frame. */
  data(bytes: Uint8Array, epoch: number): void;
  state(state: LineState): void;
}

export interface LineCounters {
  readonly connections: number;
  readonly failedOpens: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes dropped because the device flooded the line. */
  readonly floodBytes: number;
}

const RETRY_WAIT_MS_MIN = 50;
/** Short enough that a device is back within a second of its return. */
const RETRY_WAIT_MS_MAX = 500;
const WRITE_WAIT_MS_MAX = 1000;
const BYTES_PER_SECOND_MAX = 256 * 1024;
/** A device that floods is left alone for so long: its fault stays readable, and the processor free. */
const FLOOD_WAIT_MS = 5000;

/**
 * Keeps one device connected: opens, reconnects with backoff and jitter, and hands on bytes with the number of the
 * connection they came by. A write is refused while the line is not open: nothing is kept for later, because a tare
 * that fires after a replug would falsify a weighing.
 */
export class Line {
  readonly label: string;
  readonly #transport: Transport;
  readonly #options: Required<LineOptions>;
  readonly #listener: LineListener;
  readonly #stop = new AbortController();
  readonly #counters = { connections: 0, failedOpens: 0, bytesIn: 0, bytesOut: 0, floodBytes: 0 };
  #state: LineState = { kind: "closed" };
  #connection: Connection | undefined;
  #generation = 0;
  #epoch = 0;
  #failures = 0;
  #isWriting = false;
  #timer: BridgeTimer | undefined;
  #opening: Promise<void> | undefined;
  /** The end of a connection that was given up. */
  #closing: Promise<void> | undefined;
  readonly #flood: FloodGate;

  constructor(transport: Transport, options: LineOptions, listener: LineListener) {
    this.label = transport.label;
    this.#transport = transport;
    this.#listener = listener;
    this.#options = {
      retryWaitMsMin: RETRY_WAIT_MS_MIN,
      retryWaitMsMax: RETRY_WAIT_MS_MAX,
      writeWaitMsMax: WRITE_WAIT_MS_MAX,
      bytesPerSecondMax: BYTES_PER_SECOND_MAX,
      ...options,
    };
    this.#flood = new FloodGate(this.#options.bytesPerSecondMax);
  }

  get state(): LineState {
    return this.#state;
  }

  counters(): LineCounters {
    return { ...this.#counters };
  }

  /** Starts to connect and goes on until `close`, or until `signal` aborts. */
  open(signal: AbortSignal): void {
    if (this.#state.kind !== "closed" || this.#stop.signal.aborted) return;
    signal.addEventListener("abort", () => void this.close(), { once: true });
    if (!signal.aborted) this.#connect();
  }

  /** Writes now or refuses. One write at a time: devices that answer take one command at a time anyway. */
  async write(bytes: Uint8Array): Promise<WriteOutcome> {
    const connection = this.#connection;
    if (connection === undefined || this.#state.kind !== "open")
      return { kind: "refused", reason: "not-open" };
    if (this.#isWriting) return { kind: "refused", reason: "busy" };
    const generation = this.#generation;
    this.#isWriting = true;
    try {
      await connection.write(bytes, { waitMsMax: this.#options.writeWaitMsMax });
      this.#counters.bytesOut += bytes.length;
      return { kind: "written", generation };
    } catch (error) {
      // A stalled or lost connection is of no use any more: what it still holds must not be sent later.
      await connection.close();
      if (this.#connection === connection) this.#lost(generation, faultOf(error, this.label));
      return { kind: "refused", reason: "lost" };
    } finally {
      this.#isWriting = false;
    }
  }

  /** Resolves when the device is free. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort(new Error("the line is closed"));
    this.#timer?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#enter({ kind: "closed" });
    await this.#opening;
    await this.#closing;
    await connection?.close();
  }

  #connect(): void {
    this.#enter({ kind: "connecting" });
    this.#opening = this.#tryOpen();
  }

  async #tryOpen(): Promise<void> {
    const generation = this.#generation + 1;
    this.#generation = generation;
    this.#epoch += 1;
    let lostBeforeOpen: BridgeFault | undefined;
    try {
      await this.#closing;
      const connection = await this.#transport.open(
        {
          data: (bytes) => this.#data(bytes, generation),
          closed: (fault) => {
            if (fault === undefined) return;
            lostBeforeOpen = fault;
            this.#lost(generation, fault);
          },
        },
        { signal: this.#stop.signal },
      );
      if (this.#stop.signal.aborted) {
        await connection.close();
        return;
      }
      if (lostBeforeOpen !== undefined) throw lostBeforeOpen;
      this.#connection = connection;
      this.#counters.connections += 1;
      this.#failures = 0;
      this.#enter({ kind: "open", generation });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#counters.failedOpens += 1;
      this.#retryLater(faultOf(error, this.label));
    }
  }

  #data(bytes: Uint8Array, generation: number): void {
    if (generation !== this.#generation || this.#stop.signal.aborted) return;
    const { taken, isFlooding } = this.#flood.pass(bytes, this.#options.clock.mono());
    this.#counters.bytesIn += taken.length;
    this.#counters.floodBytes += bytes.length - taken.length;
    if (taken.length > 0) this.#listener.data(taken, this.#epoch);
    // What comes after the dropped bytes must not complete a frame that began before them.
    if (taken.length < bytes.length) this.#epoch += 1;
    if (isFlooding) this.#giveUpFlood(generation);
  }

  #giveUpFlood(generation: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const perSecond = this.#options.bytesPerSecondMax;
    this.#lost(generation, portFault("port-flood", `${this.label}: over ${perSecond} bytes a second`));
    // Bytes that still come of it belong to no connection: the generation is over.
    this.#generation += 1;
    this.#closing = connection.close();
  }

  #lost(generation: number, fault: BridgeFault): void {
    if (generation !== this.#generation || this.#connection === undefined) return;
    this.#connection = undefined;
    this.#retryLater(fault);
  }

  #retryLater(fault: BridgeFault): void {
    if (this.#stop.signal.aborted) return;
    const waitMs = fault.code === "port-flood" ? FLOOD_WAIT_MS : this.#backoffMs();
    this.#failures += 1;
    this.#enter({ kind: "waiting", fault });
    this.#timer = this.#options.clock.after(waitMs, () => this.#connect());
  }

  #backoffMs(): number {
    const { retryWaitMsMin, retryWaitMsMax, entropy } = this.#options;
    const ceilingMs = Math.min(retryWaitMsMax, retryWaitMsMin * 2 ** Math.min(this.#failures, 20));
    return Math.round(retryWaitMsMin + entropy.uniform() * (ceilingMs - retryWaitMsMin));
  }

  #enter(state: LineState): void {
    if (this.#state.kind === "closed" && state.kind === "closed") return;
    this.#state = state;
    this.#listener.state(state);
  }
}
