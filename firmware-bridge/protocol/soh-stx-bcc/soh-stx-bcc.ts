import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { ACK, bytesOf, ENQ, ETX, NAK, STX, textOf } from "../ascii.ts";
import { xorOf } from "../checks.ts";
import { decimalOf, negated } from "../decimal.ts";
import { invalid, weight } from "../message.ts";
import { flag } from "../options.ts";
import { massUnitOf } from "../unit.ts";

/**
 * `SOH STX status sign weight6 unit2 BCC ETX EOT`, asked for with ENQ (answered by ACK) and DC1: CAS PD-II, ER and
 * AP, Aclas PS1X and OS2X, Ohaus Aviator 7000, Gram Z-Foc.
 * The manuals disagree about the BCC: XOR of the ten bytes from the status on (three real frames), or of all twelve
 * in front of it. The two differ by 3, so both are accepted and the reading says when it is the second.
 * Source: CAS PD-II manual, p. 23; SW-II manual, p. 15; OS2CX manual, p. 18-19; Aviator 7000 manual, p. 36.
 */
export const sohStxBcc: Dialect = {
  key: "soh-stx-bcc",
  title: "CAS PD-II, Aclas OS2 (SOH STX BCC)",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "wire",
    check: "weak",
    evidence: "captured",
    caution: "the XOR sees no two swapped digits",
  },
  optionNames: ["flag2"],
  open: (options) => ({
    framing: {
      kind: "measured",
      firstBytes: [SOH, ENQ, ACK, NAK, DC1, DC2, LESS_THAN],
      frameBytesMax: FRAME_BYTES + 1,
      measure: measureWith(flag(options, "flag2", false)),
      // Whether an ACK stands alone shows only when nothing follows.
      endsAtSilence: true,
    },
    decoder: newDecoder,
    commands: { read: Uint8Array.of(DC1), tare: bytesOf("<TK>\t"), zero: bytesOf("<ZK>\t") },
    encode: encodeReading,
  }),
};

const SOH = 0x01;
const EOT = 0x04;
const DC1 = 0x11;
const DC2 = 0x12;
const LESS_THAN = 0x3c;
const FRAME_BYTES = 15;
const COMMAND_BYTES = 5;
const BCC_INDEX = 12;

function measureWith(hasFlag2: boolean): Measure {
  const length = hasFlag2 ? FRAME_BYTES + 1 : FRAME_BYTES;
  return (bytes) => {
    if (bytes[0] === LESS_THAN) return measureCommand(bytes);
    if (bytes[0] !== SOH) return { kind: "frame", length: 1 };
    if (bytes.length > 1 && bytes[1] !== STX) return { kind: "noise" };
    if (bytes.length < length) return { kind: "wait" };
    if (bytes[13] !== ETX || bytes[14] !== EOT) return { kind: "noise" };
    if (variantOf(bytes) === null) return { kind: "rejected", reason: "checksum", length };
    return { kind: "frame", length };
  };
}

function measureCommand(bytes: Uint8Array): ReturnType<Measure> {
  const wanted = /^<([A-Z]([A-Z](>(\t)?)?)?)?$/;
  if (!wanted.test(textOf(bytes.subarray(0, COMMAND_BYTES)))) return { kind: "noise" };
  return bytes.length < COMMAND_BYTES ? { kind: "wait" } : { kind: "frame", length: COMMAND_BYTES };
}

function variantOf(frame: Uint8Array): "from-status" | "all-12" | null {
  const bcc = frame[BCC_INDEX];
  if (xorOf(frame.subarray(2, BCC_INDEX)) === bcc) return "from-status";
  return xorOf(frame.subarray(0, BCC_INDEX)) === bcc ? "all-12" : null;
}

const COMMAND_NAMES: Readonly<Record<string, string>> = { TK: "tare", ZK: "zero" };

function newDecoder(): Decoder {
  /** Some scales glue the acknowledgement of ENQ to the frame: then it says nothing of its own. */
  let acknowledged = false;
  const flush = (): Reading[] => {
    const readings: Reading[] = acknowledged ? [{ type: "ack", ok: true }] : [];
    acknowledged = false;
    return readings;
  };
  return {
    decode: (frame) => {
      if (frame[0] === SOH) {
        acknowledged = false;
        return [parseWeight(frame)];
      }
      const before = flush();
      if (frame[0] === ACK) {
        acknowledged = true;
        return before;
      }
      return [...before, parseCommand(frame)];
    },
    end: flush,
  };
}

function parseCommand(frame: Uint8Array): Reading {
  if (frame[0] === NAK) return { type: "ack", ok: false };
  if (frame[0] === ENQ) return { type: "command", name: "ENQ", expectReply: "06" };
  if (frame[0] === DC1) return { type: "command", name: "DC1-weight" };
  if (frame[0] === DC2) return { type: "command", name: "DC2-price" };
  const letters = textOf(frame.subarray(1, 3));
  return { type: "command", name: COMMAND_NAMES[letters] ?? letters };
}

function parseWeight(frame: Uint8Array): Reading {
  const text = textOf(frame);
  const [status, sign, digits] = [text.charAt(2), text.charAt(3), text.slice(4, 10)];
  const unit = massUnitOf(text.slice(10, 12));
  const variant = variantOf(frame) === "all-12" ? { checksumVariant: "all-12" } : {};
  if (status === "F" || sign === "F" || /F/.test(digits)) return weight({ unit, overload: true, ...variant });
  const value = decimalOf(digits);
  if (value === null || (status !== "S" && status !== "U") || !/[ +-]/.test(sign)) return invalid("format");
  if (unit === null) return invalid("unit");
  return weight({
    value: sign === "-" ? negated(value) : value,
    unit,
    stable: status === "S",
    ...variant,
    ...flag2Of(frame[FRAME_BYTES]),
  });
}

/** The byte that OS2CX sends behind the frame in its active mode. */
function flag2Of(flags: number | undefined): { zero?: true; value?: null; overload?: true } {
  if (flags === undefined) return {};
  if ((flags & 0x40) !== 0) return { value: null, overload: true };
  return (flags & 0x10) === 0 ? {} : { zero: true };
}

const SPELLING_OF_UNIT: Readonly<Record<string, string>> = { kg: "kg", g: " g", lb: "LB", jin: "SJ" };

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type === "ack" && reading.command === undefined) return Uint8Array.of(reading.ok ? ACK : NAK);
  if (reading.type !== "weight" || reading.unit === null) return null;
  const unit = SPELLING_OF_UNIT[reading.unit];
  const digits = (reading.value ?? "").replace("-", "");
  if (unit === undefined || reading.mode !== null || digits.length > 6) return null;
  if (reading.overload !== true && (reading.value === null || reading.stable === null)) return null;
  const body =
    reading.overload === true
      ? `FF${"F".repeat(6)}${unit}`
      : `${reading.stable ? "S" : "U"}${reading.value?.startsWith("-") ? "-" : " "}${digits.padStart(6)}${unit}`;
  const bytes = bytesOf(body);
  return Uint8Array.of(SOH, STX, ...bytes, xorOf(bytes), ETX, EOT);
}
