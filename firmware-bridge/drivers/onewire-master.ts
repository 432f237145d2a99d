import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";

/** How bytes go to the DS2480B. `received` is what has come since, oldest first. */
export interface OneWirePort {
  write(bytes: Uint8Array): Promise<boolean>;
  readonly clock: BridgeClock;
}

export type BusReset = "presence" | "alarm" | "short" | "no-presence";

const REPLY_WAIT_MS_MAX = 300;
const SETTLE_MS = 30;
/** DS18B20 at 12 bits takes up to 750 ms. */
const CONVERT_MS = 800;
/** More sensors than a cabinet has; a bus that answers at random must not be searched for ever. */
const ROMS_MAX = 64;
const ROM_BITS = 64;
/** Longer than any answer. */
const RECEIVED_MAX = 64;
const ROM_BYTES = 8;
const SCRATCHPAD_BYTES = 9;

const DATA_MODE = 0xe1;
const COMMAND_MODE = 0xe3;
const RESET_FLEX = 0xc5;
const TIMING_RESET = 0xc1;
const SEARCH_ACCELERATOR_ON = 0xb5;
const SEARCH_ACCELERATOR_OFF = 0xa5;
const PULL_UP_1048_MS = 0x3b;
const PULL_UP_ARM = 0xef;
const PULL_UP_DISARM = 0xed;
const PULSE_STOP = 0xf1;
const CONFIGURATION = Uint8Array.of(0x17, 0x45, 0x5b, 0x0f, 0x91);
const CONFIGURED = [0x16, 0x44, 0x5a, 0x00, 0x93];
const SEARCH_ROM = 0xf0;
const MATCH_ROM = 0x55;
const SKIP_ROM = 0xcc;
const CONVERT_T = 0x44;
const READ_SCRATCHPAD = 0xbe;

/**
 * The exchanges with a DS2480B and, through it, with the sensors: one at a time, each with its wait.
 * A data byte E3 is sent twice, because E3 alone leaves the data mode.
 * Source: DS2480B data sheet; Maxim application notes 187 (search) and 192 (DS2480B).
 */
export class OneWireMaster {
  readonly #port: OneWirePort;
  #received: number[] = [];
  #wanted = 0;
  #wake: ((isWhole: boolean) => void) | undefined;
  #timer: BridgeTimer | undefined;

  constructor(port: OneWirePort) {
    this.#port = port;
  }

