import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { InvalidFrame, Reading } from "../../ports/reading.ts";
import { bytesOf, textOf } from "../ascii.ts";
import { hasEvenParity } from "../checks.ts";
import { decimalOf, negated } from "../decimal.ts";
import { ignored, invalid, textLines } from "../message.ts";

/**
 * Probes that print text, such as `4.54pH 24.7°C ATC` with the degree sign of code page 437 (F8). The temperature is
 * the number in front of the degree sign or of a lone C, never simply the first number.
 * Source: a log of a pH meter.
 */
export const probeText: Dialect = {
  key: "probe-text",
  title: "Text probe",
  device: "thermometer",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "captured", caution: "no check at all" },
  optionNames: [],
  open: () => ({ framing: textLines(96), decoder: () => decoder, commands: {} }),
};

/**
 * A number and its unit: a degree sign of code page 437, Latin-1, UTF-8, GB 2312 or a display's own, and C; a lone C; or
 * ℃ as one character of GB 2312 or UTF-8. The sign in front is read apart: see `isNegativeBehind`.
 */
const CELSIUS =
  /(?<![\d.])(\d{1,4}(?:\.\d{1,4})?|\.\d{1,4}) ?(?:(?:[\xf8\xb0\xba\xdf'*o]|\xa1\xe3|\xc2[\xb0\xba]|deg\.?)? ?C(?![A-Za-z])|\xa1\xe6|\xe2\x84\x83)/g;
/** What a probe prints in place of the number while it has none. */
const NO_CELSIUS =
  /(?:--+[.-]*|\bOL|\bErr\w*) ?(?:[\xf8\xb0]|\xa1\xe6|\xe2\x84\x83|\xc2\xb0)? ?C?(?![A-Za-z])/i;
/** A minus, also the one of UTF-8, and the blanks behind it. */
const MINUS = /(?:-|\xe2\x88\x92)( *)$/;
const PH = /(?<![\d.])(-?\d{1,2}(?:\.\d{1,3})?) ?pH/i;
const HUMIDITY = /(?<![\d.])(\d{1,3}(?:\.\d{1,2})?) ?%/;
const DATE =
  /^ *(?:\d{1,2}[-/.][A-Za-z]{3}[-/.]\d{2,4}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?: +[\d:]+)? *$/;
const TIME = /^ *\d{1,2}:\d{2}(?::\d{2})?(?: *[AP]M)? *$/i;

const decoder: Decoder = {
  decode: (line) => {
    const text = textOf(line);
    if (text.trim() === "") return [];
    if (DATE.test(text)) return [ignored("date line")];
    if (TIME.test(text)) return [ignored("time line")];
    if (isSevenBit(text)) return [invalid("parity")];
    const [found, ...others] = [...text.matchAll(CELSIUS)];
    if (others.length > 0) return [invalid("several temperatures")];
    const celsius = found === undefined ? null : celsiusBehind(text.slice(0, found.index), found[1] ?? "");
    if (typeof celsius === "object" && celsius !== null) return [celsius];
    const [ph, humidity] = [numberIn(text, PH), numberIn(text, HUMIDITY)];
    const isWithout =
      celsius === null && /[\xf8\xb0]C|\xa1\xe6|\xe2\x84\x83/.test(text) && NO_CELSIUS.test(text);
    if (celsius === null && ph === null && !isWithout) return [ignored("text line")];
    const reading: Reading = {
      type: "probe",
      ...(ph === null ? {} : { ph }),
      celsius,
      ...(humidity === null ? {} : { humidity }),
    };
    return [reading];
  },
};

const KNOWN_HIGH =
  /(?:[\xf8\xb0\xba\xdf]|\xc2[\xb0\xba]|\xa1\xe3)(?= ?C)|\xa1\xe6|\xe2\x84\x83|\xe2\x88\x92/g;

/**
 * Whether the line is one of 7 bits that is read as 8N1: of `24.7 C` with odd parity the point has its top bit set, and
 * what is left reads as 7 °C. High bytes that mean something do not count; labels of Chinese text follow no parity.
 */
function isSevenBit(text: string): boolean {
  const rest = bytesOf(text.replace(KNOWN_HIGH, ""));
  if (!rest.some((byte) => byte > 0x7f)) return false;
  return rest.every(hasEvenParity) || !rest.some(hasEvenParity);
}

/** @returns the number with its sign, or why that is not certain: a lost minus thaws a cold store on paper. */
function celsiusBehind(before: string, number: string): string | InvalidFrame | null {
  if (/\d,$/.test(before) && !number.includes(".")) return invalid("decimal comma");
  const isNegative = isNegativeBehind(before);
  const value = decimalOf(number);
  if (isNegative === null) return invalid("sign");
  return value !== null && isNegative ? negated(value) : value;
}

/**
 * A minus that touches the number is its sign, unless a digit is in front of it (`2-8C`, `CH1-3.2C`); one with blanks
 * behind it is a sign where a line or a value begins, and elsewhere perhaps a dash.
 * @returns null when it can't be told.
 */
function isNegativeBehind(before: string): boolean | null {
  const match = MINUS.exec(before);
  if (match === null) return false;
  const lead = before.slice(0, match.index);
  const isSign = match[1] === "" ? !/[\d-]$/.test(lead) : /(?:^|[:=,;]) *$/.test(lead);
  return isSign ? true : null;
}

function numberIn(text: string, pattern: RegExp): string | null {
  return decimalOf(pattern.exec(text)?.[1] ?? "");
}
