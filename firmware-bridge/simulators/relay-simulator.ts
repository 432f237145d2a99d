import type { DeviceSocket } from "./socket.ts";

export type RelayTrouble = "none" | "silence" | "stuck" | "echo-only" | "no-reading";

const QUESTION_BYTES = 8;

/** A relay module on RS-485: coil writes and coil reads, by the standard and without the codec. */
export class RelaySimulator {
  readonly coils = new Map<number, boolean>();
  readonly #options: {
    readonly socket: DeviceSocket;
    readonly unit: number;
    readonly trouble?: RelayTrouble;
  };
  readonly #stopListening: () => void;
  #heard: number[] = [];

  constructor(options: {
    readonly socket: DeviceSocket;
    readonly unit: number;
    readonly trouble?: RelayTrouble;
  }) {
    this.#options = options;
    this.#stopListening = options.socket.onReceived((bytes) => {
      this.#heard.push(...bytes);
      while (this.#heard.length >= QUESTION_BYTES) this.#answer(this.#heard.splice(0, QUESTION_BYTES));
    });
  }

  stop(): void {
    this.#stopListening();
  }

  #answer(question: readonly number[]): void {
    const { socket, unit, trouble = "none" } = this.#options;
    const [address, fc, coilHigh = 0, coilLow = 0, value] = question;
    const coil = (coilHigh << 8) | coilLow;
    // An RS-485 adapter that hears itself, and nobody else on the line.
    if (trouble === "echo-only") socket.send(Uint8Array.from(question));
    if (address !== unit || trouble === "silence" || trouble === "echo-only") return;
    if (fc === 5) {
      if (trouble !== "stuck") this.coils.set(coil, value === 0xff);
      socket.send(Uint8Array.from(question));
    } else if (trouble === "no-reading") socket.send(withCrc([unit, (fc ?? 0) | 0x80, 1]));
    else if (fc === 1) socket.send(withCrc([unit, 1, 1, this.coils.get(coil) === true ? 1 : 0]));
  }
}

function withCrc(body: readonly number[]): Uint8Array {
  let crc = 0xffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return Uint8Array.from([...body, crc & 0xff, crc >> 8]);
}
