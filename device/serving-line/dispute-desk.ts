import { databaseFault } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { assert } from "../platform/assert.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { TerminalDisputeBook } from "../roster/disputes.ts";
import type { IdentityDisputed } from "../roster/entries.ts";
import { recordedDecision } from "./charge-body.ts";
import type { DisputeOutcome, Identity, Offer } from "./checkout-types.ts";
import { bodyOf, NOT_ME } from "./entries.ts";
import type { ChargeRecord, Ledger } from "./ledger.ts";
import type { SalesGate } from "./sales-gate.ts";

/** "That's not me", as the machine asks for it. */
export interface DisputeRequest {
  readonly disputeId: string;
  /** Of the charge that was made, or would have been. */
  readonly chargeId: string;
  readonly identity: Identity;
  readonly offer: Pick<Offer, "businessDate">;
}

/**
 * Whoever has eaten could press "that's not me" and eat free. So the press counts only while its own screen is shown,
 * this often for one person and day; then an operator, who sees who stands there, has to take the charge back.
 */
export const DISPUTES_OF_DAY_MAX = 2;

/** Takes back what a wrong match charged and keeps who was confused with whom. */
export interface DisputeDesk {
  /** The void and the dispute in one transaction: both are on the disk when this answers "voided", or neither is. */
  dispute(request: DisputeRequest): DisputeOutcome;
  /** Whoever was taken for somebody else has shown who they are. Nothing is lost with it but the pair. */
  namePayer(named: { readonly disputeId: string; readonly personId: string }): void;
}

export interface DisputeDeskOptions {
  readonly journal: Journal;
  readonly ledger: Pick<Ledger, "charge">;
  readonly disputes: Pick<TerminalDisputeBook, "countOfDay" | "dispute">;
  readonly ids: IdSource;
  readonly gate: Pick<SalesGate, "stop">;
}

export function createDisputeDesk({ journal, ledger, disputes, ids, gate }: DisputeDeskOptions): DisputeDesk {
  const voidCharge = (charge: ChargeRecord): void => {
    if (charge.voided) return;
    const { chargeId, personId, businessDate, periodId, claimNo, amountFen } = charge;
    const given = { chargeId, personId, businessDate, periodId, claimNo, amountFen };
    const body = bodyOf({ ...given, operatorId: null, reason: NOT_ME });
    journal.append({ id: ids.next(), kind: "charge.voided", body });
  };

  const disputeOnce = (request: DisputeRequest): DisputeOutcome => {
    const { disputeId, chargeId, identity, offer } = request;
    const { personId } = identity;
    const charge = ledger.charge(chargeId);
    const tooOften = disputes.countOfDay(personId, offer.businessDate) >= DISPUTES_OF_DAY_MAX;
    // Nothing was charged: the look ends all the same, only no more is written about it today.
    if (tooOften) return { kind: charge === undefined ? "not-charged" : "refused" };
    if (charge !== undefined) {
      assert(charge.personId === personId, "a disputed charge is the matched person's");
      voidCharge(charge);
    }
    journal.append({
      id: disputeId,
      kind: "identity.disputed",
      body: disputeBody(request, charge !== undefined),
    });
    return charge === undefined ? { kind: "not-charged" } : { kind: "voided", amountFen: charge.amountFen };
  };

  return {
    dispute: (request) => {
      try {
        return journal.transact(() => disputeOnce(request));
      } catch (error) {
        const fault = databaseFault(error);
        if (fault === undefined) throw error;
        gate.stop(fault, request.chargeId);
        return { kind: "failed" };
      }
    },
    namePayer: ({ disputeId, personId }) => {
      try {
        const known = disputes.dispute(disputeId);
        if (known === undefined || known.otherPersonId !== null) return;
        const body = { disputeId, personId: known.personId, otherPersonId: personId };
        journal.append({ id: ids.next(), kind: "identity.dispute-named", body });
      } catch (error) {
        const fault = databaseFault(error);
        if (fault === undefined) throw error;
        gate.stop(fault, null);
      }
    },
  };
}

function disputeBody(
  { disputeId, chargeId, identity, offer }: DisputeRequest,
  charged: boolean,
): IdentityDisputed {
  assert(identity.decision !== null, "only a match by face is disputed");
  const { model, similarity } = recordedDecision(identity.decision);
  const { personId } = identity;
  return { disputeId, chargeId, charged, personId, model, similarity, businessDate: offer.businessDate };
}
