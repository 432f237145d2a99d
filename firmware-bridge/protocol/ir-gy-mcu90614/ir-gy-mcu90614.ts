import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { sumOf } from "../checks.ts";
import { scaled } from "../decimal.ts";
import { invalid } from "../message.ts";

/**
 * GY-MCU90614 infrared thermometers: `5A 5A type length data SUM`, hundredths of a degree; the `66 66` variant of
 * another maker; and the host's `A5` commands. The surface of a forehead is colder than the body.
 * Source: GY-MCU90614 and GY-614V3 manuals. The length byte 07 of GY-614V3 is an assumption.
 */
export const irGyMcu90614: Dialect = {
  key: "ir-gy-mcu90614",
  title: "GY-MCU90614 infrared",
  device: "thermometer",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "none",
    check: "weak",
    evidence: "documentation",
    caution: "the sum sees no two swapped bytes; surface is not body temperature",
  },
  optionNames: [],
  open: () => ({
    framing: {
      kind: "measured",
      firstBytes: [HEADER, OTHER_HEADER, COMMAND],
      frameBytesMax: FRAME_BYTES_MAX,
      measure,
    },
    decoder: () => decoder,
    commands: { read: commandBytes(0x15), stream: commandBytes(0x45) },
    encode: encodeReading,
  }),
};

const HEADER = 0x5a;
const OTHER_HEADER = 0x66;
const COMMAND = 0xa5;
const COMMAND_BYTES = 3;
const DATA_BYTES_MAX = 12;
const FRAME_BYTES_MAX = DATA_BYTES_MAX + 5;
const STEP_CELSIUS = "0.01";
/** Hundredths of a degree. */
const AMBIENT_RAW_MIN = -4000;
const AMBIENT_RAW_MAX = 12_500;

const measure: Measure = (bytes, ended) => {
  const length = lengthOf(bytes);
  if (length === "noise") return { kind: "noise" };
  if (length === null || bytes.length < length)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  if (sumOf(bytes.subarray(0, length - 1)) !== bytes[length - 1])
    return { kind: "rejected", reason: "checksum", length };
  return isAmbientPossible(bytes)
    ? { kind: "frame", length }
    : { kind: "rejected", reason: "format", length };
};

/**
 * One half frame in 256 has the sum of the bytes that follow it. The chip works from -40 to 125 °C: what lies outside
 * was no ambient temperature, and the search goes on inside.
 */
function isAmbientPossible(bytes: Uint8Array): boolean {
  if (bytes[0] === COMMAND || (bytes[3] !== 4 && bytes[3] !== 7)) return true;
  const raw = rawAt(bytes, bytes[3] === 4 ? 6 : 7);
  return isRail(raw) || (raw >= AMBIENT_RAW_MIN && raw <= AMBIENT_RAW_MAX);
}

function lengthOf(bytes: Uint8Array): number | null | "noise" {
  const [first, second, third, fourth] = bytes;
  if (first === COMMAND) return COMMAND_BYTES;
  if (second === undefined) return null;
  if (second !== first) return "noise";
  if (first === OTHER_HEADER && third !== undefined && third !== 1 && third !== 2) return "noise";
  if (fourth === undefined) return null;
  return fourth >= 2 && fourth <= DATA_BYTES_MAX ? fourth + 5 : "noise";
}

const COMMAND_NAMES: Readonly<Record<number, string>> = {
  69: "continuous",
  21: "query",
  174: "baud-9600",
  175: "baud-115200",
  81: "auto-on",
  82: "auto-off",
};

const decoder: Decoder = {
  decode: (frame) => {
    const code = frame[1] ?? 0;
    if (frame[0] === COMMAND)
      return [{ type: "command", name: COMMAND_NAMES[code] ?? `command-${code.toString(16)}` }];
    return [readSensor(frame)];
  },
};

function readSensor(frame: Uint8Array): Reading {
  switch (frame[3]) {
    case 4:
      return { type: "temperature", ...surfaceAt(frame, 4), ambient: at(frame, 6) };
    case 7:
      return { type: "temperature", ...surfaceAt(frame, 5), ambient: at(frame, 7), body: at(frame, 9) };
    default:
      return invalid("format");
  }
}

/** The ends of the range are where the sensor rests without an answer of its chip. */
function surfaceAt(frame: Uint8Array, index: number): { celsius: string | null; fault?: string } {
  return isRail(rawAt(frame, index)) ? { celsius: null, fault: "sensor" } : { celsius: at(frame, index) };
}

const isRail = (raw: number): boolean => raw === 0x7fff || raw === -0x8000;

function at(frame: Uint8Array, index: number): string {
  return scaled(rawAt(frame, index), STEP_CELSIUS);
}

function rawAt(frame: Uint8Array, index: number): number {
  const raw = ((frame[index] ?? 0) << 8) | (frame[index + 1] ?? 0);
  return raw > 0x7fff ? raw - 0x10000 : raw;
}

function commandBytes(code: number): Uint8Array {
  return Uint8Array.of(COMMAND, code, (COMMAND + code) & 0xff);
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "temperature" || reading.celsius === null || reading.ambient === undefined)
    return null;
  const words = [reading.celsius, reading.ambient].map((text) => Number(text.replace(".", "")));
  const body = [HEADER, HEADER, 0x45, 4, ...words.flatMap((word) => [(word >> 8) & 0xff, word & 0xff])];
  return Uint8Array.of(...body, sumOf(Uint8Array.from(body)));
}
