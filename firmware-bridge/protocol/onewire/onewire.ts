import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { hexOf } from "../ascii.ts";
import { crc8Maxim } from "../checks.ts";
import { scaled } from "../decimal.ts";
import { invalid } from "../message.ts";

/**
 * Answers of 1-Wire thermometers: the 9-byte scratchpad of a DS18B20 and 8-byte ROM codes. The bus master delivers
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
  const raw = (answer[0] ?? 0) | ((answer[1] ?? 0) << 8);
  const celsius = scaled(raw > 0x7fff ? raw - 0x10000 : raw, STEP_CELSIUS);
  return { type: "temperature", celsius, ...(raw === POWER_ON_COUNT ? { suspect: "power-on" } : {}) };
}

/** A scratchpad at 12 bits with the factory's alarm limits. */
function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "temperature" || reading.celsius === null) return null;
  const count = Math.round(Number(reading.celsius) * 16);
  if (scaled(count, STEP_CELSIUS) !== reading.celsius) return null;
  if (count < -0x8000 || count > 0x7fff) return null;
  const body = Uint8Array.of(count & 0xff, (count >> 8) & 0xff, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10);
  return Uint8Array.of(...body, crc8Maxim(body));
}
