import { type Fen, fen } from "../platform/units.ts";
import type { OrderUnit } from "./order-port.ts";
import type { Verdict } from "./receiving-port.ts";

/**
 * Quantities of goods, exactly. A quantity in the order's unit is a decimal string; what is received is counted in
 * whole grams, or in pieces. Nothing passes through a binary float, and nothing is rounded but money.
 */

/** Grams of one unit; a piece has none. */
const GRAMS_PER: Readonly<Record<Exclude<OrderUnit, "piece">, bigint>> = { kg: 1000n, g: 1n, jin: 500n };
/** As the order's schema allows; more digits are somebody else's number. */
const DECIMALS_MAX = 6;
const DECIMAL = /^(0|[1-9]\d{0,14})(?:\.(\d{1,6}))?$/;
const BP_WHOLE = 10_000n;

/** What came: grams, and the number of pieces where the order counts them. */
export interface Received {
  readonly netG: number;
  readonly pieces: number;
}

/** A decimal as an integer of millionths. */
function millionthsOf(quantity: string): bigint | null {
  const match = DECIMAL.exec(quantity);
  if (match === null) return null;
  return BigInt((match[1] ?? "") + (match[2] ?? "").padEnd(DECIMALS_MAX, "0"));
}

/** @returns the whole grams that a quantity means, or null when there is no such number (half a jin of 0.001). */
export function gramsOfQuantity(quantity: string, unit: Exclude<OrderUnit, "piece">): number | null {
  const millionths = millionthsOf(quantity);
  if (millionths === null) return null;
  const product = millionths * GRAMS_PER[unit];
  const divisor = 10n ** BigInt(DECIMALS_MAX);
  if (product % divisor !== 0n) return null;
  const grams = Number(product / divisor);
  return Number.isSafeInteger(grams) ? grams : null;
}

/** What was received, in the order's unit: at most three decimals, and no zeros at their end. May be negative. */
export function quantityOf({ netG, pieces }: Received, unit: OrderUnit): string {
  if (unit === "piece") return String(pieces);
  // 1 g is 0.001 kg and 0.002 jin: each is a whole number of thousandths.
  const thousandths = (BigInt(netG) * 1000n) / GRAMS_PER[unit];
  const digits = (thousandths < 0n ? -thousandths : thousandths).toString().padStart(4, "0");
  const fraction = digits.slice(-3).replace(/0+$/, "");
  const text = fraction === "" ? digits.slice(0, -3) : `${digits.slice(0, -3)}.${fraction}`;
  return thousandths < 0n ? `-${text}` : text;
}

/** Both in the same whole number: millionths of a gram, or of a piece. */
function comparable(
  received: Received,
  ordered: { readonly quantity: string; readonly unit: OrderUnit },
): { readonly have: bigint; readonly want: bigint } | null {
  const millionths = millionthsOf(ordered.quantity);
  if (millionths === null) return null;
  const scale = 10n ** BigInt(DECIMALS_MAX);
  if (ordered.unit === "piece") return { have: BigInt(received.pieces) * scale, want: millionths };
  return { have: BigInt(received.netG) * scale, want: millionths * GRAMS_PER[ordered.unit] };
}

/**
 * Received against ordered. The limits belong to the tolerance: 95 of 100 with 5 % is within.
 * @param tolerance  in hundredths of a per cent of what was ordered.
 */
export function verdictOf(
  received: Received,
  ordered: {
    readonly quantity: string;
    readonly unit: OrderUnit;
    readonly tolerance: { readonly underBp: number; readonly overBp: number };
  },
): Verdict {
  const sides = comparable(received, ordered);
  if (sides === null) return "not-ordered";
  const { have, want } = sides;
  if (have === want) return "exact";
  if (have <= 0n) return "missing";
  const isUnder = have < want;
  const off = isUnder ? want - have : have - want;
  const allowedBp = BigInt(isUnder ? ordered.tolerance.underBp : ordered.tolerance.overBp);
  if (off * BP_WHOLE <= want * allowedBp) return "within";
  return isUnder ? "under" : "over";
}

/** What is paid for it: price times quantity, multiplied first, then rounded half up to whole fen. */
export function amountFenOf(received: Received, unit: OrderUnit, priceFen: number): Fen {
  if (unit === "piece") return fen(Number(BigInt(received.pieces) * BigInt(priceFen)));
  const divisor = GRAMS_PER[unit];
  return fen(Number((BigInt(received.netG) * BigInt(priceFen) * 2n + divisor) / (2n * divisor)));
}
