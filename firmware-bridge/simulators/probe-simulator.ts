import type { BridgeClock } from "../ports/clock.ts";
import type { DeviceSocket } from "./socket.ts";

/** One trouble of an RS-485 line of probes each. */
export type ProbeTrouble =
  | "none"
  | "silence"
  | "probe-fault"
  | "exception"
  | "bad-crc"
  | "duplicate-address"
  | "slow-reply"
  | "wrong-length"
  | "greeting"
  | "echo";

export interface ProbeSimulatorOptions {
  readonly socket: DeviceSocket;
  readonly clock: BridgeClock;
  readonly unit: number;
  /** Register values, from address 0. */
  readonly registers: readonly number[];
  readonly trouble?: ProbeTrouble;
}

const QUESTION_BYTES = 8;
const SLOW_REPLY_MS = 120;

/** A Modbus temperature probe, written from the standard by hand and without the codec that it tests. */
export class ProbeSimulator {
  readonly #options: ProbeSimulatorOptions;
  readonly #stopListening: () => void;
  #heard: number[] = [];
  #questions = 0;

  constructor(options: ProbeSimulatorOptions) {
    this.#options = options;
    this.#stopListening = options.socket.onReceived((bytes) => this.#hear(bytes));
  }

  stop(): void {
    this.#stopListening();
  }

  #hear(bytes: Uint8Array): void {
    this.#heard.push(...bytes);
    while (this.#heard.length >= QUESTION_BYTES) {
      const question = this.#heard.splice(0, QUESTION_BYTES);
      if (question[0] === this.#options.unit) this.#answer(question);
    }
  }

  #answer(question: readonly number[]): void {
    const { trouble = "none", clock, socket, unit } = this.#options;
    const [, fc = 0, , first = 0, , quantity = 0] = question;
    this.#questions += 1;
    const reply = Uint8Array.from(withCrc(this.#body(unit, fc, first, quantity)));
    if (trouble === "silence") return;
    if (trouble === "echo") socket.send(Uint8Array.from(question));
    if (trouble === "greeting" && this.#questions === 1) {
      socket.send(Uint8Array.from(Buffer.from("Relay V2.1 ready\r\n")));
      return;
    }
    if (trouble === "slow-reply") clock.after(SLOW_REPLY_MS, () => socket.send(reply));
    else socket.send(this.#damaged(reply));
  }

  #body(unit: number, fc: number, first: number, quantity: number): number[] {
    if (this.#options.trouble === "exception") return [unit, fc | 0x80, 2];
    // The CRC is right, the length is nobody's question.
    if (this.#options.trouble === "wrong-length")
      return [unit, fc, 2 * quantity + 2, ...new Array<number>(2 * quantity + 2).fill(7)];
    const values = Array.from({ length: quantity }, (_, index) =>
      this.#options.trouble === "probe-fault" ? 0x8000 : (this.#options.registers[first + index] ?? 0),
    );
    return [unit, fc, 2 * quantity, ...values.flatMap((value) => [(value >> 8) & 0xff, value & 0xff])];
  }

  #damaged(reply: Uint8Array): Uint8Array {
    const { trouble } = this.#options;
    if (trouble === "bad-crc") return reply.with(3, (reply[3] ?? 0) ^ 0x01);
    // Two devices that talk at once pull the line where either says zero.
    if (trouble === "duplicate-address") return reply.map((byte, index) => byte & (0x6d >> (index % 3)));
    return reply;
  }
}

function withCrc(body: readonly number[]): number[] {
  let crc = 0xffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = crc & 1;
      crc >>= 1;
      if (carry === 1) crc ^= 0xa001;
    }
  }
  return [...body, crc % 256, crc >> 8];
}
