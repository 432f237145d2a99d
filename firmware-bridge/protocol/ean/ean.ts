import type { Decoder, Dialect, OptionBag } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, CR, LF, textOf } from "../ascii.ts";
import { hasGs1CheckDigit } from "../checks.ts";
import { invalid } from "../message.ts";
import { badOption } from "../options.ts";
import { readStoreLabel, STORE_RULE_PATTERN, STORE_RULES } from "./store-label.ts";

/** EAN-8, UPC-A, EAN-13 and ITF-14 with their check digit, and labels that a shop's scale printed. */
export const ean: Dialect = {
  key: "ean",
  title: "EAN and in-store labels",
  device: "scanner",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "weak", evidence: "documentation" },
  optionNames: ["rules"],
  open: (options) => {
    const rules = rulesOf(options);
    const decoder: Decoder = { decode: (line) => [read(textOf(line).trim(), rules)] };
    return {
      framing: { kind: "line", terminators: [CR, LF], frameBytesMax: 64, endsAtSilence: true },
      decoder: () => decoder,
      commands: {},
      encode: (reading) =>
        reading.type === "scan" &&
        reading.data !== undefined &&
        SYMBOLOGY_OF_LENGTH[reading.data.length] === reading.symbology &&
        hasGs1CheckDigit(reading.data)
          ? bytesOf(`${reading.data}\r\n`)
          : null,
    };
  },
};

const SYMBOLOGY_OF_LENGTH: Readonly<Record<number, string>> = {
  8: "ean8",
  12: "upca",
  13: "ean13",
  14: "itf14",
};

function rulesOf(options: OptionBag): readonly string[] {
  const value = options["rules"] ?? STORE_RULES;
  if (!Array.isArray(value)) return badOption("rules", value, "a list of label rules");
  const bad = value.find((rule) => typeof rule !== "string" || !STORE_RULE_PATTERN.test(rule));
  return bad === undefined ? value : badOption("rules", bad, 'a rule such as "21.....{NNDDD}."');
}

function read(code: string, rules: readonly string[]): Reading {
  if (!/^\d+$/.test(code)) return invalid("characters");
  const symbology = SYMBOLOGY_OF_LENGTH[code.length];
  if (symbology === undefined) return invalid("length");
  if (!hasGs1CheckDigit(code)) return invalid("check-digit");
  const label = code.startsWith("2") && symbology === "ean13" ? readStoreLabel(code, rules) : null;
  return { type: "scan", symbology, data: code, ...label };
}
