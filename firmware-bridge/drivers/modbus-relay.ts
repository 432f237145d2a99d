import type { DeviceState } from "../ports/device-state.ts";
import type { Relay, RelayOutcome } from "../ports/relay.ts";
import { deviceFault } from "./device-faults.ts";
import type { ModbusAnswer, ModbusBus } from "./modbus-bus.ts";

/** One output of a relay module. */
export interface RelayChannel {
  readonly name: string;
  /** Modbus address of the module. */
  readonly unit: number;
  /** Number of the coil, from 0. */
  readonly coil: number;
}

const COIL_ON = 0xff00;
const ILLEGAL_FUNCTION = 1;

/**
 * Outputs of relay modules, by coil writes. Each write is read back: on a line with an echo the question looks just
 * like the answer, and an alarm that nobody hears must not count as given.
 */
export class ModbusRelay implements Relay {
  readonly label: string;
  readonly channels: readonly string[];
  readonly #bus: ModbusBus;
  readonly #channels: readonly RelayChannel[];

  constructor(options: { readonly bus: ModbusBus; readonly channels: readonly RelayChannel[] }) {
    this.#bus = options.bus;
    this.#channels = options.channels;
    this.channels = options.channels.map(({ name }) => name);
    this.label = `relay ${options.bus.label}`;
  }

  state(): DeviceState {
    return this.#bus.state();
  }

  onState(listener: (state: DeviceState) => void): () => void {
    return this.#bus.onState(listener);
  }

  open(options: { readonly signal: AbortSignal }): void {
    this.#bus.open(options);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  async set(channel: string, isOn: boolean): Promise<RelayOutcome> {
    const found = this.#channels.find(({ name }) => name === channel);
    if (found === undefined) return { kind: "refused", reason: "unknown-channel" };
    const { unit, coil } = found;
    const written = await this.#bus.ask({
      unit,
      functionCode: 5,
      address: coil,
      quantity: isOn ? COIL_ON : 0,
    });
    if (written.kind !== "answered") return this.#failure(written);
    const read = await this.#bus.ask({ unit, functionCode: 1, address: coil, quantity: 1 });
    if (read.kind === "exception" && read.code === ILLEGAL_FUNCTION) return { kind: "done" };
    if (read.kind !== "answered") return this.#failure(read);
    const readsOn = ((read.message.bytes?.[0] ?? 0) & 1) === 1;
    if (readsOn === isOn) return { kind: "done" };
    return {
      kind: "failed",
      fault: deviceFault("relay-stuck", `${this.label}: coil ${coil} did not switch`),
    };
  }

  #failure(answer: Exclude<ModbusAnswer, { kind: "answered" }>): RelayOutcome {
    if (answer.kind === "refused") return answer;
    const code = (
      {
        unfitting: "device-unfitting",
        silent: "device-silent",
        damaged: "device-checksums",
        exception: "device-exception",
      } as const
    )[answer.kind];
    return { kind: "failed", fault: deviceFault(code, `${this.label}: ${answer.kind}`) };
  }
}
