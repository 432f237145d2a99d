import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";
import type { DeviceSocket } from "./socket.ts";

/** What is on the pan at one moment. Grams, because the simulator owns no decimal strings. */
export interface PanSample {
  readonly grams: number;
  readonly stable: boolean;
}

/** One trouble of the field each. */
export type ScaleTrouble =
  | "none"
  | "motion"
  | "drift"
  | "overload"
  | "negative"
  | "unit-switch"
  | "silence"
  | "half-frames"
  | "garbage"
  | "parity-look"
  | "stuck"
  | "slow-reply";

export interface ScaleSimulatorOptions {
  readonly socket: DeviceSocket;
  readonly clock: BridgeClock;
  /** Written from the manuals by hand, never with the codecs: a shared codec hides shared mistakes. */
  readonly voice: ScaleVoice;
  readonly trouble?: ScaleTrouble;
  readonly everyMs?: number;
  /** The samples in turn; the last one stays. */
  readonly script: readonly PanSample[];
}

/** How one model speaks. */
export interface ScaleVoice {
  /** Bytes that ask for a weight; null for a scale that talks by itself. */
  readonly question: string | null;
  say(sample: PanSample, unit: "kg" | "g"): string;
  sayOverload(): string;
  /** Answers by command bytes. */
  readonly answers: Readonly<Record<string, string>>;
}

const EVERY_MS = 50;
const SLOW_REPLY_MS = 400;
const GARBAGE = "\x00\xf3~9K\x9c\r";

/** A scale at the far end of a pty or socket. */
export class ScaleSimulator {
  readonly #options: ScaleSimulatorOptions;
  readonly #stopListening: () => void;
  #timer: BridgeTimer | undefined;
  #turn = 0;
  #heard = "";
  readonly commands: string[] = [];

  constructor(options: ScaleSimulatorOptions) {
    this.#options = options;
    this.#stopListening = options.socket.onReceived((bytes) => this.#hear(bytes));
    if (options.voice.question === null) this.#talk();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stopListening();
  }

  #talk(): void {
    this.#sayWeight();
    this.#timer = this.#options.clock.after(this.#options.everyMs ?? EVERY_MS, () => this.#talk());
  }

  #hear(bytes: Uint8Array): void {
    this.#heard += Buffer.from(bytes).toString("latin1");
    const { voice, trouble, clock } = this.#options;
    const questions = [...(voice.question === null ? [] : [voice.question]), ...Object.keys(voice.answers)];
    for (let found = true; found; ) {
      const next = questions.find((question) => this.#heard.startsWith(question));
      found = next !== undefined;
      if (next === undefined) break;
      this.#heard = this.#heard.slice(next.length);
      const answer = voice.answers[next];
      if (answer !== undefined) this.commands.push(next);
      const reply = (): void => (answer === undefined ? this.#sayWeight() : this.#send(answer));
      if (trouble === "slow-reply") clock.after(SLOW_REPLY_MS, reply);
      else reply();
    }
  }

  #sayWeight(): void {
    const { script, trouble, voice } = this.#options;
    const index = trouble === "stuck" ? 0 : Math.min(this.#turn, script.length - 1);
    const sample = script[index];
    this.#turn += 1;
    if (sample === undefined || trouble === "silence") return;
    if (trouble === "overload") this.#send(voice.sayOverload());
    else this.#send(voice.say(this.#troubled(sample), this.#unit()));
  }

  #unit(): "kg" | "g" {
    return this.#options.trouble === "unit-switch" && this.#turn % 2 === 0 ? "g" : "kg";
  }

  #troubled(sample: PanSample): PanSample {
    switch (this.#options.trouble) {
      case "motion":
        return { grams: sample.grams + (this.#turn % 3) * 10, stable: false };
      case "drift":
        return { ...sample, grams: sample.grams + this.#turn };
      case "negative":
        return { ...sample, grams: -sample.grams };
      default:
        return sample;
    }
  }

  #send(text: string): void {
    const { trouble, socket } = this.#options;
    let bytes = Buffer.from(text, "latin1");
    if (trouble === "half-frames") bytes = bytes.subarray(0, bytes.length >> 1);
    if (trouble === "garbage") bytes = Buffer.concat([Buffer.from(GARBAGE, "latin1"), bytes]);
    if (trouble === "parity-look") bytes = Buffer.from(bytes.map(withOddParity));
    socket.send(Uint8Array.from(bytes));
  }
}

function withOddParity(byte: number): number {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones % 2 === 0 ? byte | 0x80 : byte;
}

function kilograms(grams: number): string {
  const absolute = Math.abs(grams);
  return `${grams < 0 ? "-" : ""}${Math.floor(absolute / 1000)}.${String(absolute % 1000).padStart(3, "0")}`;
}

const shown = (sample: PanSample, unit: "kg" | "g"): string =>
  unit === "kg" ? kilograms(sample.grams) : String(sample.grams);

/** T-Scale: talks by itself, stability on the wire. */
export const ST_GS_VOICE: ScaleVoice = {
  question: null,
  say: (sample, unit) => `${sample.stable ? "ST" : "US"},GS,${shown(sample, unit).padStart(9)} ${unit}\r\n`,
  sayOverload: () => "OL,GS,+            \r\n",
  answers: { "MT\r\n": "", "MZ\r\n": "" },
};

/** Mettler-Toledo: answers `SI`, confirms commands. */
export const MT_SICS_VOICE: ScaleVoice = {
  question: "SI\r\n",
  say: (sample, unit) => `S ${sample.stable ? "S" : "D"} ${shown(sample, unit).padStart(10)} ${unit}\r\n`,
  sayOverload: () => "S +\r\n",
  answers: { "T\r\n": "T S      0.500 kg\r\n", "Z\r\n": "Z A\r\n", "TAC\r\n": "TAC I\r\n" },
};

/** 耀华 tF=0: talks by itself, says nothing about stability. */
export const YAOHUA_VOICE: ScaleVoice = {
  question: null,
  say: (sample) => {
    const body = `${sample.grams < 0 ? "-" : "+"}${String(Math.abs(sample.grams)).padStart(6, "0")}3`;
    let check = 0;
    for (const character of body) check ^= character.charCodeAt(0);
    return `\x02${body}${check.toString(16).toUpperCase().padStart(2, "0")}\x03`;
  },
  sayOverload: () => "\x02+9999993",
  answers: {},
};
