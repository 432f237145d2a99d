import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { bytesOf, ETX, STX, textOf } from "../ascii.ts";
import { xorOf } from "../checks.ts";
import { negated, withDecimals } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { choice } from "../options.ts";
import { MASS_UNITS } from "../unit.ts";
import { nibblesMatch, nibblesOf } from "../yaohua-check.ts";

/**
 * 耀华 XK3190 with tF=0, continuous: `STX ± d6 dp X1 X2 ETX`. There is no stability, no unit, no mode and no
 * overload on the wire. X2 has been taken for a stability code; it is half of the XOR.
 * Source: XK3190-A9+ manual, p. 9; A26 manual, p. 12.
 */
export const yaohuaTf0: Dialect = {
  key: "yaohua-tf0",
  title: "耀华 XK3190 tF=0",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "software",
    check: "weak",
    evidence: "captured",
    caution: "the XOR sees no two swapped digits; overload is not on the wire, so set the capacity",
  },
  optionNames: ["unit"],
  open: (options) => {
    const unit = choice(options, "unit", MASS_UNITS, "kg");
    return {
      framing: { kind: "measured", firstBytes: [STX], frameBytesMax: FRAME_BYTES, measure },
      decoder: () => decoderFor(unit),
      commands: {},
      encode: (reading) => encodeReading(reading, unit),
    };
  },
};

const FRAME_BYTES = 12;
const DECIMALS_MAX = 4;
/** What each place of the frame may hold, so that a wrong start is seen before the whole length has come. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: STX and ETX are the frame.
const SHAPE = /^\x02(?:[+-](?:\d{0,6}|\d{6}\d(?:[0-9A-F:-?](?:[0-9A-F:-?]\x03?)?)?))?$/;

const measure: Measure = (bytes, ended) => {
  if (bytes.length >= FRAME_BYTES && SHAPE.test(textOf(bytes.subarray(0, FRAME_BYTES)))) {
    const matches = nibblesMatch(xorOf(bytes.subarray(1, 9)), bytes[9], bytes[10]);
    return matches
      ? { kind: "frame", length: FRAME_BYTES }
      : { kind: "rejected", reason: "checksum", length: FRAME_BYTES };
  }
  const shaped = bytes.length < FRAME_BYTES && SHAPE.test(textOf(bytes));
  if (shaped)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  return { kind: "noise" };
};

function decoderFor(unit: MassUnit): Decoder {
  return {
    decode: (frame) => {
      const decimals = (frame[8] ?? 0x30) - 0x30;
      const value = withDecimals(textOf(frame.subarray(2, 8)), decimals);
      if (value === null || decimals > DECIMALS_MAX) return [invalid("format")];
      return [weight({ value: frame[1] === 0x2d ? negated(value) : value, unit })];
    },
  };
}

function encodeReading(reading: Reading, unit: MassUnit): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit !== unit) return null;
  const decimals = reading.value.split(".")[1]?.length ?? 0;
  const digits = reading.value.replace(/[-.]/g, "").padStart(6, "0");
  if (decimals > DECIMALS_MAX || digits.length > 6 || reading.stable !== null || reading.mode !== null)
    return null;
  const body = bytesOf(`${reading.value.startsWith("-") ? "-" : "+"}${digits}${decimals}`);
  return Uint8Array.of(STX, ...body, ...nibblesOf(xorOf(body)), ETX);
}
