import { textOf } from "./ascii.ts";

/**
 * The text of a line without line noise: what stands in front of the last byte that no device of the dialect sends.
 * Trailing blanks stay, because some layouts count them.
 */
export function printableTail(line: Uint8Array): string {
  const text = textOf(line);
  let from = text.length;
  while (from > 0 && /[\t\x20-\x7e]/.test(text.charAt(from - 1))) from -= 1;
  return text.slice(from);
}

/**
 * Parses a line that may have noise glued in front: from each place where `head` matches, the leftmost first, to
 * the line's end. Only for dialects whose head is unmistakable; a number alone would lose its first digits.
 * @returns the first result that is not null.
 */
export function fromHead<T>(text: string, head: RegExp, parse: (tail: string) => T | null): T | null {
  const search = new RegExp(head);
  for (let match = search.exec(text); match !== null; match = search.exec(text)) {
    const parsed = parse(text.slice(match.index));
    if (parsed !== null) return parsed;
    // The next head may begin inside this one: of `wwn-0.1kg` the first w is the rest of another line.
    search.lastIndex = match.index + 1;
  }
  return null;
}
