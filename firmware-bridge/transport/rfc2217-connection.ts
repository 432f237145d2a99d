import type { SerialSettings } from "../ports/dialect.ts";
import type { Connection, ConnectionEvents } from "../ports/transport.ts";
import { portFault } from "./port-faults.ts";
import { RFC2217_PROBE, Rfc2217Negotiation, rfc2217Opening, TelnetFilter, telnetEscaped } from "./rfc2217.ts";

export interface Rfc2217Options {
  readonly settings: SerialSettings;
  readonly label: string;
  readonly waitMsMax: number;
  readonly signal: AbortSignal;
}

/**
 * A connection to a gateway whose serial settings are set and confirmed. A write is done when the gateway has answered
 * a question behind it: so one that stopped reading is a named fault after one command, and never holds back a tare
 * that it would pass on minutes later.
 * @param connect  wraps the open socket.
 * @throws BridgeFault `gateway-settings` when the gateway refuses, sets something else or does not answer.
 */
export async function rfc2217Connection(
  connect: (events: ConnectionEvents) => Connection,
  events: ConnectionEvents,
  options: Rfc2217Options,
): Promise<Connection> {
  const connection = new Rfc2217Connection(connect, events, options);
  try {
    await connection.begin();
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class Rfc2217Connection implements Connection {
  readonly #options: Rfc2217Options;
  readonly #inner: Connection;
  readonly #negotiation: Rfc2217Negotiation;
  /** Tells whoever waits for the gateway that it has said something, or is gone. */
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(
    connect: (events: ConnectionEvents) => Connection,
    events: ConnectionEvents,
    options: Rfc2217Options,
  ) {
    this.#options = options;
    this.#negotiation = new Rfc2217Negotiation(options.settings);
    const filter = new TelnetFilter((command) => {
      this.#reply(this.#negotiation.observe(command));
      this.#wake();
    });
    this.#inner = connect({
      data: (chunk) => {
        const bytes = filter.push(chunk);
        if (bytes.length > 0) events.data(bytes);
      },
      closed: (fault) => {
        this.#isClosed = true;
        this.#wake();
        events.closed(fault);
      },
    });
  }

  async begin(): Promise<void> {
    const { settings, label, waitMsMax } = this.#options;
    await this.#inner.write(rfc2217Opening(settings), { waitMsMax });
    const isSettled = (): boolean => this.#negotiation.agreement.kind !== "asking";
    if (!(await this.#heard(isSettled, waitMsMax)))
      throw portFault("gateway-settings", `${label}: no answer to RFC 2217 in ${waitMsMax} ms`);
    const { agreement } = this.#negotiation;
    if (agreement.kind === "refused") throw portFault("gateway-settings", `${label}: ${agreement.why}`);
  }

  async write(bytes: Uint8Array, options: { readonly waitMsMax: number }): Promise<void> {
    const answersBefore = this.#negotiation.probeAnswers;
    await this.#inner.write(Buffer.concat([telnetEscaped(bytes), RFC2217_PROBE]), options);
    const isAnswered = (): boolean => this.#negotiation.probeAnswers > answersBefore;
    if (await this.#heard(isAnswered, options.waitMsMax)) return;
    throw portFault(
      "write-stalled",
      `${this.#options.label}: the gateway took no command for ${options.waitMsMax} ms`,
    );
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #reply(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#isClosed) return;
    // An answer that does not get through shows in the negotiation's own wait.
    this.#inner.write(bytes, this.#options).catch(() => {});
  }

  /** @returns whether it came true in time. @throws BridgeFault when the gateway went away meanwhile. */
  async #heard(isTrue: () => boolean, waitMsMax: number): Promise<boolean> {
    const { signal, label } = this.#options;
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake();
    }, waitMsMax);
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!isTrue() && !isOver && !this.#isClosed && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      signal.throwIfAborted();
      if (this.#isClosed) throw portFault("port-lost", `${label}: the gateway closed the connection`);
      return isTrue();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }
}
