import type { CommandName, Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, overload, textLines, underload, weight } from "../message.ts";
import { fromHead, printableTail } from "../text-line.ts";
import { massUnitOf, quantityOf } from "../unit.ts";

/**
 * MT-SICS of Mettler-Toledo: `ID status value unit`, blanks as separators whose number varies between devices.
 * Source: MT-SICS reference manual, levels 0 and 1.
 */
export const mtSics: Dialect = {
  key: "mt-sics",
  title: "Mettler-Toledo MT-SICS",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured" },
  isAlwaysNet: true,
  optionNames: [],
  open: () => ({
    framing: textLines(),
    decoder: newDecoder,
    commands: COMMANDS,
    encode: encodeReading,
  }),
};

const COMMANDS: Readonly<Partial<Record<CommandName, Uint8Array>>> = {
  read: bytesOf("SI\r\n"),
  "read-stable": bytesOf("S\r\n"),
  stream: bytesOf("SIR\r\n"),
  stop: bytesOf("@\r\n"),
  tare: bytesOf("T\r\n"),
  zero: bytesOf("Z\r\n"),
  "clear-tare": bytesOf("TAC\r\n"),
};

const ERROR_OF_LINE: Readonly<Record<string, string>> = {
  ES: "syntax",
  ET: "transmission",
  EL: "logical",
  EI: "not-executable",
};

const HEAD = /(?:SIX1|S|SI|SIR|SR|SNR|ZI?|TI?|TAC?|D|DW|K|PW|PWR|SIS|SU) |E[STLI]$|(?:I\d+|@) [ABIL]/g;
const WEIGHT = /^(?:S|SI|SIR|SR|SNR) +([SD]) +([+-]? *[\d.]+) *([A-Za-z%]*) *$/;
const WEIGHT_STATUS = /^(?:S|SI|SIR|SR|SNR) +([IL+-]) *$/;
const SIX1_STATUS = /^SIX1 +([IL+-]) *$/;
const ZERO = /^(ZI?) +([ADSIL+-]) *$/;
/** Other commands that were done, or not. */
const OTHER_ANSWER = /^(DW?|K|PWR?|SIS|SU) +([AIL]) *$/;
const COMMAND = /^(?:S|SI|SIR|SR|SNR|SIX1|ZI?|TI?|TA|TAC|@|I\d{1,2})$/;
const TARE_VALUE = /^(TI?|TA) +([SDA]) +([+-]? *[\d.]+) *([A-Za-z]+) *$/;
const TARE_STATUS = /^(TI?|TAC?) +([AIL+-]) *$/;
const INFO = /^(I\d+|@) +A +("[^"]*"(?: +"[^"]*")*) *$/;
const INFO_REFUSED = /^(I\d+|@) +([IL]) *$/;
const LIST_ITEM = /^(I\d+) +B +\d+ +"(.*)" *$/;
const LIST_END = /^(I\d+) +A *$/;
const SIX1 =
  /^SIX1 +([SDI+-]) +(?!SIX1)\S+ +(\S)(?: +(?!SIX1)\S+)* +([NG]) +(-?[\d.]+) +(-?[\d.]+) +(-?[\d.]+) +([A-Za-z]+) *$/;

/** More items than any scale has commands: a line that repeats "B" for ever must not grow without limit. */
const LIST_ITEMS_MAX = 512;

function newDecoder(): Decoder {
  const items: string[] = [];
  return {
    decode: (line) => {
      const text = printableTail(line);
      const item = LIST_ITEM.exec(text);
      if (item !== null) {
        if (items.length < LIST_ITEMS_MAX) items.push(item[2] ?? "");
        return [];
      }
      const end = LIST_END.exec(text);
      if (end !== null) return [{ type: "list", key: end[1] ?? "", items: items.splice(0) }];
      if (COMMAND.test(text)) return [{ type: "command", name: text }];
      const reading = fromHead(text, HEAD, parseLine);
      if (reading !== null) return [reading];
      return /^S[IR]?R? [SD] /.test(text) ? [invalid("format")] : [];
    },
  };
}

function parseLine(text: string): Reading | null {
  const error = ERROR_OF_LINE[text.trimEnd()];
  if (error !== undefined) return { type: "error", code: error };
  return (
    parseWeight(text) ??
    parseSix1(text) ??
    parseZero(text) ??
    parseTare(text) ??
    parseOther(text) ??
    parseInfo(text)
  );
}

