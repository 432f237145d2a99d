import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { fits, headerOf, modeOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";

/**
 * CAS "AND" format, 18 bytes: the 22-byte frame without id and lamp; and the 10-byte form, digits only.
 * Source: CI-6000A manual; CI-600D manual, p. 74.
 */
export const casAnd18: Dialect = {
  key: "cas-and18",
  title: "CAS 18 bytes",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: { read: bytesOf("W\r"), zero: bytesOf("Z\r") },
    encode: encodeReading,
  }),
};

const HEAD = /(?:ST|US|OL),(?:GS|NT),/g;
const FRAME = /^(ST|US|OL),(GS|NT),(.{8})(.{2})$/;
const DIGITS_ONLY = /^ *[+-]? *[\d.]+$/;
const DIGITS_ONLY_CHARACTERS = 8;

const decoder: Decoder = {
  decode: (line) => {
    const text = printableTail(line);
    const reading = fromHead(text, HEAD, parseFrame);
    if (reading !== null) return [reading];
    if (text.match(HEAD) !== null) return [invalid("format")];
    if (line.length !== DIGITS_ONLY_CHARACTERS || !DIGITS_ONLY.test(text)) return [];
    const value = decimalOf(text);
    return value === null ? [] : [weight({ value })];
  },
};

function parseFrame(text: string): Reading | null {
  const match = FRAME.exec(text);
  if (match === null) return null;
  const [, header = "", mode, number = "", unit = ""] = match;
  return readStatusLine({ header, mode: modeOf(mode), number, unit });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight") return null;
  const header = reading.overload === true ? "OL" : headerOf(reading.stable);
  const value = reading.overload === true ? "" : reading.value;
  if (
    reading.mode === "tare" ||
    header === null ||
    !fits(value, 8) ||
    reading.unit === null ||
    reading.unit.length > 2
  )
    return null;
  const mode = reading.mode === "net" ? "NT" : "GS";
  return bytesOf(`${header},${mode},${value.padStart(8)}${reading.unit.padStart(2)}\r\n`);
}
