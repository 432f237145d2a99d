import type { Decoder, Dialect } from "../../ports/dialect.ts";
import { bytesOf, CR, LF, textOf } from "../ascii.ts";
import { wholeNumber } from "../options.ts";
import { readAim, readGs1 } from "./aim.ts";

/**
 * GS1 element strings as a scanner passes them on, with the separator (FNC1) as GS, and with or without an AIM
 * identifier. Source: GS1 General Specifications 24.
 */
export const gs1Ai: Dialect = {
  key: "gs1-ai",
  title: "GS1 element string",
  device: "scanner",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "weak", evidence: "documentation" },
  optionNames: ["thisYear"],
  open: (options) => {
    const thisYear = wholeNumber(options, "thisYear", THIS_YEAR);
    const decoder: Decoder = {
      decode: (line) => {
        const text = textOf(line);
        return [text.startsWith("]") ? readAim(text, thisYear) : readGs1(text, "gs1", thisYear)];
      },
    };
    return {
      framing: { kind: "line", terminators: [CR, LF], frameBytesMax: 512, endsAtSilence: true },
      decoder: () => decoder,
      commands: {},
      encode: (reading) =>
        reading.type === "scan" && reading.symbology === "gs1" && reading.ais !== undefined
          ? bytesOf(`${reading.ais.map(([ai, value]) => ai + value).join("\x1d")}\r\n`)
          : null,
    };
  },
};

/** Centre of the hundred years in which two-digit years lie. A codec has no clock: the driver passes the year. */
export const THIS_YEAR = { min: 2000, max: 2200, fallback: 2026 } as const;
