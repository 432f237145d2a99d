import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { invalid } from "../message.ts";

/**
 * Wiegand 26 as a converter delivers it: 26 bits, most significant first, left-aligned in four bytes. Even parity
 * over the first half, odd over the second; facility 8 bits, number 16. Source: SIA AC-01-1996.10.
 */
export const wiegand26: Dialect = {
  key: "wiegand26",
  title: "Wiegand 26",
  device: "card-reader",
  serial: null,
  trust: {
    stability: "none",
    check: "weak",
    evidence: "documentation",
    caution: "two parity bits, and numbers repeat between facilities",
  },
  optionNames: [],
  open: () => ({
    framing: { kind: "burst", frameBytesMax: WORD_BYTES },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const WORD_BYTES = 4;
const WORD_BITS = 26;
const HALF_BITS = 13;

const decoder: Decoder = { decode: (word) => [read(word)] };

function read(word: Uint8Array): Reading {
  if (word.length !== WORD_BYTES) return invalid("length");
  const all = [...word].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const bits = all.slice(0, WORD_BITS);
  if (all.slice(WORD_BITS).includes("1")) return invalid("format");
  if (ones(bits.slice(0, HALF_BITS)) % 2 !== 0 || ones(bits.slice(HALF_BITS)) % 2 !== 1)
    return invalid("parity");
  return {
    type: "card",
    facility: Number.parseInt(bits.slice(1, 9), 2),
    number: Number.parseInt(bits.slice(9, 25), 2),
  };
}

const ones = (bits: string): number => bits.replaceAll("0", "").length;

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "card" || reading.facility === undefined || reading.number === undefined) return null;
  const body = reading.facility.toString(2).padStart(8, "0") + reading.number.toString(2).padStart(16, "0");
  if (body.length !== 24) return null;
  const even = String(ones(body.slice(0, 12)) % 2);
  const odd = String((ones(body.slice(12)) + 1) % 2);
  const bits = (even + body + odd).padEnd(8 * WORD_BYTES, "0");
  return Uint8Array.from({ length: WORD_BYTES }, (_, index) =>
    Number.parseInt(bits.slice(8 * index, 8 * index + 8), 2),
  );
}
