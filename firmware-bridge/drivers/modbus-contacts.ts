import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";
import type { ContactReading, Contacts } from "../ports/contact.ts";
import type { DeviceState } from "../ports/device-state.ts";
import type { ModbusBus } from "./modbus-bus.ts";

/** One input of a module on the RS-485 line. */
export interface ContactInput {
  readonly name: string;
  /** Modbus address, 1…247. */
  readonly unit: number;
  /** 2 discrete inputs, 1 coils: modules differ. */
  readonly functionCode: 1 | 2;
  /** Number of the input, from 0. */
  readonly input: number;
}

/** A door is noticed within a second; the line is busy for a fiftieth of it. */
const POLL_EVERY_MS = 1000;

/** Asks the inputs of one line in turn. It shares the line with probes and relays. */
export class ModbusContacts implements Contacts {
  readonly label: string;
  readonly inputs: readonly string[];
  readonly #options: {
    readonly bus: ModbusBus;
    readonly inputs: readonly ContactInput[];
    readonly clock: BridgeClock;
  };
  readonly #listeners = new Set<(reading: ContactReading) => void>();
  readonly #stopListening: () => void;
  #timer: BridgeTimer | undefined;
  /** Grows with each connection: a round of an earlier one ends in silence. */
  #round = 0;

  constructor(options: {
    readonly bus: ModbusBus;
    readonly inputs: readonly ContactInput[];
    readonly clock: BridgeClock;
  }) {
    this.#options = options;
    this.label = `contacts ${options.bus.label}`;
    this.inputs = options.inputs.map(({ name }) => name);
    this.#stopListening = options.bus.onState((state) => this.#onBus(state));
  }

  state(): DeviceState {
    return this.#options.bus.state();
  }

  onState(listener: (state: DeviceState) => void): () => void {
    return this.#options.bus.onState(listener);
  }

  onReading(listener: (reading: ContactReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open(options: { readonly signal: AbortSignal }): void {
    const { bus } = this.#options;
    bus.open(options);
    this.#onBus(bus.state());
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#stopAsking();
    await this.#options.bus.close();
  }

  #onBus(state: DeviceState): void {
    this.#stopAsking();
    if (state.kind === "live") void this.#askAll(this.#round);
  }

  #stopAsking(): void {
    this.#round += 1;
    this.#timer?.cancel();
  }

  async #askAll(round: number): Promise<void> {
    const { bus, inputs, clock } = this.#options;
    for (const { name, unit, functionCode, input } of inputs) {
      const answer = await bus.ask({ unit, functionCode, address: input, quantity: 1 });
      if (round !== this.#round) return;
      const isOn = answer.kind === "answered" ? ((answer.message.bytes?.[0] ?? 0) & 1) === 1 : null;
      const fault = answer.kind === "answered" ? null : answer.kind === "refused" ? "silent" : answer.kind;
      for (const listener of [...this.#listeners])
        listener({ input: name, isOn, fault, receivedMonoMs: clock.mono() });
    }
    if (inputs.length > 0) this.#timer = clock.after(POLL_EVERY_MS, () => void this.#askAll(round));
  }
}
