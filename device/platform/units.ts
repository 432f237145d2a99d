/** Branded numbers: a dimension and its unit are part of the type, so fen cannot be added to grams. */
declare const unit: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [unit]: Name };

/** Money in integer fen (1/100 yuan); may be negative for a balance or a reversal. */
export type Fen = Branded<number, "fen">;
/** Mass in integer grams. */
export type Grams = Branded<number, "g">;
/** Temperature in integer thousandths of a degree Celsius. */
export type MilliC = Branded<number, "m°C">;
/** Wall-clock milliseconds since 1970-01-01T00:00Z. It may jump; for records and for people only. */
export type EpochMs = Branded<number, "epoch ms">;
/** Milliseconds of a clock that never goes back; for waits, expiry and frame age only. */
export type MonoMs = Branded<number, "mono ms">;

function safeInteger(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be a safe integer, got ${value}`);
  return value === 0 ? 0 : value;
}

/** @throws RangeError unless `value` is a safe integer. */
export const fen = (value: number): Fen => safeInteger(value, "fen") as Fen;
/** @throws RangeError unless `value` is a safe integer. */
export const grams = (value: number): Grams => safeInteger(value, "grams") as Grams;
/** @throws RangeError unless `value` is a safe integer. */
export const milliC = (value: number): MilliC => safeInteger(value, "milli-degrees") as MilliC;
/** Fractions are dropped: records carry whole milliseconds. */
export const epochMs = (value: number): EpochMs => safeInteger(Math.floor(value), "epoch ms") as EpochMs;
/** @throws RangeError unless `value` is finite. */
export function monoMs(value: number): MonoMs {
  if (!Number.isFinite(value)) throw new RangeError(`mono ms must be finite, got ${value}`);
  return value as MonoMs;
}

/** @throws RangeError when the sum leaves the safe integers. */
export const addFen = (a: Fen, b: Fen): Fen => fen(a + b);
/** @throws RangeError when the difference leaves the safe integers. */
export const subtractFen = (a: Fen, b: Fen): Fen => fen(a - b);

/** Yuan with two decimals, for a screen or a report: 1234 fen is "12.34". Digits are moved, never divided. */
export function formatYuan(amount: Fen): string {
  const digits = String(Math.abs(amount)).padStart(3, "0");
  return `${amount < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
