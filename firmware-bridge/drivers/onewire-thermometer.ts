import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Codec } from "../ports/dialect.ts";
import type { Thermometer, ThermometerReading } from "../ports/thermometer.ts";
import type { Transport } from "../ports/transport.ts";
import { hexOf } from "../protocol/ascii.ts";
import { crc8Maxim } from "../protocol/checks.ts";
import { onewire } from "../protocol/onewire/onewire.ts";
import type { DecodedFrame } from "../session.ts";
import { faulty, type Measured, measuredOf, PLAUSIBLE_MILLI_C, type PlausibleMilliC } from "./celsius.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";
import { OneWireMaster } from "./onewire-master.ts";

/** One sensor that a site knows by name. */
export interface OneWireProbe {
  readonly name: string;
  /** 16 hex digits as printed by the search: family, serial number, CRC. */
  readonly rom: string;
  readonly plausibleMilliC?: PlausibleMilliC;
}

export interface OneWireThermometerOptions {
  readonly transport: Transport;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  /** Sensors outside of the list go by their ROM. A listed one that does not answer is `silent`. */
  readonly probes?: readonly OneWireProbe[];
  readonly pollEveryMs?: number;
}

const POLL_EVERY_MS = 5000;
/** A scratchpad is read again once: a plug that is touched damages one reading, not two. */
const READS_MAX = 2;
const FAMILIES = [0x10, 0x22, 0x28];

/** The master counts bytes itself, so each is a frame. */
const RAW_BYTES: Codec = {
  framing: { kind: "measured", frameBytesMax: 1, measure: () => ({ kind: "frame", length: 1 }) },
  decoder: () => ({ decode: () => [{ type: "ignored", reason: "raw" }] }),
  commands: {},
};

/** 1-Wire sensors behind a DS2480B: searched, measured all at once, read one by one. */
export class OneWireThermometer extends DeviceBase implements Thermometer {
  readonly #options: OneWireThermometerOptions;
  readonly #decoder = onewire.open({}).decoder();
  readonly #listeners = new Set<(reading: ThermometerReading) => void>();
  #master: OneWireMaster;
  #timer: BridgeTimer | undefined;
  #round = 0;

  constructor(options: OneWireThermometerOptions) {
    super(`ds2480b ${options.transport.label}`, { ...options, codec: RAW_BYTES });
    this.#options = options;
    this.#master = this.#newMaster(this.#round);
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected override onFrame({ raw }: DecodedFrame): void {
    this.#master.push(raw);
  }

  protected override onOpen(): void {
    this.enter({ kind: "connecting" });
    this.#master = this.#newMaster(this.#round);
    void this.#measureAll(this.#round);
  }

  protected override onAway(): void {
    this.#round += 1;
    this.#timer?.cancel();
    this.#master.abandon();
  }

  /** A master lives as long as its connection: what it still had to say must not go over the next one. */
  #newMaster(round: number): OneWireMaster {
    const write = async (bytes: Uint8Array): Promise<boolean> =>
      round === this.#round && (await this.line.write(bytes)).kind === "written";
    return new OneWireMaster({ write, clock: this.#options.clock });
  }

  async #measureAll(round: number): Promise<void> {
    const outcome = await this.#roundOf(round);
    if (round !== this.#round) return;
    if (outcome === "live") this.enter({ kind: "live" });
    else this.enter({ kind: "faulty", fault: deviceFault(outcome, `${this.label}: ${outcome}`) });
    if (outcome !== "live") this.#tellAllFaulty(outcome === "bus-short" ? "short" : "silent");
    const { clock, pollEveryMs = POLL_EVERY_MS } = this.#options;
    this.#timer = clock.after(pollEveryMs, () => void this.#measureAll(round));
  }

  async #roundOf(round: number): Promise<"live" | "device-silent" | "bus-short" | "bus-empty"> {
    const master = this.#master;
    if (!(await master.configure())) return "device-silent";
    const reset = await master.convert();
    if (reset === null) return "device-silent";
    if (reset === "short") return "bus-short";
    if (reset === "no-presence") return "bus-empty";
    const roms = (await master.search())?.filter(isThermometer) ?? [];
    if (roms.length === 0) return "bus-empty";
    for (const { name, rom, plausibleMilliC } of this.#probesOf(roms)) {
      const isThere = roms.some((found) => hexOf(found) === rom);
      const [measured, raw] = isThere
        ? await this.#read(rom, plausibleMilliC ?? PLAUSIBLE_MILLI_C)
        : [faulty("silent"), new Uint8Array()];
      if (round === this.#round) this.#tell(name, measured, raw);
    }
    return "live";
  }

  /** The site's own, and beside them whatever else was found. */
  #probesOf(roms: readonly Uint8Array[]): readonly OneWireProbe[] {
    const { probes = [] } = this.#options;
    const others = roms.map(hexOf).filter((rom) => !probes.some((probe) => probe.rom === rom));
    return [...probes, ...others.map((rom) => ({ name: rom, rom }))];
  }

  async #read(rom: string, plausible: PlausibleMilliC): Promise<readonly [Measured, Uint8Array]> {
    let raw: Uint8Array = new Uint8Array();
    for (let read = 0; read < READS_MAX; read++) {
      raw = (await this.#master.scratchpad(Uint8Array.from(Buffer.from(rom, "hex")))) ?? new Uint8Array();
      const [reading] = this.#decoder.decode(raw);
      if (reading === undefined) continue;
      if (reading.type === "invalid" && reading.reason === "no-device") return [faulty("silent"), raw];
      const measured = measuredOf(reading, plausible);
      if (measured !== null && measured.fault !== "damaged") return [measured, raw];
    }
    return [faulty(raw.length === 0 ? "silent" : "damaged"), raw];
  }

  #tellAllFaulty(fault: string): void {
    for (const { name } of this.#options.probes ?? []) this.#tell(name, faulty(fault), new Uint8Array());
  }

  #tell(probe: string, measured: Measured, raw: Uint8Array): void {
    const reading = { probe, ...measured, receivedMonoMs: this.#options.clock.mono(), raw };
    for (const listener of [...this.#listeners]) listener(reading);
  }
}

/** A search that went wrong shows as a ROM with a wrong CRC: better no sensor than one that does not exist. */
const isThermometer = (rom: Uint8Array): boolean => FAMILIES.includes(rom[0] ?? 0) && crc8Maxim(rom) === 0;
