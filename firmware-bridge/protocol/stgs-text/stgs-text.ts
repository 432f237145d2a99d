import type { Decoder, Dialect, OptionBag } from "../../ports/dialect.ts";
import type { MassUnit, Reading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { invalid, textLines } from "../message.ts";
import { choice } from "../options.ts";
import { fits, headerOf, modeOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";

/**
 * `ST,GS,+ 12.5kg`: the text line of Taiwanese and Chinese indicators. T-Scale NHB leaves out the second comma.
 * `OL,GS,-` is underload; `TR` is a tare line, not a weighing.
 * Source: logs of T-Scale NHB and QHW; indicator manuals for MZ, MT, CT and the R commands.
 */
export const stgsText: Dialect = {
  key: "stgs-text",
  title: "ST/GS text line",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "captured" },
  optionNames: ["unit"],
  open: (options) => ({
    framing: textLines(64),
    decoder: () => decoderFor(options),
    commands: {
      read: bytesOf("RW\r\n"),
      stream: bytesOf("%RW\r\n"),
      "read-stable": bytesOf("#RW\r\n"),
      zero: bytesOf("MZ\r\n"),
      tare: bytesOf("MT\r\n"),
      "clear-tare": bytesOf("CT\r\n"),
    },
    encode: encodeReading,
  }),
};

const HEAD = /(?:ST|US|OL|UL|QT),/g;
const FRAME = /^(ST|US|OL|UL|QT),(?:(GS|NT|TR),?)? *([+-]? *[\d.]*) *([A-Za-z%]*) *$/;
/** What fills the number is the maker's taste: blanks, dashes, nines, or OL once more. */
const OUT_OF_RANGE = /^(OL|UL),(?:(GS|NT|TR),?)?((?:[^A-Za-z]|OL)*)([A-Za-z]*) *$/;

function decoderFor(options: OptionBag): Decoder {
  const fallback = choice(options, "unit", ["none", "kg", "g"], "none");
  const unitFallback = fallback === "none" ? null : fallback;
  const parse = (text: string): Reading | null => {
    const match = OUT_OF_RANGE.exec(text) ?? FRAME.exec(text);
    if (match === null) return null;
    const [, header = "", mode, number = "", unit = ""] = match;
    return readStatusLine({ header, mode: modeOf(mode), number, unit, unitFallback });
  };
  return {
    decode: (line) => {
      const text = printableTail(line);
      const reading = fromHead(text, HEAD, parse);
      if (reading !== null) return [reading];
      return /^(?:ST|US|OL|UL|QT),/.test(text) ? [invalid("format")] : [];
    },
  };
}

const SHORT_UNITS: readonly (MassUnit | null)[] = ["g", "kg", "t", "lb", "oz"];

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.mode === null) return null;
  const header = reading.overload === true || reading.underload === true ? "OL" : headerOf(reading.stable);
  if (header === null || (header !== "OL" && !SHORT_UNITS.includes(reading.unit))) return null;
  const mode = { gross: "GS", net: "NT", tare: "TR" }[reading.mode];
  if (header === "OL")
    return bytesOf(`OL,${mode},${reading.overload === true ? "+" : "-"}       ${reading.unit ?? "  "}\r\n`);
  if (!fits(reading.value, 9)) return null;
  return bytesOf(`${header},${mode},${reading.value.padStart(9)} ${reading.unit}\r\n`);
}
