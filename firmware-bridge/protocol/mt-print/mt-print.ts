import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { ignored, invalid, textLines, weight } from "../message.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * What Mettler-Toledo balances print at the PRINT key: a template of lines, of which only the net line weighs.
 * Source: logs of an MS204TS; `N`, `G` and `T` as in the balance's print menu.
 */
export const mtPrint: Dialect = {
  key: "mt-print",
  title: "Mettler-Toledo PRINT key",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "captured", caution: "one line for each key press" },
  isAlwaysNet: true,
  optionNames: [],
  open: () => ({
    framing: textLines(),
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

/** An item number may stand in front of the letter. */
const NET = /^ *(?:\d+ +)?N +([+-]? *[\d.]+) *([A-Za-z%]*) *$/;
const OTHER = /^ *(?:\d+ +)?([GT]) +[+-]? *[\d.]+/;
const BARE_NUMBER = /^ *[+-]? *[\d.]+ *$/;

const decoder: Decoder = {
  decode: (line) => {
    const reading = parseLine(printableTail(line));
    return reading === null ? [] : [reading];
  },
};

function parseLine(text: string): Reading | null {
  const other = OTHER.exec(text)?.[1];
  if (other !== undefined) return ignored(`${other === "G" ? "gross" : "tare"} line of a print template`);
  if (BARE_NUMBER.test(text)) return invalid("no unit");
  const match = NET.exec(text);
  if (match === null) return text.trim() === "" ? null : ignored("text line of a print template");
  const value = decimalOf(match[1] ?? "");
  const spelling = match[2] ?? "";
  if (value === null) return invalid("format");
  if (spelling === "") return invalid("no unit");
  const quantity = quantityOf(spelling);
  if (quantity === "count" || quantity === "percent") return { type: quantity, value, stable: null };
  const unit = massUnitOf(spelling);
  return unit === null ? invalid("unit") : weight({ value, unit, mode: "net" });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit === null) return null;
  if (reading.mode !== "net" || reading.stable !== null) return null;
  return bytesOf(`     N ${reading.value.padStart(12)} ${reading.unit}   \r\n`);
}
