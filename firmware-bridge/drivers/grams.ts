import type { MassUnit } from "../ports/reading.ts";

/** Milligrams of one unit, where a whole number of them is exact. Pounds and ounces are not. */
const MILLIGRAMS: Readonly<Partial<Record<MassUnit, bigint>>> = {
  mg: 1n,
  g: 1000n,
  kg: 1_000_000n,
  t: 1_000_000_000n,
  jin: 500_000n,
  ct: 200n,
};

/** @returns the whole grams that `value` means exactly, or null. @param value  a decimal string. */
export function exactGrams(value: string, unit: MassUnit): number | null {
  const perUnit = MILLIGRAMS[unit];
  if (perUnit === undefined) return null;
  const [whole = "0", fraction = ""] = value.replace("-", "").split(".");
  const divisor = 1000n * 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * perUnit;
  if (product % divisor !== 0n) return null;
  const grams = Number(product / divisor);
  if (!Number.isSafeInteger(grams)) return null;
  return value.startsWith("-") && grams !== 0 ? -grams : grams;
}

/** @returns one unit of the last decimal place: `12.340` has `0.001`. */
export function resolutionOf(value: string): string {
  const decimals = value.split(".")[1]?.length ?? 0;
  return decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`;
}
