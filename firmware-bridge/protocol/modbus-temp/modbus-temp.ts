import type { Decoder, Dialect, OptionBag } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { ModbusMessage, Reading } from "../../ports/reading.ts";
import { invalid } from "../message.ts";
import { hasModbusCrc, MODBUS_BYTES_MAX, measureModbus, readModbus } from "../modbus-rtu/modbus-frame.ts";
import {
  countIn,
  fieldsOf,
  floatValue,
  type RegisterField,
  registersOf,
  scaledCount,
  sentinelsOf,
} from "./register-map.ts";

/**
 * Temperature and humidity probes on Modbus RTU (RS-WS-N01, XY-MD02, SHT20, R4DCB08, 8PT1000). Which register holds
 * what, in which scale, is a setting: clones differ by a factor of ten and swap the registers.
 * Also the `FD FD FD` frames by which RS-WS probes tell and change their address.
 * Source: RS-WS-N01 and XY-MD02 manuals; R4DCB08 manual.
 */
export const modbusTemp: Dialect = {
  key: "modbus-temp",
  title: "Modbus RTU temperature probes",
  device: "thermometer",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "crc", evidence: "captured" },
  optionNames: ["fields", "sentinels"],
  open: (options) => {
    const decoder = decoderFor(options);
    return {
      framing: { kind: "measured", frameBytesMax: MODBUS_BYTES_MAX, measure },
      decoder: () => decoder,
      commands: {},
    };
  },
};

const POSSIBLE_PERCENT = { min: 0, max: 100 } as const;
/** From absolute zero to more than any thermocouple bears; what a room or a pan can have is the driver's setting. */
const POSSIBLE_CELSIUS = { min: -273.15, max: 2500 } as const;
const CONFIG_BYTE = 0xfd;
const CONFIG_BYTES = 7;
const BAUD_OF_ID: readonly (number | null)[] = [null, 2400, 4800, 9600, 19200, 38400, 57600, 115200];

const isConfig = (bytes: Uint8Array): boolean =>
  bytes[0] === CONFIG_BYTE && bytes[1] === CONFIG_BYTE && bytes[2] === CONFIG_BYTE;

const measure: Measure = (bytes, ended) => {
  const mayBeConfig = bytes.subarray(0, 3).every((byte) => byte === CONFIG_BYTE);
  if (!mayBeConfig) return measureModbus(bytes, ended);
  if (bytes.length < CONFIG_BYTES)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  return hasModbusCrc(bytes.subarray(0, CONFIG_BYTES))
    ? { kind: "frame", length: CONFIG_BYTES }
    : { kind: "noise" };
};

function decoderFor(options: OptionBag): Decoder {
  const fields = fieldsOf(options);
  const faults = sentinelsOf(options);
  return {
    decode: (frame) => {
      if (isConfig(frame)) return [readConfig(frame)];
      const message = readModbus(frame);
      if (fields === null || message.kind !== "response") return [message];
      return [readFields(message, fields, faults)];
    },
  };
}

function readConfig(frame: Uint8Array): Reading {
  const [, , , baudId = 0, unit = 0] = frame;
  if (baudId === 0) return { type: "command", name: "set-unit", unit };
  return { type: "config", baud: BAUD_OF_ID[baudId] ?? null, unit };
}

interface Value {
  readonly text: string | null;
  readonly fault: string | null;
  readonly scale: string;
}

function readFields(
  message: ModbusMessage,
  fields: readonly RegisterField[],
  faults: ReadonlyMap<number, string>,
): Reading {
  const registers = message.registers ?? [];
  const values: Record<RegisterField["name"], Value[]> = {
    temperature: [],
    humidity: [],
    float32: [],
    skip: [],
  };
  let at = 0;
  for (const field of fields) {
    const [register, next] = [registers[at], registers[at + 1]];
    at += registersOf(field);
    if (register === undefined || (registersOf(field) === 2 && next === undefined))
      return invalid("fewer registers than fields");
    values[field.name].push(fieldValue(field, register, next ?? 0, faults));
  }
  return readingOf(values, message.unit);
}

function fieldValue(
  field: RegisterField,
  register: number,
  next: number,
  faults: ReadonlyMap<number, string>,
): Value {
  const value = { scale: field.scale, fault: null };
  if (field.name === "float32") return { ...value, text: floatValue(register, next, field.byteOrder) };
  if (field.type === "float32") {
    const text = floatValue(register, next, field.byteOrder);
    return text === null ? { ...value, text, fault: "sensor" } : plausible(field, { ...value, text });
  }
  const count = countIn(field, register, next);
  const fault = faults.get(count) ?? null;
  if (fault !== null) return { ...value, text: null, fault };
  return plausible(field, { ...value, text: scaledCount(field, count) });
}

/** More than saturated air, or colder than cold can be: the setting is wrong, or the sensor is gone. */
function plausible(field: RegisterField, value: Value): Value {
  const { min, max } = field.name === "humidity" ? POSSIBLE_PERCENT : POSSIBLE_CELSIUS;
  const number = Number(value.text);
  return number < min || number > max ? { ...value, text: null, fault: "implausible" } : value;
}

function readingOf(values: Readonly<Record<RegisterField["name"], readonly Value[]>>, unit: number): Reading {
  const [temperature, second] = values.temperature;
  const [humidity] = values.humidity;
  if (values.float32.length > 0) return { type: "floats", values: values.float32.map((v) => v.text), unit };
  if (second !== undefined)
    return {
      type: "temperatures",
      celsius: values.temperature.map((value) => value.text),
      faults: values.temperature.map((value) => value.fault),
      unit,
    };
  const faultOf = (value: Value): { fault?: string } => (value.fault === null ? {} : { fault: value.fault });
  if (temperature !== undefined)
    return {
      type: "temperature",
      celsius: temperature.text,
      ...faultOf(temperature),
      ...(humidity === undefined ? {} : { humidity: humidity.text }),
      scale: temperature.scale,
      unit,
    };
  if (humidity !== undefined) return { type: "humidity", percent: humidity.text, ...faultOf(humidity), unit };
  return invalid("no field to read");
}
