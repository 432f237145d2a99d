import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, CR, LF, textOf } from "../ascii.ts";
import { withDecimals } from "../decimal.ts";
import { ignored, invalid, weight } from "../message.ts";

/** 爱华 ACS-P215, mode RS232-2: `CR SP dddd` with three implied decimals, sent only when stable. */
export const aihuaAcs: Dialect = {
  key: "aihua-acs",
  title: "爱华 ACS",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured", caution: "no check at all" },
  optionNames: [],
  open: () => ({
    framing: {
      kind: "measured",
      firstBytes: [CR, LF],
      frameBytesMax: FRAME_BYTES + 1,
      measure,
      endsAtSilence: true,
    },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const FRAME_BYTES = 6;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const BEGUN = /^\r(?: \d{0,4})?$/;

const measure: Measure = (bytes, ended) => {
  if (bytes[0] === LF) return { kind: "frame", length: 1 };
  if (!BEGUN.test(textOf(bytes.subarray(0, FRAME_BYTES)))) return { kind: "noise" };
  // Only the next byte tells that the four digits were all: of five the first four are a tenth of the weight.
  const next = bytes[FRAME_BYTES];
  if (next !== undefined)
    return isDigit(next)
      ? { kind: "rejected", reason: "format", length: FRAME_BYTES + 1 }
      : { kind: "frame", length: FRAME_BYTES };
  if (bytes.length === FRAME_BYTES && ended) return { kind: "frame", length: FRAME_BYTES };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

const decoder: Decoder = {
  decode: (frame) => {
    if (frame[0] === LF) return [ignored("separator")];
    const value = withDecimals(textOf(frame.subarray(2)), 3);
    return [value === null ? invalid("format") : weight({ value, unit: "kg", stable: true })];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit !== "kg" || reading.stable !== true) return null;
  if (reading.value === null || !/^\d\.\d{3}$/.test(reading.value) || reading.mode !== null) return null;
  return bytesOf(`\r ${reading.value.replace(".", "")}`);
}
