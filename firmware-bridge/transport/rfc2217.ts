import type { SerialSettings } from "../ports/dialect.ts";

/**
 * The telnet COM port control option, by which a serial gateway takes baud rate, data bits, parity and stop bits
 * from its client. Only what a scale needs: setting them, knowing that they are set, carrying bytes transparently, and
 * knowing that the gateway still takes them.
 * Source: RFC 2217; RFC 856 for binary; RFC 854 for IAC.
 */
const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;
const BINARY = 0;
const SUPPRESS_GO_AHEAD = 3;
const COM_PORT_OPTION = 44;
const SET_BAUD_RATE = 1;
const SET_DATA_SIZE = 2;
const SET_PARITY = 3;
const SET_STOP_SIZE = 4;
const SET_CONTROL = 5;
/** The gateway answers a command with the command's number and this much more. */
const ANSWER_OFFSET = 100;
const PARITY_CODES = { none: 1, odd: 2, even: 3 } as const;

/** What the client sends first. */
export function rfc2217Opening(settings: SerialSettings): Uint8Array {
  const { baudRate } = settings;
  const baud = [24, 16, 8, 0].map((shift) => (baudRate >>> shift) & 0xff);
  return Uint8Array.of(
    ...[IAC, WILL, COM_PORT_OPTION, IAC, WILL, BINARY, IAC, DO, BINARY],
    ...[IAC, WILL, SUPPRESS_GO_AHEAD, IAC, DO, SUPPRESS_GO_AHEAD],
    ...subnegotiation(SET_BAUD_RATE, baud),
    ...subnegotiation(SET_DATA_SIZE, [settings.dataBits]),
    ...subnegotiation(SET_PARITY, [PARITY_CODES[settings.parity]]),
    ...subnegotiation(SET_STOP_SIZE, [settings.stopBits]),
  );
}

/**
 * A question that changes nothing: which flow control is set? The gateway answers it after it has taken what came
 * before, which no TCP acknowledgement tells: the system's buffers hold thousands of commands.
 */
export const RFC2217_PROBE: Uint8Array = Uint8Array.from(subnegotiation(SET_CONTROL, [0]));

function subnegotiation(command: number, value: readonly number[]): number[] {
  return [IAC, SB, COM_PORT_OPTION, command, ...escaped(value), IAC, SE];
}

/** @returns `bytes` with each IAC doubled. */
export function telnetEscaped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(escaped([...bytes]));
}

function escaped(bytes: readonly number[]): number[] {
  return bytes.flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte]));
}

/** What a gateway says beside the bytes of the line. */
export type TelnetCommand =
  | { readonly kind: "option"; readonly verb: number; readonly option: number }
  | { readonly kind: "com-port"; readonly command: number; readonly value: readonly number[] };

type State = "data" | "iac" | "option" | "subnegotiation" | "subnegotiation-iac";

/** The longest answer is a baud rate; a signature may be longer and is cut. */
const SUBNEGOTIATION_BYTES_MAX = 16;

/** Takes the telnet commands out of what a gateway sends, however it is chunked. Keeps no bytes of the line. */
export class TelnetFilter {
  readonly #onCommand: (command: TelnetCommand) => void;
  #state: State = "data";
  #verb = 0;
  #subnegotiation: number[] = [];

  constructor(onCommand: (command: TelnetCommand) => void = () => {}) {
    this.#onCommand = onCommand;
  }

  /** @returns the bytes of the serial line. */
  push(chunk: Uint8Array): Uint8Array {
    const data: number[] = [];
    for (const byte of chunk) this.#state = this.#step(byte, data);
    return Uint8Array.from(data);
  }

  #step(byte: number, data: number[]): State {
    switch (this.#state) {
      case "data":
        if (byte === IAC) return "iac";
        data.push(byte);
        return "data";
      case "iac":
        if (byte === IAC) data.push(byte);
        if (byte === SB) this.#subnegotiation = [];
        if (byte === SB) return "subnegotiation";
        this.#verb = byte;
        return byte === DO || byte === DONT || byte === WILL || byte === WONT ? "option" : "data";
      case "option":
        this.#onCommand({ kind: "option", verb: this.#verb, option: byte });
        return "data";
      case "subnegotiation":
        if (byte === IAC) return "subnegotiation-iac";
        this.#keep(byte);
        return "subnegotiation";
      case "subnegotiation-iac":
        if (byte === SE) this.#end();
        else this.#keep(byte);
        return byte === SE ? "data" : "subnegotiation";
    }
  }

  #keep(byte: number): void {
    if (this.#subnegotiation.length < SUBNEGOTIATION_BYTES_MAX) this.#subnegotiation.push(byte);
  }

  #end(): void {
    const [option, command, ...value] = this.#subnegotiation;
    if (option === COM_PORT_OPTION && command !== undefined)
      this.#onCommand({ kind: "com-port", command, value });
  }
}

/** What is agreed with a gateway so far. */
export type Agreement =
  | { readonly kind: "asking" }
  | { readonly kind: "agreed" }
  | { readonly kind: "refused"; readonly why: string };

const KNOWN_OPTIONS: ReadonlySet<number> = new Set([BINARY, SUPPRESS_GO_AHEAD, COM_PORT_OPTION]);
/** A gateway that offers more than this is left without an answer, so that two sides never chat for ever. */
const REFUSALS_MAX = 32;

/** Follows the negotiation with a gateway: pure, the connection sends what `observe` returns. */
export class Rfc2217Negotiation {
  readonly #wanted: ReadonlyMap<number, number>;
  readonly #confirmed = new Set<number>();
  #agreement: Agreement = { kind: "asking" };
  #refusals = 0;
  #probeAnswers = 0;

  constructor(settings: SerialSettings) {
    this.#wanted = new Map([
      [SET_BAUD_RATE, settings.baudRate],
      [SET_DATA_SIZE, settings.dataBits],
      [SET_PARITY, PARITY_CODES[settings.parity]],
      [SET_STOP_SIZE, settings.stopBits],
    ]);
  }

  get agreement(): Agreement {
    return this.#agreement;
  }

  /** How often the gateway has answered `RFC2217_PROBE`. */
  get probeAnswers(): number {
    return this.#probeAnswers;
  }

  /** @returns what to answer; empty for nothing. */
  observe(command: TelnetCommand): Uint8Array {
    if (command.kind === "com-port") {
      this.#onAnswer(command.command - ANSWER_OFFSET, command.value);
      return new Uint8Array();
    }
    const { verb, option } = command;
    if (option === COM_PORT_OPTION && verb === DONT) this.#refuse("the gateway does not speak RFC 2217");
    if (KNOWN_OPTIONS.has(option) || this.#refusals >= REFUSALS_MAX) return new Uint8Array();
    if (verb !== DO && verb !== WILL) return new Uint8Array();
    this.#refusals += 1;
    return Uint8Array.of(IAC, verb === DO ? WONT : DONT, option);
  }

  #onAnswer(command: number, value: readonly number[]): void {
    if (command === SET_CONTROL) this.#probeAnswers += 1;
    const wanted = this.#wanted.get(command);
    if (wanted === undefined) return;
    const given = value.reduce((total, byte) => total * 256 + byte, 0);
    if (given !== wanted) this.#refuse(`the gateway set ${given} where ${wanted} was asked for`);
    this.#confirmed.add(command);
    if (this.#agreement.kind === "asking" && this.#confirmed.size === this.#wanted.size)
      this.#agreement = { kind: "agreed" };
  }

  #refuse(why: string): void {
    if (this.#agreement.kind === "asking") this.#agreement = { kind: "refused", why };
  }
}
