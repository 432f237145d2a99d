import type { DeviceSocket } from "./socket.ts";

/** A sensor on the bus. */
export interface SimulatedSensor {
  /** 16 hex digits, the last two the CRC. */
  readonly rom: string;
  /** Sixteenths of a degree. */
  count: number;
  trouble?: "none" | "power-on" | "bad-crc" | "gone-after-search";
}

export type OneWireTrouble = "none" | "short" | "empty" | "silence";

/** 85 °C in sixteenths: what a sensor holds that has not measured. */
const POWER_ON_COUNT = 0x0550;
const ROM_BITS = 64;

/**
 * A DS2480B and its sensors, written from the data sheets by hand: command and data mode, resets, the search
 * accelerator, pulses, and what the sensors put on the wire.
 */
export class OneWireSimulator {
  readonly #socket: DeviceSocket;
  readonly #sensors: SimulatedSensor[];
  readonly #stopListening: () => void;
  trouble: OneWireTrouble;
  #isData = false;
  #escapes = false;
  #accelerates = false;
  /** Bytes since the last reset of the bus. */
  #said: number[] = [];
  #search: number[] = [];
  #measured = new Set<SimulatedSensor>();

  constructor(options: {
    readonly socket: DeviceSocket;
    readonly sensors: SimulatedSensor[];
    readonly trouble?: OneWireTrouble;
  }) {
    this.#socket = options.socket;
    this.#sensors = options.sensors;
    this.trouble = options.trouble ?? "none";
    this.#stopListening = options.socket.onReceived((bytes) => {
      for (const byte of bytes) this.#hear(byte);
    });
  }

  stop(): void {
    this.#stopListening();
  }

  #hear(byte: number): void {
    if (this.trouble === "silence") return;
    if (!this.#isData) this.#command(byte);
    else if (byte === 0xe3 && !this.#escapes) this.#escapes = true;
    else if (byte !== 0xe3 && this.#escapes) {
      this.#leaveData();
      this.#command(byte);
    } else {
      this.#escapes = false;
      this.#data(byte);
    }
  }

  #leaveData(): void {
    this.#isData = false;
    this.#escapes = false;
  }

  #command(byte: number): void {
    if (byte === 0xe1) this.#isData = true;
    else if (byte === 0xe3 || byte === 0xc1 || byte === 0xf1 || byte === 0xef || byte === 0xed) return;
    else if (byte === 0xb5 || byte === 0xa5) this.#accelerates = byte === 0xb5;
    else if (byte === 0xc5) this.#reset();
    else if (byte === 0x91) this.#answer(0x93);
    else if (byte === 0x0f) this.#answer(0x00);
    // A parameter is answered by itself without the lowest bit.
    else this.#answer(byte & 0xfe);
  }

  #reset(): void {
    this.#said = [];
    this.#search = [];
    if (this.trouble === "short") this.#answer(0xcc);
    else this.#answer(this.trouble === "empty" || this.#sensors.length === 0 ? 0xcf : 0xcd);
  }

  #data(byte: number): void {
    if (this.#accelerates) {
      this.#search.push(byte);
      if (this.#search.length === 16) this.#answer(...this.#walk(this.#search));
      return;
    }
    this.#said.push(byte);
    this.#answer(this.#wire(byte));
  }

  /** What the wire reads while the master writes `byte`: sensors can only pull ones down. */
  #wire(byte: number): number {
    const [command, ...rest] = this.#said;
    if (command === 0xcc && rest[0] === 0x44) for (const sensor of this.#sensors) this.#measured.add(sensor);
    if (command !== 0x55 || rest.length < 10 || rest[8] !== 0xbe) return byte;
    const rom = Buffer.from(rest.slice(0, 8)).toString("hex").toUpperCase();
    const sensor = this.#sensors.find((candidate) => candidate.rom.toUpperCase() === rom);
    if (sensor === undefined || sensor.trouble === "gone-after-search") return byte;
    return byte & (this.#scratchpad(sensor)[rest.length - 10] ?? 0xff);
  }

  #scratchpad(sensor: SimulatedSensor): number[] {
    const isFresh = this.#measured.has(sensor) && sensor.trouble !== "power-on";
    const count = isFresh ? sensor.count : POWER_ON_COUNT;
    const body = [count & 0xff, (count >> 8) & 0xff, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10];
    const crc = crcOf(body);
    return [...body, sensor.trouble === "bad-crc" ? crc ^ 0x01 : crc];
  }

  /** The accelerator: at each bit, which values the sensors still in the race have, and which way the host wants. */
  #walk(wanted: readonly number[]): number[] {
    const answer = new Array<number>(16).fill(0);
    let racing = this.#sensors.map(({ rom }) => Buffer.from(rom, "hex"));
    const set = (index: number): void => {
      answer[index >> 3] = (answer[index >> 3] ?? 0) | (1 << (index & 7));
    };
    for (let bit = 0; bit < ROM_BITS; bit++) {
      const bitAt = (rom: Buffer): number => ((rom[bit >> 3] ?? 0) >> (bit & 7)) & 1;
      const values = new Set(racing.map(bitAt));
      const direction = ((wanted[(2 * bit + 1) >> 3] ?? 0) >> ((2 * bit + 1) & 7)) & 1;
      const isFork = values.size === 2;
      const taken = isFork ? direction : ([...values][0] ?? 1);
      if (isFork) set(2 * bit);
      if (taken === 1) set(2 * bit + 1);
      racing = racing.filter((rom) => bitAt(rom) === taken);
    }
    return answer;
  }

  #answer(...bytes: number[]): void {
    this.#socket.send(Uint8Array.from(bytes));
  }
}

/** @param serial  12 hex digits. @returns the ROM code of a DS18B20. */
export function romOf(serial: string): string {
  const body = Buffer.from(`28${serial}`, "hex");
  return `28${serial}${crcOf([...body])
    .toString(16)
    .padStart(2, "0")}`.toUpperCase();
}

function crcOf(bytes: readonly number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const mix = (crc ^ (byte >> bit)) & 1;
      crc = (crc >> 1) ^ (mix === 1 ? 0x8c : 0);
    }
  }
  return crc;
}
