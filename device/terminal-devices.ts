import { CardReaderDriver } from "../firmware-bridge/drivers/card-reader-driver.ts";
import { ListeningThermometer } from "../firmware-bridge/drivers/listening-thermometer.ts";
import { ModbusBus } from "../firmware-bridge/drivers/modbus-bus.ts";
import { ModbusContacts } from "../firmware-bridge/drivers/modbus-contacts.ts";
import { ModbusRelay } from "../firmware-bridge/drivers/modbus-relay.ts";
import { ModbusThermometer } from "../firmware-bridge/drivers/modbus-thermometer.ts";
import { OneWireThermometer } from "../firmware-bridge/drivers/onewire-thermometer.ts";
import { ScaleDriver } from "../firmware-bridge/drivers/scale-driver.ts";
import { ScannerDriver } from "../firmware-bridge/drivers/scanner-driver.ts";
import type { CardReader } from "../firmware-bridge/ports/card-reader.ts";
import type { Contacts } from "../firmware-bridge/ports/contact.ts";
import type { BridgeDevice } from "../firmware-bridge/ports/device-state.ts";
import type { Dialect, SerialSettings } from "../firmware-bridge/ports/dialect.ts";
import { BridgeFault } from "../firmware-bridge/ports/fault.ts";
import type { Relay } from "../firmware-bridge/ports/relay.ts";
import type { Scale } from "../firmware-bridge/ports/scale.ts";
import type { Scanner } from "../firmware-bridge/ports/scanner.ts";
import type { Thermometer } from "../firmware-bridge/ports/thermometer.ts";
import type { Transport } from "../firmware-bridge/ports/transport.ts";
import { dialectOf } from "../firmware-bridge/protocol/registry.ts";
import { transportTo } from "../firmware-bridge/transport/port-name.ts";
import type { DeviceConfig } from "./config/device-schema.ts";
import type { Clock } from "./platform/clock.ts";
import type { Entropy } from "./platform/entropy.ts";
import type { Logger } from "./platform/logger.ts";

/** The configured devices by id; a bus appears as its thermometer and its relay module. */
export interface TerminalDevices {
  readonly scales: ReadonlyMap<string, Scale>;
  readonly thermometers: ReadonlyMap<string, Thermometer>;
  readonly relays: ReadonlyMap<string, Relay>;
  readonly contacts: ReadonlyMap<string, Contacts>;
  readonly cardReaders: ReadonlyMap<string, CardReader>;
  readonly scanners: ReadonlyMap<string, { readonly scanner: Scanner; readonly use: "till" | "receiving" }>;
  /** Each connects, and connects again, until `close`. */
  open(): void;
  close(): Promise<void>;
}

export interface DeviceWorld {
  readonly clock: Clock;
  readonly entropy: Entropy;
}

const DEFAULT_SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };

/**
 * Makes the drivers of all configured devices; nothing is opened yet.
 * @throws BridgeFault `unknown-protocol`, `wrong-kind`, `dialect-options`, `port-name`.
 */
export function createTerminalDevices(
  configs: readonly DeviceConfig[],
  world: DeviceWorld & { readonly logger: Logger },
): TerminalDevices {
  const made = configs.map((config) => ({ config, device: makeDevice(config, world) }));
  const opened = new AbortController();
  const all = made.flatMap(({ config, device }) => partsOf(device).map((part) => ({ id: config.id, part })));
  const stops = all.map(({ id, part }) =>
    part.onState((state) => {
      const { kind } = state;
      // Codes only: what a card or a code said is never logged.
      if ("fault" in state) world.logger.warn({ device: id, state: kind, code: state.fault.code }, "device");
      else world.logger.info({ device: id, state: kind }, "device");
    }),
  );
  const byKind = <T>(pick: (device: ConfiguredDevice) => T | undefined): ReadonlyMap<string, T> =>
    new Map(
      made.flatMap(({ config, device }) => {
        const found = pick(device);
        return found === undefined ? [] : [[config.id, found] as const];
      }),
    );
  return {
    scales: byKind((device) => (device.kind === "scale" ? device.scale : undefined)),
    thermometers: byKind((device) => ("thermometer" in device ? device.thermometer : undefined)),
    relays: byKind((device) => (device.kind === "modbus-bus" ? device.relay : undefined)),
    contacts: byKind((device) => (device.kind === "modbus-bus" ? device.contacts : undefined)),
    cardReaders: byKind((device) => (device.kind === "card-reader" ? device.reader : undefined)),
    scanners: byKind((device) =>
      device.kind === "scanner" ? { scanner: device.scanner, use: device.use } : undefined,
    ),
    open: () => {
      for (const { part } of all) part.open({ signal: opened.signal });
    },
    close: async () => {
      opened.abort();
      const closed = await Promise.allSettled(all.map(({ part }) => part.close()));
      for (const stop of stops) stop();
      const failed = closed.filter((result) => result.status === "rejected");
      if (failed.length > 0)
        throw new AggregateError(
          failed.map(({ reason }) => reason),
          "devices did not close",
        );
    },
  };
}

/** A configured device as its drivers. */
export type ConfiguredDevice =
  | { readonly kind: "scale"; readonly scale: ScaleDriver }
  | { readonly kind: "thermometer"; readonly thermometer: Thermometer }
  | { readonly kind: "scanner"; readonly scanner: ScannerDriver; readonly use: "till" | "receiving" }
  | { readonly kind: "card-reader"; readonly reader: CardReaderDriver }
  | {
      readonly kind: "modbus-bus";
      readonly thermometer: Thermometer;
      readonly relay: Relay;
      readonly contacts: Contacts;
    };

