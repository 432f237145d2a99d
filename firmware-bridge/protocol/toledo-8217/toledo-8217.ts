import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { bytesOf, CR, STX, textOf } from "../ascii.ts";
import { hasEvenParity } from "../checks.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { choice } from "../options.ts";
import { MASS_UNITS } from "../unit.ts";

/**
 * Mettler-Toledo 8217, also Magellan and Ariva-S scanner scales and Brecknell 67xx ("NCI/8217").
 * `W` is answered by a weight, or by `?` and a status byte while there is none: the weight itself is always stable.
 * The line is 7E1; read as 8N1 each byte carries even parity in bit 7.
 * Source: PSC Magellan 8500 service manual, p. 51; Brecknell 67-u manual, p. 71.
 */
export const toledo8217: Dialect = {
  key: "toledo-8217",
  title: "Mettler-Toledo 8217",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 7, parity: "even", stopBits: 1 },
  trust: {
    stability: "wire",
    check: "none",
    evidence: "documentation",
    caution: "the unit is not on the wire",
  },
  optionNames: ["unit"],
  open: (options) => {
    const unit = choice(options, "unit", MASS_UNITS, "kg");
    return {
      framing: { kind: "enclosed", starts: [STX, STX | 0x80], ends: [CR, CR | 0x80], frameBytesMax: 16 },
      decoder: () => decoderFor(unit),
      commands: {
        read: bytesOf("W"),
        zero: bytesOf("Z"),
        tare: bytesOf("T"),
        "clear-tare": bytesOf("C"),
      },
      encode: (reading) => encodeReading(reading, unit),
    };
  },
};

/** Always with a point: digits without one would be a thousand times the weight. */
const WEIGHT = /^ *(\d{1,4}\.\d{1,4})(N?)$/;

const STATUS_BITS = {
  motion: 0x01,
  overCapacity: 0x02,
  underZero: 0x04,
  outsideZeroCapture: 0x08,
  centerOfZero: 0x10,
  net: 0x20,
} as const;
const STATUS_ALWAYS_SET = 0x40;

function decoderFor(unit: MassUnit): Decoder {
  return {
    decode: (frame) => {
      const stripped = withoutParity(frame);
      if (stripped === null) return [invalid("parity")];
      const text = textOf(stripped.subarray(1, -1));
      if (text === "E") return [{ type: "probe", ok: true }];
      if (text.startsWith("?") && text.length === 2) return [statusOf(text.charCodeAt(1))];
      const match = WEIGHT.exec(text);
      const value = decimalOf(match?.[1] ?? "");
      if (match === null || value === null) return [invalid("format")];
      return [weight({ value, unit, stable: true, mode: match[2] === "N" ? "net" : "gross" })];
    },
  };
}

/** @returns seven-bit bytes, or null when bit 7 is there and is not even parity. */
function withoutParity(frame: Uint8Array): Uint8Array | null {
  const lineHasParity = (frame[0] ?? 0) > 0x7f;
  for (const byte of frame) if ((lineHasParity || byte > 0x7f) && !hasEvenParity(byte)) return null;
  return frame.map((byte) => byte & 0x7f);
}

function statusOf(status: number): Reading {
  if ((status & STATUS_ALWAYS_SET) === 0) return invalid("format");
  const isSet = (name: keyof typeof STATUS_BITS): boolean => (status & STATUS_BITS[name]) !== 0;
  return {
    type: "status",
    motion: isSet("motion"),
    overCapacity: isSet("overCapacity"),
    underZero: isSet("underZero"),
    outsideZeroCapture: isSet("outsideZeroCapture"),
    centerOfZero: isSet("centerOfZero"),
    net: isSet("net"),
  };
}

function encodeReading(reading: Reading, unit: MassUnit): Uint8Array<ArrayBuffer> | null {
  if (reading.type === "status") {
    let status: number = STATUS_ALWAYS_SET;
    for (const [name, bit] of Object.entries(STATUS_BITS))
      if (reading[name as keyof typeof STATUS_BITS] === true) status |= bit;
    return Uint8Array.of(STX, 0x3f, status, CR);
  }
  if (reading.type !== "weight" || reading.unit !== unit || reading.stable !== true) return null;
  if (reading.mode === "tare" || reading.value === null || !/^\d{1,2}\.\d{3}$/.test(reading.value))
    return null;
  return bytesOf(`\x02 ${reading.value.padStart(6, "0")}${reading.mode === "net" ? "N" : ""}\r`);
}
