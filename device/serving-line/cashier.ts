import { databaseFault } from "../journal/database-fault.ts";
import type { Journal, JournalEntry } from "../journal/journal-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { type Fen, fen } from "../platform/units.ts";
import type { TerminalDisputeBook } from "../roster/disputes.ts";
import type { Person, PersonKind, Roster } from "../roster/roster-port.ts";
import { madeBody, reasonOf } from "./charge-body.ts";
import {
  allergyWarningOf,
  type ChargeDecision,
  type ChargeLimits,
  decideCharge,
  type Price,
  type TillFacts,
} from "./charge-rules.ts";
import type { Agreed, Assessment, ChargeOutcome, Identity, Offer, Refused } from "./checkout-types.ts";
import { bodyOf, CLAIMS_MAX, chargeMadeSchema } from "./entries.ts";
import { ChargeNotVoidable, type Ledger, MealAlreadyClaimed, type MealClaim } from "./ledger.ts";
import type { MealMoment } from "./meal-plan.ts";
import type { SalesGate } from "./sales-gate.ts";
import {
  type ListedCharge,
  REFUSAL_REASONS,
  type Receipt,
  type RefusalReason,
  type VoidResult,
} from "./serving-line-port.ts";

/** An operator's word that this person may have a further meal. */
export interface FurtherMeal {
  readonly operatorId: string;
  readonly reason: string;
}

export interface ChargeIntent {
  readonly chargeId: string;
  readonly identity: Identity;
  readonly offer: Offer;
  /** Null: nobody was shown anything yet, or an operator signs for it. */
  readonly agreed: Agreed | null;
  readonly furtherMeal: FurtherMeal | null;
}

/** The only part that writes about money. Every write is one journal transaction, checked again inside of it. */
export interface Cashier {
  /** What is the same for everyone now. */
  tillFacts(moment: MealMoment): TillFacts;
  /** What a charge would come to; nothing is written but, once for each meal, that it was refused. */
  assess(identity: Identity, offer: Offer): Assessment;
  /**
   * Charges once for `chargeId`, however often it is called. "paid" means that it is on the disk.
   * @throws CanteenError `journal-id-conflict` (the id is another record's), `reason-missing`.
   */
  charge(intent: ChargeIntent): ChargeOutcome;
  /** Takes a charge back as long as its meal lasts. @throws CanteenError of the disk; `reason-missing`. */
  void(
    request: { readonly chargeId: string; readonly operatorId: string; readonly reason: string },
    moment: MealMoment,
  ): VoidResult;
  recentCharges(countMax: number): readonly ListedCharge[];
}

export interface CashierOptions {
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly disputes: Pick<TerminalDisputeBook, "disputesCharge">;
  readonly roster: Pick<Roster, "person" | "account" | "hasConsent">;
  readonly ids: IdSource;
  readonly clock: Pick<Clock, "now">;
  readonly gate: SalesGate;
  readonly limits: ChargeLimits;
  readonly kindsServed: readonly PersonKind[];
  readonly tillOpen: () => boolean;
  readonly cameraFree: () => boolean;
  readonly clockTrusted: () => boolean;
  readonly diskSafe: () => boolean;
}

export function createCashier(options: CashierOptions): Cashier {
  return new JournalCashier(options);
}

class JournalCashier implements Cashier {
  readonly #options: CashierOptions;

  constructor(options: CashierOptions) {
    this.#options = options;
  }

  tillFacts({ period, clockTrusted }: Pick<MealMoment, "period" | "clockTrusted">): TillFacts {
    const { journal, ledger, clock, gate, tillOpen, cameraFree, diskSafe } = this.#options;
    const ackedSeq = journal.ackedSeq();
    const oldestAtMs = ledger.oldestUnacknowledgedAtMs(ackedSeq);
    return {
      tillOpen: tillOpen(),
      cameraFree: cameraFree(),
      clockTrusted,
      period,
      oldestUnacknowledgedAgeMs: oldestAtMs === null ? null : clock.now() - oldestAtMs,
      unacknowledgedFen: ledger.unacknowledgedFen(ackedSeq),
      unacknowledgedEntries: journal.head().seq - ackedSeq,
      diskSafe: !gate.stopped && diskSafe(),
    };
  }

