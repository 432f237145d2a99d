import type { BridgeDevice } from "./device-state.ts";

/** One measurement of one probe. A fault is a measurement too: it must neither raise nor clear a temperature alarm. */
export interface ThermometerReading {
  readonly probe: string;
  /** Decimal string with the probe's resolution; null with a fault. */
  readonly celsius: string | null;
  readonly milliC: number | null;
  readonly humidityPercent: string | null;
  /** Of infrared thermometers: `celsius` is the surface, which is colder than the body. */
  readonly bodyCelsius?: string;
  readonly ambientCelsius?: string;
  /** `silent`, `exception`, `damaged`, `implausible`, `power-on`, or the sensor's own word (open, short, …). */
  readonly fault: string | null;
  readonly receivedMonoMs: number;
  /** Empty where nothing came. */
  readonly raw: Uint8Array;
}

export interface Thermometer extends BridgeDevice {
  /** @returns a function that unsubscribes. */
  onReading(listener: (reading: ThermometerReading) => void): () => void;
}
