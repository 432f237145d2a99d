import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { hexOf } from "../ascii.ts";
import { xorOf } from "../checks.ts";

/**
 * M1 and EM card modules: the host sends `AB BA address command length data XOR`, the module answers `CD DC address
 * status length data XOR`, where 81 is done and 80 is "no card". The XOR leaves the two header bytes out.
 */
export const rfidAbba: Dialect = {
  key: "rfid-abba",
  title: "AB BA card module",
  device: "card-reader",
  serial: { baudRate: 115200, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "weak", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { kind: "measured", firstBytes: [0xab, 0xcd], frameBytesMax: FRAME_BYTES_MAX, measure },
    decoder: () => decoder,
    commands: { read: Uint8Array.of(0xab, 0xba, 0x00, READ_UID, 0x00, READ_UID) },
    encode: encodeReading,
  }),
};

const READ_UID = 0x10;
const READ_ID = 0x15;
const DONE = 0x81;
const DATA_BYTES_MAX = 64;
const FRAME_BYTES_MAX = DATA_BYTES_MAX + 6;
const SECOND_OF_FIRST: Readonly<Record<number, number>> = { 171: 0xba, 205: 0xdc };

const measure: Measure = (bytes, ended) => {
  const [first = 0, second, , , dataBytes] = bytes;
  if (second !== undefined && second !== SECOND_OF_FIRST[first]) return { kind: "noise" };
  if (dataBytes !== undefined && dataBytes > DATA_BYTES_MAX) return { kind: "noise" };
  const length = (dataBytes ?? 0) + 6;
  if (dataBytes === undefined || bytes.length < length)
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  return xorOf(bytes.subarray(2, length - 1)) === bytes[length - 1]
    ? { kind: "frame", length }
    : { kind: "rejected", reason: "checksum", length };
};

const COMMAND_NAMES: Readonly<Record<number, string>> = { [READ_UID]: "read-uid", [READ_ID]: "read-id" };

const decoder: Decoder = {
  decode: (frame) => {
    const code = frame[3] ?? 0;
    const data = hexOf(frame.subarray(5, -1));
    if (frame[0] === 0xab)
      return [{ type: "command", name: COMMAND_NAMES[code] ?? `command-${code.toString(16)}` }];
    return [{ type: "card", uid: code === DONE && data !== "" ? data : null }];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "card" || reading.uid === undefined) return null;
  const uid = reading.uid === null ? [] : [...Buffer.from(reading.uid, "hex")];
  const body = Uint8Array.of(0x00, reading.uid === null ? 0x80 : DONE, uid.length, ...uid);
  return Uint8Array.of(0xcd, 0xdc, ...body, xorOf(body));
}
