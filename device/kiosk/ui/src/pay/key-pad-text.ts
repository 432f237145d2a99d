/** Longest amount that can be keyed in: 99,999.99 yuan; the terminal's own limit is lower. */
const AMOUNT_DIGITS_MAX = 7;

/** Digits shift in from the right, as on a till: 1, 2, 5, 0 is 12.50. Never a decimal point, never a float. */
export function pressAmountKey(amountFen: number, key: string): number {
  if (key === "Backspace") return Math.trunc(amountFen / 10);
  if (key === "Delete") return 0;
  if (!/^\d$/.test(key)) return amountFen;
  const next = amountFen * 10 + Number(key);
  return String(next).length > AMOUNT_DIGITS_MAX ? amountFen : next;
}

/** Text of a number or PIN pad after one key. */
export function pressTextKey(text: string, key: string, lengthMax: number, allowed: RegExp): string {
  if (key === "Backspace") return text.slice(0, -1);
  if (key === "Delete") return "";
  return text.length < lengthMax && allowed.test(key) ? text + key : text;
}