export function partsOf(device: ConfiguredDevice): readonly BridgeDevice[] {
  switch (device.kind) {
    case "scale":
      return [device.scale];
    case "thermometer":
      return [device.thermometer];
    case "scanner":
      return [device.scanner];
    case "card-reader":
      return [device.reader];
    case "modbus-bus":
      return [device.thermometer, device.relay, device.contacts];
  }
}

/** @throws BridgeFault as `createTerminalDevices`. */
export function makeDevice(config: DeviceConfig, world: DeviceWorld): ConfiguredDevice {
  switch (config.kind) {
    case "scale":
      return { kind: "scale", scale: makeScale(config, world) };
    case "thermometer": {
      const { id, pollEveryMs, silenceMsMax, plausibleMilliC } = config;
      const thermometer = new ListeningThermometer({
        ...spoken(config, "thermometer"),
        ...world,
        probe: id,
        silenceMsMax,
        ...(pollEveryMs === undefined ? {} : { pollEveryMs }),
        ...(plausibleMilliC === undefined ? {} : { plausibleMilliC }),
      });
      return { kind: "thermometer", thermometer };
    }
    case "scanner":
      return {
        kind: "scanner",
        scanner: new ScannerDriver({ ...spoken(config, "scanner"), ...world }),
        use: config.use,
      };
    case "card-reader":
      return {
        kind: "card-reader",
        reader: new CardReaderDriver({ ...spoken(config, "card-reader"), ...world }),
      };
    case "modbus-bus":
      return makeModbusBus(config, world);
    case "onewire-bus": {
      const probes = config.probes.map(({ id, rom, plausibleMilliC }) => ({
        name: id,
        rom,
        ...(plausibleMilliC === undefined ? {} : { plausibleMilliC }),
      }));
      const { pollEveryMs } = config;
      const transport = transportOf(config, DEFAULT_SETTINGS);
      const thermometer = new OneWireThermometer({ transport, ...world, probes, pollEveryMs });
      return { kind: "thermometer", thermometer };
    }
  }
}

function makeScale(config: Extract<DeviceConfig, { kind: "scale" }>, world: DeviceWorld): ScaleDriver {
  const { capacityG, pollEveryMs, isKeyPressOnly, stability } = config;
  return new ScaleDriver({
    ...spoken(config, "scale"),
    ...world,
    stability,
    ...(capacityG === undefined ? {} : { capacityG }),
    ...(pollEveryMs === undefined ? {} : { pollEveryMs }),
    ...(isKeyPressOnly ? { silenceMsMax: null, poll: null } : {}),
  });
}

function makeModbusBus(
  config: Extract<DeviceConfig, { kind: "modbus-bus" }>,
  { clock, entropy }: DeviceWorld,
): ConfiguredDevice {
  const { replyWaitMsMax, pollEveryMs } = config;
  const transport = transportOf(config, DEFAULT_SETTINGS);
  const bus = new ModbusBus({ transport, clock, entropy, replyWaitMsMax });
  const probes = config.probes.map(({ id, unit, functionCode, register, ...rest }) => ({
    name: id,
    unit,
    functionCode,
    address: register,
    quantity: rest.fields.length,
    registers: {
      fields: rest.fields,
      ...(rest.sentinels === undefined ? {} : { sentinels: rest.sentinels }),
    },
    ...(rest.plausibleMilliC === undefined ? {} : { plausibleMilliC: rest.plausibleMilliC }),
  }));
  const thermometer = new ModbusThermometer({ bus, probes, clock, pollEveryMs });
  const channels = config.relays.map(({ id, unit, coil }) => ({ name: id, unit, coil }));
  const inputs = config.inputs.map(({ id, unit, functionCode, input }) => ({
    name: id,
    unit,
    functionCode,
    input,
  }));
  return {
    kind: "modbus-bus",
    thermometer,
    relay: new ModbusRelay({ bus, channels }),
    contacts: new ModbusContacts({ bus, inputs, clock }),
  };
}

type SpokenConfig = Extract<DeviceConfig, { protocol: string }>;

function spoken(
  config: SpokenConfig,
  wanted: Dialect["device"],
): {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions: SpokenConfig["options"];
} {
  const { id, protocol, options } = config;
  const dialect = dialectOf(protocol);
  if (dialect === null) throw deviceConfigFault("unknown-protocol", id, protocol);
  if (dialect.device !== wanted) throw deviceConfigFault("wrong-kind", id, protocol);
  const settings = dialect.serial ?? DEFAULT_SETTINGS;
  return { transport: transportOf(config, settings, dialect.hidReportIds), dialect, dialectOptions: options };
}

function transportOf(
  { port, serial }: DeviceConfig,
  settings: SerialSettings,
  hidReportIds?: readonly number[],
): Transport {
  return transportTo(port, serial ?? settings, hidReportIds);
}

const HINTS = {
  "unknown-protocol": {
    zh: "没有这个协议：请用 canteen-edge serial identify 识别。",
    en: "There is no such protocol: canteen-edge serial identify finds it.",
  },
  "wrong-kind": {
    zh: "协议与设备类型（kind）不符：请检查配置。",
    en: "The protocol is of another kind of device: check kind and protocol.",
  },
} as const;

function deviceConfigFault(code: keyof typeof HINTS, id: string, protocol: string): BridgeFault {
  return new BridgeFault(`device ${id}: protocol "${protocol}"`, {
    code,
    retry: "after-operator",
    hint: HINTS[code],
  });
}
