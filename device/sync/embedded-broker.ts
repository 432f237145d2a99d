import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Aedes, type AuthenticateError } from "aedes";
import { CanteenError, systemCode } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { MESSAGE_BYTES_MAX } from "./messages.ts";
import { PacketLimit } from "./packet-limit.ts";
import { TOPIC_ROOT } from "./topics.ts";

export interface EmbeddedBrokerOptions {
  /** 0 takes a free port, and keeps it over stop and start. */
  readonly port: number;
  /** Loopback unless said otherwise. */
  readonly host?: string;
  /** With them everybody must give them; without, everybody may come (loopback only). */
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  readonly logger: Logger;
}

export interface EmbeddedBroker {
  /** @throws CanteenError `port-in-use`, `port-failed`. @returns the port it listens on. */
  start(): Promise<number>;
  /** Hangs up on everybody, as if the network had gone. Retained messages stay for the next `start`. */
  stop(): Promise<void>;
  readonly listening: boolean;
  /** Ends it for good. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;
const RETAINED_TOPICS_MAX = 1024;
const PACKET_BYTES_MAX = MESSAGE_BYTES_MAX + 4096;
const NOT_AUTHORIZED = 5;
const BAD_PASSWORD = 4;

/**
 * A small MQTT 3.1.1 broker inside the process (aedes), for the demo, for tests and for a school with one terminal.
 *
 * It keeps no queue for anybody who is away: sessions are clean, since the journal is the queue. So its memory is
 * bounded by the connections and by the retained state of the terminals.
 */
export function createEmbeddedBroker(options: EmbeddedBrokerOptions): EmbeddedBroker {
  return new AedesBroker(options);
}

class AedesBroker implements EmbeddedBroker {
  readonly #options: EmbeddedBrokerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #retainedTopics = new Set<string>();
  #aedes: Promise<Aedes> | null = null;
  #server: Server | null = null;
  #port: number;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get listening(): boolean {
    return this.#server?.listening ?? false;
  }

  async start(): Promise<number> {
    if (this.#server !== null) return this.#port;
    this.#aedes ??= this.#createAedes();
    const aedes = await this.#aedes;
    const server = this.#createServer((socket) => this.#handle(aedes, socket));
    server.maxConnections = CONNECTIONS_MAX;
    try {
      server.listen(this.#port, this.#options.host ?? "127.0.0.1");
      await once(server, "listening");
    } catch (error) {
      throw portError(this.#port, error);
    }
    this.#server = server;
    const address = server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    return this.#port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async close(): Promise<void> {
    await this.stop();
    const aedes = await this.#aedes;
    if (aedes !== undefined && aedes !== null) await new Promise<void>((resolve) => aedes.close(resolve));
  }

  #createServer(onSocket: (socket: Socket) => void): Server {
    const { tls } = this.#options;
    return tls === undefined
      ? createTcpServer({ noDelay: true }, onSocket)
      : createTlsServer({ cert: tls.certPem, key: tls.keyPem }, onSocket);
  }

  #handle(aedes: Aedes, socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    const limit = new PacketLimit(PACKET_BYTES_MAX);
    const read = socket.read.bind(socket);
    // aedes pulls with read(): the bytes are looked at where they leave the socket, without making it flow.
    socket.read = (size?: number) => {
      const chunk: unknown = read(size);
      if (chunk instanceof Uint8Array && !limit.accept(chunk)) {
        this.#options.logger.warn({}, "a client of the embedded broker sent too large a packet");
        socket.destroy();
        return null;
      }
      return chunk;
    };
    aedes.handle(socket);
  }

  async #createAedes(): Promise<Aedes> {
    const { logger } = this.#options;
    const aedes = await Aedes.createBroker({
      connectTimeout: 10_000,
      // A session that outlives its connection would need a queue for somebody who may never come back.
      preConnect: (_client, packet, done) => {
        if (packet.clean === false) done(new Error("only clean sessions"), false);
        else done(null, true);
      },
      authenticate: (_client, username, password, done) => {
        const refusal = this.#authenticate(username, password);
        done(refusal, refusal === null);
      },
      authorizePublish: (_client, packet, done) => {
        done(this.#mayPublish(packet.topic, packet.retain) ? null : new Error("topic not allowed"));
      },
    });
    aedes.on("clientError", (_client, error) =>
      logger.debug({ message: error.message }, "broker client failed"),
    );
    aedes.on("connectionError", (_client, error) =>
      logger.debug({ message: error.message }, "broker connection failed"),
    );
    return aedes;
  }

  #authenticate(username: string | undefined, password: Buffer | undefined): AuthenticateError | null {
    const { username: wanted, password: secret = "" } = this.#options;
    if (wanted === undefined) return null;
    if (username === undefined) return refusal("credentials needed", NOT_AUTHORIZED);
    const right = username === wanted && sameSecret(password ?? Buffer.alloc(0), Buffer.from(secret));
    return right ? null : refusal("wrong user or password", BAD_PASSWORD);
  }

  #mayPublish(topic: string, retain: boolean): boolean {
    if (!topic.startsWith(`${TOPIC_ROOT}/`)) return false;
    if (!retain || this.#retainedTopics.has(topic)) return true;
    if (this.#retainedTopics.size >= RETAINED_TOPICS_MAX) return false;
    this.#retainedTopics.add(topic);
    return true;
  }
}

function sameSecret(given: Buffer, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function refusal(message: string, returnCode: number): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

function portError(port: number, cause: unknown): CanteenError {
  const inUse = systemCode(cause) === "EADDRINUSE";
  return new CanteenError(`cannot listen on port ${port}`, {
    code: inUse ? "port-in-use" : "port-failed",
    retry: "after-operator",
    hint: inUse
      ? {
          zh: `端口 ${port} 已被占用，请关闭占用它的程序或换一个端口`,
          en: `Port ${port} is in use: stop the other program or choose another port`,
        }
      : { zh: `无法监听端口 ${port}`, en: `Cannot listen on port ${port}` },
    cause,
  });
}
