import type { DeviceState } from "../../firmware-bridge/ports/device-state.ts";
import { BridgeFault } from "../../firmware-bridge/ports/fault.ts";
import type { Thermometer, ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import type { Connection, ConnectionEvents, Transport } from "../../firmware-bridge/ports/transport.ts";
import type { Chance } from "./chance.ts";
import type { MachineClock } from "./simulated-time.ts";

/** What lies on the pan: one load, weighed once and known by its weight. */
export interface Load {
  readonly grams: number;
}

const READING_EVERY_MS = 10_000;
/** Of the way to where the air is going, with each reading. */
const AIR_STEP = 0.08;
const NOISE_MILLI_C = 60;
/** The high limit less its dead band: here a temperature alarm ends. */
const COLD_MILLI_C = 7500;

/**
 * The kitchen itself: a pan, a cabinet's air and the lines to both. It is there before every process and after it;
 * a terminal only looks at it.
 */
export class KitchenThings {
  readonly #chance: Chance;
  #pan: Load | null = null;
  #scaleLine: PlayedScaleLine | null = null;
  #plugged = true;
  /** What is true of the air, and where it is going. */
  airMilliC = 4000;
  airGoesToMilliC = 4000;
  /** What the probe says in place of a value; `line-lost`: its line is away. */
  probeFault: "open" | "short" | "line-lost" | null = null;
  /** Of the probe, whoever listened: the model knows what a terminal can have known. */
  lastSaid: { readonly milliC: number | null; readonly atMs: number } | null = null;
  readingCount = 0;
  /** When the probe said last that the air is well below its limit. */
  lastColdMs = Number.NEGATIVE_INFINITY;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Null: the pan is empty. */
  get pan(): Load | null {
    return this.#pan;
  }

  /** The line of a new process to the scale: the former one's is gone. */
  scaleLine(): Transport {
    this.#scaleLine = new PlayedScaleLine(() => this.#plugged);
    return this.#scaleLine;
  }

  plugScale(plugged: boolean): void {
    this.#plugged = plugged;
    if (!plugged) this.#scaleLine?.drop();
  }

  put(load: Load | null): void {
    this.#pan = load;
  }

  /** Somebody presses the scale's key: it prints what it weighs. */
  pressPrint(isStable = true): void {
    const grams = this.#pan?.grams ?? 0;
    const text = `${Math.floor(grams / 1000)}.${String(grams % 1000).padStart(3, "0")}`;
    const frame = Buffer.from(`${isStable ? "ST" : "US"},GS,${text.padStart(9)} kg\r\n`, "latin1");
    const cut = this.#chance.below(frame.length);
    this.#scaleLine?.say(frame.subarray(0, cut));
    this.#scaleLine?.say(frame.subarray(cut));
  }

  /** One reading later. @returns what the probe measures. */
  measure(): number {
    this.airMilliC += (this.airGoesToMilliC - this.airMilliC) * AIR_STEP;
    return Math.round(this.airMilliC + this.#chance.between(-NOISE_MILLI_C, NOISE_MILLI_C));
  }
}

/** Bytes of a scale to whoever has opened its line. */
class PlayedScaleLine implements Transport {
  readonly label = "played scale";
  readonly #isThere: () => boolean;
  #events: ConnectionEvents | null = null;

  constructor(isThere: () => boolean) {
    this.#isThere = isThere;
  }

  open(events: ConnectionEvents): Promise<Connection> {
    if (!this.#isThere()) return Promise.reject(gone());
    this.#events = events;
    return Promise.resolve({
      write: () => Promise.resolve(),
      close: () => {
        this.#end(events, undefined);
        return Promise.resolve();
      },
    });
  }

  say(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#events?.data(Uint8Array.from(bytes));
  }

  drop(): void {
    if (this.#events !== null) this.#end(this.#events, gone());
  }

  #end(events: ConnectionEvents, fault: BridgeFault | undefined): void {
    if (this.#events !== events) return;
    this.#events = null;
    events.closed(fault);
  }
}

/** The cabinet's probe as one process hears it, reading after reading. */
export class PlayedThermometer implements Thermometer {
  readonly label = "played probe";
  readonly #things: KitchenThings;
  readonly #heard = new Set<(reading: ThermometerReading) => void>();
  readonly #states = new Set<(state: DeviceState) => void>();
  #state: DeviceState = { kind: "live" };

  constructor(things: KitchenThings, clock: MachineClock, nowMs: () => number) {
    this.#things = things;
    clock.every(READING_EVERY_MS, () => this.#read(clock, nowMs()));
  }

  state(): DeviceState {
    return this.#state;
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#heard.add(listener);
    return () => void this.#heard.delete(listener);
  }

  onState(listener: (state: DeviceState) => void): () => void {
    this.#states.add(listener);
    return () => void this.#states.delete(listener);
  }

  open(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }

  #read(clock: MachineClock, nowMs: number): void {
    const milliC = this.#things.measure();
    const { probeFault } = this.#things;
    this.#things.readingCount += 1;
    if (probeFault === "line-lost") {
      this.#enter({ kind: "lost", fault: gone() });
      return;
    }
    this.#enter({ kind: "live" });
    this.#things.lastSaid = { milliC: probeFault === null ? milliC : null, atMs: nowMs };
    if (probeFault === null && milliC <= COLD_MILLI_C) this.#things.lastColdMs = nowMs;
    const reading: ThermometerReading = {
      probe: PROBE,
      celsius: probeFault === null ? String(milliC / 1000) : null,
      milliC: probeFault === null ? milliC : null,
      humidityPercent: null,
      fault: probeFault,
      receivedMonoMs: clock.mono(),
      raw: new Uint8Array(),
    };
    for (const listener of [...this.#heard]) listener(reading);
  }

  #enter(state: DeviceState): void {
    if (state.kind === this.#state.kind) return;
    this.#state = state;
    for (const listener of [...this.#states]) listener(state);
  }
}

/** The one probe of the one cabinet. */
export const PROBE = "air";
export const CABINET = "fridge";
export const SCALE = "bench";

function gone(): BridgeFault {
  const code = "port-gone";
  return new BridgeFault(code, { code, retry: "backoff", hint: { zh: "设备已拔出", en: "unplugged" } });
}
