import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { bytesOf, CR, STX, textOf } from "../ascii.ts";
import { sumOf } from "../checks.ts";
import { negated, withDecimals } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { choice } from "../options.ts";
import { MASS_UNITS } from "../unit.ts";

/**
 * Continuous output of Toledo 8142 and its many relatives: `STX SWA SWB SWC weight6 tare6 CR [CHK]`.
 * Source: Mettler Wildcat manual, tables 6-8 to 6-11. Clones set other constant bits, so none of them is required.
 */
export const toledoContinuous: Dialect = {
  key: "toledo-continuous",
  title: "Toledo continuous (8142)",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "wire",
    check: "weak",
    evidence: "documentation",
    caution: "the check sum is optional and sees no swapped digits",
  },
  optionNames: ["unit", "checksum"],
  open: (options) => {
    const unit = choice(options, "unit", ["wire", ...MASS_UNITS], "wire");
    const checksum = choice(options, "checksum", ["auto", "on", "off"], "auto");
    return {
      framing: { kind: "measured", firstBytes: [STX], frameBytesMax: 20, measure: measureWith(checksum) },
      decoder: () => decoderFor(unit),
      commands: { print: bytesOf("P"), tare: bytesOf("T"), "clear-tare": bytesOf("C"), zero: bytesOf("Z") },
      encode: encodeReading,
    };
  },
};

const BARE_BYTES = 17;
const CHECKED_BYTES = 18;

function measureWith(checksum: "auto" | "on" | "off"): Measure {
  return (bytes, ended) => {
    for (let index = 1; index < Math.min(bytes.length, BARE_BYTES - 1); index++)
      if (bytes[index] === STX || bytes[index] === CR)
        return { kind: "rejected", reason: "truncated", length: index };
    if (bytes.length < BARE_BYTES) return { kind: "wait" };
    if (bytes[BARE_BYTES - 1] !== CR) return { kind: "noise" };
    if (checksum === "off") return { kind: "frame", length: BARE_BYTES };
    if (bytes.length < CHECKED_BYTES && !ended) return { kind: "wait" };
    const checks = bytes.length >= CHECKED_BYTES && (sumOf(bytes.subarray(0, CHECKED_BYTES)) & 0x7f) === 0;
    if (checksum === "on" && !checks)
      return { kind: "rejected", reason: "checksum", length: Math.min(bytes.length, CHECKED_BYTES) };
    return checksum === "on" ? { kind: "frame", length: CHECKED_BYTES } : guessed(bytes, ended, checks);
  };
}

/**
 * Whether the byte behind CR is a check byte, when the site does not say. A wrong check byte and line noise look
 * alike, except that a check byte is followed by the next STX or by nothing.
 */
function guessed(bytes: Uint8Array, ended: boolean, checks: boolean): ReturnType<Measure> {
  const behind = bytes[BARE_BYTES];
  if (behind === undefined) return { kind: "frame", length: BARE_BYTES };
  if (checks && behind !== STX) return { kind: "frame", length: CHECKED_BYTES };
  const next = bytes[CHECKED_BYTES];
  if (next === undefined && !ended) return { kind: "wait" };
  const closesFrame = next === undefined || next === STX;
  // Two of them: the first is a check byte of that value, and must not be taken for the next frame's start.
  if (behind === STX && next !== STX)
    return { kind: "frame", length: checks && closesFrame ? CHECKED_BYTES : BARE_BYTES };
  if (checks) return { kind: "frame", length: CHECKED_BYTES };
  if (closesFrame) return { kind: "rejected", reason: "checksum", length: CHECKED_BYTES };
  return { kind: "frame", length: BARE_BYTES };
}

const UNIT_OF_CODE: readonly (MassUnit | null)[] = [null, "g", "t", "oz", "ozt", "dwt", "ton", null];

function decoderFor(configured: MassUnit | "wire"): Decoder {
  return {
    decode: (frame) => {
      const [, swa = 0, swb = 0, swc = 0] = frame;
      const decimals = (swa & 0x07) - 2;
      const unit =
        configured === "wire" ? (UNIT_OF_CODE[swc & 0x07] ?? ((swb & 0x10) === 0 ? "lb" : "kg")) : configured;
      const known = {
        unit,
        stable: (swb & 0x08) === 0,
        ...((swc & 0x08) === 0 ? {} : { print: true }),
        mode: (swb & 0x01) === 0 ? ("gross" as const) : ("net" as const),
      };
      const negative = (swb & 0x02) !== 0;
      if ((swb & 0x40) !== 0) return [weight({ ...known, notZeroed: true })];
      if ((swb & 0x04) !== 0)
        return [weight({ ...known, overload: !negative, ...(negative ? { underload: true } : {}) })];
      const value = withDecimals(textOf(frame.subarray(4, 10)), decimals);
      const tareText = textOf(frame.subarray(10, 16));
      const tare = withDecimals(tareText, decimals);
      // A tare field of blanks says nothing; one that holds anything else but a number is damage.
      if (value === null || (tare === null && tareText.trim() !== "")) return [invalid("format")];
      const signed = negative ? negated(value) : value;
      return [weight({ ...known, value: signed, ...(tare === null ? {} : { tare }), overload: false })];
    },
  };
}

/** Kilograms and grams with the tare in the same resolution, without check byte. */
function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.tare === undefined) return null;
  if ((reading.unit !== "kg" && reading.unit !== "g") || reading.mode === "tare") return null;
  const decimals = reading.value.split(".")[1]?.length ?? 0;
  if (decimals > 5 || (reading.tare.split(".")[1]?.length ?? 0) !== decimals) return null;
  const digits = (value: string): string => value.replace(/[-.]/g, "").padStart(6, "0");
  if (digits(reading.value).length > 6 || digits(reading.tare).length > 6) return null;
  const swa = 0x28 | (decimals + 2);
  const swb =
    0x30 |
    (reading.mode === "net" ? 0x01 : 0) |
    (reading.value.startsWith("-") ? 0x02 : 0) |
    (reading.stable === true ? 0 : 0x08);
  const swc = 0x20 | (reading.unit === "g" ? 1 : 0);
  return Uint8Array.of(STX, swa, swb, swc, ...bytesOf(digits(reading.value) + digits(reading.tare)), CR);
}
