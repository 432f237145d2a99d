import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading, WeighMode } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { invalid, textLines, weight } from "../message.ts";
import { choice } from "../options.ts";
import { fromHead, printableTail } from "../text-line.ts";
import { MASS_UNITS, massUnitOf } from "../unit.ts";

/** 耀华 A12(E), A23 and Liden: `ww`, `wn` or `wt` (gross, net, tare), a signed decimal of varying width, unit. */
export const yaohuaWw: Dialect = {
  key: "yaohua-ww",
  title: "耀华 ww/wn/wt",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "software", check: "none", evidence: "documentation" },
  optionNames: ["unit"],
  open: (options) => {
    // The line names its unit; the option is accepted because sites set it for all Yaohua formats alike.
    choice(options, "unit", MASS_UNITS, "kg");
    return { framing: textLines(64), decoder: () => decoder, commands: {}, encode: encodeReading };
  },
};

const LINE = /^(w[wnt])([+-]? *[\d.]+) *(kg|g|lb|t)\s*$/i;
const MODES: Readonly<Record<string, WeighMode>> = { ww: "gross", wn: "net", wt: "tare" };

const decoder: Decoder = {
  decode: (line) => {
    const text = printableTail(line);
    const reading = fromHead(text, /w[wnt]/gi, parseLine);
    if (reading !== null) return [reading];
    return /^w[wnt][+\-\d]/i.test(text) ? [invalid("format")] : [];
  },
};

function parseLine(text: string): Reading | null {
  const match = LINE.exec(text);
  if (match === null) return null;
  const value = decimalOf(match[2] ?? "");
  const mode = MODES[(match[1] ?? "").toLowerCase()] ?? null;
  return value === null ? invalid("format") : weight({ value, unit: massUnitOf(match[3] ?? ""), mode });
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.value === null || reading.mode === null) return null;
  if (reading.unit === null || !["kg", "g", "lb", "t"].includes(reading.unit)) return null;
  const head = Object.keys(MODES).find((letters) => MODES[letters] === reading.mode);
  const sign = reading.value.startsWith("-") ? "-" : "";
  const digits = reading.value.replace("-", "").padStart(8 - sign.length, "0");
  return bytesOf(`${head}${sign}${digits}${reading.unit}\r\n`);
}
