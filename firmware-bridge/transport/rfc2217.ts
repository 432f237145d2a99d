import type { SerialSettings } from "../ports/dialect.ts";

/**
 * The telnet COM port control option, by which a serial gateway takes baud rate, data bits, parity and stop bits
 * from its client. Only what a scale needs: setting them, and carrying bytes transparently.
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

function subnegotiation(command: number, value: readonly number[]): number[] {
  return [IAC, SB, COM_PORT_OPTION, command, ...escaped(value), IAC, SE];
}

/** @returns `bytes` with each IAC doubled. */
export function telnetEscaped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(escaped([...bytes]));
}

const escaped = (bytes: readonly number[]): number[] =>
  bytes.flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte]));

type State = "data" | "iac" | "option" | "subnegotiation" | "subnegotiation-iac";

/** Takes the telnet commands out of what a gateway sends, however it is chunked. Keeps no bytes. */
export class TelnetFilter {
  #state: State = "data";

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
        if (byte === SB) return "subnegotiation";
        return byte === DO || byte === DONT || byte === WILL || byte === WONT ? "option" : "data";
      case "option":
        return "data";
      case "subnegotiation":
        return byte === IAC ? "subnegotiation-iac" : "subnegotiation";
      case "subnegotiation-iac":
        return byte === SE ? "data" : "subnegotiation";
    }
  }
}
