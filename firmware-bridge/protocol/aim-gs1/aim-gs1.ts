import type { Decoder, Dialect } from "../../ports/dialect.ts";
import { CR, LF, textOf } from "../ascii.ts";
import { readAim } from "../gs1-ai/aim.ts";
import { THIS_YEAR } from "../gs1-ai/gs1-ai.ts";
import { invalid } from "../message.ts";
import { wholeNumber } from "../options.ts";

/** Codes with their AIM identifier in front: it says which symbology, and whether the data are GS1's. */
export const aimGs1: Dialect = {
  key: "aim-gs1",
  title: "AIM identifier and GS1",
  device: "scanner",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "weak", evidence: "documentation" },
  optionNames: ["thisYear"],
  open: (options) => {
    const thisYear = wholeNumber(options, "thisYear", THIS_YEAR);
    const decoder: Decoder = {
      decode: (line) => {
        const text = textOf(line);
        return [text.startsWith("]") ? readAim(text, thisYear) : invalid("no AIM identifier")];
      },
    };
    return {
      framing: { kind: "line", terminators: [CR, LF], frameBytesMax: 4096, endsAtSilence: true },
      decoder: () => decoder,
      commands: {},
    };
  },
};
