import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, TAB, textOf } from "../ascii.ts";
import { invalid, textLines } from "../message.ts";
import { choice } from "../options.ts";

/**
 * Card numbers as readers type them: hex or decimal, from the most or the least significant byte, some with 00
 * behind. One card has five spellings, and nothing in the text tells which: without the setting the number is
 * refused, because a wrong guess is another pupil's card.
 */
export const cardUidFormat: Dialect = {
  key: "card-uid-format",
  title: "Card number as text",
  device: "card-reader",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "none",
    check: "none",
    evidence: "captured",
    caution: "the byte order is a setting of the reader",
  },
  optionNames: ["format", "byteOrder"],
  open: (options) => {
    const spelling: Spelling = {
      format: choice(options, "format", ["unset", "hex", "hex00", "decimal"], "unset"),
      byteOrder: choice(options, "byteOrder", ["msb", "lsb"], "msb"),
    };
    return {
      framing: { ...textLines(64), terminators: [0x0d, 0x0a, TAB], endsAtSilence: true },
      decoder: () => decoderFor(spelling),
      commands: {},
      encode: (reading) => encodeReading(reading, spelling),
    };
  },
};

interface Spelling {
  readonly format: "unset" | "hex" | "hex00" | "decimal";
  readonly byteOrder: "msb" | "lsb";
}

/** Bytes of a single, double or triple size UID (ISO 14443-3), and of EM4100. */
const UID_BYTES = [4, 5, 7, 8, 10];
const DECIMAL_UID_BYTES = 4;

function decoderFor(spelling: Spelling): Decoder {
  return { decode: (line) => [read(textOf(line).trim(), spelling)] };
}

function read(text: string, spelling: Spelling): Reading {
  if (spelling.format === "unset") return invalid("format not configured");
  const hex = spelling.format === "decimal" ? hexOfDecimal(text) : text.toUpperCase();
  if (hex === null || !/^(?:[0-9A-F]{2})+$/.test(hex)) return invalid("format");
  if (spelling.format === "hex00" && !hex.endsWith("00")) return invalid("format");
  const bare = spelling.format === "hex00" ? hex.slice(0, -2) : hex;
  if (!UID_BYTES.includes(bare.length / 2)) return invalid("length");
  return { type: "card", uid: spelling.byteOrder === "msb" ? bare : reversed(bare) };
}

function hexOfDecimal(text: string): string | null {
  if (!/^\d{1,10}$/.test(text)) return null;
  const number = Number(text);
  return number > 0xffffffff
    ? null
    : number
        .toString(16)
        .toUpperCase()
        .padStart(2 * DECIMAL_UID_BYTES, "0");
}

function reversed(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join("");
}

function encodeReading(reading: Reading, spelling: Spelling): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "card" || typeof reading.uid !== "string" || spelling.format === "unset") return null;
  const hex = spelling.byteOrder === "msb" ? reading.uid : reversed(reading.uid);
  if (spelling.format === "decimal")
    return hex.length === 8 ? bytesOf(`${String(Number.parseInt(hex, 16)).padStart(10, "0")}\r`) : null;
  return bytesOf(`${hex}${spelling.format === "hex00" ? "00" : ""}\r`);
}
