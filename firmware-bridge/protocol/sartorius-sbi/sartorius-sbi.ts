import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, ESC, textOf } from "../ascii.ts";
import { decimalOf, negated } from "../decimal.ts";
import { ignored, invalid, overload, textLines, underload, weight } from "../message.ts";
import { modeOf } from "../status-line.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * Sartorius SBI: 22 bytes with an identifier in front, or 16 without. A blank unit means unstable; a digit in
 * brackets is not verified. Source: GC803S manual, p. 57.
 */
export const sartoriusSbi: Dialect = {
  key: "sartorius-sbi",
  title: "Sartorius SBI",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "odd", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { ...textLines(64), commands: ESCAPE_COMMANDS.map(([bytes]) => bytes) },
    decoder: () => decoder,
    commands: { print: bytesOf("\x1bP\r\n"), read: bytesOf("\x1bP\r\n"), tare: bytesOf("\x1bT\r\n") },
    encode: encodeReading,
  }),
};

const ESCAPE_COMMANDS: readonly (readonly [bytes: Uint8Array, name: string])[] = [
  [bytesOf("\x1bP"), "print"],
  [bytesOf("\x1bT"), "tare-zero"],
  [bytesOf("\x1bU"), "tare"],
  [bytesOf("\x1bV"), "zero"],
  [bytesOf("\x1bx1_"), "model"],
  [bytesOf("\x1bx2_"), "serial-number"],
  [bytesOf("\x1bx3_"), "firmware"],
];

const ID_CHARACTERS = 6;
const BARE_CHARACTERS = 14;
const BODY = /^([+\- ]) *([\d.]*)(?:\[(\d)\])? *([A-Za-z%]*) *$/;
const STATUS = /^ *Stat +(.*?) *$/;
/** What stands in place of the number, without `Stat` in front of it in the 16-byte form. */
const SPECIAL = /^(?:High|Low|HH?|LL?|OFF|Err *\d+|Cal\w*\.?)$/i;

const decoder: Decoder = {
  decode: (line) => {
    if (line[0] === ESC) return decodeEscape(textOf(line));
    const text = printableTail(line);
    const status = STATUS.exec(text)?.[1];
    if (status !== undefined) return [parseStatus(status)];
    if (text.length !== BARE_CHARACTERS && text.length !== BARE_CHARACTERS + ID_CHARACTERS) return [];
    if (SPECIAL.test(text.trim())) return [parseStatus(text.trim())];
    if (text.trim() === "") return [ignored("blank display")];
    if (text.length === BARE_CHARACTERS) return parseBody(text, null);
    return parseBody(text.slice(ID_CHARACTERS), text.slice(0, ID_CHARACTERS).trim());
  },
};

function decodeEscape(text: string): Reading[] {
  const known = ESCAPE_COMMANDS.find(([bytes]) => textOf(bytes) === text);
  return known === undefined ? [] : [{ type: "command", name: known[1] }];
}

function parseStatus(status: string): Reading {
  if (status === "") return ignored("blank display");
  if (/^(?:High|HH?|OL)$/i.test(status)) return overload(null);
  if (/^(?:Low|LL?|UL)$/i.test(status)) return underload(null);
  return { type: "error", code: /^Err *(\d+)$/i.exec(status)?.[1] ?? status };
}

function parseBody(body: string, id: string | null): Reading[] {
  const match = BODY.exec(body);
  if (match === null) return [];
  const [, sign, digits = "", auxDigit, spelling = ""] = match;
  const magnitude = decimalOf(digits + (auxDigit ?? ""));
  if (magnitude === null) return [invalid("format")];
  const value = sign === "-" ? negated(magnitude) : magnitude;
  const stable = spelling !== "";
  const quantity = stable ? quantityOf(spelling) : "mass";
  if (quantity === null) return [invalid("unit")];
  if (quantity !== "mass") return [{ type: quantity, value, stable }];
  return [
    weight({
      value,
      unit: massUnitOf(spelling),
      stable,
      mode: modeOf(id ?? undefined),
      ...(auxDigit === undefined ? {} : { auxDigit: true }),
    }),
  ];
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.mode === null) return null;
  if (reading.stable === null || reading.stable !== (reading.unit !== null)) return null;
  const digits = reading.value.replace("-", "").padStart(8);
  if (digits.length > 8 || (reading.unit ?? "").length > 3) return null;
  const id = { gross: "G", net: "N", tare: "T" }[reading.mode].padEnd(ID_CHARACTERS);
  const sign = reading.value.startsWith("-") ? "-" : "+";
  return bytesOf(`${id}${sign} ${digits} ${(reading.unit ?? "").padEnd(3)}\r\n`);
}
