import { Socket } from "node:net";
import mqtt from "mqtt";
import type { Clock, Timer } from "../platform/clock.ts";
import {
  type LinkReason,
  reasonOfDisconnect,
  reasonOfSocketError,
  refusalOfConnack,
} from "./broker-failure.ts";
import { PacketLimit } from "./packet-limit.ts";

export type MqttVersion = 4 | 5;

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly retain: boolean;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What became of a publish. Even `acked` proves only that the broker has it. */
export type PublishOutcome =
  | { readonly kind: "acked" }
  /** MQTT 5 only: the broker said no, with its reason code. */
  | { readonly kind: "refused"; readonly reasonCode: number }
  /** No answer: under 3.1.1 that is also how a broker denies. */
  | { readonly kind: "timed-out" }
  | { readonly kind: "connection-lost" }
  | { readonly kind: "not-connected" }
  /** As many are in flight as are allowed. */
  | { readonly kind: "busy" };

export interface ConnectionOptions {
  readonly url: string;
  readonly version: MqttVersion;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly caPem: string | undefined;
  readonly keepAliveMs: number;
  readonly connectWaitMsMax: number;
  readonly ackWaitMsMax: number;
  readonly inFlightMax: number;
  readonly messageBytesMax: number;
  readonly will: OutgoingMessage;
}

export interface ConnectionDown {
  readonly reason: LinkReason;
  /** The broker hung up or refused before it had accepted the session: perhaps it does not speak this version. */
  readonly beforeConnack: boolean;
}

export interface ConnectionEvents {
  /** At most once, when the broker accepted the session. */
  onUp(): void;
  /** The message is acknowledged to the broker when this returns: save first. */
  onMessage(message: IncomingMessage): void;
  /** Exactly once, the last event. Every waiter has been settled by then. */
  onDown(down: ConnectionDown): void;
}

/** Room for topic and header beside the payload. */
const PACKET_OVERHEAD_BYTES = 2048;
const GOODBYE_WAIT_MS_MAX = 500;

/**
 * One connection to a broker, on one mqtt.js client that lives exactly as long.
 *
 * mqtt.js keeps unacknowledged messages in RAM and sends them again when *it* reconnects. Here it never does: its
 * reconnect is off, a clean session is asked for, nothing is published while it is down, and the next connection
 * is a new client. What must be sent again is known by the journal alone.
 */
export class MqttConnection {
  readonly #client: mqtt.MqttClient;
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #clock: Clock;
  readonly #waiters = new Set<(outcome: PublishOutcome) => void>();
  readonly #connackTimer: Timer;
  #goodbyeTimer: Timer | null = null;
  #phase: "connecting" | "up" | "down" = "connecting";
  #socketOpened = false;
  #reason: LinkReason | null = null;

