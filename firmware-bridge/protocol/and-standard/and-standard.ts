import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { ACK, bytesOf } from "../ascii.ts";
import { invalid, textLines } from "../message.ts";
import { headerOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";

/**
 * A&D standard format: `HH,±DDDDDDDD UUU`, with `LO|OK|HI|--` in between when the comparator is on; the CSV format
 * has a comma in front of the unit.
 * Out of range fills the number with nines, once as `9999999E+19`: never read digits behind `OL`.
 * Source: EK-L manual, p. 30; GC manual, p. 51; AD-4212D manual, p. 29.
 */
export const andStandard: Dialect = {
  key: "and-standard",
  title: "A&D standard",
  device: "scale",
  serial: { baudRate: 2400, dataBits: 7, parity: "even", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: {
      read: bytesOf("Q\r\n"),
      "read-stable": bytesOf("S\r\n"),
      stream: bytesOf("SIR\r\n"),
      stop: bytesOf("C\r\n"),
      zero: bytesOf("Z\r\n"),
      tare: bytesOf("T\r\n"),
    },
    encode: encodeReading,
  }),
};

const HEAD = /(?:ST|QT|US|OL)/g;
const FRAME = /^(ST|QT|US|OL),(?:(LO|OK|HI|--),)?([+-][\d. ]+),?( *[A-Za-z%]+) *$/;
/** With its error codes switched on a balance answers a command by ACK, or by why it did not obey. */
const ERROR_LINE = /^EC,(E\d\d)$/;
const OVER_RANGE = /^(OL),(?:(LO|OK|HI|--),)?([+-])[\d.]*(?:E[+-]?\d+)?,?( *[A-Za-z%]*) *$/;

const decoder: Decoder = {
  decode: (line) => {
    if (line.length === 1 && line[0] === ACK) return [{ type: "ack", ok: true }];
    const text = printableTail(line);
    const error = ERROR_LINE.exec(text)?.[1];
    if (error !== undefined) return [{ type: "error", code: error }];
    const reading = fromHead(text, HEAD, parseFrame);
    if (reading !== null) return [reading];
    return /^(?:ST|QT|US|OL)[,+-]/.test(text) ? [invalid("format")] : [];
  },
};

function parseFrame(text: string): Reading | null {
  const match = OVER_RANGE.exec(text) ?? FRAME.exec(text);
  if (match === null) return null;
  const [, header = "", compare, number = "", unit = ""] = match;
  const reading = readStatusLine({ header, mode: null, number, unit });
  return reading.type === "weight" && compare !== undefined ? { ...reading, compare } : reading;
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" && reading.type !== "count") return null;
  if (reading.value === null || reading.stable === null) return null;
  const unit = reading.type === "count" ? "PC" : reading.unit;
  const header = reading.type === "count" && reading.stable ? "QT" : headerOf(reading.stable);
  const digits = reading.value.replace("-", "").padStart(8, "0");
  if (unit === null || header === null || digits.length > 8 || unit.length > 3) return null;
  const sign = reading.value.startsWith("-") ? "-" : "+";
  const compare = reading.type === "weight" && reading.compare !== undefined ? `${reading.compare},` : "";
  return bytesOf(`${header},${compare}${sign}${digits}${unit.padStart(3)}\r\n`);
}
