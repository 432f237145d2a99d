import type { BridgeClock } from "../ports/clock.ts";
import type { DeviceSocket } from "./socket.ts";

export interface PanScaleOptions {
  readonly socket: DeviceSocket;
  readonly clock: BridgeClock;
  /** Above it the scale says overload. */
  readonly gramsMax: number;
  readonly divisionG: number;
}

/** How long the pan swings after something was put on it. */
const SETTLE_MS = 700;
const SWING_MS = 130;
/** Zero is set only near zero, as OIML R76 has it. */
const ZERO_SHARE_MAX = 0.02;

/**
 * A scale with a pan that one can put things on while it runs: it swings, settles, and knows tare and zero. It speaks
 * MT-SICS, written from the manual by hand and without the codec that it tests.
 */
export class PanScale {
  readonly #options: PanScaleOptions;
  readonly #stopListening: () => void;
  #heard = "";
  #gramsBefore = 0;
  #grams = 0;
  #putMonoMs = Number.NEGATIVE_INFINITY;
  #isShaken = false;
  #zeroG = 0;
  #tareG = 0;

  constructor(options: PanScaleOptions) {
    this.#options = options;
    this.#stopListening = options.socket.onReceived((bytes) => this.#hear(bytes));
  }

  get grams(): number {
    return this.#grams;
  }

  get isShaken(): boolean {
    return this.#isShaken;
  }

  /** Sets what lies on the pan. */
  put(grams: number): void {
    this.#gramsBefore = this.#pan().grams;
    this.#grams = grams;
    this.#putMonoMs = this.#options.clock.mono();
  }

  /** Keeps the pan moving. */
  shake(isShaken: boolean): void {
    this.#isShaken = isShaken;
  }

  stop(): void {
    this.#stopListening();
  }

  #hear(bytes: Uint8Array): void {
    this.#heard += Buffer.from(bytes).toString("latin1");
    const lines = this.#heard.split("\r\n");
    this.#heard = lines.pop() ?? "";
    for (const line of lines) this.#options.socket.send(Buffer.from(`${this.#answer(line)}\r\n`, "latin1"));
  }

  #answer(command: string): string {
    const { grams, isStable } = this.#pan();
    switch (command) {
      case "SI":
        return this.#weight(grams, isStable);
      case "T":
        if (!isStable) return "T I";
        this.#tareG = grams - this.#zeroG;
        return `T S ${this.#digits(this.#tareG)} kg`;
      case "TAC":
        this.#tareG = 0;
        return "TAC A";
      case "Z":
        if (!isStable || Math.abs(grams) > this.#options.gramsMax * ZERO_SHARE_MAX) return "Z I";
        this.#zeroG = grams;
        this.#tareG = 0;
        return "Z A";
      default:
        return "ES";
    }
  }

  #weight(grams: number, isStable: boolean): string {
    if (grams > this.#options.gramsMax) return "S +";
    return `S ${isStable ? "S" : "D"} ${this.#digits(grams - this.#zeroG - this.#tareG)} kg`;
  }

  /** What the cells feel: on its way from the old load to the new one, and never still while it is shaken. */
  #pan(): { readonly grams: number; readonly isStable: boolean } {
    const { clock, divisionG } = this.#options;
    const nowMs = clock.mono();
    const share = Math.min(1, (nowMs - this.#putMonoMs) / SETTLE_MS);
    const settling = this.#gramsBefore + (this.#grams - this.#gramsBefore) * share;
    const swing = this.#isShaken ? Math.round(Math.sin(nowMs / SWING_MS) * 6) * divisionG : 0;
    return {
      grams: Math.round(settling / divisionG) * divisionG + swing,
      isStable: share === 1 && !this.#isShaken,
    };
  }

  /** Kilograms with three decimals, right-aligned in ten places. */
  #digits(grams: number): string {
    const absolute = Math.abs(grams);
    const text = `${Math.floor(absolute / 1000)}.${String(absolute % 1000).padStart(3, "0")}`;
    return `${grams < 0 ? "-" : ""}${text}`.padStart(10);
  }
}
