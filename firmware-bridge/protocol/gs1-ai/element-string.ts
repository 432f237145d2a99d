import { hasGs1CheckDigit } from "../checks.ts";
import { decimalOf, withDecimals } from "../decimal.ts";
import { type AiRule, hasPredefinedLength, identifierAt } from "./application-identifiers.ts";

export type Element = readonly [ai: string, value: string];

export type ElementString =
  | { readonly kind: "elements"; readonly elements: readonly Element[] }
  | { readonly kind: "refused"; readonly reason: ElementRefusal };

export type ElementRefusal =
  | "empty"
  | "ai"
  | "length"
  | "characters"
  | "check-digit"
  | "date"
  | "repeated-ai";

const SEPARATOR = "\x1d";
/** GS1 AI encodable character set 82, and a blank, which some printers send. */
const CHARACTERS = /^[!-~ ]+$/;

/**
 * Splits a GS1 element string. The separator stands only behind elements of variable length; a leading one is the
 * FNC1 that some scanners pass on. One identifier with two values is two codes run together.
 */
export function parseElementString(data: string): ElementString {
  const elements: Element[] = [];
  let rest = data.startsWith(SEPARATOR) ? data.slice(1) : data;
  if (rest === "") return { kind: "refused", reason: "empty" };
  while (rest !== "") {
    const found = identifierAt(rest);
    if (found === null) return { kind: "refused", reason: "ai" };
    const { ai, rule } = found;
    const behind = rest.slice(ai.length);
    const value = hasPredefinedLength(ai)
      ? behind.slice(0, rule.lengthMax)
      : (behind.split(SEPARATOR)[0] ?? "");
    const reason = refusalOf(value, rule);
    if (reason !== null) return { kind: "refused", reason };
    if (elements.some(([known, other]) => known === ai && other !== value))
      return { kind: "refused", reason: "repeated-ai" };
    elements.push([ai, value]);
    rest = behind.slice(value.length);
    if (rest.startsWith(SEPARATOR)) rest = rest.slice(1);
  }
  return { kind: "elements", elements };
}

/** @returns why `value` breaks `rule`, or null. */
export function refusalOf(value: string, rule: AiRule): ElementRefusal | null {
  if (value.length < rule.lengthMin || value.length > rule.lengthMax) return "length";
  if (!CHARACTERS.test(value) || !/^\d*$/.test(value.slice(0, rule.digits))) return "characters";
  if (rule.checkDigitAt !== undefined && !hasGs1CheckDigit(value.slice(0, rule.checkDigitAt)))
    return "check-digit";
  return rule.isDate === true && dateOf(value, CENTURY_UNKNOWN) === null ? "date" : null;
}

const CENTURY_UNKNOWN = 2000;

/**
 * @param yymmdd  day 00 means the last day of the month.
 * @param thisYear  centre of the window of a hundred years (GS1 General Specifications, 7.12).
 * @returns `YYYY-MM-DD`, or null when there is no such day.
 */
export function dateOf(yymmdd: string, thisYear: number): string | null {
  const [yy, month, day] = [yymmdd.slice(0, 2), yymmdd.slice(2, 4), yymmdd.slice(4, 6)].map(Number);
  if (yy === undefined || month === undefined || day === undefined || month < 1 || month > 12) return null;
  const year = yearOf(yy, thisYear);
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (!(day <= lastDay)) return null;
  const pad = (part: number): string => String(part).padStart(2, "0");
  return `${year}-${pad(month)}-${pad(day === 0 ? lastDay : day)}`;
}

function yearOf(yy: number, thisYear: number): number {
  const year = thisYear - (thisYear % 100) + yy;
  if (year - thisYear >= 51) return year - 100;
  return year - thisYear <= -50 ? year + 100 : year;
}

/** What a canteen needs from the elements. */
export interface ElementFacts {
  netWeightKg?: string;
  bestBefore?: string;
  packDate?: string;
  date?: string;
}

/** `date` is the expiry, or else the production, due or sell-by date. */
export function factsOf(elements: readonly Element[], thisYear: number): ElementFacts {
  const elementOf = (ai: string): string | undefined => elements.find(([known]) => known === ai)?.[1];
  const dateIn = (...ais: string[]): string | null => {
    const value = ais.map(elementOf).find((candidate) => candidate !== undefined);
    return value === undefined ? null : dateOf(value, thisYear);
  };
  const facts: ElementFacts = {};
  const weight = elements.find(([ai]) => /^310\d$/.test(ai));
  const netWeightKg = weight === undefined ? null : withDecimals(weight[1], Number(weight[0].charAt(3)));
  const [bestBefore, packDate, date] = [dateIn("15"), dateIn("13"), dateIn("17", "11", "12", "16")];
  if (netWeightKg !== null) facts.netWeightKg = decimalOf(netWeightKg) ?? netWeightKg;
  if (bestBefore !== null) facts.bestBefore = bestBefore;
  if (packDate !== null) facts.packDate = packDate;
  if (date !== null) facts.date = date;
  return facts;
}
