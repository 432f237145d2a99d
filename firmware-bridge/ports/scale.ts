import type { DeviceState } from "./device-state.ts";
import type { FramingCounters } from "./framing.ts";
import type { MassUnit, WeighMode } from "./reading.ts";

/** One weighing as a business rule may use it. Overload, fault and not-zeroed have no value at all. */
export interface ScaleReading {
  /** Decimal string in `unit`; trailing zeros are the resolution. */
  readonly value: string | null;
  /** One step of the display: `0.005` shows as `0.001` here, because divisions of 2 and 5 are not on the wire. */
  readonly resolution: string | null;
  readonly unit: MassUnit | null;
  /** Where the value is a whole number of grams; null otherwise, never rounded. */
  readonly grams: number | null;
  /** Null where the dialect does not tell, also where it says net whether or not a tare is on. */
  readonly mode: WeighMode | null;
  readonly gross: string | null;
  readonly tare: string | null;
  readonly net: string | null;
  /** False also while the device does not say and too few equal readings have come. */
  readonly stable: boolean;
  readonly stableFrom: "wire" | "software";
  readonly overload: boolean;
  readonly underload: boolean;
  readonly zero: boolean;
  /** The scale's own clock, `YYYY-MM-DDTHH:MM[:SS]` without a zone, where it prints one; it may be wrong. */
  readonly deviceTime: string | null;
  readonly receivedMonoMs: number;
  /** The bytes that said so. */
  readonly raw: Uint8Array;
}

/** The scale's own tare is on, as far as it tells. Taking off another one as well would make the goods lighter. */
export function isTareOn({ mode, tare }: Pick<ScaleReading, "mode" | "tare">): boolean {
  return tare === null ? mode === "net" : /[1-9]/.test(tare);
}

export type ScaleState = DeviceState;

export type ScaleCommand = "tare" | "zero" | "clear-tare" | "print";

export type ScaleCommandOutcome =
  /** The scale confirmed. */
  | { readonly kind: "done" }
  /** Written; this dialect confirms nothing, or not in time. Look at the readings. */
  | { readonly kind: "sent" }
  | {
      readonly kind: "refused";
      readonly reason: "unsupported" | "not-open" | "busy" | "by-the-scale";
      readonly code?: string;
    };

export interface ScaleHealth {
  readonly framing: FramingCounters;
  readonly connections: number;
  readonly bytesIn: number;
  readonly floodBytes: number;
  /** Frames that claimed to be of the dialect and broke its grammar. */
  readonly invalidReadings: number;
}

export interface Scale {
  readonly label: string;
  state(): ScaleState;
  /** @returns a function that unsubscribes. */
  onReading(listener: (reading: ScaleReading) => void): () => void;
  onState(listener: (state: ScaleState) => void): () => void;
  open(options: { readonly signal: AbortSignal }): void;
  /** Never queued: refused while the scale is away or another command runs. */
  command(command: ScaleCommand): Promise<ScaleCommandOutcome>;
  health(): ScaleHealth;
  close(): Promise<void>;
}
