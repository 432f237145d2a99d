import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { CR, hexOf, LF, TAB, textOf } from "../ascii.ts";
import { crc16Xmodem } from "../checks.ts";

/**
 * GM65 and GM861 scan modules: commands `7E 00 type length address2 data CRC2`, answers `02 00 status length data
 * CRC2`, and codes as text lines. The acknowledgement of a trigger comes before the code and is no reading of its own.
 * `AB CD` in place of the CRC means "do not check". Source: GM65 manual.
 */
export const scannerGm65: Dialect = {
  key: "scanner-gm65",
  title: "GM65 scan module",
  device: "scanner",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "captured", caution: "codes carry no check" },
  optionNames: [],
  open: () => ({
    framing: { kind: "measured", firstBytes: FIRST_BYTES, frameBytesMax: CODE_BYTES_MAX, measure },
    decoder: newDecoder,
    commands: { read: Uint8Array.of(COMMAND, 0x00, 0x08, 0x01, 0x00, 0x02, 0x01, 0xab, 0xcd) },
  }),
};

const COMMAND = 0x7e;
const REPLY = 0x02;
const TYPE_READ = 0x07;
const TYPE_WRITE = 0x08;
const CODE_BYTES_MAX = 512;
const isText = (byte: number): boolean => byte >= 0x20 || byte === 0x1d;
const FIRST_BYTES = [REPLY, ...Array.from({ length: 256 }, (_, byte) => byte).filter(isText)];

const measure: Measure = (bytes, ended) => {
  const [first, second, third, fourth] = bytes;
  const isBinary = first === REPLY || (first === COMMAND && (second === 0 || second === undefined));
  if (!isBinary) return measureCode(bytes, ended);
  if (second !== undefined && second !== 0) return { kind: "noise" };
  if (fourth === undefined) return ended ? truncated(bytes) : { kind: "wait" };
  const dataBytes = first === COMMAND ? 2 + (third === TYPE_READ ? 1 : fourth) : fourth;
  const length = 4 + dataBytes + 2;
  if (bytes.length < length) return ended ? truncated(bytes) : { kind: "wait" };
  return hasCrc(bytes.subarray(0, length))
    ? { kind: "frame", length }
    : { kind: "rejected", reason: "checksum", length };
};

const truncated = (bytes: Uint8Array): ReturnType<Measure> => ({
  kind: "rejected",
  reason: "truncated",
  length: bytes.length,
});

function measureCode(bytes: Uint8Array, ended: boolean): ReturnType<Measure> {
  for (const [index, byte] of bytes.entries()) {
    if (isText(byte)) continue;
    const isEnd = byte === CR || byte === LF || byte === TAB;
    return isEnd ? { kind: "frame", length: index + 1 } : { kind: "noise" };
  }
  if (bytes.length >= CODE_BYTES_MAX)
    return { kind: "rejected", reason: "over-long", length: CODE_BYTES_MAX };
  return ended ? truncated(bytes) : { kind: "wait" };
}

/** CRC-16/XMODEM from the type byte on, high byte first. */
function hasCrc(frame: Uint8Array): boolean {
  const [high, low] = frame.subarray(-2);
  if (high === 0xab && low === 0xcd) return true;
  return crc16Xmodem(frame.subarray(2, -2)) === ((high ?? 0) << 8) + (low ?? 0);
}

function newDecoder(): Decoder {
  let acknowledged: Reading | null = null;
  const flush = (): Reading[] => {
    const readings = acknowledged === null ? [] : [acknowledged];
    acknowledged = null;
    return readings;
  };
  return {
    decode: (frame) => {
      if (frame[0] === COMMAND && frame[1] === 0) return [...flush(), readCommand(frame)];
      if (frame[0] === REPLY) {
        const before = flush();
        const data = hexOf(frame.subarray(4, -2));
        if (data !== "00") return [...before, { type: "reply", data }];
        acknowledged = { type: "ack", ok: frame[2] === 0 };
        return before;
      }
      acknowledged = null;
      const data = textOf(frame.subarray(0, -1));
      return data === "" ? [] : [{ type: "scan", symbology: "serial", data }];
    },
    end: flush,
  };
}

function readCommand(frame: Uint8Array): Reading {
  const zone = hexOf(frame.subarray(4, 6)).toLowerCase();
  const data = hexOf(frame.subarray(6, -2));
  if (frame[2] === TYPE_READ) return { type: "command", name: "read-zone", zone, length: frame[6] ?? 0 };
  if (frame[2] === TYPE_WRITE && zone === "0002" && data === "01")
    return { type: "command", name: "trigger" };
  if (frame[2] === TYPE_WRITE) return { type: "command", name: "write-zone", zone, data };
  return { type: "command", name: `type-${frame[2] ?? 0}`, zone, data };
}
