import { decimalOf } from "../decimal.ts";

/**
 * In-store labels: which digits of a 13-digit code are an item and which are its price or weight is a rule of the
 * shop. A rule has 13 places: digits must match, `.` is any digit, and the letters in braces are the embedded
 * number, N before the decimal point and D behind it.
 */
export interface StoreLabel {
  readonly rule: string;
  readonly embedded: string;
}

/** Weight in kilograms (21), price (22 and 23), as shops commonly set them; a site gives its own. */
export const STORE_RULES: readonly string[] = ["21.....{NNDDD}.", "22......{NNDD}.", "23.....{NNNDD}."];

export const STORE_RULE_PATTERN = /^[\d.]*\{N*D*\}[\d.]*$/;

/** @returns the first rule that `code` matches, and the embedded number. */
export function readStoreLabel(code: string, rules: readonly string[]): StoreLabel | null {
  for (const rule of rules) {
    const [, before = "", whole = "", fraction = "", behind = ""] =
      /^([\d.]*)\{(N*)(D*)\}([\d.]*)$/.exec(rule) ?? [];
    const pattern = new RegExp(
      `^${before.replaceAll(".", "\\d")}(\\d{${whole.length}})(\\d{${fraction.length}})${behind.replaceAll(".", "\\d")}$`,
    );
    const match = pattern.exec(code);
    if (match === null) continue;
    const embedded = decimalOf(fraction === "" ? (match[1] ?? "") : `${match[1] || "0"}.${match[2]}`);
    if (embedded !== null) return { rule, embedded };
  }
  return null;
}
