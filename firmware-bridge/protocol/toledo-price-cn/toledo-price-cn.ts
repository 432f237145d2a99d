import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, LF, STX, textOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { massUnitOf } from "../unit.ts";

/** TOLEDO price scales sold in China: `STX weight7 " KG" price8 total8 CR LF`, 29 bytes, no stability. */
export const toledoPriceCn: Dialect = {
  key: "toledo-price-cn",
  title: "TOLEDO 计价秤",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { kind: "enclosed", starts: [STX], ends: [LF], frameBytesMax: 40 },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const FRAME = /^([ \d.-]{7}) ([A-Z]{2})([ \d.]{8})([ \d.]{8})\r$/i;

const decoder: Decoder = {
  decode: (frame) => {
    const match = FRAME.exec(textOf(frame.subarray(1, -1)));
    if (match === null) return [invalid("format")];
    const unit = massUnitOf(match[2] ?? "");
    const value = decimalOf(match[1] ?? "");
    const [unitPrice, total] = [decimalOf(match[3] ?? ""), decimalOf(match[4] ?? "")];
    if (value === null || unitPrice === null || total === null) return [invalid("format")];
    return [unit === null ? invalid("unit") : weight({ value, unit, unitPrice, total })];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit === null) return null;
  const { value, unit, unitPrice, total } = reading;
  if (unitPrice === undefined || total === undefined || unit.length !== 2 || value.length > 7) return null;
  return bytesOf(
    `\x02${value.padStart(7)} ${unit.toUpperCase()}${unitPrice.padStart(8)}${total.padStart(8)}\r\n`,
  );
}
