import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf, negated } from "../decimal.ts";
import { invalid, overload, textLines, underload, weight } from "../message.ts";
import { fits, headerOf, modeOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/** CAS CBX (`ST,+00123.45 g`, with or without `GS`) and the one-letter line of EB and Shimadzu (`S-186.65g`). */
export const casCbx: Dialect = {
  key: "cas-cbx",
  title: "CAS CBX, EB",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const HEAD = /(?:ST|US|OL|UL|QT),/g;
const FRAME = /^(ST|US|OL|UL|QT),(?:(GS|NT|TR),)?([+-] *[\d.]+(?:E[+-]\d+)?),? *([A-Za-z%]+) *$/;
const ONE_LETTER = /^([SU])([+-]| )( *[\d.]+) *([A-Za-z]+) *$/;
const ONE_LETTER_RANGE = /^[SU] *(-?)OL *([A-Za-z]*) *$/;

const decoder: Decoder = {
  decode: (line) => {
    const text = printableTail(line);
    const reading = fromHead(text, HEAD, parseFrame) ?? parseOneLetter(text);
    if (reading !== null) return [reading];
    return text.match(HEAD) === null ? [] : [invalid("format")];
  },
};

function parseFrame(text: string): Reading | null {
  const match = FRAME.exec(text);
  if (match === null) return null;
  const [, header = "", mode, number = "", unit = ""] = match;
  return readStatusLine({ header, mode: modeOf(mode), number, unit });
}

function parseOneLetter(text: string): Reading | null {
  const range = ONE_LETTER_RANGE.exec(text);
  if (range !== null) {
    const unit = massUnitOf(range[2] ?? "");
    return range[1] === "-" ? underload(unit) : overload(unit);
  }
  const match = ONE_LETTER.exec(text);
  if (match === null) return null;
  const [, letter, sign, digits = "", spelling = ""] = match;
  const value = decimalOf(digits);
  const unit = massUnitOf(spelling);
  const quantity = quantityOf(spelling);
  if (value !== null && (quantity === "count" || quantity === "percent"))
    return { type: quantity, value, stable: letter === "S" };
  if (value === null || unit === null) return invalid(value === null ? "format" : "unit");
  return weight({ value: sign === "-" ? negated(value) : value, unit, stable: letter === "S" });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit === null) return null;
  const header = headerOf(reading.stable);
  if (header === null || !fits(reading.value, 9) || reading.mode === "tare") return null;
  const mode = reading.mode === null ? "" : reading.mode === "net" ? "NT," : "GS,";
  const sign = reading.value.startsWith("-") ? "-" : "+";
  return bytesOf(
    `${header},${mode}${sign}${reading.value.replace("-", "").padStart(8, "0")} ${reading.unit}\r\n`,
  );
}
