import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { negated, withDecimals } from "../decimal.ts";
import { invalid, overload, underload, weight } from "../message.ts";
import { choice } from "../options.ts";
import { MASS_UNITS } from "../unit.ts";

/**
 * 友声 JCS/BCD: `FF flags b0 b1 b2 [unit]`, packed decimal, low byte first. Documents disagree about the decimal
 * point code: 1…4 with 1 = none (the default here), or 0…5 with 0 = none.
 */
export const youshengBcd: Dialect = {
  key: "yousheng-bcd",
  title: "友声 (Yousheng) BCD",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "wire",
    check: "none",
    evidence: "documentation",
    caution: "no check at all; compare the decimal point with the display",
  },
  optionNames: ["unit", "decimalPoint"],
  open: (options) => {
    const unit = choice(options, "unit", MASS_UNITS, "kg");
    const base = choice(options, "decimalPoint", ["from-1", "from-0"], "from-1") === "from-1" ? 1 : 0;
    return {
      framing: { kind: "measured", firstBytes: [START], frameBytesMax: FRAME_BYTES_MAX, measure },
      decoder: () => decoderFor(unit, base),
      commands: {},
      encode: (reading) => encodeReading(reading, base),
    };
  },
};

const START = 0xff;
const BARE_BYTES = 5;
const FRAME_BYTES_MAX = 6;
const DECIMAL_POINT_MAX = 4;
/**
 * From a scale that sends its unit, five bytes are six of which one was lost, a digit as likely as the unit. Only so
 * many in a row say that it was noise which looked like a unit.
 */
const BARE_IN_A_ROW_MIN = 3;
const UNIT_OF_CODE: readonly MassUnit[] = ["kg", "lb"];
const isBcd = (byte: number): boolean => byte >> 4 <= 9 && (byte & 0x0f) <= 9;

const FLAG_NEGATIVE = 0x20;
const FLAG_STABLE = 0x40;
const FLAG_OVERFLOW = 0x80;

const measure: Measure = (bytes, ended) => {
  if (bytes[1] === START || !bytes.subarray(2, BARE_BYTES).every(isBcd)) return { kind: "noise" };
  if (bytes.length < BARE_BYTES)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  const unit = bytes[BARE_BYTES];
  if (unit === undefined) return ended ? { kind: "frame", length: BARE_BYTES } : { kind: "wait" };
  return { kind: "frame", length: unit < UNIT_OF_CODE.length ? FRAME_BYTES_MAX : BARE_BYTES };
};

function decoderFor(configured: MassUnit, base: number): Decoder {
  let bareInARow = BARE_IN_A_ROW_MIN;
  return {
    decode: (frame) => {
      bareInARow = frame.length > BARE_BYTES ? 0 : bareInARow + 1;
      if (bareInARow > 0 && bareInARow < BARE_IN_A_ROW_MIN) return [invalid("truncated")];
      const flags = frame[1] ?? 0;
      const stable = (flags & FLAG_STABLE) !== 0;
      const negative = (flags & FLAG_NEGATIVE) !== 0;
      const unit = UNIT_OF_CODE[frame[BARE_BYTES] ?? -1] ?? configured;
      if ((flags & FLAG_OVERFLOW) !== 0) return [negative ? underload(unit) : overload(unit)];
      const point = flags & 0x07;
      // 5 exists in the coding from 0 only, 6 and 7 in none: the setting is wrong, or the frame.
      if (point > DECIMAL_POINT_MAX + (1 - base)) return [invalid("decimal point")];
      const magnitude = withDecimals(bcdDigits(frame), Math.max(0, point - base));
      if (magnitude === null) return [invalid("format")];
      const value = negative ? negated(magnitude) : magnitude;
      const mode = (flags >> 3) & 0x03;
      if (mode > 1) return [invalid("mode")];
      return [mode === 1 ? { type: "count", value, stable } : weight({ value, unit, stable })];
    },
  };
}

function bcdDigits(frame: Uint8Array): string {
  let digits = "";
  for (const byte of [...frame.subarray(2, BARE_BYTES)].reverse())
    digits += byte.toString(16).padStart(2, "0");
  return digits;
}

function encodeReading(reading: Reading, base: number): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.mode !== null) return null;
  const unit = reading.unit === null ? -1 : UNIT_OF_CODE.indexOf(reading.unit);
  const decimals = reading.value.split(".")[1]?.length ?? 0;
  const digits = reading.value.replace(/[-.]/g, "").padStart(6, "0");
  if (
    unit < 0 ||
    decimals + base > DECIMAL_POINT_MAX + (1 - base) ||
    digits.length > 6 ||
    reading.stable === null
  )
    return null;
  const flags =
    (decimals + base) |
    (reading.stable ? FLAG_STABLE : 0) |
    (reading.value.startsWith("-") ? FLAG_NEGATIVE : 0);
  const pair = (from: number): number => Number.parseInt(digits.slice(from, from + 2), 16);
  return Uint8Array.of(START, flags, pair(4), pair(2), pair(0), unit);
}
