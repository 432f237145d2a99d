import { isDeepStrictEqual } from "node:util";
import type { Database } from "better-sqlite3";
import { prepared } from "../journal/prepared.ts";
import type { Consent, ConsentScope } from "./roster-port.ts";

export const isLive = (consent: Consent | undefined): boolean =>
  consent !== undefined && consent.withdrawnAtMs === null;

/**
 * What is known of one scope after two records of it met: the latest grant and the latest withdrawal, of which the
 * withdrawal wins unless the grant is later. The same two give the same result in any order and any number of
 * times, so a grant that the cloud repeats cannot revive what was withdrawn here meanwhile.
 */
export function joinConsents(a: Consent, b: Consent): Consent {
  const later =
    b.grantedAtMs > a.grantedAtMs || (b.grantedAtMs === a.grantedAtMs && b.grantedBy < a.grantedBy);
  const { scope, grantedBy, grantedAtMs } = later ? b : a;
  const withdrawnAtMs = Math.max(a.withdrawnAtMs ?? -1, b.withdrawnAtMs ?? -1);
  return {
    scope,
    grantedBy,
    grantedAtMs,
    withdrawnAtMs: withdrawnAtMs >= grantedAtMs ? withdrawnAtMs : null,
  };
}

interface ConsentRow {
  readonly scope: ConsentScope;
  readonly granted_by: Consent["grantedBy"];
  readonly granted_at_ms: number;
  readonly withdrawn_at_ms: number | null;
}

export function consentsOf(db: Database, personId: string): readonly Consent[] {
  return prepared<[string], ConsentRow>(
    db,
    "SELECT scope, granted_by, granted_at_ms, withdrawn_at_ms FROM consent WHERE person_id = +? ORDER BY scope",
  )
    .all(personId)
    .map((row) => ({
      scope: row.scope,
      grantedBy: row.granted_by,
      grantedAtMs: row.granted_at_ms,
      withdrawnAtMs: row.withdrawn_at_ms,
    }));
}

export function hasConsent(db: Database, personId: string, scope: ConsentScope): boolean {
  return isLive(consentsOf(db, personId).find((consent) => consent.scope === scope));
}

/**
 * Joins records with what is here, of each scope one. Inside the caller's transaction.
 * @returns whether that changed anything.
 */
export function putConsents(db: Database, personId: string, consents: readonly Consent[]): boolean {
  if (consents.length === 0) return false;
  // Read once: a roster message carries hundreds of people, of whom hardly anyone's consent changed.
  const known = new Map(consentsOf(db, personId).map((consent) => [consent.scope, consent]));
  return consents.map((consent) => put(db, personId, consent, known.get(consent.scope))).includes(true);
}

function put(db: Database, personId: string, consent: Consent, known: Consent | undefined): boolean {
  const joined = known === undefined ? consent : joinConsents(known, consent);
  if (known !== undefined && isDeepStrictEqual(known, joined)) return false;
  prepared(
    db,
    `INSERT INTO consent (person_id, scope, granted_by, granted_at_ms, withdrawn_at_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (person_id, scope) DO UPDATE SET granted_by = excluded.granted_by,
       granted_at_ms = excluded.granted_at_ms, withdrawn_at_ms = excluded.withdrawn_at_ms`,
  ).run(personId, joined.scope, joined.grantedBy, joined.grantedAtMs, joined.withdrawnAtMs);
  return true;
}

/** Later than everything that is known, so that a new grant counts even when the clock was set back. */
export function nextGrantMs(known: readonly Consent[], nowMs: number): number {
  return Math.max(nowMs, ...known.map((consent) => (consent.withdrawnAtMs ?? consent.grantedAtMs - 1) + 1));
}

/** Not before any grant, so that a withdrawal counts even when the clock was set back. */
export function nextWithdrawalMs(known: readonly Consent[], nowMs: number): number {
  return Math.max(nowMs, ...known.map((consent) => consent.withdrawnAtMs ?? consent.grantedAtMs));
}