  constructor(options: ConnectionOptions, events: ConnectionEvents, clock: Clock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#client = mqtt.connect(options.url, clientOptions(options));
    this.#connackTimer = clock.after(options.connectWaitMsMax, () => {
      this.#drop(this.#socketOpened ? "broker-silent" : "broker-unreachable");
    });
    this.#listen();
  }

  /** QoS 1. Never throws and always settles: on the broker's answer, the time-out or the end of the connection. */
  publish(message: OutgoingMessage): Promise<PublishOutcome> {
    const { promise, resolve } = Promise.withResolvers<PublishOutcome>();
    if (this.#phase !== "up" || !this.#client.connected) return Promise.resolve({ kind: "not-connected" });
    if (this.#waiters.size >= this.#inFlightMax()) return Promise.resolve({ kind: "busy" });
    const settle = (outcome: PublishOutcome): void => {
      if (!this.#waiters.delete(settle)) return;
      timer.cancel();
      resolve(outcome);
    };
    const timer = this.#clock.after(this.#options.ackWaitMsMax, () => {
      settle({ kind: "timed-out" });
      this.#client.removeOutgoingMessage(messageId);
    });
    this.#waiters.add(settle);
    this.#client.publish(
      message.topic,
      bytesOf(message.payload),
      { qos: 1, retain: message.retain },
      (error) => {
        settle(outcomeOf(error ?? undefined));
      },
    );
    // The id was allocated inside the call above; a time-out can only run later.
    const messageId = this.#client.getLastMessageId();
    return promise;
  }

  /** @returns false when the broker refused, or did not answer in time. A grant proves nothing: wait for traffic. */
  subscribe(filters: readonly string[]): Promise<"granted" | "refused" | "timed-out"> {
    const { promise, resolve } = Promise.withResolvers<"granted" | "refused" | "timed-out">();
    const timer = this.#clock.after(this.#options.ackWaitMsMax, () => resolve("timed-out"));
    this.#client.subscribe([...filters], { qos: 1 }, (error, granted) => {
      timer.cancel();
      const refused = error !== null || granted === undefined || granted.some(({ qos }) => qos >= 128);
      resolve(refused ? "refused" : "granted");
    });
    return promise;
  }

  inFlightCount(): number {
    return this.#waiters.size;
  }

  /** Says goodbye (so that no will is published) and ends with `onDown`, at the latest after `GOODBYE_WAIT_MS_MAX`. */
  disconnect(): void {
    if (this.#phase !== "up") {
      this.#drop("broker-closed");
      return;
    }
    this.#settleAll();
    // mqtt.js would wait without end for these before it says goodbye.
    for (const id of Object.keys(this.#client.outgoing)) this.#client.removeOutgoingMessage(Number(id));
    this.#goodbyeTimer = this.#clock.after(GOODBYE_WAIT_MS_MAX, () => this.#drop("broker-closed"));
    this.#client.end();
  }

  /** Cuts the connection; the broker publishes the will. */
  abort(reason: LinkReason): void {
    this.#drop(reason);
  }

  #listen(): void {
    const client = this.#client;
    client.on("connect", () => this.#onConnack());
    client.on("error", (error) => this.#onError(error));
    client.on("disconnect", (packet) => {
      this.#reason ??= reasonOfDisconnect(packet.reasonCode);
    });
    client.on("close", () => this.#onClose());
    // Called when pings go unanswered: the other end of the line is gone without a word.
    client.onKeepaliveTimeout = () => this.#drop("broker-silent");
    client.on("message", (topic, payload) => {
      if (this.#phase === "up") this.#events.onMessage({ topic, payload });
    });
    const limit = new PacketLimit(this.#options.messageBytesMax + PACKET_OVERHEAD_BYTES);
    // Small packets both ways: Nagle's algorithm with delayed acknowledgement would cost 40 ms each.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    client.stream.on("connect", () => {
      this.#socketOpened = true;
    });
    client.stream.on("data", (chunk: Uint8Array) => {
      this.#socketOpened = true;
      if (!limit.accept(chunk)) this.#drop("message-too-large");
    });
  }

  #onConnack(): void {
    if (this.#phase !== "connecting") return;
    this.#connackTimer.cancel();
    this.#phase = "up";
    this.#events.onUp();
  }

  #onError(error: Error & { readonly code?: unknown }): void {
    if (this.#phase === "connecting" && typeof error.code === "number") {
      this.#drop(refusalOfConnack(error.code));
    } else {
      this.#drop(reasonOfSocketError(error, this.#socketOpened));
    }
  }

  #onClose(): void {
    this.#drop(this.#socketOpened ? "broker-closed" : "broker-unreachable");
  }

  #drop(reason: LinkReason): void {
    if (this.#phase === "down") return;
    const beforeConnack = this.#phase === "connecting";
    this.#phase = "down";
    this.#connackTimer.cancel();
    this.#goodbyeTimer?.cancel();
    this.#client.end(true);
    this.#client.stream.destroy();
    this.#settleAll();
    this.#events.onDown({ reason: this.#reason ?? reason, beforeConnack });
  }

  /** mqtt.js forgets the callbacks of unacknowledged messages when a socket closes by itself. */
  #settleAll(): void {
    for (const settle of [...this.#waiters]) settle({ kind: "connection-lost" });
  }

  #inFlightMax(): number {
    const allowed = this.#client.serverProperties?.receiveMaximum ?? this.#options.inFlightMax;
    return Math.max(1, Math.min(allowed, this.#options.inFlightMax));
  }
}

function clientOptions(options: ConnectionOptions): mqtt.IClientOptions {
  const { username, password, caPem } = options;
  return {
    clientId: options.clientId,
    protocolVersion: options.version,
    clean: true,
    keepalive: Math.max(1, Math.round(options.keepAliveMs / 1000)),
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: "native",
    // The connection's own timer is the one that counts; this one only must not be earlier.
    connectTimeout: options.connectWaitMsMax + 1000,
    rejectUnauthorized: true,
    will: {
      topic: options.will.topic,
      payload: bytesOf(options.will.payload),
      qos: 1,
      retain: options.will.retain,
    },
    ...(options.version === 5 ? { properties: { receiveMaximum: options.inFlightMax } } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(caPem === undefined ? {} : { ca: [caPem] }),
  };
}

function outcomeOf(error: (Error & { readonly code?: unknown }) | undefined): PublishOutcome {
  if (error === undefined) return { kind: "acked" };
  if (typeof error.code === "number") return { kind: "refused", reasonCode: error.code };
  return { kind: "connection-lost" };
}

function bytesOf(payload: string | Uint8Array): Buffer {
  if (typeof payload === "string") return Buffer.from(payload);
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
