import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { ACK, bytesOf, ENQ, ESC, ETX, NAK, STX, textOf } from "../ascii.ts";
import { withDecimals } from "../decimal.ts";
import { invalid, weight } from "../message.ts";

/**
 * Dialog 04 and 06 of checkout scales: the host asks with EOT ENQ, sends records as EOT STX … ETX, and gets records
 * as STX … ETX or single ACK and NAK bytes. The scale weighs only a stable load, so a record 02 is stable.
 * Certified scales open with a checksum challenge (record 11), which this codec shows as a reply and does not solve.
 */
export const toledoDialog06: Dialect = {
  key: "toledo-dialog06",
  title: "Dialog 04/06",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: {
      kind: "measured",
      firstBytes: [STX, EOT, ACK, NAK],
      frameBytesMax: RECORD_BYTES_MAX,
      measure,
    },
    decoder: () => decoder,
    commands: { read: Uint8Array.of(EOT, ENQ) },
    encode: encodeReading,
  }),
};

const EOT = 0x04;
const RECORD_BYTES_MAX = 64;

const measure: Measure = (bytes, ended) => {
  const [first, second] = bytes;
  if (first === ACK || first === NAK) return { kind: "frame", length: 1 };
  if (first === EOT) {
    if (second === undefined) return ended ? { kind: "noise" } : { kind: "wait" };
    if (second === ENQ) return { kind: "frame", length: 2 };
    if (second !== STX) return { kind: "noise" };
  }
  for (let index = first === EOT ? 2 : 1; index < Math.min(bytes.length, RECORD_BYTES_MAX); index++) {
    const byte = bytes[index];
    if (byte === ETX) return { kind: "frame", length: index + 1 };
    if (byte === STX || byte === EOT) return { kind: "rejected", reason: "truncated", length: index };
  }
  if (bytes.length >= RECORD_BYTES_MAX)
    return { kind: "rejected", reason: "over-long", length: RECORD_BYTES_MAX };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

const MEANING_OF_STATUS: Readonly<Record<string, string>> = {
  "00": "ok",
  "01": "general-error",
  "02": "parity-or-too-many-characters",
  "10": "invalid-record",
  "11": "no-valid-unit-price",
  "12": "no-valid-tare",
  "13": "no-valid-text",
  "20": "in-motion",
  "21": "no-change-since-last-weighing",
  "22": "price-not-ready",
  "30": "min-range-or-zero",
  "31": "underload-or-negative",
  "32": "overload",
  "33": "not-unloaded",
  "56": "not-positioned",
};

/** By the scale-status digit; 0 (pounds and ounces) has no decimal form. */
const WEIGHT_FORMAT: Readonly<Record<string, { readonly unit: MassUnit; readonly decimals: number }>> = {
  "1": { unit: "lb", decimals: 2 },
  "2": { unit: "lb", decimals: 3 },
  "3": { unit: "kg", decimals: 3 },
  "4": { unit: "kg", decimals: 2 },
};

const decoder: Decoder = {
  decode: (frame) => {
    if (frame[0] === ACK) return [{ type: "ack", ok: true }];
    if (frame[0] === NAK) return [{ type: "ack", ok: false }];
    if (frame[0] === STX) return [parseRecord(textOf(frame.subarray(1, -1)))];
    if (frame[1] === ENQ) return [{ type: "command", name: "request-weight" }];
    return [parseCommand(textOf(frame.subarray(2, -1)))];
  },
};

const FIELD_SEPARATOR = String.fromCharCode(ESC);

function parseRecord(text: string): Reading {
  const [record, first = "", weighed = "", price = "", sum = ""] = text.split(FIELD_SEPARATOR);
  if (record === "09" && /^\d\d$/.test(first))
    return { type: "status", code: first, meaning: MEANING_OF_STATUS[first] ?? "unknown" };
  if (record === "11") return { type: "reply", command: "11", text: text.slice(3) };
  if (record !== "02" || weighed.length !== 5 || price.length !== 6 || sum.length !== 6)
    return invalid("format");
  const format = WEIGHT_FORMAT[first];
  if (format === undefined) return invalid("unit");
  const [value, unitPrice, total] = [
    withDecimals(weighed, format.decimals),
    withDecimals(price, 2),
    withDecimals(sum, 2),
  ];
  if (value === null || unitPrice === null || total === null) return invalid("format");
  return weight({ value, unit: format.unit, stable: true, unitPrice, total });
}

function parseCommand(text: string): Reading {
  const [record = "", first = "", rest] = text.split(FIELD_SEPARATOR);
  const unitPrice = withDecimals(first, 2);
  if (record === "01" && first.length === 6 && unitPrice !== null && (rest ?? "") === "")
    return { type: "command", name: "set-unit-price", unitPrice };
  if (text === "08") return { type: "command", name: "request-status" };
  if (/^0[1345]$/.test(record)) return { type: "command", name: `record-${record}`, data: text.slice(3) };
  return invalid("format");
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type === "ack" && reading.command === undefined) return Uint8Array.of(reading.ok ? ACK : NAK);
  if (reading.type === "status" && reading.code !== undefined)
    return bytesOf(`\x0209\x1b${reading.code}\x03`);
  if (reading.type === "command" && reading.name === "set-unit-price" && reading.unitPrice !== undefined) {
    const digits = reading.unitPrice.replace(".", "").padStart(6, "0");
    return Uint8Array.of(EOT, STX, ...bytesOf("01"), ESC, ...bytesOf(digits), ESC, ETX);
  }
  if (reading.type !== "weight" || reading.unit !== "kg" || reading.value === null) return null;
  if (reading.stable === false) return null;
  if (!/^\d{1,2}\.\d{3}$/.test(reading.value) || reading.unitPrice === undefined) return null;
  const digits = (value: string, length: number): string => value.replace(".", "").padStart(length, "0");
  const fields = ["02", "3", digits(reading.value, 5), digits(reading.unitPrice, 6)];
  return bytesOf(`\x02${fields.join("\x1b")}\x1b${digits(reading.total ?? "0.00", 6)}\x03`);
}
