import type { OrderUnit } from "../../../../receiving/order-port.ts";

/** Quantities as text: digits are moved, never divided, so that no float comes near a weight. */

const DECIMALS = 6;

function toScaled(decimal: string): bigint {
  const [whole = "0", fraction = ""] = decimal.replace("-", "").split(".");
  const scaled = BigInt(whole + fraction.padEnd(DECIMALS, "0").slice(0, DECIMALS));
  return decimal.startsWith("-") ? -scaled : scaled;
}

function fromScaled(scaled: bigint): string {
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return `${scaled < 0n ? "-" : ""}${digits.slice(0, -DECIMALS)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** `ordered` less `received`, both decimals in the same unit: "12.5" less "7" is "5.5". */
export function remainingOf(ordered: string, received: string): { isOver: boolean; quantity: string } {
  const left = toScaled(ordered) - toScaled(received);
  return { isOver: left < 0n, quantity: fromScaled(left < 0n ? -left : left) };
}

/** How much of the ordered has come, 0 to 100, for a bar. */
export function percentOf(ordered: string, received: string): number {
  const whole = toScaled(ordered);
  if (whole <= 0n) return 0;
  const percent = (toScaled(received) * 100n) / whole;
  return Number(percent < 0n ? 0n : percent > 100n ? 100n : percent);
}

/** "7.520": kilograms with the grams that the record has. */
export function kilograms(grams: number): string {
  const digits = String(Math.abs(grams)).padStart(4, "0");
  return `${grams < 0 ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

/** "15.04": 市斤 of 500 g. */
export function jin(grams: number): string {
  return fromScaled(BigInt(grams) * 2000n);
}

/** What a weight is in the unit of an order; pieces are not weighed, so they stay kilograms. */
export function weightText(grams: number, unit: OrderUnit): string {
  switch (unit) {
    case "g":
      return String(grams);
    case "jin":
      return jin(grams);
    case "kg":
    case "piece":
      return kilograms(grams);
  }
}

/** "4.5" of 4500 thousandths of a degree; one decimal, because no probe in a kitchen knows more. */
export function degrees(milliC: number): string {
  const tenths = Math.round(milliC / 100);
  const digits = String(Math.abs(tenths)).padStart(2, "0");
  return `${tenths < 0 ? "-" : ""}${digits.slice(0, -1)}.${digits.slice(-1)}`;
}

/** "2026-09-01" of the eight digits of a date; null where there is no such day. */
export function dayOfDigits(digits: string): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(digits) ?? [];
  if (year === undefined || month === undefined || day === undefined) return null;
  const text = `${year}-${month}-${day}`;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text) ? text : null;
}
