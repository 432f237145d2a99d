import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { bytesOf, textOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { choice } from "../options.ts";
import { MASS_UNITS, massUnitOf } from "../unit.ts";

/**
 * 耀华 A12, A26, A27: `=` and eight characters, low digit first (format 1) or high digit first (formats 2 and 3,
 * the last with `;price`); and indicators that send reversed digits with a unit and CR LF instead of `=`.
 * `=0003.000` is 3 kg or 300 g by digit order, and nothing on the wire tells which: the site must say.
 * Source: XK3190-A12 manual; A26 manual.
 */
export const yaohuaEq: Dialect = {
  key: "yaohua-eq",
  title: "耀华 “=”",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "software",
    check: "none",
    evidence: "documentation",
    caution: "no check at all; the digit order must be configured",
  },
  optionNames: ["unit", "digits"],
  open: (options) => {
    const unit = choice(options, "unit", MASS_UNITS, "kg");
    const digits = choice(options, "digits", ["unset", "reversed", "forward"], "unset");
    return {
      framing: { kind: "measured", firstBytes: FIRST_BYTES, frameBytesMax: FRAME_BYTES_MAX, measure },
      decoder: () => decoderFor(unit, digits),
      commands: {},
      encode: (reading) => encodeReading(reading, unit, digits),
    };
  },
};

type DigitOrder = "unset" | "reversed" | "forward";

const EQUALS = 0x3d;
const SEMICOLON = 0x3b;
const FRAME_BYTES = 9;
const FRAME_BYTES_MAX = 24;
const FIRST_BYTES = [...bytesOf("=0123456789.-")];
const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d || byte === 0x20;

const measure: Measure = (bytes, ended) =>
  bytes[0] === EQUALS ? measureEquals(bytes, ended) : measureLine(bytes);

function measureEquals(bytes: Uint8Array, ended: boolean): ReturnType<Measure> {
  const body = bytes.subarray(1, FRAME_BYTES);
  const wrongAt = body.findIndex((byte) => !isNumberByte(byte));
  if (wrongAt >= 0) return { kind: "rejected", reason: "truncated", length: wrongAt + 1 };
  if (bytes.length < FRAME_BYTES)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  // Only the next byte tells whether a price follows.
  if (bytes.length === FRAME_BYTES && !ended) return { kind: "wait" };
  if (bytes[FRAME_BYTES] !== SEMICOLON) return { kind: "frame", length: FRAME_BYTES };
  for (let index = FRAME_BYTES + 1; index < Math.min(bytes.length, FRAME_BYTES_MAX); index++)
    if (!isNumberByte(bytes[index] ?? 0)) return { kind: "frame", length: index };
  return ended || bytes.length >= FRAME_BYTES_MAX
    ? { kind: "frame", length: Math.min(bytes.length, FRAME_BYTES_MAX) }
    : { kind: "wait" };
}

const UNIT_LINE = /^(\d[\d.]{2,8}-?)(kg|g|lb|t)\r?\n$/;
const UNIT_LINE_BEGUN = /^[\d.]{1,9}-?(?:k|kg|g|l|lb|t)?\r?$/;

/** The form without `=`: its unit and terminator are what makes it a frame. */
function measureLine(bytes: Uint8Array): ReturnType<Measure> {
  const end = bytes.indexOf(0x0a);
  const text = textOf(end < 0 ? bytes : bytes.subarray(0, end + 1));
  if (UNIT_LINE.test(text)) return { kind: "frame", length: text.length };
  return end < 0 && UNIT_LINE_BEGUN.test(text) ? { kind: "wait" } : { kind: "noise" };
}

function decoderFor(unit: MassUnit, order: DigitOrder): Decoder {
  return {
    decode: (frame) => {
      const text = textOf(frame);
      const line = UNIT_LINE.exec(text);
      if (line !== null)
        return [read(line[1] ?? "", "reversed", massUnitOf(line[2] ?? "") ?? unit, undefined)];
      const [number = "", price] = text.slice(1).split(";");
      // Low digit first, the highest place holds 0 or the sign: anything else is the other digit order.
      if (order === "reversed" && !/[0 -]$/.test(number)) return [invalid("digit order")];
      return [read(number, order === "unset" ? orderSeen(number) : order, unit, price)];
    },
  };
}

/** A minus sign stands in front of the highest digit, wherever that is. */
function orderSeen(number: string): DigitOrder {
  if (number.startsWith("-")) return "forward";
  return number.endsWith("-") ? "reversed" : "unset";
}

function read(number: string, order: DigitOrder, unit: MassUnit, price: string | undefined): Reading {
  if (order === "unset") return invalid("digit order not configured");
  const value = decimalOf(order === "reversed" ? [...number].reverse().join("") : number);
  if (value === null) return invalid("format");
  const unitPrice = price === undefined ? null : decimalOf(price);
  return weight({ value, unit, ...(unitPrice === null ? {} : { unitPrice }) });
}

function encodeReading(reading: Reading, unit: MassUnit, order: DigitOrder): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit !== unit || order === "unset")
    return null;
  const sign = reading.value.startsWith("-") ? "-" : "";
  const digits = reading.value.replace("-", "").padStart(8 - sign.length, "0");
  if (sign.length + digits.length > 8 || !digits.includes(".")) return null;
  const forward = sign + digits;
  return bytesOf(`=${order === "reversed" ? [...forward].reverse().join("") : forward}`);
}
