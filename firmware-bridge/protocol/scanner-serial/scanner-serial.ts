import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { FramingSpec } from "../../ports/framing.ts";
import { bytesOf, CR, ETX, LF, STX, TAB, textOf } from "../ascii.ts";
import { choice } from "../options.ts";

/**
 * Scanners on a serial line or USB CDC: the code, then CR, LF, both, TAB, or nothing; perhaps between STX and ETX.
 * Codes stay strings: leading zeros matter.
 */
export const scannerSerial: Dialect = {
  key: "scanner-serial",
  title: "Serial scanner",
  device: "scanner",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "documentation" },
  optionNames: ["suffix"],
  open: (options) => {
    const suffix = choice(options, "suffix", ["any", "cr", "lf", "crlf", "tab", "etx", "none"], "any");
    return {
      framing: FRAMING_OF_SUFFIX[suffix],
      decoder: () => decoder,
      commands: {},
      encode: (reading) =>
        reading.type === "scan" && reading.symbology === "serial" && reading.data !== undefined
          ? bytesOf(`${reading.data}\r\n`)
          : null,
    };
  },
};

type Suffix = "any" | "cr" | "lf" | "crlf" | "tab" | "etx" | "none";

const CODE_BYTES_MAX = 4096;
const endedBy = (...terminators: number[]): FramingSpec => ({
  kind: "line",
  terminators,
  frameBytesMax: CODE_BYTES_MAX,
});

const FRAMING_OF_SUFFIX: Readonly<Record<Suffix, FramingSpec>> = {
  any: { kind: "line", terminators: [CR, LF, TAB, ETX], frameBytesMax: CODE_BYTES_MAX, endsAtSilence: true },
  cr: endedBy(CR),
  lf: endedBy(LF),
  crlf: endedBy(CR, LF),
  tab: endedBy(TAB),
  etx: endedBy(ETX),
  none: { kind: "burst", frameBytesMax: CODE_BYTES_MAX },
};

const decoder: Decoder = {
  decode: (line) => {
    const start = line.lastIndexOf(STX) + 1;
    // Set to one suffix, a scanner that sends CR LF leaves the other half at the code's end, or at the next one's start.
    const data = textOf(line.subarray(start)).replace(/^[\r\n]+|[\r\n]+$/g, "");
    return data === "" ? [] : [{ type: "scan", symbology: "serial", data }];
  },
};
