import type { Clock, Timer } from "../ports/clock.ts";
import type { DeviceSocket } from "./socket.ts";

/** What a person does to the cabinet. */
export interface CabinetCondition {
  readonly isDoorOpen: boolean;
  readonly isCompressorOn: boolean;
  /** Addresses of probes that do not answer. */
  readonly unpluggedUnits: readonly number[];
}

export interface CabinetSimulatorOptions {
  readonly socket: DeviceSocket;
  readonly clock: Pick<Clock, "mono" | "every">;
  /** Modbus addresses of the probes; the first hangs in the air, the others stick in the food. */
  readonly probeUnits: readonly number[];
  /** The module with the door's contact at input 0 and the buzzer at coil 0. */
  readonly moduleUnit: number;
  /** Faster than the kitchen's clock, for demonstrations. */
  readonly timesFaster?: number;
  readonly startMilliC?: number;
}

const ROOM_MILLI_C = 25_000;
/** The thermostat's two points. */
const COMPRESSOR_STARTS_MILLI_C = 4500;
const COMPRESSOR_STOPS_MILLI_C = 3000;
const EVAPORATOR_MILLI_C = -12_000;
/** Time constants: the air towards the room, towards the evaporator, and the food towards the air. */
const CLOSED_MS = 150 * 60_000;
const OPEN_MS = 8 * 60_000;
const COOLING_MS = 45 * 60_000;
const FOOD_MS = 40 * 60_000;
const STEP_MS = 1000;
const QUESTION_BYTES = 8;
/** Holding register 0 in tenths of a degree, register 1 in tenths of a per cent. */
const HUMIDITY_TENTHS = 652;

/**
 * A cabinet on an RS-485 line with air and food after Newton's law of cooling: probes, a door's contact and a buzzer's
 * relay as Modbus slaves, by the standard and without the codec that it is tested with.
 */
export class CabinetSimulator {
  readonly #options: CabinetSimulatorOptions;
  readonly #stopListening: () => void;
  readonly #timer: Timer;
  #condition: CabinetCondition = { isDoorOpen: false, isCompressorOn: true, unpluggedUnits: [] };
  #airMilliC: number;
  #foodMilliC: number;
  #isCooling = false;
  #isBuzzing = false;
  #heard: number[] = [];
  #lastMonoMs: number;

  constructor(options: CabinetSimulatorOptions) {
    this.#options = options;
    this.#airMilliC = options.startMilliC ?? 4000;
    this.#foodMilliC = options.startMilliC ?? 4000;
    this.#lastMonoMs = options.clock.mono();
    this.#stopListening = options.socket.onReceived((bytes) => this.#hear(bytes));
    this.#timer = options.clock.every(STEP_MS, () => this.#warm());
  }

  get isBuzzing(): boolean {
    return this.#isBuzzing;
  }

  condition(): CabinetCondition {
    return this.#condition;
  }

  set(change: Partial<CabinetCondition>): void {
    this.#condition = { ...this.#condition, ...change };
  }

  stop(): void {
    this.#stopListening();
    this.#timer.cancel();
  }

  #warm(): void {
    const { clock, timesFaster = 1 } = this.#options;
    const nowMs = clock.mono();
    let leftMs = (nowMs - this.#lastMonoMs) * timesFaster;
    this.#lastMonoMs = nowMs;
    for (; leftMs > 0; leftMs -= STEP_MS) this.#step(Math.min(leftMs, STEP_MS));
  }

  #step(ms: number): void {
    const { isDoorOpen, isCompressorOn } = this.#condition;
    if (this.#airMilliC > COMPRESSOR_STARTS_MILLI_C) this.#isCooling = true;
    if (this.#airMilliC < COMPRESSOR_STOPS_MILLI_C) this.#isCooling = false;
    const towards = (target: number, constantMs: number): number =>
      ((target - this.#airMilliC) * ms) / constantMs;
    const room = towards(ROOM_MILLI_C, isDoorOpen ? OPEN_MS : CLOSED_MS);
    const cold = this.#isCooling && isCompressorOn ? towards(EVAPORATOR_MILLI_C, COOLING_MS) : 0;
    this.#airMilliC += room + cold;
    this.#foodMilliC += ((this.#airMilliC - this.#foodMilliC) * ms) / FOOD_MS;
  }

  #hear(bytes: Uint8Array): void {
    this.#heard.push(...bytes);
    while (this.#heard.length >= QUESTION_BYTES) this.#answer(this.#heard.splice(0, QUESTION_BYTES));
  }

  #answer(question: readonly number[]): void {
    const { probeUnits, moduleUnit } = this.#options;
    const [unit = 0, fc = 0, , first = 0, value = 0, quantity = 0] = question;
    if (unit === moduleUnit) this.#answerModule(question, fc, value);
    else if (probeUnits.includes(unit) && !this.#condition.unpluggedUnits.includes(unit))
      this.#answerProbe(unit, fc, first, quantity);
  }

  #answerModule(question: readonly number[], fc: number, value: number): void {
    const { moduleUnit, socket } = this.#options;
    if (fc === 5) {
      this.#isBuzzing = value === 0xff;
      socket.send(Uint8Array.from(question));
    } else if (fc === 1) this.#send([moduleUnit, 1, 1, this.#isBuzzing ? 1 : 0]);
    else if (fc === 2) this.#send([moduleUnit, 2, 1, this.#condition.isDoorOpen ? 1 : 0]);
  }

  #answerProbe(unit: number, fc: number, first: number, quantity: number): void {
    const milliC = unit === this.#options.probeUnits[0] ? this.#airMilliC : this.#foodMilliC;
    const registers = [Math.round(milliC / 100), HUMIDITY_TENTHS];
    const words = Array.from({ length: quantity }, (_, index) => (registers[first + index] ?? 0) & 0xffff);
    this.#send([unit, fc, 2 * quantity, ...words.flatMap((word) => [word >> 8, word & 0xff])]);
  }

  #send(body: readonly number[]): void {
    let crc = 0xffff;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
    }
    this.#options.socket.send(Uint8Array.from([...body, crc & 0xff, crc >> 8]));
  }
}
