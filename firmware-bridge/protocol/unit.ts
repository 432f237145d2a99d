import type { MassUnit } from "../ports/reading.ts";

/** Spellings on the wire, lower case, and the one name used here. */
const UNIT_OF_SPELLING: Readonly<Record<string, MassUnit>> = {
  mg: "mg",
  g: "g",
  kg: "kg",
  t: "t",
  ton: "ton",
  tn: "ton",
  lb: "lb",
  lbs: "lb",
  oz: "oz",
  ozt: "ozt",
  ot: "ozt",
  dwt: "dwt",
  dw: "dwt",
  ct: "ct",
  gn: "gr",
  gr: "gr",
  sj: "jin",
  tj: "tw-jin",
  tl: "tael",
  tael: "tael",
  mom: "mom",
  mo: "mom",
  n: "N",
};

export const MASS_UNITS: readonly MassUnit[] = [
  "mg",
  "g",
  "kg",
  "t",
  "ton",
  "lb",
  "oz",
  "ozt",
  "dwt",
  "ct",
  "gr",
  "tael",
  "jin",
  "tw-jin",
  "mom",
];

/** @returns the unit, or null when `spelling` is none of a mass. */
export function massUnitOf(spelling: string): MassUnit | null {
  return UNIT_OF_SPELLING[spelling.trim().toLowerCase()] ?? null;
}

/** What a reading in this unit counts: a mass, pieces, or per cent of a reference. */
export function quantityOf(spelling: string): "mass" | "count" | "percent" | null {
  const unit = spelling.trim().toLowerCase();
  if (unit === "%") return "percent";
  if (unit === "pc" || unit === "pcs" || unit === "pce") return "count";
  return UNIT_OF_SPELLING[unit] === undefined ? null : "mass";
}
