import { Backoff } from "../platform/backoff.ts";
import type { Clock } from "../platform/clock.ts";
import type { Entropy, IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import type { MonoMs } from "../platform/units.ts";
import { type CredentialFiles, type Credentials, readCredentials } from "./broker-credentials.ts";
import { isRefusal, type LinkReason } from "./broker-failure.ts";
import {
  type ConnectionDown,
  type ConnectionOptions,
  type IncomingMessage,
  MqttConnection,
  type MqttVersion,
  type OutgoingMessage,
  type PublishOutcome,
} from "./mqtt-connection.ts";

/** Settings of the broker; the defaults are those of `canteen.yaml`. */
export interface BrokerSettings extends CredentialFiles {
  readonly url: string;
  readonly protocolVersion: "auto" | MqttVersion;
  readonly keepAliveMs: number;
  readonly reconnectWaitMsMin: number;
  readonly reconnectWaitMsMax: number;
  /** The first wait lies anywhere up to this: thousands that lose one broker at once must not come back at once. */
  readonly reconnectSpreadMs?: number;
}

export interface LinkState {
  readonly connection: "connected" | "connecting" | "offline" | "refused";
  readonly reason: LinkReason | null;
}

export interface LinkOptions {
  readonly broker: BrokerSettings;
  /** One client per id: the broker cuts the older connection when it sees the id twice. */
  readonly clientId: string;
  readonly filters: readonly string[];
  /** The will of the connection with this id. */
  readonly will: (connectionId: string) => OutgoingMessage;
  readonly messageBytesMax: number;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly waits?: Partial<LinkWaits>;
}

export interface LinkWaits {
  readonly connectWaitMsMax: number;
  readonly ackWaitMsMax: number;
  /** A connection that held this long starts the backoff again from its shortest wait. */
  readonly stableMsMin: number;
}

export interface LinkListener {
  /** The broker accepted the session and the subscriptions. */
  onUp(connectionId: string): void;
  onDown(): void;
  /** Must save before it returns, and must not throw: the message is acknowledged to the broker afterwards. */
  onMessage(message: IncomingMessage): void;
  onState(state: LinkState): void;
}

/** One line to a broker, kept up for ever; `MqttLink` is the real one. */
export interface Link {
  start(): void;
  state(): LinkState;
  /** QoS 1. Always settles, never throws; see `PublishOutcome`. */
  publish(message: OutgoingMessage): Promise<PublishOutcome>;
  /** Waits at most `waitMsMax` for what is in flight, then says goodbye to the broker. */
  close(options: { readonly waitMsMax: number }): Promise<void>;
}

export type MakeLink = (options: LinkOptions, listener: LinkListener) => Link;

const WAITS: LinkWaits = { connectWaitMsMax: 20_000, ackWaitMsMax: 20_000, stableMsMin: 30_000 };
/** QoS 1 messages that may wait for the broker's PUBACK at a time. */
const IN_FLIGHT_MAX = 16;

/**
 * Keeps one connection to a broker, for ever: connects, subscribes, and after each end waits (exponential backoff
 * with jitter) and connects anew. It holds no message over a connection's end; whoever published learns what
 * became of it and decides.
 *
 * `auto` asks for MQTT 5 first. A broker that refuses the version, or hangs up before it answered (3.1.1 brokers
 * do both), is asked in 3.1.1 at once; what worked is kept for the next connections.
 */
export class MqttLink implements Link {
  readonly #options: LinkOptions;
  readonly #waits: LinkWaits;
  readonly #listener: LinkListener;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #version: MqttVersion;
  /** The version has carried a session, so a hang-up is no longer put down to it. */
  #versionProven = false;
  #connection: MqttConnection | null = null;
  #up = false;
  #state: LinkState = { connection: "connecting", reason: null };
  #running: Promise<void> | null = null;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#waits = { ...WAITS, ...options.waits };
    this.#listener = listener;
    const { broker } = options;
    this.#version = broker.protocolVersion === "auto" ? 5 : broker.protocolVersion;
    this.#backoff = new Backoff(
      {
        waitMsMin: broker.reconnectWaitMsMin,
        waitMsMax: broker.reconnectWaitMsMax,
        spreadMs: broker.reconnectSpreadMs ?? broker.reconnectWaitMsMin,
        stableMsMin: this.#waits.stableMsMin,
      },
      options.entropy,
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  state(): LinkState {
    return this.#state;
  }

  /** The protocol version of the newest connection. */
  version(): MqttVersion {
    return this.#version;
  }

  /** QoS 1. Always settles, never throws; see `PublishOutcome`. */
  publish(message: OutgoingMessage): Promise<PublishOutcome> {
    if (!this.#up || this.#connection === null) return Promise.resolve({ kind: "not-connected" });
    return this.#connection.publish(message);
  }

  /** Waits at most `waitMsMax` for what is in flight, then says goodbye to the broker. Every waiter is settled. */
  async close({ waitMsMax }: { readonly waitMsMax: number }): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const deadline = this.#options.clock.mono() + waitMsMax;
    const connection = this.#connection;
    while (connection !== null && connection.inFlightCount() > 0 && this.#options.clock.mono() < deadline) {
      await this.#options.clock.delay(5);
    }
    this.#stopped.abort();
    this.#connection?.disconnect();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const down = await this.#connectOnce();
      if (this.#stopped.signal.aborted) break;
      if (this.#fallBack(down)) continue;
      const waitMs = this.#backoff.nextWaitMs(down.upMs);
      this.#log(down, waitMs);
      this.#setState({ connection: isRefusal(down.reason) ? "refused" : "offline", reason: down.reason });
      await this.#options.clock.delay(waitMs, { signal: this.#stopped.signal }).catch(() => {});
    }
    this.#setState({ connection: "offline", reason: null });
  }

  /** @returns how and after how long the connection ended. */
  async #connectOnce(): Promise<Ended> {
    const credentials = await readCredentials(this.#options.broker);
    if (typeof credentials === "string") return { reason: credentials, beforeConnack: false, upMs: 0 };
    if (this.#stopped.signal.aborted) return { reason: "broker-closed", beforeConnack: true, upMs: 0 };
    const { clock } = this.#options;
    const connectionId = this.#options.ids.next();
    const ended = Promise.withResolvers<ConnectionDown>();
    let upSinceMs: MonoMs | null = null;
    const onUp = async (): Promise<void> => {
      if (!(await this.#subscribe())) return;
      upSinceMs = clock.mono();
      this.#becomeUp(connectionId);
    };
    this.#connection = new MqttConnection(
      this.#connectionOptions(credentials, connectionId),
      {
        onUp: () => void onUp(),
        onMessage: (message) => this.#listener.onMessage(message),
        onDown: ended.resolve,
      },
      clock,
    );
    const down = await ended.promise;
    this.#connection = null;
    this.#becomeDown();
    return { ...down, upMs: upSinceMs === null ? 0 : clock.mono() - upSinceMs };
  }

  #connectionOptions(credentials: Credentials, connectionId: string): ConnectionOptions {
    const { broker } = this.#options;
    return {
      ...credentials,
      url: broker.url,
      version: this.#version,
      clientId: this.#options.clientId,
      keepAliveMs: broker.keepAliveMs,
      connectWaitMsMax: this.#waits.connectWaitMsMax,
      ackWaitMsMax: this.#waits.ackWaitMsMax,
      inFlightMax: IN_FLIGHT_MAX,
      messageBytesMax: this.#options.messageBytesMax,
      will: this.#options.will(connectionId),
    };
  }

  /** @returns whether the connection can be used now. */
  async #subscribe(): Promise<boolean> {
    const connection = this.#connection;
    if (connection === null) return false;
    const answer = await connection.subscribe(this.#options.filters);
    if (connection !== this.#connection) return false;
    if (answer === "refused") connection.abort("broker-refused-subscription");
    if (answer === "timed-out") connection.abort("broker-silent");
    return answer === "granted";
  }

  #becomeUp(connectionId: string): void {
    this.#up = true;
    this.#versionProven = true;
    this.#options.logger.info({ protocolVersion: this.#version }, "connected to the broker");
    this.#setState({ connection: "connected", reason: null });
    this.#listener.onUp(connectionId);
  }

  #becomeDown(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#listener.onDown();
  }

  /** In `auto`: whether to try the other version at once. The broker gets one such try, then the usual wait. */
  #fallBack({ reason, beforeConnack }: ConnectionDown): boolean {
    if (this.#options.broker.protocolVersion !== "auto" || !beforeConnack) return false;
    if (reason !== "broker-version" && (reason !== "broker-closed" || this.#versionProven)) return false;
    this.#versionProven = false;
    this.#version = this.#version === 5 ? 4 : 5;
    return this.#version === 4;
  }

  #setState(state: LinkState): void {
    if (state.connection === this.#state.connection && state.reason === this.#state.reason) return;
    this.#state = state;
    this.#listener.onState(state);
  }

  #log(down: Ended, waitMs: number): void {
    const { logger } = this.#options;
    const fields = { reason: down.reason, upMs: Math.round(down.upMs), waitMs };
    // The first failure is news; a canteen without network for weeks must not fill the log.
    if (this.#backoff.failures <= 1) logger.warn(fields, "no connection to the broker");
    else logger.debug(fields, "still no connection to the broker");
  }
}

type Ended = ConnectionDown & { readonly upMs: number };
