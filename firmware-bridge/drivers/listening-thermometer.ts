import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Codec, Dialect, OptionBag } from "../ports/dialect.ts";
import type { Thermometer, ThermometerReading } from "../ports/thermometer.ts";
import type { Transport } from "../ports/transport.ts";
import type { DecodedFrame } from "../session.ts";
import { faulty, type Measured, measuredOf, PLAUSIBLE_MILLI_C, type PlausibleMilliC } from "./celsius.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";
import { formatHint } from "./top-bit.ts";

export interface ListeningThermometerOptions {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions?: OptionBag;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  /** Name of the one probe. */
  readonly probe: string;
  readonly plausibleMilliC?: PlausibleMilliC;
  /** Asks so often, where the dialect has a question; without it the device is expected to talk by itself. */
  readonly pollEveryMs?: number;
  /** Without a measurement for so long there is a fault instead of one. */
  readonly silenceMsMax?: number;
}

const SILENCE_MS_MAX = 10_000;

/** A thermometer that tells its temperature by itself, or at one question: infrared heads and probes that print text. */
export class ListeningThermometer extends DeviceBase implements Thermometer {
  readonly #options: ListeningThermometerOptions;
  readonly #codec: Codec;
  readonly #listeners = new Set<(reading: ThermometerReading) => void>();
  #silence: BridgeTimer | undefined;
  #poll: BridgeTimer | undefined;
  #bytesInBefore = 0;

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ListeningThermometerOptions) {
    const codec = options.dialect.open(options.dialectOptions ?? {});
    super(`${options.dialect.key} ${options.transport.label}`, { ...options, codec });
    this.#options = options;
    this.#codec = codec;
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected override onOpen(): void {
    this.enter({ kind: "connecting" });
    this.#watch();
    this.#ask();
  }

  protected override onAway(): void {
    this.#silence?.cancel();
    this.#poll?.cancel();
  }

  protected override onFrame({ reading, raw }: DecodedFrame): void {
    const measured = measuredOf(reading, this.#options.plausibleMilliC ?? PLAUSIBLE_MILLI_C);
    // A damaged frame is no measurement yet: the next one may be whole, and silence is told by the watch.
    if (measured === null || measured.fault === "damaged") return;
    this.#watch();
    if (measured.fault === null) this.enter({ kind: "live" });
    else
      this.enter({ kind: "faulty", fault: deviceFault("probe-fault", `${this.label}: ${measured.fault}`) });
    this.#tell(measured, raw);
  }

  #ask(): void {
    const { pollEveryMs, clock } = this.#options;
    const question = this.#codec.commands.read;
    if (pollEveryMs === undefined || question === undefined) return;
    void this.line.write(question);
    this.#poll = clock.after(pollEveryMs, () => this.#ask());
  }

  #watch(): void {
    this.#silence?.cancel();
    const { clock, silenceMsMax = SILENCE_MS_MAX } = this.#options;
    this.#bytesInBefore = this.line.counters().bytesIn;
    this.#silence = clock.after(silenceMsMax, () => {
      const isMute = this.line.counters().bytesIn === this.#bytesInBefore;
      const code = isMute ? "device-silent" : "device-unreadable";
      const hint = isMute
        ? undefined
        : formatHint(this.line.recentBytes(), this.#codec, this.#options.dialect);
      this.enter({ kind: "faulty", fault: deviceFault(code, `${this.label}: ${code}`, hint) });
      this.#tell(faulty(isMute ? "silent" : "damaged"), new Uint8Array());
      this.#watch();
    });
  }

  #tell(measured: Measured, raw: Uint8Array): void {
    const { probe, clock } = this.#options;
    const reading = { probe, ...measured, receivedMonoMs: clock.mono(), raw };
    for (const listener of [...this.#listeners]) listener(reading);
  }
}
