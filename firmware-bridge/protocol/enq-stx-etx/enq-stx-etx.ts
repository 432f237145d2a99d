import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, ENQ, ETX, STX, textOf } from "../ascii.ts";
import { withDecimals } from "../decimal.ts";
import { invalid, overload, underload, weight } from "../message.ts";

/**
 * Toledo Prix and Micheletti: ENQ is answered by `STX wwwww ETX`, or by weight, unit price and total. Decimals are
 * implied. The letters for unstable, overload and negative are from memory of Brazilian scales.
 */
export const enqStxEtx: Dialect = {
  key: "enq-stx-etx",
  title: "ENQ / STX…ETX (Toledo Prix)",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { kind: "enclosed", starts: [STX], ends: [ETX], frameBytesMax: 32 },
    decoder: () => decoder,
    commands: { read: Uint8Array.of(ENQ) },
    encode: encodeReading,
  }),
};

const WEIGHT_ONLY = /^ *\d{1,6}$/;
const PRICED = /^([ \d]{6}) ([ \d]{6}) ([ \d]{6})$/;
const WEIGHT_DECIMALS = 3;
const MONEY_DECIMALS = 2;

const decoder: Decoder = { decode: (frame) => [read(textOf(frame.subarray(1, -1)))] };

function read(text: string): Reading {
  if (/^I+$/.test(text)) return weight({ unit: "kg", stable: false });
  if (/^S+$/.test(text)) return overload("kg");
  if (/^N+$/.test(text)) return underload("kg");
  if (text.length === 5 || text.length === 6) {
    const value = WEIGHT_ONLY.test(text) ? withDecimals(text, WEIGHT_DECIMALS) : null;
    return value === null ? invalid("format") : weight({ value, unit: "kg" });
  }
  const match = PRICED.exec(text);
  const value = withDecimals(match?.[1] ?? "", WEIGHT_DECIMALS);
  const unitPrice = withDecimals(match?.[2] ?? "", MONEY_DECIMALS);
  const total = withDecimals(match?.[3] ?? "", MONEY_DECIMALS);
  if (value === null || unitPrice === null || total === null) return invalid("format");
  return weight({ value, unit: "kg", unitPrice, total });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit !== "kg") return null;
  if (reading.overload === true) return bytesOf("\x02SSSSS\x03");
  if (reading.underload === true) return bytesOf("\x02NNNNN\x03");
  if (reading.value === null) return reading.stable === false ? bytesOf("\x02IIIII\x03") : null;
  if (!/^\d{1,2}\.\d{3}$/.test(reading.value) || reading.stable !== null) return null;
  return bytesOf(`\x02${reading.value.replace(".", "").padStart(5, "0")}\x03`);
}
