import type { OptionBag } from "../../ports/dialect.ts";
import { scaled } from "../decimal.ts";
import { badOption } from "../options.ts";

/** What a register holds. A float takes two registers. */
export interface RegisterField {
  readonly name: "temperature" | "humidity" | "float32" | "skip";
  /** One count in the unit of the field, as a decimal: `0.1`. */
  readonly scale: string;
  /** Of a float: `big` is ABCD, `little` is DCBA, `big-swapped` is BADC, `little-swapped` is CDAB. */
  readonly byteOrder: ByteOrder;
}

type ByteOrder = "big" | "little" | "big-swapped" | "little-swapped";
const BYTE_ORDERS: Readonly<Record<ByteOrder, readonly number[]>> = {
  big: [0, 1, 2, 3],
  little: [3, 2, 1, 0],
  "big-swapped": [1, 0, 3, 2],
  "little-swapped": [2, 3, 0, 1],
};
const FIELD_NAMES = ["temperature", "humidity", "float32", "skip"] as const;
const FIELDS_MAX = 64;

/** 8000 and 7FFF are the ends of the range, where converters rest without a sensor: never a temperature. */
const DEFAULT_SENTINELS: Readonly<Record<string, string>> = { "8000": "sensor", "7fff": "open" };

/** @throws BridgeFault `dialect-options`. */
export function fieldsOf(options: OptionBag): readonly RegisterField[] | null {
  const value = options["fields"];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length === 0 || value.length > FIELDS_MAX)
    return badOption("fields", value, `a list of 1 to ${FIELDS_MAX} fields`);
  return value.map(fieldOf);
}

function fieldOf(value: unknown): RegisterField {
  if (typeof value !== "object" || value === null) return badOption("fields", value, "objects");
  const raw = value as Readonly<Record<string, unknown>>;
  const name = FIELD_NAMES.find((known) => known === raw["name"]);
  const scale = raw["scale"] ?? "1";
  const byteOrder = Object.keys(BYTE_ORDERS).find((known) => known === (raw["byteOrder"] ?? "big"));
  if (name === undefined) return badOption("fields.name", raw["name"], `one of ${FIELD_NAMES.join(", ")}`);
  if (typeof scale !== "string" || !/^\d+(\.\d{1,6})?$/.test(scale))
    return badOption("fields.scale", scale, 'a decimal string such as "0.1"');
  if (byteOrder === undefined)
    return badOption("fields.byteOrder", raw["byteOrder"], `one of ${Object.keys(BYTE_ORDERS).join(", ")}`);
  return { name, scale, byteOrder: byteOrder as ByteOrder };
}

/** @returns the name of the fault by register value. @throws BridgeFault `dialect-options`. */
export function sentinelsOf(options: OptionBag): ReadonlyMap<number, string> {
  const value = options["sentinels"] ?? DEFAULT_SENTINELS;
  if (typeof value !== "object") return badOption("sentinels", value, "fault names by hex register value");
  const faults = new Map<number, string>();
  for (const [register, fault] of Object.entries(value)) {
    if (!/^[0-9a-f]{1,4}$/i.test(register) || typeof fault !== "string")
      return badOption("sentinels", value, "fault names by hex register value");
    faults.set(Number.parseInt(register, 16), fault);
  }
  return faults;
}

/** @returns the signed register times `scale`. */
export function signedValue(register: number, scale: string): string {
  return scaled(register > 0x7fff ? register - 0x10000 : register, scale);
}

/**
 * @returns the shortest decimal that means the same float, as displays show it; null for NaN and infinities, with
 * which probes say "no sensor".
 */
export function floatValue(high: number, low: number, byteOrder: ByteOrder): string | null {
  const wire = [high >> 8, high & 0xff, low >> 8, low & 0xff];
  const view = new DataView(new ArrayBuffer(4));
  for (const [index, from] of BYTE_ORDERS[byteOrder].entries()) view.setUint8(index, wire[from] ?? 0);
  const float = view.getFloat32(0);
  if (!Number.isFinite(float)) return null;
  for (let digits = 1; digits < 9; digits++) {
    const text = float.toPrecision(digits);
    if (Math.fround(Number(text)) === float) return plain(text);
  }
  return plain(float.toPrecision(9));
}

/** @returns `text` without an exponent. */
function plain(text: string): string {
  return text.includes("e") ? String(Number(text)) : text;
}
