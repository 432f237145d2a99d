import type { FramingSpec } from "../ports/framing.ts";
import type { IgnoredFrame, InvalidFrame, MassUnit, WeightReading } from "../ports/reading.ts";
import { CR, LF } from "./ascii.ts";

export const invalid = (reason: string): InvalidFrame => ({ type: "invalid", reason });
export const ignored = (reason: string): IgnoredFrame => ({ type: "ignored", reason });

/** A weight of which nothing is known yet but what `known` says. */
export function weight(known: Partial<Omit<WeightReading, "type">>): WeightReading {
  return { type: "weight", value: null, unit: null, stable: null, mode: null, ...known };
}

export const overload = (unit: MassUnit | null, mode: WeightReading["mode"] = null): WeightReading =>
  weight({ unit, mode, overload: true });

export const underload = (unit: MassUnit | null, mode: WeightReading["mode"] = null): WeightReading =>
  weight({ unit, mode, underload: true });

/** Text that ends with CR, LF or both. */
export const textLines = (frameBytesMax = 128): FramingSpec => ({
  kind: "line",
  terminators: [CR, LF],
  frameBytesMax,
});
