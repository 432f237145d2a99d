import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, ESC, textOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/** 双杰 balances: 14 bytes, sign, eight characters, unit in three. Nothing says whether it is stable. */
export const ggShuangjie: Dialect = {
  key: "gg-shuangjie",
  title: "双杰 (Shuangjie)",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { ...textLines(64), commands: [PRINT, TARE] },
    decoder: () => decoder,
    commands: { print: PRINT, tare: TARE },
    encode: encodeReading,
  }),
};

const PRINT = bytesOf("\x1bp");
const TARE = bytesOf("\x1bt");
const LINE_CHARACTERS = 12;
const LINE = /^([ +-][ \d.]{8})( ?[A-Za-z%]+ *)$/;

const decoder: Decoder = {
  decode: (line) => {
    if (line[0] === ESC) {
      const name = { p: "print", t: "tare" }[textOf(line.subarray(1))];
      return name === undefined ? [] : [{ type: "command", name }];
    }
    const text = printableTail(line);
    const match = LINE.exec(text);
    if (match === null || text.length !== LINE_CHARACTERS) return [];
    const value = decimalOf(match[1] ?? "");
    const quantity = quantityOf(match[2] ?? "");
    if (value === null || quantity === null) return [invalid(value === null ? "format" : "unit")];
    if (quantity !== "mass") return [{ type: quantity, value, stable: null }];
    return [weight({ value, unit: massUnitOf(match[2] ?? "") })];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit === null) return null;
  const digits = reading.value.replace("-", "").padStart(8);
  if (digits.length > 8 || reading.unit.length > 2 || reading.stable !== null) return null;
  const sign = reading.value.startsWith("-") ? "-" : " ";
  return bytesOf(`${sign}${digits}${` ${reading.unit}`.padEnd(3)}\r\n`);
}
