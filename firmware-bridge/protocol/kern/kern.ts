import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf, negated } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { modeOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * Kern balances: 14 or 15 bytes, sign, 7 or 8 characters, unit, comparator, state; and the `ST,GS 1.000KG` line of
 * KFN and GAB; and the 15 to 18 bytes of FKB, KDE and PCB. A `/` sets off the last, not verified digit. KCP devices
 * speak MT-SICS.
 * Source: KFN-TM manual, p. 49; GAB-N manual, p. 37; FKB manual, p. 37; PCB manual, p. 35; a log of an EW balance.
 */
export const kern: Dialect = {
  key: "kern",
  title: "Kern",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: () => decoder,
    commands: { read: bytesOf("w"), "read-stable": bytesOf("s"), tare: bytesOf("t") },
    encode: encodeReading,
  }),
};

const FIXED = /^([+\- ])([ \d./]{7,8})([A-Za-z% ]{2})([LGH ])([SUE ])$/;
const ERROR_LINE = /^ *Error *$/i;
/** FKB, KDE, PCB: blanks or M, sign, nine or ten places, and after a blank the unit, which is missing while the pan moves. */
const WIDE = /^[ M]{1,2}([+\- ])([ \d.]{9,10})(?: ([A-Za-z% ]{0,3}))?$/;
/** KFN: gross, net or tare without a comma behind; GAB: one letter between commas. */
const HEADED = /^(ST|US|OL|UL),(?:(GS|GW|NT|TW)|([GN]),) *([+-]? *[\d.]*) *,?([A-Za-z%]*) *$/;

const decoder: Decoder = {
  decode: (line) => {
    const text = printableTail(line);
    if (ERROR_LINE.test(text)) return [{ type: "error", code: "device" }];
    const reading =
      parseFixed(text) ??
      parseWide(text) ??
      fromHead(text, /[+-]/g, parseFixed) ??
      fromHead(text, /(?:ST|US|OL|UL),/g, parseHeaded);
    return reading === null ? [] : [reading];
  },
};

function parseFixed(text: string): Reading | null {
  const match = FIXED.exec(text);
  if (match === null) return null;
  const [, sign, field = "", spelling = "", , state] = match;
  if (state === "E") return { type: "error", code: "device" };
  const hasAuxDigit = /\/\d$/.test(field.trimEnd());
  const magnitude = decimalOf(hasAuxDigit ? field.replace("/", "") : field);
  if (magnitude === null) return invalid("format");
  const value = sign === "-" ? negated(magnitude) : magnitude;
  const stable = state === " " ? null : state === "S";
  const quantity = quantityOf(spelling);
  if (quantity === "count" || quantity === "percent") return { type: quantity, value, stable };
  const unit = massUnitOf(spelling);
  if (unit === null) return invalid(spelling.trim() === "" ? "no unit" : "unit");
  return weight({ value, unit, stable, ...(hasAuxDigit ? { auxDigit: true } : {}) });
}

function parseHeaded(text: string): Reading | null {
  const match = HEADED.exec(text);
  if (match === null) return null;
  const [, header = "", letters, letter, number = "", unit = ""] = match;
  return readStatusLine({ header, mode: modeOf(letters ?? letter), number, unit });
}

function parseWide(text: string): Reading | null {
  const match = WIDE.exec(text);
  if (match === null) return null;
  const [, sign, field = "", spelling = ""] = match;
  const magnitude = decimalOf(field);
  if (magnitude === null) return null;
  const value = sign === "-" ? negated(magnitude) : magnitude;
  // Without its unit the weight still moves.
  if (spelling.trim() === "") return weight({ value, stable: false });
  const quantity = quantityOf(spelling);
  if (quantity === "count" || quantity === "percent") return { type: quantity, value, stable: true };
  const unit = massUnitOf(spelling);
  return unit === null ? invalid("unit") : weight({ value, unit, stable: true });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type === "error") return reading.code === "device" ? bytesOf("       Error\r\n") : null;
  if (reading.type !== "weight" || reading.value === null || reading.mode !== null) return null;
  const digits = reading.value.replace("-", "").padStart(7, "0");
  const unit = reading.unit?.toUpperCase().padStart(2);
  if (digits.length > 8 || unit === undefined || unit.length > 2) return null;
  const state = reading.stable === null ? " " : reading.stable ? "S" : "U";
  return bytesOf(`${reading.value.startsWith("-") ? "-" : "+"}${digits}${unit} ${state}\r\n`);
}
