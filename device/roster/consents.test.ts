import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLive, joinConsents, nextGrantMs, nextWithdrawalMs } from "./consents.ts";
import type { Consent } from "./roster-port.ts";

const consent: fc.Arbitrary<Consent> = fc
  .record({
    grantedBy: fc.constantFrom("self" as const, "guardian" as const),
    grantedAtMs: fc.integer({ min: 0, max: 20 }),
    withdrawnAfterMs: fc.option(fc.integer({ min: 0, max: 20 })),
  })
  .map(({ grantedBy, grantedAtMs, withdrawnAfterMs }) => ({
    scope: "face",
    grantedBy,
    grantedAtMs,
    withdrawnAtMs: withdrawnAfterMs === null ? null : grantedAtMs + withdrawnAfterMs,
  }));

describe("joining two records of a consent", () => {
  it("gives the same whatever the order and however often", () => {
    fc.assert(
      fc.property(consent, consent, consent, (a, b, c) => {
        expect(joinConsents(a, b)).toEqual(joinConsents(b, a));
        expect(joinConsents(joinConsents(a, b), c)).toEqual(joinConsents(a, joinConsents(b, c)));
        expect(joinConsents(a, a)).toEqual(a);
      }),
    );
  });

  it("never revives what was withdrawn by repeating the grant", () => {
    fc.assert(
      fc.property(consent, fc.integer({ min: -1000, max: 1000 }), (known, nowMs) => {
        const withdrawn = { ...known, withdrawnAtMs: nextWithdrawalMs([known], nowMs) };
        const repeated = { ...known, withdrawnAtMs: null };
        expect(isLive(joinConsents(withdrawn, repeated))).toBe(false);
      }),
    );
  });

  it("lets a new grant count even with the clock set back", () => {
    fc.assert(
      fc.property(consent, fc.integer({ min: -1000, max: 1000 }), (known, nowMs) => {
        const again: Consent = { ...known, grantedAtMs: nextGrantMs([known], nowMs), withdrawnAtMs: null };
        expect(isLive(joinConsents(known, again))).toBe(true);
      }),
    );
  });
});
