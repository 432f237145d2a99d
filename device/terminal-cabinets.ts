import { join } from "node:path";
import { minuteOfDay } from "./config/contradictions.ts";
import type { DeviceConfig } from "./config/device-schema.ts";
import type { Config } from "./config/schema.ts";
import type { KioskCabinets } from "./kiosk/kiosk-ports.ts";
import { present } from "./platform/assert.ts";
import type { Clock } from "./platform/clock.ts";
import type { Logger } from "./platform/logger.ts";
import type { CabinetSettings } from "./sample-cabinet/cabinet-settings.ts";
import { type CabinetsControl, createCabinets } from "./sample-cabinet/cabinets.ts";
import { type TemperatureBudget, temperatureBudget } from "./sample-cabinet/temperature-budget.ts";
import type { Operators } from "./security/operators-port.ts";
import { maySign } from "./signatures/rights.ts";
import { ALARMS_MAX } from "./sync/alarm-messages.ts";
import type { AlarmSource } from "./sync/alarm-uplink.ts";
import type { TerminalDevices } from "./terminal-devices.ts";
import type { TerminalStore } from "./terminal-store.ts";

/** Readings of probes, apart from the money's database: neither waits for the other, and each has its own bytes. */
const TEMPERATURE_FILE = "temperatures.db";
/** What a probe in a cabinet can have: a kitchen's summer and a freezer's bottom. */
const PLAUSIBLE_MILLI_C = { min: -45_000, max: 60_000 };

/** The configured cabinets on the terminal's devices. @throws CanteenError of the disk. */
export function createTerminalCabinets(
  config: Config,
  store: Pick<TerminalStore, "db" | "journal" | "ids"> & { readonly operators: Pick<Operators, "list"> },
  devices: TerminalDevices,
  world: { readonly clock: Clock; readonly logger: Logger },
): CabinetsControl {
  const owners = new Map(
    config.devices.flatMap((device) => namesOf(device).map((name) => [name, device.id])),
  );
  const { minuteDays, bytesNeeded, isEnough } = configuredTemperatureBudget(config);
  if (!isEnough)
    world.logger.warn(
      { code: "temperatures-short", minuteDays, bytesNeeded },
      "storage.temperatureBytesMax is not enough for two years of temperatures",
    );
  const owned = <T>(parts: ReadonlyMap<string, T>, name: string): T | undefined =>
    parts.get(owners.get(name) ?? "");
  return createCabinets({
    ...world,
    settings: config.cabinets.map(cabinetSettings),
    zone: config.servingLine.mealPlan.zone,
    db: store.db,
    journal: store.journal,
    ids: store.ids,
    temperatureFile: join(config.dataFolder, TEMPERATURE_FILE),
    temperatureBytesMax: config.storage.temperatureBytesMax,
    lineOfProbe: (probeId) => {
      const deviceId = owners.get(probeId) ?? "";
      const thermometer = devices.thermometers.get(deviceId);
      return thermometer === undefined ? undefined : { deviceId, thermometer };
    },
    contactsOfInput: (input) => owned(devices.contacts, input),
    relayOfChannel: (channel) => owned(devices.relays, channel),
    maySign: (operatorId, right) => {
      const operator = store.operators.list().find((each) => each.operatorId === operatorId);
      return operator !== undefined && maySign(operator.role, right);
    },
  });
}

/** How long temperatures are kept with the configured probes. */
export function configuredTemperatureBudget({
  devices,
  cabinets,
  storage,
}: Pick<Config, "devices" | "cabinets" | "storage">): TemperatureBudget {
  const readEveryMs = new Map(
    devices.flatMap((device) => namesOf(device).map((name) => [name, readEveryMsOf(device)])),
  );
  const probes = cabinets.flatMap(({ probes: ofCabinet }) => ofCabinet);
  return temperatureBudget(
    storage.temperatureBytesMax,
    probes.map(({ probe }) => readEveryMs.get(probe) ?? READ_EVERY_MS),
  );
}

/** Of a thermometer that talks as its manual allows. */
const READ_EVERY_MS = 5000;

function readEveryMsOf(device: DeviceConfig): number {
  return "pollEveryMs" in device ? (device.pollEveryMs ?? READ_EVERY_MS) : READ_EVERY_MS;
}

/** What the cloud is told of a cabinet. */
export function alarmSource(cabinets: CabinetsControl): AlarmSource {
  return {
    cabinetIds: () => cabinets.cabinetIds(),
    onChanged: (listener) => cabinets.onChanged(listener),
    state: (cabinetId) => {
      const view = present(cabinets.view(cabinetId), `cabinet ${cabinetId}`);
      return {
        level: view.level,
        isSounding: view.isSounding,
        probes: view.probes.map(({ probeId, milliC, fault }) => ({ probeId, milliC, fault })),
        alarms: view.alarms.slice(0, ALARMS_MAX).flatMap((alarm) => {
          const { alarmId, type, subject, text, level, state, isEscalated, raisedAtMs } = alarm;
          return state === "normal"
            ? []
            : [{ alarmId, type, subject, text, level, state, isEscalated, raisedAtMs }];
        }),
      };
    },
  };
}

/** Every name under which something of a device is known; a talking thermometer's probe has the device's own. */
function namesOf(device: DeviceConfig): readonly string[] {
  switch (device.kind) {
    case "modbus-bus":
      return [...device.probes, ...device.relays, ...device.inputs].map(({ id }) => id);
    case "onewire-bus":
      return device.probes.map(({ id }) => id);
    default:
      return [device.id];
  }
}

/** A configured cabinet as plain values. */
export function cabinetSettings(cabinet: Config["cabinets"][number]): CabinetSettings {
  const { id, name, slots, probes, door, relay, defrost, ...rest } = cabinet;
  return {
    ...rest,
    cabinetId: id,
    name,
    slotCount: slots,
    probes: probes.map(({ probe, name: probeName, ...limits }) => ({
      ...limits,
      probeId: probe,
      name: probeName ?? { zh: probe, en: probe },
      plausibleMilliC: PLAUSIBLE_MILLI_C,
    })),
    door: door === undefined ? null : { input: door.input, isOpenWhenOn: door.openWhen === "on" },
    relay: relay ?? null,
    defrost: defrost.map(({ from, to }) => ({ fromMinute: minuteOfDay(from), toMinute: minuteOfDay(to) })),
  };
}

/** What the cabinet's page needs; nothing where no cabinet is configured. */
export function kioskCabinets(
  config: Pick<Config, "cabinets" | "receiving">,
  { operators }: Pick<TerminalStore, "operators">,
  parts: Pick<KioskCabinets, "cabinets" | "samples" | "signatures" | "reports">,
): { readonly cabinets?: KioskCabinets } {
  if (config.cabinets.length === 0) return {};
  const operatorName = (operatorId: string): string | null =>
    operators.list().find((operator) => operator.operatorId === operatorId)?.displayName ?? null;
  return { cabinets: { ...parts, seesSamples: config.receiving.camera.kind === "same", operatorName } };
}
