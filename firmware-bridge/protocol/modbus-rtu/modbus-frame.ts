import type { Measure } from "../../ports/framing.ts";
import type { ModbusMessage } from "../../ports/reading.ts";
import { crc16Modbus } from "../checks.ts";

/** Address, function, 252 bytes, CRC. Source: Modbus over serial line, V1.02, 2.5.1. */
export const MODBUS_BYTES_MAX = 256;

const READS_BITS = [0x01, 0x02];
const READS_REGISTERS = [0x03, 0x04];
const WRITES_ONE = [0x05, 0x06];
const WRITES_MANY = [0x0f, 0x10];
const KNOWN = [...READS_BITS, ...READS_REGISTERS, ...WRITES_ONE, ...WRITES_MANY];
const FIXED_BYTES = 8;
const EXCEPTION_BYTES = 5;
/** So many can be asked for at once. */
const BITS_MAX = 2000;
const REGISTERS_MAX = 125;
/** Gateway target failed to respond: the last of the application protocol, V1.1b3, 7. */
const EXCEPTION_CODE_MAX = 0x0b;

/** Whether the last two bytes are the CRC of those in front, low byte first. */
export function hasModbusCrc(bytes: Uint8Array): boolean {
  const body = bytes.subarray(0, -2);
  const crc = crc16Modbus(body);
  return bytes.length > 2 && bytes.at(-2) === (crc & 0xff) && bytes.at(-1) === crc >> 8;
}

/** @returns `body` with its CRC. */
export function withModbusCrc(body: readonly number[]): Uint8Array<ArrayBuffer> {
  const crc = crc16Modbus(Uint8Array.from(body));
  return Uint8Array.of(...body, crc & 0xff, crc >> 8);
}

/**
 * Modbus RTU without its silences: the length follows from the function code, and the CRC decides. A question and an
 * answer of one function have different lengths, so both are tried. This way USB adapters and
 * serial gateways, which destroy the 3.5-character gaps, do no harm.
 */
export const measureModbus: Measure = (bytes, ended) => {
  if (isForeignException(bytes)) return measureForeignException(bytes, ended);
  const lengths = lengthsOf(bytes);
  if (lengths === "unknown") return { kind: "noise" };
  let longest = 0;
  for (const length of lengths) {
    if (length > bytes.length && !ended) return { kind: "wait" };
    if (length > bytes.length) continue;
    if (hasModbusCrc(bytes.subarray(0, length))) return { kind: "frame", length };
    longest = Math.max(longest, length);
  }
  if (longest > 0) return { kind: "rejected", reason: "crc", length: longest };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

/** The refusal of a function that is not known here: only a right CRC tells it from noise. */
function isForeignException(bytes: Uint8Array): boolean {
  const [, fc = 0, code = 1] = bytes;
  return (fc & 0x80) !== 0 && !KNOWN.includes(fc & 0x7f) && code >= 1 && code <= EXCEPTION_CODE_MAX;
}

function measureForeignException(bytes: Uint8Array, ended: boolean): ReturnType<Measure> {
  if (bytes.length < EXCEPTION_BYTES) return ended ? { kind: "noise" } : { kind: "wait" };
  return hasModbusCrc(bytes.subarray(0, EXCEPTION_BYTES))
    ? { kind: "frame", length: EXCEPTION_BYTES }
    : { kind: "noise" };
}

/** @returns lengths to try, ascending; none while the bytes at hand do not tell one. */
function lengthsOf(bytes: Uint8Array): readonly number[] | "unknown" {
  const fc = bytes[1];
  if (fc === undefined) return [];
  if ((fc & 0x80) !== 0) return KNOWN.includes(fc & 0x7f) ? [EXCEPTION_BYTES] : "unknown";
  if (WRITES_ONE.includes(fc)) return [FIXED_BYTES];
  const isWrite = WRITES_MANY.includes(fc);
  if (!KNOWN.includes(fc)) return "unknown";
  const byteCount = bytes[isWrite ? 6 : 2];
  if (byteCount === undefined) return isWrite && bytes.length < FIXED_BYTES ? [FIXED_BYTES] : [];
  const length = byteCount + (isWrite ? 9 : 5);
  const isPossible =
    byteCount > 0 && length <= MODBUS_BYTES_MAX && (fc < 3 || fc === 0x0f || byteCount % 2 === 0);
  if (!isPossible || length === FIXED_BYTES) return [FIXED_BYTES];
  if (length < FIXED_BYTES) return [length, FIXED_BYTES];
  if (isWrite) return [FIXED_BYTES, length];
  return mayAsk(bytes) ? byLikelihood(length) : [length];
}

/**
 * Of an answer the first eight bytes may have a right CRC too: 100.0 % and 25.0 °C do, in two registers. Where one byte
 * more decides, it is waited for; longer answers pass for a question only where that would ask for something sensible.
 */
function byLikelihood(length: number): readonly number[] {
  return length === FIXED_BYTES + 1 ? [length, FIXED_BYTES] : [FIXED_BYTES, length];
}

/** Whether these can be the first bytes of a question, as long as one can tell. */
function mayAsk(bytes: Uint8Array): boolean {
  if (bytes.length < 6) return true;
  const quantity = word(bytes, 4);
  return quantity >= 1 && quantity <= (READS_BITS.includes(bytes[1] ?? 0) ? BITS_MAX : REGISTERS_MAX);
}

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

function words(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length >> 1 }, (_, index) => word(bytes, 2 * index));
}

/** @param frame  a whole frame of a known function with a right CRC. */
export function readModbus(frame: Uint8Array): ModbusMessage {
  const [unit = 0, fc = 0] = frame;
  const known = { type: "modbus", unit, fc } as const;
  if ((fc & 0x80) !== 0) return { ...known, fc: fc & 0x7f, kind: "exception", code: frame[2] ?? 0 };
  const [address, second] = [word(frame, 2), word(frame, 4)];
  if (fc === 0x05) return { ...known, kind: "write-coil", address, value: second };
  if (fc === 0x06) return { ...known, kind: "write-register", address, value: second };
  if (WRITES_MANY.includes(fc)) return readManyWrite(frame, { ...known, address, count: second });
  if (isRequest(frame)) return { ...known, kind: "request", address, quantity: second };
  const data = frame.subarray(3, -2);
  return READS_BITS.includes(fc)
    ? { ...known, kind: "bits", bytes: [...data] }
    : { ...known, kind: "response", registers: words(data) };
}

function readManyWrite(
  frame: Uint8Array,
  known: Omit<ModbusMessage, "kind"> & { readonly count: number },
): ModbusMessage {
  if (frame.length === FIXED_BYTES) return { ...known, kind: "write-reply", quantity: known.count };
  const data = frame.subarray(7, -2);
  return known.fc === 0x0f
    ? { ...known, kind: "write-coils", bytes: [...data] }
    : { ...known, kind: "write-registers", registers: words(data) };
}

/**
 * Eight bytes of a bit function can be a question, or an answer with three data bytes: it is an answer when the
 * question would ask for more bits than the standard allows.
 */
function isRequest(frame: Uint8Array): boolean {
  if (frame.length !== FIXED_BYTES) return false;
  if (READS_REGISTERS.includes(frame[1] ?? 0)) return true;
  const quantity = word(frame, 4);
  return frame[2] !== 3 || (quantity >= 1 && quantity <= BITS_MAX);
}
