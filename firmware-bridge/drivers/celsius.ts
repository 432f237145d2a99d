import type { Reading } from "../ports/reading.ts";
import type { ThermometerReading } from "../ports/thermometer.ts";

/** Outside of this window a value is a fault of the probe, never a temperature. */
export interface PlausibleMilliC {
  readonly min: number;
  readonly max: number;
}

/** What a store room, a cabinet or a pan can have; a site narrows it for each probe. */
export const PLAUSIBLE_MILLI_C: PlausibleMilliC = { min: -60_000, max: 150_000 };

export type Measured = Omit<ThermometerReading, "probe" | "receivedMonoMs" | "raw">;

export const faulty = (fault: string): Measured => ({
  celsius: null,
  milliC: null,
  humidityPercent: null,
  fault,
});

/** @returns the temperature, or the fault that stands in its place; null for what is no measurement. */
export function measuredOf(reading: Reading, plausible: PlausibleMilliC): Measured | null {
  if (reading.type === "invalid") return faulty("damaged");
  if (reading.type !== "temperature" && reading.type !== "probe") return null;
  const { celsius = null } = reading;
  const fault = reading.type === "temperature" ? (reading.fault ?? reading.suspect) : undefined;
  if (celsius === null || fault !== undefined) return faulty(fault ?? "sensor");
  const milliC = milliCelsius(celsius);
  if (milliC < plausible.min || milliC > plausible.max) return faulty("implausible");
  return {
    celsius,
    milliC,
    humidityPercent: reading.humidity ?? null,
    fault: null,
    ...(reading.type === "temperature" && reading.body !== undefined ? { bodyCelsius: reading.body } : {}),
    ...(reading.type === "temperature" && reading.ambient !== undefined
      ? { ambientCelsius: reading.ambient }
      : {}),
  };
}

/** @returns thousandths of a degree; finer decimals are cut off. */
export function milliCelsius(celsius: string): number {
  const [whole = "0", fraction = ""] = celsius.replace("-", "").split(".");
  const magnitude = Number(whole + fraction.padEnd(3, "0").slice(0, 3));
  return celsius.startsWith("-") && magnitude !== 0 ? -magnitude : magnitude;
}
