import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { hexOf } from "../ascii.ts";
import { crc8Maxim } from "../checks.ts";
import { scaled } from "../decimal.ts";
import { invalid } from "../message.ts";

/**
 * Answers of 1-Wire thermometers: the 9-byte scratchpad of a DS18B20 or DS18S20, and 8-byte ROM codes. The bus master delivers
 * one answer at a time, so silence ends it.
 * All zeros pass the CRC, and 85 °C is what a sensor holds before its first conversion: neither is a temperature.
 * Source: DS18B20 data sheet; Maxim application note 27 for the CRC.
 */
export const onewire: Dialect = {
  key: "onewire",
  title: "1-Wire DS18B20",
  device: "thermometer",
  serial: null,
  trust: { stability: "none", check: "crc", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { kind: "burst", frameBytesMax: 64 },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const ROM_BYTES = 8;
const SCRATCHPAD_BYTES = 9;
/** 85.0 °C in sixteenths. */
const POWER_ON_COUNT = 0x0550;
const STEP_CELSIUS = "0.0625";
/** The sensor's range, -55…125 °C, in sixteenths. */
const COUNT_MIN = -55 * 16;
const COUNT_MAX = 125 * 16;
const CONFIGURATION_AT = 4;
/** `0RR11111`: R is the resolution, 9 to 12 bits. */
const RESOLUTION_BITS = 0x60;
const RESOLUTION_SHIFT = 5;
const CONFIGURATION_FIXED = 0x1f;
/** DS18S20 has no configuration: the byte reads FF, and one count is half a degree. */
const DS18S20_RESERVED = 0xff;
const STEP_CELSIUS_DS18S20 = "0.5";

const decoder: Decoder = { decode: (answer) => [read(answer)] };

function read(answer: Uint8Array): Reading {
  if (answer.length !== ROM_BYTES && answer.length !== SCRATCHPAD_BYTES) return invalid("length");
  if (answer.every((byte) => byte === 0xff)) return invalid("no-device");
  if (answer.every((byte) => byte === 0)) return invalid("all-zero");
  if (crc8Maxim(answer) !== 0) return invalid("crc");
  if (answer.length === ROM_BYTES)
    return {
      type: "rom",
      crc: true,
      family: hexOf(answer.subarray(0, 1)),
      serial: hexOf(answer.subarray(1, 7)),
    };
  return readScratchpad(answer);
}

function readScratchpad(answer: Uint8Array): Reading {
  const raw = (answer[0] ?? 0) | ((answer[1] ?? 0) << 8);
  const configuration = answer[CONFIGURATION_AT] ?? 0;
  const isDs18s20 = configuration === DS18S20_RESERVED;
  if (!isDs18s20 && (configuration & ~RESOLUTION_BITS) !== CONFIGURATION_FIXED)
    return invalid("configuration");
  const step = isDs18s20 ? STEP_CELSIUS_DS18S20 : STEP_CELSIUS;
  // Below 12 bits the last bits of the count are undefined.
  const undefinedBits = isDs18s20 ? 0 : 3 - ((configuration & RESOLUTION_BITS) >> RESOLUTION_SHIFT);
  const count = (signed(raw) >> undefinedBits) << undefinedBits;
  const celsius = scaled(count, step);
  const sixteenths = isDs18s20 ? count * 8 : count;
  if (sixteenths < COUNT_MIN || sixteenths > COUNT_MAX)
    return { type: "temperature", celsius: null, fault: "out-of-range" };
  return { type: "temperature", celsius, ...(sixteenths === POWER_ON_COUNT ? { suspect: "power-on" } : {}) };
}

const signed = (raw: number): number => (raw > 0x7fff ? raw - 0x10000 : raw);

/** A scratchpad at 12 bits with the factory's alarm limits. */
function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "temperature" || reading.celsius === null) return null;
  const count = Math.round(Number(reading.celsius) * 16);
  if (scaled(count, STEP_CELSIUS) !== reading.celsius) return null;
  if (count < COUNT_MIN || count > COUNT_MAX) return null;
  const body = Uint8Array.of(count & 0xff, (count >> 8) & 0xff, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10);
  return Uint8Array.of(...body, crc8Maxim(body));
}
