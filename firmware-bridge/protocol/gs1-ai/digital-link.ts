import { identifierAt } from "./application-identifiers.ts";
import { type Element, refusalOf } from "./element-string.ts";

/** Primary keys with which the path of a Digital Link begins. Source: GS1 Digital Link URI syntax 1.4, 4.3. */
const PRIMARY_KEYS = [
  "01",
  "8006",
  "8013",
  "8010",
  "414",
  "417",
  "8017",
  "8018",
  "255",
  "00",
  "253",
  "401",
  "402",
  "8003",
  "8004",
];

/**
 * @param text  what a QR or Data Matrix code holds.
 * @returns the elements of a GS1 Digital Link, or null when it is none or one of its values breaks its rule.
 */
export function parseDigitalLink(text: string): readonly Element[] | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  const start = segments.findIndex((segment) => PRIMARY_KEYS.includes(segment));
  if (start < 0 || (segments.length - start) % 2 !== 0) return null;
  const elements: Element[] = [];
  for (let index = start; index < segments.length; index += 2)
    elements.push([segments[index] ?? "", decoded(segments[index + 1] ?? "")]);
  for (const [name, value] of url.searchParams) if (/^\d{2,4}$/.test(name)) elements.push([name, value]);
  return elements.every(isValid) ? elements : null;
}

function isValid([ai, value]: Element): boolean {
  const found = identifierAt(ai);
  return found !== null && found.ai === ai && refusalOf(value, found.rule) === null;
}

/** Broken percent signs stay as they are: the value then breaks its rule, or is what the printer meant. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