  assess(identity: Identity, offer: Offer): Assessment {
    return this.#guarded(null, () => {
      const person = this.#diner(identity);
      const intent = { chargeId: "", identity, offer, agreed: null, furtherMeal: null };
      const decision = this.#decide(person, intent, this.#claims(intent));
      if (decision.kind === "refused" || person === undefined) return this.#refuse(decision, person, intent);
      return {
        kind: "payable",
        payable: {
          chargeId: this.#options.ids.next(),
          displayName: person.displayName,
          amountFen: decision.price.amountFen,
          balanceFen: this.#balanceFen(person.personId),
          allergyWarning: allergyWarningOf(person, offer.priced),
        },
      };
    });
  }

  charge(intent: ChargeIntent): ChargeOutcome {
    return this.#guarded(intent.chargeId, () => {
      try {
        const outcome = this.#options.journal.transact(() => this.#chargeOnce(intent));
        return outcome.kind === "refused" ? this.#refuse(outcome.decision, outcome.person, intent) : outcome;
      } catch (error) {
        // The rules inside the transaction saw no claim and the table had one: the constraint has the last word.
        if (error instanceof MealAlreadyClaimed) return this.#alreadyCharged(intent);
        throw error;
      }
    });
  }

  void(request: Parameters<Cashier["void"]>[0], moment: MealMoment): VoidResult {
    const { journal, gate } = this.#options;
    const reason = reasonOf(request.reason);
    try {
      return journal.transact(() => this.#voidOnce({ ...request, reason }, moment));
    } catch (error) {
      if (error instanceof ChargeNotVoidable) return { kind: "refused", reason: "already-voided" };
      const fault = databaseFault(error);
      if (fault === undefined) throw error;
      gate.stop(fault, null);
      throw fault;
    }
  }

  recentCharges(countMax: number): readonly ListedCharge[] {
    const { journal, ledger, disputes } = this.#options;
    return ledger.recentCharges(countMax).flatMap(({ chargeId, voided }) => {
      const entry = journal.entryById(chargeId);
      if (entry === undefined) return [];
      return [{ ...this.#receipt(entry), voided, disputed: disputes.disputesCharge(chargeId) }];
    });
  }

  #chargeOnce(intent: ChargeIntent):
    | Extract<ChargeOutcome, { kind: "paid" | "changed" }>
    | {
        readonly kind: "refused";
        readonly decision: ChargeDecision;
        readonly person: Person | undefined;
      } {
    const { journal } = this.#options;
    const known = journal.entryById(intent.chargeId);
    if (known !== undefined) return { kind: "paid", receipt: this.#knownCharge(known, intent) };
    const person = this.#diner(intent.identity);
    const claims = this.#claims(intent);
    const decision = this.#decide(person, intent, claims);
    const { period } = intent.offer;
    if (isChanged(decision, intent)) return { kind: "changed" };
    if (decision.kind === "refused" || person === undefined || period === null)
      return { kind: "refused", decision, person };
    const allergensConfirmed = [...allergyWarningOf(person, intent.offer.priced)];
    const claimNo = (claims.at(-1)?.claimNo ?? 0) + 1;
    const body = madeBody(intent, period, decision.price, claimNo, allergensConfirmed);
    const { entry } = journal.append({ id: intent.chargeId, kind: "charge.made", body: bodyOf(body) });
    return { kind: "paid", receipt: this.#receipt(entry) };
  }

  /**
   * The same id again: the same charge is the answer, and anything else is another request in its clothes. One that was
   * taken back is paid no more.
   */
  #knownCharge(entry: JournalEntry, { identity }: ChargeIntent): Receipt {
    const isSame =
      entry.kind === "charge.made" && chargeMadeSchema.parse(entry.body).personId === identity.personId;
    if (isSame && this.#options.ledger.charge(entry.id)?.voided === false) return this.#receipt(entry);
    throw new CanteenError(`charge id ${entry.id} belongs to seq ${entry.seq}`, {
      code: "journal-id-conflict",
      retry: "never",
      hint: {
        zh: "这个编号已用于另一笔记录，未收款。请重新操作。",
        en: "This id belongs to another record; nothing was charged. Please start again.",
      },
    });
  }

  /** A face without consent names nobody, even if the engine still knew it for a moment after the withdrawal. */
  #diner({ personId, method }: Identity): Person | undefined {
    const { roster } = this.#options;
    if (method === "face" && !roster.hasConsent(personId, "face")) return undefined;
    return roster.person(personId);
  }

  #decide(person: Person | undefined, intent: ChargeIntent, claims: readonly MealClaim[]): ChargeDecision {
    const { ledger, journal, limits, kindsServed, clockTrusted } = this.#options;
    const { offer, identity, furtherMeal, agreed } = intent;
    const till = this.tillFacts({ period: offer.period, clockTrusted: clockTrusted() });
    return decideCharge(
      till,
      {
        person,
        kindsServed,
        mealClaimed: claims.length > 0,
        furtherMealAllowed: furtherMeal !== null && (claims.at(-1)?.claimNo ?? 0) < CLAIMS_MAX,
        priced: offer.priced,
        allergensConfirmed: agreed === null ? "all" : agreed.allergens,
        balanceFen: this.#balanceFen(identity.personId),
        spentTodayFen: ledger.spentFen(identity.personId, offer.businessDate),
        unacknowledgedOfPersonFen: ledger.unacknowledgedOfPersonFen(identity.personId, journal.ackedSeq()),
      },
      limits,
    );
  }

  #claims({ identity, offer }: ChargeIntent): readonly MealClaim[] {
    if (offer.period === null) return [];
    const { personId } = identity;
    return this.#options.ledger.claims({
      personId,
      businessDate: offer.businessDate,
      periodId: offer.period.id,
    });
  }

  #refuse(decision: ChargeDecision, person: Person | undefined, intent: ChargeIntent): Refused {
    const reason = decision.kind === "refused" ? decision.reason : "person-unknown";
    if (reason === "meal-already-charged") return this.#alreadyCharged(intent);
    this.#noteRefusal(reason, decision.price, person, intent);
    return {
      kind: "refused",
      reason,
      displayName: person?.displayName ?? null,
      amountFen: decision.price?.amountFen ?? null,
      balanceFen: person === undefined ? null : this.#balanceFen(person.personId),
      earlier: null,
    };
  }

  #alreadyCharged(intent: ChargeIntent): Refused {
    const { roster, journal } = this.#options;
    const person = roster.person(intent.identity.personId);
    this.#noteRefusal("meal-already-charged", null, person, intent);
    const [claim] = this.#claims(intent);
    const entry = claim === undefined ? undefined : journal.entryById(claim.chargeId);
    const earlier = entry === undefined ? null : this.#receipt(entry);
    return {
      kind: "refused",
      reason: "meal-already-charged",
      displayName: person?.displayName ?? null,
      amountFen: earlier?.amountFen ?? null,
      balanceFen: person === undefined ? null : this.#balanceFen(person.personId),
      earlier,
    };
  }

  /**
   * Written once for a person, meal and reason, and only what can matter for a later question ("why did my child
   * get no lunch?"). A closed till is nobody's refusal, and a disk in trouble gets no more to write.
   */
  #noteRefusal(
    reason: RefusalReason,
    price: Price | null,
    person: Person | undefined,
    { identity, offer, furtherMeal }: ChargeIntent,
  ): void {
    const { journal, ledger, ids, limits, gate, diskSafe } = this.#options;
    const { period, businessDate } = offer;
    const concernsPerson = REFUSAL_REASONS.indexOf(reason) > REFUSAL_REASONS.indexOf("person-unknown");
    if (!concernsPerson || person === undefined || period === null || gate.stopped || !diskSafe()) return;
    if (journal.head().seq - journal.ackedSeq() >= limits.offlineEntriesMax) return;
    const { personId } = person;
    if (ledger.refusalNoted({ personId, businessDate, periodId: period.id }, reason)) return;
    const body = bodyOf({
      personId,
      reason,
      businessDate,
      periodId: period.id,
      method: identity.method,
      amountFen: price?.amountFen ?? null,
      operatorId: furtherMeal?.operatorId ?? null,
    });
    journal.append({ id: ids.next(), kind: "charge.refused", body });
  }

  #voidOnce(
    request: { readonly chargeId: string; readonly operatorId: string; readonly reason: string },
    { businessDate, period }: MealMoment,
  ): VoidResult {
    const { journal, ledger, ids } = this.#options;
    const { chargeId, operatorId, reason } = request;
    const charge = ledger.charge(chargeId);
    if (charge === undefined) return { kind: "refused", reason: "charge-unknown" };
    if (charge.voided) return { kind: "refused", reason: "already-voided" };
    if (charge.businessDate !== businessDate || charge.periodId !== period?.id)
      return { kind: "refused", reason: "meal-period-over" };
    const { personId, periodId, claimNo, amountFen } = charge;
    const body = { chargeId, personId, businessDate, periodId, claimNo, amountFen, operatorId, reason };
    const { entry } = journal.append({ id: ids.next(), kind: "charge.voided", body: bodyOf(body) });
    return { kind: "voided", seq: entry.seq, balanceFen: this.#balanceFen(personId) };
  }

  #balanceFen(personId: string): Fen {
    const { ledger, roster } = this.#options;
    return ledger.balanceFen(personId, roster.account(personId));
  }

  /** The balance is the one of now. */
  #receipt(entry: JournalEntry): Receipt {
    const body = chargeMadeSchema.parse(entry.body);
    const person = this.#options.roster.person(body.personId);
    return {
      chargeId: body.chargeId,
      seq: entry.seq,
      personId: body.personId,
      displayName: person?.displayName ?? "",
      groupName: person?.groupName ?? "",
      period: { id: body.periodId, name: body.periodName },
      businessDate: body.businessDate,
      priceFen: fen(body.priceFen),
      subsidyFen: fen(body.subsidyFen),
      amountFen: fen(body.amountFen),
      balanceFen: this.#balanceFen(body.personId),
      method: body.method,
      atMs: entry.atMs,
      timeTrust: entry.timeTrust,
      allergyWarning: body.allergensConfirmed,
    };
  }

  /** A fault of the disk stops sales and is the answer; a bug goes on up. */
  #guarded<T extends Assessment | ChargeOutcome>(
    chargeId: string | null,
    work: () => T,
  ): T | { readonly kind: "failed" } {
    try {
      return work();
    } catch (error) {
      const fault = databaseFault(error);
      if (fault === undefined || REQUEST_FAULTS.has(fault.code)) throw error;
      this.#options.gate.stop(fault, chargeId);
      return { kind: "failed" };
    }
  }
}

/** Whether the diner answered for something else than what would be charged now. */
function isChanged(decision: ChargeDecision, { agreed }: ChargeIntent): boolean {
  if (agreed === null) return false;
  return decision.kind === "refused"
    ? decision.reason === "allergy-not-confirmed"
    : decision.price.amountFen !== agreed.amountFen;
}

/** The request was wrong, not the disk: whoever sent it is told, and sales go on. */
const REQUEST_FAULTS: ReadonlySet<string> = new Set(["journal-id-conflict", "reason-missing"]);
