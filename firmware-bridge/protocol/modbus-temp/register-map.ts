import type { OptionBag } from "../../ports/dialect.ts";
import { negated, scaled, withDecimals } from "../decimal.ts";
import { badOption } from "../options.ts";

/** What one or two registers hold. */
export interface RegisterField {
  readonly name: "temperature" | "humidity" | "float32" | "skip";
  /** Without it a temperature is `int16`, a humidity `uint16`. The 32-bit ones take two registers. */
  readonly type: RegisterType;
  /** One count in the unit of the field, as a decimal: `0.1`. */
  readonly scale: string;
  /** Of two registers: `big` is ABCD, `little` is DCBA, `big-swapped` is BADC, `little-swapped` is CDAB. */
  readonly byteOrder: ByteOrder;
}

export type RegisterType = "int16" | "uint16" | "int32" | "uint32" | "float32";
const REGISTER_TYPES = ["int16", "uint16", "int32", "uint32", "float32"] as const;

export type ByteOrder = "big" | "little" | "big-swapped" | "little-swapped";
const BYTE_ORDERS: Readonly<Record<ByteOrder, readonly number[]>> = {
  big: [0, 1, 2, 3],
  little: [3, 2, 1, 0],
  "big-swapped": [1, 0, 3, 2],
  "little-swapped": [2, 3, 0, 1],
};
/** As many manuals write them. */
const BYTE_ORDER_OF_LETTERS: Readonly<Record<string, ByteOrder>> = {
  ABCD: "big",
  DCBA: "little",
  BADC: "big-swapped",
  CDAB: "little-swapped",
};
const FIELD_NAMES = ["temperature", "humidity", "float32", "skip"] as const;
const FIELDS_MAX = 64;

/** The ends of the range, where converters rest without a sensor: never a temperature. */
const DEFAULT_SENTINELS: Readonly<Record<string, string>> = {
  "8000": "sensor",
  "7fff": "open",
  "80000000": "sensor",
  "7fffffff": "open",
};

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
  if (name === undefined) return badOption("fields.name", raw["name"], `one of ${FIELD_NAMES.join(", ")}`);
  return {
    name,
    type: typeOf(name, raw["type"]),
    scale: scaleOf(raw["scale"]),
    byteOrder: orderOf(raw["byteOrder"]),
  };
}

function typeOf(name: RegisterField["name"], value: unknown): RegisterType {
  if (name === "float32") return "float32";
  if (value === undefined) return name === "humidity" ? "uint16" : "int16";
  const type = REGISTER_TYPES.find((known) => known === value);
  return type ?? badOption("fields.type", value, `one of ${REGISTER_TYPES.join(", ")}`);
}

function scaleOf(value: unknown): string {
  const scale = value ?? "1";
  if (typeof scale === "string" && /^\d+(\.\d{1,6})?$/.test(scale)) return scale;
  return badOption("fields.scale", scale, 'a decimal string such as "0.1"');
}

function orderOf(value: unknown): ByteOrder {
  const order = value ?? "big";
  const known = (Object.keys(BYTE_ORDERS) as ByteOrder[]).find((name) => name === order);
  const found = known ?? (typeof order === "string" ? BYTE_ORDER_OF_LETTERS[order.toUpperCase()] : undefined);
  return (
    found ?? badOption("fields.byteOrder", order, `one of ${Object.keys(BYTE_ORDERS).join(", ")}, or ABCD`)
  );
}

/** How many registers a field takes. */
export const registersOf = ({ type }: RegisterField): number => (type.endsWith("32") ? 2 : 1);

/** @returns the name of the fault by register value. @throws BridgeFault `dialect-options`. */
export function sentinelsOf(options: OptionBag): ReadonlyMap<number, string> {
  const value = options["sentinels"] ?? {};
  if (typeof value !== "object") return badOption("sentinels", value, "fault names by hex register value");
  const faults = new Map<number, string>();
  // Those of the site come on top: a probe with a value of its own for "open" still has the ends of its range.
  for (const [register, fault] of [...Object.entries(DEFAULT_SENTINELS), ...Object.entries(value)]) {
    if (!/^(?:[0-9a-f]{1,4}|[0-9a-f]{8})$/i.test(register) || typeof fault !== "string")
      return badOption("sentinels", value, "fault names by hex register value");
    faults.set(Number.parseInt(register, 16), fault);
  }
  return faults;
}

/** @returns the count in one or two registers, unsigned, as sentinels name it. */
export function countIn(field: RegisterField, high: number, low: number): number {
  return registersOf(field) === 1 ? high : viewOf(high, low, field.byteOrder).getUint32(0);
}

/** @returns `count` as the field's type means it, times `scale`. */
export function scaledCount({ type, scale }: RegisterField, count: number): string {
  const isSigned = type === "int16" || type === "int32";
  const span = type === "int16" ? 0x1_0000 : 0x1_0000_0000;
  return scaled(isSigned && count >= span / 2 ? count - span : count, scale);
}

/** The bytes of two registers, most significant first. */
function viewOf(high: number, low: number, byteOrder: ByteOrder): DataView {
  const wire = [high >> 8, high & 0xff, low >> 8, low & 0xff];
  const view = new DataView(new ArrayBuffer(4));
  for (const [index, from] of BYTE_ORDERS[byteOrder].entries()) view.setUint8(index, wire[from] ?? 0);
  return view;
}

/**
 * @returns the shortest decimal that means the same float, as displays show it; null for NaN and infinities, with
 * which probes say "no sensor".
 */
export function floatValue(high: number, low: number, byteOrder: ByteOrder): string | null {
  const float = viewOf(high, low, byteOrder).getFloat32(0);
  if (!Number.isFinite(float)) return null;
  for (let digits = 1; digits < 9; digits++) {
    const text = float.toPrecision(digits);
    if (Math.fround(Number(text)) === float) return plain(text);
  }
  return plain(float.toPrecision(9));
}

/** @returns `text` without an exponent. */
function plain(text: string): string {
  const [mantissa = "", exponent = "0"] = text.split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const value = withDecimals(whole + fraction, fraction.length - Number(exponent)) ?? "0";
  return mantissa.startsWith("-") ? negated(value) : value;
}
