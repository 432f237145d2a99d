import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { withDecimals } from "../decimal.ts";
import { invalid, overload, underload, weight } from "../message.ts";

/**
 * USB HID point-of-sale scales (usage page 8D): report 3 is `03 status unit exponent wLo wHi`, the weight unsigned.
 * Under zero the device sends a magnitude without its sign, so that report has no value.
 * Source: USB-IF, HID Point of Sale Usage Tables 1.02; reports of a DYMO M25.
 */
export const usbHidScale: Dialect = {
  key: "usb-hid-scale",
  title: "USB HID scale",
  device: "scale",
  serial: null,
  hidReportIds: [3],
  trust: { stability: "wire", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: { kind: "measured", frameBytesMax: DATA_REPORT_BYTES, measure },
    decoder: () => decoder,
    commands: { zero: Uint8Array.of(ZERO_REPORT_ID, ZERO_SCALE) },
    encode: encodeReading,
  }),
};

const DATA_REPORT_ID = 3;
const DATA_REPORT_BYTES = 6;
const ZERO_REPORT_ID = 2;
const ZERO_SCALE = 0x02;
const ENFORCED_ZERO_RETURN = 0x01;

const UNITS: readonly (MassUnit | null)[] = [
  null,
  "mg",
  "g",
  "kg",
  "ct",
  "tael",
  "gr",
  "dwt",
  "t",
  "ton",
  "ozt",
  "oz",
  "lb",
];

const STATUS = {
  fault: 1,
  stableAtZero: 2,
  inMotion: 3,
  stable: 4,
  underZero: 5,
  overLimit: 6,
  needsCalibration: 7,
  needsRezero: 8,
} as const;

/** Some stacks put a 00 in front of the report: it is skipped as noise. */
const measure: Measure = (bytes, ended) => {
  const [id, second, third, fourth] = bytes;
  if (id === ZERO_REPORT_ID) {
    if (second === undefined) return ended ? { kind: "noise" } : { kind: "wait" };
    return second === ZERO_SCALE || second === ENFORCED_ZERO_RETURN
      ? { kind: "frame", length: 2 }
      : { kind: "noise" };
  }
  if (id !== DATA_REPORT_ID) return { kind: "noise" };
  if (second !== undefined && (second < STATUS.fault || second > STATUS.needsRezero))
    return { kind: "noise" };
  if (third !== undefined && third >= UNITS.length) return { kind: "noise" };
  if (fourth !== undefined && !isScaleExponent(signedByte(fourth))) return { kind: "noise" };
  if (bytes.length >= DATA_REPORT_BYTES) return { kind: "frame", length: DATA_REPORT_BYTES };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

const decoder: Decoder = {
  decode: (report) => {
    if (report[0] === ZERO_REPORT_ID) {
      const name = report[1] === ZERO_SCALE ? "zero" : "enforced-zero-return";
      return [{ type: "command", name }];
    }
    return [readData(report)];
  },
};

const signedByte = (byte: number): number => (byte > 127 ? byte - 256 : byte);
/** A step of a tonne, or of less than a tenth of a microgram, is no scale's: the bytes are of another report. */
const isScaleExponent = (exponent: number): boolean => exponent >= -10 && exponent <= 3;

function readData(report: Uint8Array): Reading {
  const [, status, unitCode = 0, exponentByte = 0, low = 0, high = 0] = report;
  const unit = UNITS[unitCode] ?? null;
  switch (status) {
    case STATUS.fault:
      return { type: "error", code: "fault" };
    case STATUS.needsCalibration:
      return { type: "error", code: "needs-calibration" };
    case STATUS.needsRezero:
      return { type: "error", code: "needs-rezero" };
    case STATUS.underZero:
      return underload(unit);
    case STATUS.overLimit:
      return overload(unit);
  }
  if (unit === null) return invalid("unit");
  const value = withDecimals(String(low + 256 * high), -signedByte(exponentByte));
  if (value === null) return invalid("format");
  const stable = status !== STATUS.inMotion;
  return weight({ value, unit, stable, ...(status === STATUS.stableAtZero ? { zero: true } : {}) });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight") return null;
  const unit = UNITS.indexOf(reading.unit);
  if (unit < 1 || reading.mode !== null) return null;
  if (reading.overload === true) return Uint8Array.of(DATA_REPORT_ID, STATUS.overLimit, unit, 0, 0, 0);
  if (reading.underload === true) return Uint8Array.of(DATA_REPORT_ID, STATUS.underZero, unit, 0, 0, 0);
  if (reading.value === null || reading.value.startsWith("-") || reading.stable === null) return null;
  const decimals = reading.value.split(".")[1]?.length ?? 0;
  const count = Number(reading.value.replace(".", ""));
  if (count > 0xffff || decimals > 10) return null;
  if (reading.zero === true && (!reading.stable || count !== 0)) return null;
  const status =
    reading.zero === true ? STATUS.stableAtZero : reading.stable ? STATUS.stable : STATUS.inMotion;
  return Uint8Array.of(DATA_REPORT_ID, status, unit, (256 - decimals) & 0xff, count & 0xff, count >> 8);
}
