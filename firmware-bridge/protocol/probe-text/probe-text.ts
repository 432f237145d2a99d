import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { textOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
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

const CELSIUS = /(?<![\d.])([+-]?\d{1,4}(?:\.\d{1,4})?) ?(?:[\xf8\xb0]|\xa1\xe6|\xc2\xb0)? ?C(?![A-Za-z])/;
/** ℃ as one character, of GB 2312 or of UTF-8. */
const CELSIUS_SIGN = /(?<![\d.])([+-]?\d{1,4}(?:\.\d{1,4})?) ?(?:\xa1\xe6|\xe2\x84\x83)/;
/** What a probe prints in place of the number while it has none. */
const NO_CELSIUS =
  /(?:--+[.-]*|\bOL|\bErr\w*) ?(?:[\xf8\xb0]|\xa1\xe6|\xe2\x84\x83|\xc2\xb0)? ?C?(?![A-Za-z])/i;
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
    const celsius = numberIn(text, CELSIUS) ?? numberIn(text, CELSIUS_SIGN);
    const [ph, humidity] = [numberIn(text, PH), numberIn(text, HUMIDITY)];
    if (countOf(text, CELSIUS) + countOf(text, CELSIUS_SIGN) > 1) return [invalid("several temperatures")];
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

function countOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(new RegExp(pattern, "g"))].length;
}

function numberIn(text: string, pattern: RegExp): string | null {
  return decimalOf(pattern.exec(text)?.[1] ?? "");
}
