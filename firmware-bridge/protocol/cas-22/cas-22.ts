import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, textOf } from "../ascii.ts";
import { invalid, textLines } from "../message.ts";
import { fits, headerOf, modeOf, readStatusLine } from "../status-line.ts";
import { fromHead } from "../text-line.ts";

/**
 * CAS CI series, 22 bytes: `ST,GS,<id><lamp>,wwwwwwww uu CR LF`. The lamp byte is above 0x7F on a real indicator.
 * Source: CI-400 manual, p. 103; CI-600D manual, p. 74.
 */
export const cas22: Dialect = {
  key: "cas-22",
  title: "CAS 22 bytes",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: { read: bytesOf("W\r"), zero: bytesOf("Z\r") },
    encode: encodeReading,
  }),
};

const HEAD = /(?:ST|US|OL),(?:GS|NT),/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the id and the lamp may be any byte.
const FRAME = /^(ST|US|OL),(GS|NT),([\x00-\xff])([\x00-\xff]),(.{8}).(.{2})$/;
const LAMP_MARK = 0x80;
const LAMP_HOLD = 0x10;
const LAMP_ZERO = 0x01;

const decoder: Decoder = {
  decode: (line) => {
    const text = textOf(line);
    const reading = fromHead(text, HEAD, parseFrame);
    if (reading !== null) return [reading];
    return text.match(HEAD) === null ? [] : [invalid("format")];
  },
};

function parseFrame(text: string): Reading | null {
  const match = FRAME.exec(text);
  if (match === null) return null;
  const [, header = "", mode, id = "", lampText = "", number = "", unit = ""] = match;
  const reading = readStatusLine({ header, mode: modeOf(mode), number, unit });
  if (reading.type !== "weight") return reading;
  const lamp = lampText.charCodeAt(0);
  const isLit = (bit: number): boolean => (lamp & LAMP_MARK) !== 0 && (lamp & bit) !== 0;
  return {
    ...reading,
    ...(isLit(LAMP_ZERO) ? { zero: true } : {}),
    ...(isLit(LAMP_HOLD) ? { hold: true } : {}),
    deviceId: id.charCodeAt(0),
    lamp,
  };
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.deviceId === undefined || reading.lamp === undefined) return null;
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
  const lamps = String.fromCharCode(reading.deviceId, reading.lamp);
  return bytesOf(`${header},${mode},${lamps},${value.padStart(8)} ${reading.unit.padStart(2)}\r\n`);
}
