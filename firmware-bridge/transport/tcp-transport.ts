import { connect, type Socket } from "node:net";
import type { SerialSettings } from "../ports/dialect.ts";
import type { Connection, ConnectionEvents, Transport } from "../ports/transport.ts";
import { faultOf, portFault } from "./port-faults.ts";
import { rfc2217Connection } from "./rfc2217-connection.ts";

export interface TcpTransportOptions {
  readonly host: string;
  readonly port: number;
  readonly connectWaitMsMax?: number;
  /** Serial settings for a gateway that speaks RFC 2217; without them the socket is raw. */
  readonly rfc2217?: SerialSettings;
}

const CONNECT_WAIT_MS_MAX = 3000;
const KEEP_ALIVE_AFTER_MS = 5000;

/** A serial gateway, or a device with a socket of its own. */
export function tcpTransport(options: TcpTransportOptions): Transport {
  const label = `${options.host}:${options.port}`;
  return {
    label,
    open: async (events, { signal }) => {
      signal.throwIfAborted();
      const socket = await connected(options, label, signal);
      if (options.rfc2217 === undefined) return new TcpConnection(socket, label, events);
      const waitMsMax = options.connectWaitMsMax ?? CONNECT_WAIT_MS_MAX;
      const over = (through: ConnectionEvents): Connection => new TcpConnection(socket, label, through);
      return await rfc2217Connection(over, events, { settings: options.rfc2217, label, waitMsMax, signal });
    },
  };
}

function connected(options: TcpTransportOptions, label: string, signal: AbortSignal): Promise<Socket> {
  const waitMsMax = options.connectWaitMsMax ?? CONNECT_WAIT_MS_MAX;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    const give = (error: unknown): void => {
      socket.destroy();
      settle();
      reject(error);
    };
    const timer = setTimeout(
      () => give(portFault("port-refused", `${label}: no connection in ${waitMsMax} ms`)),
      waitMsMax,
    );
    const onAbort = (): void => give(signal.reason);
    const onError = (error: Error): void => give(faultOf(error, label));
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      // A socket that was destroyed may still report; nobody waits for it any more.
      socket.on("error", () => {});
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", onError);
    socket.once("connect", () => {
      settle();
      socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
      resolve(socket);
    });
  });
}

class TcpConnection implements Connection {
  readonly #socket: Socket;
  readonly #label: string;
  readonly #closed: Promise<void>;
  #closing = false;

  constructor(socket: Socket, label: string, events: ConnectionEvents) {
    this.#socket = socket;
    this.#label = label;
    let cause: Error | undefined;
    socket.on("data", (chunk: Buffer) => events.data(Uint8Array.from(chunk)));
    socket.on("end", () => socket.destroy());
    socket.on("error", (error) => {
      cause = error;
    });
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => {
        socket.removeAllListeners("data");
        const why = `${label}: ${cause?.message ?? "closed by the other side"}`;
        events.closed(this.#closing ? undefined : portFault("port-lost", why, cause));
        resolve();
      });
    });
  }

  write(bytes: Uint8Array, { waitMsMax }: { readonly waitMsMax: number }): Promise<void> {
    if (this.#socket.destroyed) return Promise.reject(portFault("port-lost", `${this.#label}: not open`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(portFault("write-stalled", `${this.#label}: no write in ${waitMsMax} ms`)),
        waitMsMax,
      );
      this.#socket.write(bytes, (error) => {
        clearTimeout(timer);
        if (error == null) resolve();
        else reject(faultOf(error, this.#label));
      });
    });
  }

  close(): Promise<void> {
    this.#closing = true;
    this.#socket.destroy();
    return this.#closed;
  }
}
