/**
 * Decimal strings, built digit by digit. A weight never passes through a binary float: 0.1 + 0.2 has no place on a
 * receipt, and trailing zeros are the scale's resolution.
 */

const SIGNED_DECIMAL = /^([+-]?)\s*(\d+(?:\.\d*)?|\.\d+)$/;

/**
 * @param text  a sign, blanks, digits with at most one point; blanks around are dropped.
 * @returns the number with one leading zero at least and no plus sign, or null when `text` is no number.
 */
export function decimalOf(text: string): string | null {
  const match = SIGNED_DECIMAL.exec(text.trim());
  if (match === null) return null;
  const [whole = "", fraction] = (match[2] ?? "").split(".");
  const digits = whole.replace(/^0+(?=\d)/, "") || "0";
  const unsigned = fraction === undefined || fraction === "" ? digits : `${digits}.${fraction}`;
  return match[1] === "-" ? negated(unsigned) : unsigned;
}

/** @returns `-value`; zero stays zero, because no person reads "-0.00" as a weight. */
export function negated(value: string): string {
  if (value.startsWith("-")) return value.slice(1);
  return /[1-9]/.test(value) ? `-${value}` : value;
}

/**
 * Puts the decimal point that the wire leaves out.
 * @param digits    only digits, blanks for leading zeros allowed.
 * @param decimals  how many of them are behind the point; negative multiplies by powers of ten.
 * @returns null when a character is neither digit nor leading blank, or when there is no digit.
 */
export function withDecimals(digits: string, decimals: number): string | null {
  const bare = digits.trimStart();
  if (!/^\d+$/.test(bare)) return null;
  if (decimals <= 0) return decimalOf(bare + "0".repeat(-decimals));
  const padded = bare.padStart(decimals + 1, "0");
  return decimalOf(`${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`);
}

/**
 * An integer count of a decimal step, as text: `scaled(-112, "0.1")` is `-11.2`.
 * @param step  `1`, `0.1`, `0.01`, … or a multiple such as `0.0625`.
 */
export function scaled(count: number, step: string): string {
  const [whole = "0", fraction = ""] = step.split(".");
  const product = BigInt(count) * BigInt(whole + fraction);
  const digits = (product < 0n ? -product : product).toString();
  const value = withDecimals(digits, fraction.length) ?? "0";
  return product < 0n ? negated(value) : value;
}
