import type { OptionBag } from "../ports/dialect.ts";
import { BridgeFault } from "../ports/fault.ts";

/** @throws BridgeFault `dialect-options`. */
export function badOption(name: string, value: unknown, wanted: string): never {
  throw new BridgeFault(`option "${name}" is ${JSON.stringify(value)}, wanted ${wanted}`, {
    code: "dialect-options",
    retry: "after-operator",
    hint: {
      zh: `设备协议选项“${name}”不正确，请检查配置。`,
      en: `The device option "${name}" is wrong; check the configuration.`,
    },
  });
}

/** @returns the option, or `fallback` when it is not set. @throws BridgeFault when it is none of `choices`. */
export function choice<T extends string>(
  options: OptionBag,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const value = options[name] ?? fallback;
  const found = choices.find((candidate) => candidate === value);
  return found ?? badOption(name, value, `one of ${choices.join(", ")}`);
}

/** @throws BridgeFault when the option is set and no whole number from `min` to `max`. */
export function wholeNumber(
  options: OptionBag,
  name: string,
  range: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  const value = options[name] ?? range.fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= range.min && value <= range.max)
    return value;
  return badOption(name, value, `a whole number from ${range.min} to ${range.max}`);
}

/** @throws BridgeFault when the option is set and does not match `pattern`. */
export function matchingText(
  options: OptionBag,
  name: string,
  pattern: RegExp,
  fallback: string | null,
): string | null {
  const value = options[name] ?? fallback;
  if (value === null || (typeof value === "string" && pattern.test(value))) return value;
  return badOption(name, value, `text like ${pattern.source}`);
}

/** @throws BridgeFault when the option is set and neither true nor false. */
export function flag(options: OptionBag, name: string, fallback: boolean): boolean {
  const value = options[name] ?? fallback;
  return typeof value === "boolean" ? value : badOption(name, value, "true or false");
}
