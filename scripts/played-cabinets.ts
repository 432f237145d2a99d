import { join } from "node:path";
import { checkConfig, requireConfig } from "../device/config/load.ts";
import type { Journal } from "../device/journal/journal-port.ts";
import type { Clock } from "../device/platform/clock.ts";
import type { Entropy } from "../device/platform/entropy.ts";
import { idSource } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { type CabinetsControl, createCabinets } from "../device/sample-cabinet/cabinets.ts";
import { cabinetSettings } from "../device/terminal-cabinets.ts";
import type { Thermometer, ThermometerReading } from "../firmware-bridge/ports/thermometer.ts";

/** Cabinets of the real code on lines that say what a benchmark wants: 4 cabinets, each on a line of its own with 8 probes. */
export const LINES = 4;
export const PROBES_PER_LINE = 8;

export class PlayedLine implements Thermometer {
  readonly label = "played";
  readonly #heard = new Set<(reading: ThermometerReading) => void>();
  state(): { readonly kind: "live" } {
    return { kind: "live" };
  }
  onState(): () => void {
    return () => {};
  }
  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#heard.add(listener);
    return () => this.#heard.delete(listener);
  }
  open(): void {}
  async close(): Promise<void> {}
  say(probe: string, milliC: number, receivedMonoMs: number): void {
    const raw = new Uint8Array();
    const reading = { probe, celsius: null, milliC, humidityPercent: null, fault: null, receivedMonoMs, raw };
    for (const listener of this.#heard) listener(reading);
  }
}

export const probeIdOf = (line: number, probe: number): string => `probe-${line}-${probe}`;

export interface PlayedCabinets {
  readonly cabinets: CabinetsControl;
  readonly lines: readonly PlayedLine[];
  readonly temperatureFile: string;
  readonly temperatureBytesMax: number;
}

/** @param alarms a cabinet's alarm rules as in the configuration; the defaults where it is left out. */
export function playedCabinets(world: {
  readonly folder: string;
  readonly db: Parameters<typeof createCabinets>[0]["db"];
  readonly journal: Journal;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly alarms?: object;
}): PlayedCabinets {
  const { folder, clock, entropy, alarms = {} } = world;
  const lines = Array.from({ length: LINES }, () => new PlayedLine());
  const raw = {
    site: "bench",
    device: "bench",
    devices: lines.map((_, line) => ({
      id: `line-${line}`,
      kind: "modbus-bus",
      port: `/dev/ttyS${line}`,
      probes: Array.from({ length: PROBES_PER_LINE }, (__, probe) => ({
        id: probeIdOf(line, probe),
        unit: probe + 1,
        fields: [{ name: "temperature" }],
      })),
    })),
    cabinets: lines.map((_, line) => ({
      id: `cabinet-${line}`,
      name: { zh: "柜", en: "cabinet" },
      probes: Array.from({ length: PROBES_PER_LINE }, (__, probe) => ({ probe: probeIdOf(line, probe) })),
      alarms,
    })),
    servingLine: {
      mealPlan: {
        periods: [
          {
            id: "lunch",
            name: { zh: "午餐", en: "Lunch" },
            from: "11:00",
            to: "13:00",
            pricing: { kind: "fixed", priceFen: 1 },
          },
        ],
      },
    },
  };
  const config = requireConfig(checkConfig(raw, { folder }));
  const temperatureFile = join(folder, "temperatures.db");
  const { temperatureBytesMax } = config.storage;
  const cabinets = createCabinets({
    settings: config.cabinets.map(cabinetSettings),
    zone: "Asia/Shanghai",
    ...{ db: world.db, journal: world.journal, clock, logger: silentLogger },
    ids: idSource(clock, entropy),
    temperatureFile,
    temperatureBytesMax,
    lineOfProbe: (probeId) => {
      const line = Number(probeId.split("-")[1]);
      const thermometer = lines[line];
      return thermometer === undefined ? undefined : { deviceId: `line-${line}`, thermometer };
    },
    contactsOfInput: () => undefined,
    relayOfChannel: () => undefined,
    maySign: () => true,
  });
  return { cabinets, lines, temperatureFile, temperatureBytesMax };
}