  push(bytes: Uint8Array): void {
    // What nobody waits for is dropped with the next question; a chip that babbles must not fill the memory.
    this.#received.push(...bytes.subarray(0, RECEIVED_MAX - this.#received.length));
    if (this.#received.length >= this.#wanted) this.#wake?.(true);
  }

  /** The line is gone: whoever waits gets nothing. */
  abandon(): void {
    this.#wake?.(false);
  }

  /** Brings the chip to a known state. @returns whether it is a DS2480B that answers. */
  async configure(): Promise<boolean> {
    // In data mode the first byte only leaves it; the second sets the chip's own clock and has no answer.
    await this.#port.write(Uint8Array.of(COMMAND_MODE, TIMING_RESET));
    await this.#pause(SETTLE_MS);
    const answer = await this.#exchange(CONFIGURATION, CONFIGURED.length);
    return answer !== null && CONFIGURED.every((byte, index) => byte === answer[index]);
  }

  /** @returns what is on the bus, or null when the chip does not answer. */
  async reset(): Promise<BusReset | null> {
    const byte = (await this.#exchange(Uint8Array.of(RESET_FLEX), 1))?.[0];
    if (byte === undefined || (byte & 0xe0) !== 0xc0) return null;
    return (["short", "presence", "alarm", "no-presence"] as const)[byte & 0x03] ?? null;
  }

  /** @returns the ROM codes of all sensors, each of 8 bytes; null when the bus does not answer as it should. */
  async search(): Promise<Uint8Array[] | null> {
    const roms: Uint8Array[] = [];
    let path = new Uint8Array(ROM_BYTES);
    let lastFork = 0;
    do {
      const reset = await this.reset();
      if (reset === "no-presence") return [];
      if (reset !== "presence" && reset !== "alarm") return null;
      const bytes = [DATA_MODE, SEARCH_ROM, COMMAND_MODE, SEARCH_ACCELERATOR_ON];
      bytes.push(DATA_MODE, ...escaped(directions(path, lastFork)), COMMAND_MODE, SEARCH_ACCELERATOR_OFF);
      const answer = await this.#exchange(Uint8Array.from(bytes), 1 + 2 * ROM_BYTES);
      if (answer === null) return null;
      const found = followed(answer.subarray(1));
      roms.push(found.rom);
      path = Uint8Array.from(found.rom);
      lastFork = found.lastFork;
    } while (lastFork > 0 && roms.length < ROMS_MAX);
    return roms;
  }

  /** Lets all sensors measure at once, on power from the data wire if they have no other. */
  async convert(): Promise<BusReset | null> {
    const reset = await this.reset();
    if (reset !== "presence" && reset !== "alarm") return reset;
    await this.#port.write(Uint8Array.of(DATA_MODE, SKIP_ROM, COMMAND_MODE));
    await this.#port.write(Uint8Array.of(PULL_UP_1048_MS, PULL_UP_ARM, PULSE_STOP, DATA_MODE, CONVERT_T));
    await this.#pause(CONVERT_MS);
    await this.#port.write(Uint8Array.of(COMMAND_MODE, PULL_UP_DISARM, PULSE_STOP));
    await this.#pause(SETTLE_MS);
    return reset;
  }

  /** @returns the nine bytes of one sensor's scratchpad, or null when the chip does not answer. */
  async scratchpad(rom: Uint8Array): Promise<Uint8Array | null> {
    if ((await this.reset()) === null) return null;
    const read = [...rom, READ_SCRATCHPAD, ...new Array<number>(SCRATCHPAD_BYTES).fill(0xff)];
    const bytes = Uint8Array.of(DATA_MODE, MATCH_ROM, ...escaped(read), COMMAND_MODE);
    const answer = await this.#exchange(bytes, 1 + read.length);
    return answer?.subarray(-SCRATCHPAD_BYTES) ?? null;
  }

  async #exchange(bytes: Uint8Array, replyBytes: number): Promise<Uint8Array | null> {
    this.#received = [];
    this.#wanted = replyBytes;
    const arrived = new Promise<boolean>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#port.clock.after(REPLY_WAIT_MS_MAX, () => resolve(false));
    });
    if (!(await this.#port.write(bytes))) this.#wake?.(false);
    const isWhole = await arrived;
    this.#timer?.cancel();
    this.#wake = undefined;
    return isWhole ? Uint8Array.from(this.#received.slice(0, replyBytes)) : null;
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#port.clock.after(waitMs, resolve);
    });
  }
}

function escaped(bytes: Iterable<number>): number[] {
  return [...bytes].flatMap((byte) => (byte === COMMAND_MODE ? [byte, byte] : [byte]));
}

const bitOf = (bytes: Uint8Array, index: number): number => ((bytes[index >> 3] ?? 0) >> (index & 7)) & 1;

function setBit(bytes: Uint8Array, index: number): void {
  bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
}

/** Sixteen bytes for the accelerator: the odd bits say which way to go at a fork. Up to the last fork as before, there 1. */
function directions(path: Uint8Array, lastFork: number): Uint8Array {
  const bytes = new Uint8Array(2 * ROM_BYTES);
  for (let bit = 0; bit < ROM_BITS; bit++) {
    const wanted = bit + 1 < lastFork ? bitOf(path, bit) : bit + 1 === lastFork ? 1 : 0;
    if (wanted === 1) setBit(bytes, 2 * bit + 1);
  }
  return bytes;
}

/** Odd bits are the ROM that was followed; an even bit says that there was a fork. */
function followed(answer: Uint8Array): { readonly rom: Uint8Array; readonly lastFork: number } {
  const rom = new Uint8Array(ROM_BYTES);
  let lastFork = 0;
  for (let bit = 0; bit < ROM_BITS; bit++) {
    const isOne = bitOf(answer, 2 * bit + 1) === 1;
    if (isOne) setBit(rom, bit);
    if (bitOf(answer, 2 * bit) === 1 && !isOne) lastFork = bit + 1;
  }
  return { rom, lastFork };
}
