import type { Reading } from "../../ports/reading.ts";
import { hasGs1CheckDigit } from "../checks.ts";
import { invalid } from "../message.ts";
import { parseDigitalLink } from "./digital-link.ts";
import { factsOf, parseElementString } from "./element-string.ts";

/**
 * Symbologies by AIM identifier `]cm`. Source: ISO/IEC 15424; GS1 General Specifications, figure 5.1.3-1.
 */
const SYMBOLOGY_OF_AIM: Readonly<Record<string, string>> = {
  "]A0": "code39",
  "]A1": "code39",
  "]C0": "code128",
  "]C1": "gs1-128",
  "]C2": "code128",
  "]E0": "ean13",
  "]E1": "add-on2",
  "]E2": "add-on5",
  "]E3": "ean13-add-on",
  "]E4": "ean8",
  "]F0": "codabar",
  "]G0": "code93",
  "]I0": "itf",
  "]I1": "itf",
  "]I3": "itf",
  "]J0": "dotcode",
  "]J1": "gs1-dotcode",
  "]L0": "pdf417",
  "]L2": "pdf417",
  "]Q0": "qr",
  "]Q1": "qr",
  "]Q2": "qr",
  "]Q3": "gs1-qr",
  "]X0": "device",
  "]Z6": "device",
  "]d0": "datamatrix",
  "]d1": "datamatrix",
  "]d2": "gs1-datamatrix",
  "]e0": "gs1-databar",
  "]e1": "gs1-composite",
  "]e2": "gs1-composite",
  "]z0": "aztec",
};

const EAN_DIGITS: Readonly<Record<string, number>> = { ean13: 13, ean8: 8 };
const ADD_ON_DIGITS = [2, 5];

/** @param text  a code with its AIM identifier in front. */
export function readAim(text: string, thisYear: number): Reading {
  const symbology = SYMBOLOGY_OF_AIM[text.slice(0, 3)];
  if (symbology === undefined) return invalid("unknown-symbology");
  const data = text.slice(3);
  if (data === "") return invalid("empty");
  if (symbology.startsWith("gs1-")) return readGs1(data, symbology, thisYear);
  if (symbology === "ean13-add-on") return readWithAddOn(data);
  const wanted = EAN_DIGITS[symbology];
  if (wanted !== undefined) return readEan(data, symbology, wanted);
  const elements = parseDigitalLink(data);
  return { type: "scan", symbology, ...(elements === null ? {} : { ais: elements }), data };
}

/** @returns the elements and what follows from them, or why the code is refused. */
export function readGs1(data: string, symbology: string, thisYear: number): Reading {
  const parsed = parseElementString(data);
  if (parsed.kind === "refused") return invalid(parsed.reason);
  return { type: "scan", symbology, ais: parsed.elements, ...factsOf(parsed.elements, thisYear) };
}

function readEan(data: string, symbology: string, length: number): Reading {
  if (data.length !== length) return invalid("length");
  if (!/^\d+$/.test(data)) return invalid("characters");
  return hasGs1CheckDigit(data) ? { type: "scan", symbology, data } : invalid("check-digit");
}

/** An EAN-13 and, behind it, two or five digits of a periodical or a price. */
function readWithAddOn(data: string): Reading {
  const [main, addOn] = [data.slice(0, 13), data.slice(13)];
  if (!ADD_ON_DIGITS.includes(addOn.length) || !/^\d+$/.test(data)) return invalid("length");
  const reading = readEan(main, "ean13", 13);
  return reading.type === "scan" ? { ...reading, addOn } : reading;
}
