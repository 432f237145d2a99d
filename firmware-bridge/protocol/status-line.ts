import type { Reading, WeighMode } from "../ports/reading.ts";
import { decimalOf, negated } from "./decimal.ts";
import { invalid, weight } from "./message.ts";
import { massUnitOf, quantityOf } from "./unit.ts";

/**
 * The parts that lines of the `ST,GS,+ 1.234 kg` kind share: a stability header, perhaps a mode, sign, digits, unit.
 * Each dialect finds the parts by its own layout; what they mean is the same in all.
 */
export interface StatusLine {
  /** ST stable, QT stable count, US unstable, OL over range, UL under range. */
  readonly header: string;
  readonly mode: WeighMode | null;
  /** Sign and digits as sent. Never looked at when the header says out of range. */
  readonly number: string;
  readonly unit: string;
  /** For frames without a unit of their own. */
  readonly unitFallback?: "kg" | "g" | null;
}

/** @returns the reading; out of range gives no value, and pieces or per cent are no weight. */
export function readStatusLine(line: StatusLine): Reading {
  // One minus is a sign; a row of them only fills the display.
  const negative = /^ *-(?!-)/.test(line.number);
  const quantity = line.header === "QT" ? "count" : (quantityOf(line.unit) ?? "mass");
  const range = rangeOf(line.header, negative);
  const unit = line.unit.trim() === "" ? (line.unitFallback ?? null) : massUnitOf(line.unit);
  if (range !== null)
    return quantity === "mass"
      ? weight({ unit, mode: line.mode, ...range })
      : { type: quantity, value: null, stable: null, ...range };
  const value = signedDecimal(line.number);
  if (value === null) return invalid("format");
  const stable = line.header !== "US";
  if (quantity !== "mass") return { type: quantity, value, stable };
  if (unit === null) return invalid(line.unit.trim() === "" ? "no unit" : "unit");
  return weight({ value, unit, stable, mode: line.mode });
}

function rangeOf(header: string, negative: boolean): { overload: true } | { underload: true } | null {
  if (header === "UL" || (header === "OL" && negative)) return { underload: true };
  return header === "OL" ? { overload: true } : null;
}

function signedDecimal(number: string): string | null {
  const [, sign = "", digits = ""] = /^ *([+-]?)(.*)$/.exec(number) ?? [];
  const value = decimalOf(digits);
  return value !== null && sign === "-" ? negated(value) : value;
}

/** @returns the mode behind `GS`, `NT` or `TR`; `GS` is gross, never grams. */
export function modeOf(letters: string | undefined): WeighMode | null {
  switch (letters) {
    case "GS":
    case "GW":
    case "G":
      return "gross";
    case "NT":
    case "N":
      return "net";
    case "TR":
    case "TW":
    case "T":
      return "tare";
    default:
      return null;
  }
}

/** Decimal places and sign kept, padded with blanks in front: `-0.12` in 8 is `   -0.12`. */
export function fits(value: string | null, width: number): value is string {
  return value !== null && value.length <= width;
}

export function headerOf(stable: boolean | null): "ST" | "US" | null {
  return stable === null ? null : stable ? "ST" : "US";
}
