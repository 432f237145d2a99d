import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { printableTail } from "../text-line.ts";
import { massUnitOf } from "../unit.ts";

/**
 * Weighings printed as a block of lines: `^K … ~P1` of JIK scales, and the labelled block of TFO indicators from
 * `DATE & TIME` to `TARE`, and their block of letters from `F` to `V1` (A gross, 0 net, 4 tare: in the log gross is
 * the sum of the two, and 4 stays while goods are added). One block is one weighing, however many numbers it holds.
 * Source: logs of both devices.
 */
export const blockPrint: Dialect = {
  key: "block-print",
  title: "Printed blocks (JIK, TFO)",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "captured", caution: "one block for each key press" },
  optionNames: [],
  open: () => ({ framing: textLines(), decoder: newDecoder, commands: {} }),
};

/** A block that never ends is given up. */
const BLOCK_LINES_MAX = 32;
const JIK_DATE_LINE = 1;
const JIK_TARE_LINE = 3;
const JIK_GROSS_LINE = 4;
const JIK_LINES_MIN = 5;
const MASS = /^ *(-? *[\d.]+) *([A-Za-z]+) *$/;
const LETTER = /^([A0-4X]) +(-? *[\d.]+)$/;
const LABEL_OF_LETTER: Readonly<Record<string, string>> = {
  A: "GROSS WEIGHT",
  "0": "NET WEIGHT",
  "4": "TARE",
};
const LABEL = /^(GROSS WEIGHT|NET WEIGHT|TARE) +(-? *[\d.]+) *([A-Za-z]*) *$/;

type Block =
  | { readonly kind: "none" }
  | { readonly kind: "jik"; readonly lines: string[] }
  | {
      readonly kind: "labels" | "letters";
      lines: number;
      readonly values: Map<string, string>;
      readonly time: string | null;
    };

function newDecoder(): Decoder {
  let block: Block = { kind: "none" };
  return {
    decode: (line) => {
      const text = printableTail(line);
      if (/\^K/.test(text)) {
        block = { kind: "jik", lines: [text] };
        return [];
      }
      if (/DATE & TIME/.test(text)) {
        block = { kind: "labels", lines: 0, values: new Map(), time: labelledTime(text) };
        return [];
      }
      if (/^F +[\d.]+$/.test(text)) {
        block = { kind: "letters", lines: 0, values: new Map(), time: null };
        return [];
      }
      const done = addLine(block, text);
      if (done === "more") return [];
      block = { kind: "none" };
      return done === "given-up" ? [] : [done];
    },
  };
}

/** @returns the block's reading when `text` completes it. */
function addLine(block: Block, text: string): Reading | "more" | "given-up" {
  if (block.kind === "none") return "more";
  if (block.kind === "jik") {
    if (text.startsWith("~P")) return readJik(block.lines);
    return block.lines.push(text) > BLOCK_LINES_MAX ? "given-up" : "more";
  }
  if (block.kind === "letters" && /^V\d/.test(text)) return readLabels(block.values, "", null);
  const label = block.kind === "letters" ? LETTER.exec(text) : LABEL.exec(text);
  const value = decimalOf(label?.[2] ?? "");
  const name = LABEL_OF_LETTER[label?.[1] ?? ""] ?? label?.[1];
  if (name !== undefined && value !== null) block.values.set(name, value);
  if (block.kind === "labels" && label?.[1] === "TARE")
    return readLabels(block.values, label[3] ?? "", block.time);
  block.lines += 1;
  return block.lines > BLOCK_LINES_MAX ? "given-up" : "more";
}

function readJik(lines: readonly string[]): Reading {
  const tare = MASS.exec(lines[JIK_TARE_LINE] ?? "");
  const gross = MASS.exec(lines[JIK_GROSS_LINE] ?? "");
  const unit = massUnitOf(gross?.[2] ?? "");
  const [value, tareValue] = [decimalOf(gross?.[1] ?? ""), decimalOf(tare?.[1] ?? "")];
  if (lines.length < JIK_LINES_MIN || value === null || tareValue === null || unit === null)
    return invalid("format");
  const [date = "", time = ""] = lines.slice(JIK_DATE_LINE).map((line) => line.trim());
  const isTimed = /^\d{4}-\d\d-\d\d$/.test(date) && /^\d\d:\d\d:\d\d$/.test(time);
  const deviceTime = isTimed ? { deviceTime: `${date}T${time}` } : {};
  return weight({ value, unit, mode: "gross", tare: tareValue, ...deviceTime });
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const LABELLED_TIME = /([A-Z]{3})\. +(\d{1,2}),(\d{4}) +(\d{1,2}):(\d\d)([AP])M/;

/** `JAN. 14,2024  06:28AM`, with twelve hours twice a day. */
function labelledTime(text: string): string | null {
  const match = LABELLED_TIME.exec(text);
  const month = MONTHS.indexOf(match?.[1] ?? "") + 1;
  if (match === null || month === 0) return null;
  const [, , day = "", year = "", hour = "", minute = "", half] = match;
  const hours = (Number(hour) % 12) + (half === "P" ? 12 : 0);
  const two = (part: number | string): string => String(part).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)}T${two(hours)}:${minute}`;
}

function readLabels(values: ReadonlyMap<string, string>, spelling: string, time: string | null): Reading {
  const [gross, net, tare] = [values.get("GROSS WEIGHT"), values.get("NET WEIGHT"), values.get("TARE")];
  if (gross === undefined || net === undefined || tare === undefined) return invalid("truncated");
  const deviceTime = time === null ? {} : { deviceTime: time };
  return weight({ value: net, unit: massUnitOf(spelling), mode: "net", gross, tare, ...deviceTime });
}
