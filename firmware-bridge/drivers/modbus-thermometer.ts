import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Decoder, OptionBag } from "../ports/dialect.ts";
import type { Reading } from "../ports/reading.ts";
import type { Thermometer, ThermometerReading } from "../ports/thermometer.ts";
import type { Transport } from "../ports/transport.ts";
import { withModbusCrc } from "../protocol/modbus-rtu/modbus-frame.ts";
import { modbusTemp } from "../protocol/modbus-temp/modbus-temp.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";

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
  /** Outside of this window a value is a fault of the probe, never a temperature. */
  readonly plausibleMilliC?: { readonly min: number; readonly max: number };
}

export interface ModbusThermometerOptions {
  readonly transport: Transport;
  readonly probes: readonly ModbusProbe[];
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  readonly pollEveryMs?: number;
  readonly replyWaitMsMax?: number;
}

const POLL_EVERY_MS = 5000;
const REPLY_WAIT_MS_MAX = 500;
/** One more try: a relay's greeting at power-up is known to have destroyed the first exchange. */
const TRIES_MAX = 2;
/** Silence that the standard wants between frames, at 4800 baud and with room. */
const GAP_MS = 20;
const PLAUSIBLE_MILLI_C = { min: -60_000, max: 150_000 };

type Attempt = { readonly index: number; readonly tries: number; damaged: boolean };

/** Asks the probes of one line in turn, one question at a time. */
export class ModbusThermometer extends DeviceBase implements Thermometer {
  readonly #options: ModbusThermometerOptions;
  readonly #decoders: readonly Decoder[];
  readonly #listeners = new Set<(reading: ThermometerReading) => void>();
  #attempt: Attempt | undefined;
  #timer: BridgeTimer | undefined;
  #answered = 0;

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ModbusThermometerOptions) {
    super(`modbus-temp ${options.transport.label}`, { ...options, codec: modbusTemp.open({}) });
    this.#options = options;
    this.#decoders = options.probes.map((probe) => modbusTemp.open(probe.registers).decoder());
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected override onOpen(): void {
    this.enter({ kind: "connecting" });
    this.#ask({ index: 0, tries: 1, damaged: false });
  }

  protected override onAway(): void {
    this.#timer?.cancel();
    this.#attempt = undefined;
  }

  protected override onFrame({ reading, raw }: DecodedFrame): void {
    const attempt = this.#attempt;
    const probe = this.#options.probes[attempt?.index ?? -1];
    if (attempt === undefined || probe === undefined) return;
    if (reading.type === "invalid") attempt.damaged = true;
    // Our own question comes back on lines with echo; answers of other addresses pass by.
    if (reading.type !== "modbus" || reading.unit !== probe.unit || reading.fc !== probe.functionCode) return;
    if (reading.kind === "exception") this.#finish(attempt, faulty("exception"), raw);
    if (reading.kind !== "response" || reading.registers?.length !== probe.quantity) return;
    const [value] = this.#decoders[attempt.index]?.decode(raw) ?? [];
    this.#finish(attempt, measured(value, probe), raw);
  }

  #ask(attempt: Attempt): void {
    const probe = this.#options.probes[attempt.index];
    if (probe === undefined) {
      this.#endRound();
      return;
    }
    this.#attempt = attempt;
    const { unit, functionCode, address, quantity } = probe;
    const words = [address, quantity].flatMap((word) => [word >> 8, word & 0xff]);
    void this.line.write(withModbusCrc([unit, functionCode, ...words]));
    this.#later(this.#options.replyWaitMsMax ?? REPLY_WAIT_MS_MAX, () => this.#onNoAnswer(attempt));
  }

  #onNoAnswer(attempt: Attempt): void {
    if (attempt.tries < TRIES_MAX) this.#ask({ ...attempt, tries: attempt.tries + 1 });
    else this.#finish(attempt, faulty(attempt.damaged ? "damaged" : "silent"), new Uint8Array());
  }

  #finish(attempt: Attempt, value: Measured, raw: Uint8Array): void {
    const probe = this.#options.probes[attempt.index];
    if (probe === undefined || this.#attempt !== attempt) return;
    this.#attempt = undefined;
    if (value.fault !== "silent" && value.fault !== "damaged") this.#answered += 1;
    const reading = { probe: probe.name, ...value, receivedMonoMs: this.#options.clock.mono(), raw };
    for (const listener of [...this.#listeners]) listener(reading);
    this.#later(GAP_MS, () => this.#ask({ index: attempt.index + 1, tries: 1, damaged: false }));
  }

  #endRound(): void {
    if (this.#answered > 0) this.enter({ kind: "live" });
    else
      this.enter({ kind: "faulty", fault: deviceFault("device-silent", `${this.label}: no probe answers`) });
    this.#answered = 0;
    this.#later(this.#options.pollEveryMs ?? POLL_EVERY_MS, () =>
      this.#ask({ index: 0, tries: 1, damaged: false }),
    );
  }

  #later(waitMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(waitMs, task);
  }
}

type Measured = Pick<ThermometerReading, "celsius" | "milliC" | "humidityPercent" | "fault">;

const faulty = (fault: string): Measured => ({ celsius: null, milliC: null, humidityPercent: null, fault });

function measured(reading: Reading | undefined, probe: ModbusProbe): Measured {
  if (reading?.type !== "temperature") return faulty("registers");
  if (reading.celsius === null) return faulty(reading.fault ?? "sensor");
  const milliC = milliCelsius(reading.celsius);
  const { min, max } = probe.plausibleMilliC ?? PLAUSIBLE_MILLI_C;
  if (milliC < min || milliC > max) return faulty("implausible");
  return { celsius: reading.celsius, milliC, humidityPercent: reading.humidity ?? null, fault: null };
}

/** @returns thousandths of a degree; finer decimals are cut off. */
function milliCelsius(celsius: string): number {
  const [whole = "0", fraction = ""] = celsius.replace("-", "").split(".");
  const magnitude = Number(whole + fraction.padEnd(3, "0").slice(0, 3));
  return celsius.startsWith("-") && magnitude !== 0 ? -magnitude : magnitude;
}