function parseWeight(text: string): Reading | null {
  const status = WEIGHT_STATUS.exec(text)?.[1] ?? SIX1_STATUS.exec(text)?.[1];
  if (status === "I") return { type: "error", code: "not-executable", retry: true };
  if (status === "L") return { type: "error", code: "logical" };
  if (status === "+") return overload(null);
  if (status === "-") return underload(null);
  const match = WEIGHT.exec(text);
  if (match === null) return null;
  const value = decimalOf(match[2] ?? "");
  const spelling = match[3] ?? "";
  const stable = match[1] === "S";
  if (value === null) return invalid("format");
  if (spelling === "") return invalid("no unit");
  const quantity = quantityOf(spelling);
  if (quantity === "count" || quantity === "percent") return { type: quantity, value, stable };
  const unit = massUnitOf(spelling);
  return unit === null ? invalid("unit") : weight({ value, unit, stable, mode: "net" });
}

function parseSix1(text: string): Reading | null {
  const match = SIX1.exec(text);
  if (match === null) return null;
  const [, status, zero, mode, grossText = "", netText = "", tareText = "", unitText = ""] = match;
  const unit = massUnitOf(unitText);
  if (unit === null) return invalid("unit");
  if (status === "+") return overload(unit);
  if (status === "-") return underload(unit);
  if (status === "I") return { type: "error", code: "not-executable", retry: true };
  const [gross, net, tare] = [decimalOf(grossText), decimalOf(netText), decimalOf(tareText)];
  if (gross === null || net === null || tare === null) return invalid("format");
  return weight({
    value: net,
    unit,
    stable: status === "S",
    mode: mode === "G" ? "gross" : "net",
    gross,
    tare,
    ...(zero === "Z" ? { zero: true } : {}),
  });
}

function parseZero(text: string): Reading | null {
  const match = ZERO.exec(text);
  if (match === null) return null;
  const [, command = "", status = ""] = match;
  if (status === "A") return { type: "ack", command, ok: true };
  if (status === "D" || status === "S") return { type: "ack", command, ok: true, stable: status === "S" };
  const code =
    { I: "not-executable", L: "logical", "+": "zero-upper-limit", "-": "zero-lower-limit" }[status] ??
    "unknown";
  return { type: "ack", command, ok: false, code };
}

function parseOther(text: string): Reading | null {
  const match = OTHER_ANSWER.exec(text);
  if (match === null) return null;
  const [, command = "", status = ""] = match;
  if (status === "A") return { type: "ack", command, ok: true };
  return { type: "ack", command, ok: false, code: status === "L" ? "logical" : "not-executable" };
}

function parseTare(text: string): Reading | null {
  const done = TARE_VALUE.exec(text);
  if (done !== null) {
    const value = decimalOf(done[3] ?? "");
    const unit = massUnitOf(done[4] ?? "");
    if (value === null || unit === null) return invalid("format");
    return { type: "tare", value, unit, stable: done[2] === "A" ? null : done[2] === "S" };
  }
  const match = TARE_STATUS.exec(text);
  if (match === null) return null;
  const [, command = "", status = ""] = match;
  if (status === "A") return { type: "ack", command, ok: true };
  const code =
    { I: "not-executable", L: "logical", "+": "tare-upper-limit", "-": "tare-lower-limit" }[status] ??
    "unknown";
  return { type: "ack", command, ok: false, code };
}

function parseInfo(text: string): Reading | null {
  const refused = INFO_REFUSED.exec(text)?.[2];
  if (refused === "I") return { type: "error", code: "not-executable", retry: true };
  if (refused === "L") return { type: "error", code: "logical" };
  const match = INFO.exec(text);
  if (match === null) return null;
  const values = [...(match[2] ?? "").matchAll(/"([^"]*)"/g)].map((part) => part[1] ?? "");
  return { type: "info", key: match[1] ?? "", value: values.join(" "), values };
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type === "weight") {
    if (reading.overload === true) return bytesOf("S +\r\n");
    if (reading.underload === true) return bytesOf("S -\r\n");
    if (reading.value === null || reading.unit === null || reading.stable === null || reading.mode !== "net")
      return null;
    const status = reading.stable ? "S" : "D";
    return bytesOf(`S ${status} ${reading.value.padStart(10)} ${reading.unit}\r\n`);
  }
  if (reading.type === "tare" && reading.value !== null && reading.stable === null)
    return bytesOf(`TA A ${reading.value.padStart(10)} ${reading.unit ?? ""}\r\n`);
  return null;
}
