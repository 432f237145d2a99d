import type { Reading } from "../../ports/reading.ts";
import { hasGs1CheckDigit } from "../checks.ts";
import { invalid } from "../message.ts";
import { parseDigitalLink } from "./digital-link.ts";
import { factsOf, parseElementString } from "./element-string.ts";

/**
 * Symbologies by AIM identifier `]cm`: the letter, and the modifiers that mean the same.
 * Source: ISO/IEC 15424; GS1 General Specifications, figure 5.1.3-1.
 */
const SYMBOLOGIES: readonly (readonly [letter: string, modifiers: string, symbology: string])[] = [
  ["A", "01234567", "code39"],
  ["C", "024", "code128"],
  ["C", "1", "gs1-128"],
  ["E", "0", "ean13"],
  ["E", "1", "add-on2"],
  ["E", "2", "add-on5"],
  ["E", "3", "ean13-add-on"],
  ["E", "4", "ean8"],
  ["F", "0124", "codabar"],
  ["G", "0123456789A", "code93"],
  ["H", "013", "code11"],
  ["I", "013", "itf"],
  ["J", "0", "dotcode"],
  ["J", "1", "gs1-dotcode"],
  ["L", "012345", "pdf417"],
  ["M", "01", "msi"],
  ["Q", "012456", "qr"],
  ["Q", "3", "gs1-qr"],
  ["U", "0123", "maxicode"],
  ["X", "0", "device"],
  ["Z", "6", "device"],
  ["d", "013456", "datamatrix"],
  ["d", "2", "gs1-datamatrix"],
  ["e", "0", "gs1-databar"],
  ["e", "12", "gs1-composite"],
  ["z", "0123456789ABC", "aztec"],
];
const SYMBOLOGY_OF_AIM: ReadonlyMap<string, string> = new Map(
  SYMBOLOGIES.flatMap(([letter, modifiers, symbology]) =>
    [...modifiers].map((modifier): [string, string] => [`]${letter}${modifier}`, symbology]),
  ),
);

const EAN_DIGITS: Readonly<Record<string, number>> = { ean13: 13, ean8: 8 };
const ADD_ON_DIGITS = [2, 5];
/** An EAN code and the two-dimensional part printed above it, in one message. */
const COMPOSITE = /^(\d*)\|?(\]e0.*)$/s;

/** @param text  a code with its AIM identifier in front. */
export function readAim(text: string, thisYear: number): Reading {
  const symbology = SYMBOLOGY_OF_AIM.get(text.slice(0, 3));
  if (symbology === undefined) return invalid("unknown-symbology");
  const data = text.slice(3);
  if (data === "") return invalid("empty");
  if (symbology.startsWith("gs1-")) return readGs1(data, symbology, thisYear);
  const composite = COMPOSITE.exec(data);
  if (composite !== null && symbology in EAN_DIGITS)
    return readComposite(`${text.slice(0, 3)}${composite[1]}`, composite[2] ?? "", thisYear);
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

/** @returns the linear code with the elements of the part above it; half of the two is not given out as all. */
function readComposite(linearText: string, partText: string, thisYear: number): Reading {
  const [linear, part] = [readAim(linearText, thisYear), readAim(partText, thisYear)];
  if (linear.type !== "scan" || part.type !== "scan") return linear.type === "scan" ? part : linear;
  return { ...part, ...linear };
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
