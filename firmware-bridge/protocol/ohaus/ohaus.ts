import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { ignored, invalid, textLines, weight } from "../message.ts";
import { modeOf } from "../status-line.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * Ohaus: polarity in the first column, weight right-aligned, unit, `?` while unstable, then G, N or T.
 * A line that begins inside another would pass for a smaller weight, so a line shorter than the layout is refused.
 * Source: Ohaus manuals; logs of a bench scale.
 */
export const ohaus: Dialect = {
  key: "ohaus",
  title: "Ohaus",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: {
      read: bytesOf("IP\r\n"),
      "read-stable": bytesOf("SP\r\n"),
      stream: bytesOf("CP\r\n"),
      stop: bytesOf("0P\r\n"),
      tare: bytesOf("T\r\n"),
      zero: bytesOf("Z\r\n"),
      print: bytesOf("P\r\n"),
    },
    encode: encodeReading,
  }),
};

const LINE = /^([ +-])( *[+-]?[\d.]+) +([A-Za-z%]+) *(\??) *([GNT]?) *$/;
const ERROR_LINE = /^ *Err(?:or)? *([\d.]+)/i;
const LINE_CHARACTERS_MIN = 16;

const decoder: Decoder = {
  decode: (line) => {
    const text = printableTail(line);
    const error = ERROR_LINE.exec(text)?.[1];
    if (error !== undefined) return [{ type: "error", code: error }];
    const match = LINE.exec(text);
    if (match === null) return text.trim() === "" ? [] : [ignored("text line")];
    return text.length < LINE_CHARACTERS_MIN ? [invalid("truncated")] : [parseFields(match)];
  },
};

function parseFields(match: RegExpExecArray): Reading {
  const [, sign = "", digits = "", spelling = "", unstable, letter] = match;
  const value = decimalOf(sign + digits);
  if (value === null) return invalid("format");
  const stable = unstable === "";
  const quantity = quantityOf(spelling);
  if (quantity === "count" || quantity === "percent") return { type: quantity, value, stable };
  const unit = massUnitOf(spelling);
  return unit === null ? invalid("unit") : weight({ value, unit, stable, mode: modeOf(letter) });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit === null) return null;
  const digits = reading.value.replace("-", "").padStart(7);
  if (digits.length > 7 || reading.unit.length > 3 || reading.stable === null) return null;
  const letter = reading.mode === null ? " " : { gross: "G", net: "N", tare: "T" }[reading.mode];
  const sign = reading.value.startsWith("-") ? "-" : " ";
  return bytesOf(`${sign}${digits} ${reading.unit.padEnd(5)}${reading.stable ? " " : "?"}${letter}\r\n`);
}
