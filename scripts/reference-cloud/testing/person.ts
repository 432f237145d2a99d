import type { PersonRecord } from "../people-ledger.ts";

/** Somebody invented, whose face may be used. */
export const person = (personId: string, more: Partial<PersonRecord> = {}): PersonRecord => ({
  personId,
  number: personId.replace(/\D/g, ""),
  displayName: "某人",
  groupName: "",
  kind: "student",
  active: true,
  allergens: [],
  limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
  cards: [],
  pinHash: null,
  consents: [{ scope: "face", grantedBy: "guardian", grantedAtMs: 100, withdrawnAtMs: null }],
  ...more,
});
