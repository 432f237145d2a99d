import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading, WeighMode } from "../../ports/reading.ts";
import { bytesOf, ETX, STX, textOf } from "../ascii.ts";
import { xorOf } from "../checks.ts";
import { negated, withDecimals } from "../decimal.ts";
import { ignored, invalid, weight } from "../message.ts";
import { choice, matchingText } from "../options.ts";
import { MASS_UNITS } from "../unit.ts";
import { nibblesMatch, nibblesOf } from "../yaohua-check.ts";

/**
 * 耀华 XK3190 with tF=1, commands on RS-485: `STX address command [± d6 dp] X1 X2 ETX`, 6 or 14 bytes.
 * Other addresses pass by on the same pair of wires; with option `address` they are left out silently.
 * Source: XK3190-A9+ manual; A23p manual for unit price and amount.
 */
export const yaohuaCmd: Dialect = {
  key: "yaohua-cmd",
  title: "耀华 XK3190 tF=1",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "software",
    check: "weak",
    evidence: "documentation",
    caution: "the XOR sees no two swapped digits; poll each address at most every 100 ms",
  },
  optionNames: ["unit", "address"],
  open: (options) => {
    const unit = choice(options, "unit", MASS_UNITS, "kg");
    const address = matchingText(options, "address", /^[A-Z]$/, null);
    return {
      framing: { kind: "measured", firstBytes: [STX], frameBytesMax: LONG_BYTES, measure },
      decoder: () => decoderFor(unit, address),
      commands: { read: commandBytes(address ?? "A", "D") },
      encode: (reading) => encodeReading(reading, unit),
    };
  },
};

const SHORT_BYTES = 6;
const LONG_BYTES = 14;
const DECIMALS_MAX = 4;

const measure: Measure = (bytes, ended) => {
  const [, address, command, fourth] = bytes;
  if (address !== undefined && (address < 0x41 || address > 0x5a)) return { kind: "noise" };
  if (command !== undefined && (command < 0x41 || command > 0x5a)) return { kind: "noise" };
  const isLong = fourth === 0x2b || fourth === 0x2d;
  const length = isLong ? LONG_BYTES : SHORT_BYTES;
  if (bytes.subarray(1, length - 1).includes(STX)) return { kind: "noise" };
  if (bytes.length < length)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  if (bytes[length - 1] !== ETX) return { kind: "noise" };
  const matches = nibblesMatch(xorOf(bytes.subarray(1, length - 3)), bytes[length - 3], bytes[length - 2]);
  return matches ? { kind: "frame", length } : { kind: "rejected", reason: "checksum", length };
};

const COMMAND_NAMES: Readonly<Record<string, string>> = {
  A: "handshake",
  B: "read-gross",
  C: "read-tare",
  D: "read-net",
  E: "read-unit-price",
  F: "read-amount",
};

const MODES: Readonly<Record<string, WeighMode>> = { B: "gross", C: "tare", D: "net" };

function decoderFor(unit: MassUnit, own: string | null): Decoder {
  return {
    decode: (frame) => {
      const text = textOf(frame);
      const [address, command] = [text.charAt(1), text.charAt(2)];
      if (own !== null && address !== own) return [ignored("other address")];
      if (frame.length === SHORT_BYTES) return shortReadings(address, command);
      const decimals = text.charCodeAt(10) - 0x30;
      const magnitude = withDecimals(text.slice(4, 10), decimals);
      if (magnitude === null || decimals < 0 || decimals > DECIMALS_MAX) return [invalid("format")];
      const value = text.charAt(3) === "-" ? negated(magnitude) : magnitude;
      const mode = MODES[command];
      if (mode === undefined) return [{ type: "reply", command, address, data: value }];
      return [weight({ value, unit, mode, address })];
    },
  };
}

/** A handshake and its answer are the same six bytes: the wire does not tell which it was, so both are reported. */
function shortReadings(address: string, command: string): Reading[] {
  const asked: Reading = { type: "command", name: COMMAND_NAMES[command] ?? `command-${command}`, address };
  return command === "A" ? [asked, { type: "reply", command, address }] : [asked];
}

function commandBytes(address: string, command: string): Uint8Array<ArrayBuffer> {
  const body = bytesOf(address + command);
  return Uint8Array.of(STX, ...body, ...nibblesOf(xorOf(body)), ETX);
}

function encodeReading(reading: Reading, unit: MassUnit): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit !== unit) return null;
  const command = Object.keys(MODES).find((letter) => MODES[letter] === reading.mode);
  const decimals = reading.value.split(".")[1]?.length ?? 0;
  const digits = reading.value.replace(/[-.]/g, "").padStart(6, "0");
  if (
    command === undefined ||
    !/^[A-Z]$/.test(reading.address ?? "") ||
    decimals > DECIMALS_MAX ||
    digits.length > 6
  )
    return null;
  const sign = reading.value.startsWith("-") ? "-" : "+";
  const body = bytesOf(`${reading.address}${command}${sign}${digits}${decimals}`);
  return Uint8Array.of(STX, ...body, ...nibblesOf(xorOf(body)), ETX);
}
