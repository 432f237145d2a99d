import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { modeOf } from "../status-line.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * Adam CBK and AZExtra. AZExtra answers `P` only with a new, stable weight above zero, and beeps each time: an empty
 * answer means "no change", and it wants polling every 5 s at most.
 */
export const adamCbk: Dialect = {
  key: "adam-cbk",
  title: "Adam CBK, AZExtra",
  device: "scale",
  serial: { baudRate: 4800, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: textLines(64),
    decoder: newDecoder,
    commands: { read: bytesOf("P\r\n"), tare: bytesOf("T\r\n"), zero: bytesOf("Z\r\n") },
    encode: encodeReading,
  }),
};

const HEADED = /([GNT])\/W *([+-]? *[\d.]+) *([A-Za-z%]+) *$/;
/** No blank is in front of the unit: a tail of the other line does not pass for it. */
const BARE = /^( *)([+-]? *\d+\.\d+|\d+(?= *pcs?))( *[A-Za-z]+) *$/i;
const COMMANDS: Readonly<Record<string, string>> = {
  P: "weight",
  G: "gross",
  N: "net",
  T: "tare",
  Z: "zero",
};

function newDecoder(): Decoder {
  /** The first line may lack its head. Then its leading blanks are missing too, as they are on a heavy load. */
  let mayLackHead = true;
  return {
    decode: (line) => {
      const text = printableTail(line);
      const isWhole = !mayLackHead && text.length === line.length;
      mayLackHead = false;
      const name = COMMANDS[text];
      if (name !== undefined) return [{ type: "command", name }];
      const headed = HEADED.exec(text);
      if (headed !== null) return [read(headed[1], headed[2] ?? "", headed[3] ?? "")];
      return readBare(text, isWhole);
    },
  };
}

function readBare(text: string, isWhole: boolean): Reading[] {
  const [, blanks = "", number = "", unit = ""] = BARE.exec(text) ?? [];
  const isMass = quantityOf(unit) === "mass";
  if (number === "" || (isMass && unit.startsWith(" "))) return [];
  if (blanks === "" && !isWhole) return [invalid("truncated")];
  return [read(undefined, number, unit)];
}

function read(letter: string | undefined, number: string, spelling: string): Reading {
  const value = decimalOf(number);
  const quantity = quantityOf(spelling);
  if (value === null || quantity === null) return invalid(value === null ? "format" : "unit");
  if (quantity !== "mass") return { type: quantity, value, stable: null };
  return weight({ value, unit: massUnitOf(spelling), mode: modeOf(letter) });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.unit === null) return null;
  if (reading.stable !== null) return null;
  if (reading.mode === null && !reading.value.includes(".")) return null;
  if (reading.mode === null) return bytesOf(`  ${reading.value}${reading.unit}\r\n`);
  const letter = { gross: "G", net: "N", tare: "T" }[reading.mode];
  const sign = reading.value.startsWith("-") ? "-" : "+";
  return bytesOf(`${letter}/W ${sign} ${reading.value.replace("-", "")} ${reading.unit}\r\n`);
}
