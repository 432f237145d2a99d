import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, LF, textOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, weight } from "../message.ts";

/**
 * 寺冈 DIGI DS-781: 37 bytes, two status bytes and four fields, each behind CR: net, tare, unit price, total.
 * The first bytes are lost when the port opens, so a frame without both status bytes is refused.
 * What the status bits mean is not known; the cash desk that used it waited for three equal weights.
 */
export const digiDs781: Dialect = {
  key: "digi-ds781",
  title: "寺冈 DIGI DS-781",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: { kind: "line", terminators: [LF], frameBytesMax: LINE_BYTES_MAX },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const FRAME = /([^\r]{0,2})\r0([ \d.-]{6})\r4([ \d.]{6})\rU([ \d.]{6})\rT([ \d.]{7})\r$/;
const BEGUN = /\r4[ \d.]{6}\rU[ \d.]{6}\rT[ \d.]{7}\r$/;
const STATUS_BYTES = 2;
/** Room for the rest of a frame without its LF and the whole one behind it. */
const LINE_BYTES_MAX = 80;

const decoder: Decoder = {
  decode: (line) => {
    const text = textOf(line);
    const match = FRAME.exec(text);
    if (match === null) return BEGUN.test(text) ? [invalid("truncated")] : [];
    const [value, tare, unitPrice, total] = match.slice(2).map(decimalOf);
    if (value == null || tare == null || unitPrice == null || total == null) return [invalid("format")];
    const lenient = weight({ value, unit: "kg", mode: "net" });
    if ((match[1] ?? "").length < STATUS_BYTES) return [{ ...invalid("truncated"), lenient }];
    return [{ ...lenient, tare, unitPrice, total }];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit !== "kg" || reading.mode !== "net") return null;
  const { value, tare, unitPrice, total } = reading;
  if (value === null || tare === undefined || unitPrice === undefined || total === undefined) return null;
  if (value.startsWith("-") || value.length > 6 || tare.length > 6 || unitPrice.length > 6) return null;
  const field = (text: string, width: number): string => text.padStart(width, "0");
  return bytesOf(
    `@B\r0${field(value, 6)}\r4${field(tare, 6)}\rU${field(unitPrice, 6)}\rT${field(total, 7)}\r\n`,
  );
}
