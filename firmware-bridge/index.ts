import { ScaleDriver, type ScaleDriverOptions } from "./drivers/scale-driver.ts";
import type { OptionBag, SerialSettings } from "./ports/dialect.ts";
import { BridgeFault } from "./ports/fault.ts";
import type { Scale } from "./ports/scale.ts";
import { dialectOf } from "./protocol/registry.ts";
import { transportTo } from "./transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "./transport/system-time.ts";

export { decodeBytes, decodeLine } from "./decode.ts";
/** The bridge for programs of their own; the runtime imports the parts that it needs. */
export { CardReaderDriver } from "./drivers/card-reader-driver.ts";
export { ListeningThermometer } from "./drivers/listening-thermometer.ts";
export { ModbusBus } from "./drivers/modbus-bus.ts";
export { ModbusRelay } from "./drivers/modbus-relay.ts";
export { ModbusThermometer } from "./drivers/modbus-thermometer.ts";
export { OneWireThermometer } from "./drivers/onewire-thermometer.ts";
export { ScaleDriver } from "./drivers/scale-driver.ts";
export { ScannerDriver } from "./drivers/scanner-driver.ts";
export { identify } from "./identify/identify.ts";
export { rankDialects } from "./identify/rank.ts";
export { configStanza } from "./identify/stanza.ts";
export type { CardEvent, CardReader } from "./ports/card-reader.ts";
export type { DeviceState } from "./ports/device-state.ts";
export type { Dialect, SerialSettings } from "./ports/dialect.ts";
export { BridgeFault } from "./ports/fault.ts";
export type { Reading } from "./ports/reading.ts";
export type { Relay, RelayOutcome } from "./ports/relay.ts";
export type { Scale, ScaleCommand, ScaleCommandOutcome, ScaleReading, ScaleState } from "./ports/scale.ts";
export type { ScanEvent, Scanner } from "./ports/scanner.ts";
export type { Thermometer, ThermometerReading } from "./ports/thermometer.ts";
export type { Transport } from "./ports/transport.ts";
export { DIALECTS, dialectOf } from "./protocol/registry.ts";
export { parseRecording, replay, replayTransport } from "./recording/recording.ts";
export { DecodingSession } from "./session.ts";
export { Line } from "./transport/line.ts";
export { isDeviceGone } from "./transport/port-faults.ts";
export { type PortName, parsePortName, transportTo } from "./transport/port-name.ts";
export { serialTransport } from "./transport/serial-transport.ts";
export { systemBridgeClock, systemBridgeEntropy } from "./transport/system-time.ts";
export { tcpTransport } from "./transport/tcp-transport.ts";
export { usbHidTransport } from "./transport/usb-hid-transport.ts";

export interface OpenScaleOptions
  extends Omit<Partial<ScaleDriverOptions>, "transport" | "dialect" | "dialectOptions"> {
  /** A path (`/dev/serial/by-id/…`), `host:port` of a serial gateway, `usb:0922:8003` …: see `PortName`. */
  readonly port: string;
  /** Key of a dialect; `canteen-edge serial identify` finds it. */
  readonly protocol: string;
  readonly options?: OptionBag;
  /** Without it the maker's default. */
  readonly serial?: SerialSettings;
  readonly signal?: AbortSignal;
}

/**
 * A scale that connects, and connects again, until it is closed or `signal` aborts.
 * @throws BridgeFault `unknown-protocol` or `dialect-options`.
 */
export function openScale(options: OpenScaleOptions): Scale {
  const { port, protocol, serial, signal, options: dialectOptions = {}, ...rest } = options;
  const dialect = dialectOf(protocol);
  if (dialect === null)
    throw new BridgeFault(`unknown protocol "${protocol}"`, {
      code: "unknown-protocol",
      retry: "after-operator",
      hint: { zh: `没有名为“${protocol}”的协议。`, en: `There is no protocol "${protocol}".` },
    });
  const settings = serial ?? dialect.serial ?? DEFAULT_SETTINGS;
  const scale = new ScaleDriver({
    clock: systemBridgeClock,
    entropy: systemBridgeEntropy,
    ...rest,
    transport: transportTo(port, settings, dialect.hidReportIds),
    dialect,
    dialectOptions,
  });
  scale.open({ signal: signal ?? new AbortController().signal });
  return scale;
}

const DEFAULT_SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
