import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";
import type { DeviceState } from "../ports/device-state.ts";
import type { Decoder, OptionBag } from "../ports/dialect.ts";
import type { Thermometer, ThermometerReading } from "../ports/thermometer.ts";
import { modbusTemp } from "../protocol/modbus-temp/modbus-temp.ts";
import { faulty, type Measured, measuredOf, PLAUSIBLE_MILLI_C, type PlausibleMilliC } from "./celsius.ts";
import { deviceFault } from "./device-faults.ts";
import type { ModbusAnswer, ModbusBus } from "./modbus-bus.ts";
import { StateTeller } from "./state-teller.ts";

/** One probe on the RS-485 line, and which registers it keeps its values in. */
export interface ModbusProbe {
  readonly name: string;
  /** Modbus address, 1…247. */
  readonly unit: number;
  readonly functionCode: 3 | 4;
  readonly address: number;
  readonly quantity: number;
  /** `fields` and `sentinels` of the `modbus-temp` dialect. */
  readonly registers: OptionBag;
  readonly plausibleMilliC?: PlausibleMilliC;
}

export interface ModbusThermometerOptions {
  readonly bus: ModbusBus;
  readonly probes: readonly ModbusProbe[];
  readonly clock: BridgeClock;
  readonly pollEveryMs?: number;
  readonly replyWaitMsMax?: number;
}

const POLL_EVERY_MS = 5000;

/** Asks the probes of one line in turn, round after round. */
export class ModbusThermometer implements Thermometer {
  readonly label: string;
  readonly #options: ModbusThermometerOptions;
  readonly #decoders: readonly Decoder[];
  readonly #listeners = new Set<(reading: ThermometerReading) => void>();
  readonly #told = new StateTeller();
  readonly #stopListening: () => void;
  #timer: BridgeTimer | undefined;
  /** Grows with each connection: a round of an earlier one ends in silence. */
  #round = 0;

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ModbusThermometerOptions) {
    this.label = `modbus-temp ${options.bus.label}`;
    this.#options = options;
    this.#decoders = options.probes.map((probe) => modbusTemp.open(probe.registers).decoder());
    this.#stopListening = options.bus.onState((state) => this.#onBus(state));
  }

  state(): DeviceState {
    return this.#told.state;
  }

  onState(listener: (state: DeviceState) => void): () => void {
    return this.#told.onState(listener);
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open(options: { readonly signal: AbortSignal }): void {
    const { bus } = this.#options;
    bus.open(options);
    // Another device of the line may have opened it before.
    this.#onBus(bus.state());
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#stopAsking();
    await this.#options.bus.close();
    this.#told.enter({ kind: "closed" });
  }

  #onBus(state: DeviceState): void {
    if (state.kind === "live") {
      this.#told.enter({ kind: "connecting" });
      this.#stopAsking();
      void this.#askAll(this.#round);
      return;
    }
    this.#stopAsking();
    this.#told.enter(state);
  }

  #stopAsking(): void {
    this.#round += 1;
    this.#timer?.cancel();
  }

  async #askAll(round: number): Promise<void> {
    const { probes, bus, clock, replyWaitMsMax, pollEveryMs = POLL_EVERY_MS } = this.#options;
    let answeredCount = 0;
    for (const [index, { name, unit, functionCode, address, quantity }] of probes.entries()) {
      const answer = await bus.ask({
        unit,
        functionCode,
        address,
        quantity,
        ...(replyWaitMsMax === undefined ? {} : { replyWaitMsMax }),
      });
      if (round !== this.#round) return;
      if (answer.kind === "answered" || answer.kind === "exception") answeredCount += 1;
      const raw = "raw" in answer ? answer.raw : new Uint8Array();
      this.#tell({ probe: name, ...this.#measured(index, answer), receivedMonoMs: clock.mono(), raw });
    }
    if (round !== this.#round) return;
    this.#told.enter(
      answeredCount > 0
        ? { kind: "live" }
        : { kind: "faulty", fault: deviceFault("device-silent", `${this.label}: no probe answers`) },
    );
    this.#timer = clock.after(pollEveryMs, () => void this.#askAll(round));
  }

  #measured(index: number, answer: ModbusAnswer): Measured {
    if (answer.kind === "refused") return faulty(answer.reason === "busy" ? "busy" : "silent");
    if (answer.kind !== "answered") return faulty(answer.kind);
    const [reading] = this.#decoders[index]?.decode(answer.raw) ?? [];
    const plausible = this.#options.probes[index]?.plausibleMilliC ?? PLAUSIBLE_MILLI_C;
    if (reading?.type !== "temperature") return faulty("registers");
    return measuredOf(reading, plausible) ?? faulty("registers");
  }

  #tell(reading: ThermometerReading): void {
    for (const listener of [...this.#listeners]) listener(reading);
  }
}
