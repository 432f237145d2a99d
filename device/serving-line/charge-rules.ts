import { addFen, type Fen, fen, subtractFen } from "../platform/units.ts";
import type { Person, PersonKind } from "../roster/roster-port.ts";
import { type PricedOrder, shareOfPrice } from "./order-price.ts";
import type { MealPeriod, RefusalReason } from "./serving-line-port.ts";

/** The school's defaults; a person's own limits go before them where they are set. */
export interface ChargeLimits {
  readonly perChargeFenMax: Fen;
  readonly perDayFenMax: Fen;
  readonly overdraftFenMax: Fen;
  /** Charges that the cloud has not confirmed: of one person, and of all. */
  readonly offlinePerPersonFenMax: Fen;
  readonly offlineTotalFenMax: Fen;
  /** Age of the oldest of them. */
  readonly offlineMsMax: number;
  /** Journal entries of any kind that the cloud has not confirmed: what the disk was sized for. */
  readonly offlineEntriesMax: number;
}

/** What is the same for everyone who comes now. */
export interface TillFacts {
  readonly tillOpen: boolean;
  /** Nobody uses the till's camera for something else. */
  readonly cameraFree: boolean;
  readonly clockTrusted: boolean;
  readonly period: MealPeriod | null;
  /** Null when the cloud has confirmed everything. */
  readonly oldestUnacknowledgedAgeMs: number | null;
  readonly unacknowledgedFen: Fen;
  readonly unacknowledgedEntries: number;
  readonly diskSafe: boolean;
}

/** What belongs to this person and this order. */
export interface DinerFacts {
  readonly person: Person | undefined;
  readonly kindsServed: readonly PersonKind[];
  readonly mealClaimed: boolean;
  /** An operator allowed a further meal, with a reason. */
  readonly furtherMealAllowed: boolean;
  readonly priced: PricedOrder;
  /** Of which allergens the diner was warned before they said yes; `all` where somebody else answers for it. */
  readonly allergensConfirmed: readonly string[] | "all";
  readonly balanceFen: Fen;
  readonly spentTodayFen: Fen;
  readonly unacknowledgedOfPersonFen: Fen;
}

/** What would be charged. */
export interface Price {
  readonly priceFen: Fen;
  readonly subsidyFen: Fen;
  readonly amountFen: Fen;
}

export type ChargeDecision =
  | { readonly kind: "allowed"; readonly price: Price }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly price: Price | null };

/**
 * Whether this person may be charged for this order now. The first reason in the order of `REFUSAL_REASONS` is given.
 *
 * A price of 0 after the subsidy is never refused for money: the meal costs the family nothing, whatever they owe.
 */
export function decideCharge(till: TillFacts, diner: DinerFacts, limits: ChargeLimits): ChargeDecision {
  const { person } = diner;
  const price = priceFor(diner, till.period);
  const refused = (reason: RefusalReason): ChargeDecision => ({ kind: "refused", reason, price });
  const closed = beforePerson(till);
  if (closed !== null) return refused(closed);
  if (person === undefined) return refused("person-unknown");
  const personReason = ofPerson(diner, person, till.period);
  if (personReason !== null) return refused(personReason);
  if (diner.priced.kind === "unpriced") return refused(diner.priced.reason);
  if (price === null) return refused("amount-missing");
  const moneyReason = ofMoney(price.amountFen, till, { ...diner, person }, limits);
  if (moneyReason !== null) return refused(moneyReason);
  if (!till.diskSafe) return refused("disk-unsafe");
  return { kind: "allowed", price };
}

/**
 * Why nobody can be charged now, whoever comes: what the closed till says. Null when it is open.
 * The offline limits in money are left out: a free meal may still be served under them.
 */
export function tillRefusal(till: TillFacts, limits: ChargeLimits): RefusalReason | null {
  const reason = beforePerson(till);
  if (reason !== null) return reason;
  if (offlineTooLong(till, limits)) return "offline-too-long";
  return till.diskSafe ? null : "disk-unsafe";
}

/** Allergens of the order that this person must avoid. */
export function allergyWarningOf(person: Person, priced: PricedOrder): readonly string[] {
  if (priced.kind === "unpriced") return [];
  const served = new Set(priced.items.flatMap(({ allergens }) => allergens));
  return person.allergens.filter((allergen) => served.has(allergen));
}

function priceFor({ person, priced }: DinerFacts, period: MealPeriod | null): Price | null {
  if (person === undefined || period === null || priced.kind === "unpriced") return null;
  return { priceFen: priced.priceFen, ...shareOfPrice(priced.priceFen, period.subsidyFen[person.kind]) };
}

function beforePerson(till: TillFacts): RefusalReason | null {
  if (!till.tillOpen) return "till-closed";
  if (!till.cameraFree) return "camera-in-use";
  if (!till.clockTrusted) return "clock-untrusted";
  if (till.period === null) return "no-meal-now";
  return null;
}

function ofPerson(diner: DinerFacts, person: Person, period: MealPeriod | null): RefusalReason | null {
  if (!person.active) return "person-inactive";
  if (!diner.kindsServed.includes(person.kind)) return "person-kind-not-served";
  if (diner.mealClaimed && !diner.furtherMealAllowed) return "meal-already-charged";
  if (period === null || person.limits.blockedPeriodIds.includes(period.id))
    return "period-blocked-by-guardian";
  const { allergensConfirmed: confirmed } = diner;
  const unconfirmed = allergyWarningOf(person, diner.priced).filter(
    (allergen) => confirmed !== "all" && !confirmed.includes(allergen),
  );
  return unconfirmed.length > 0 ? "allergy-not-confirmed" : null;
}

function ofMoney(
  amountFen: Fen,
  till: TillFacts,
  diner: DinerFacts & { readonly person: Person },
  limits: ChargeLimits,
): RefusalReason | null {
  const costsSomething = amountFen > 0;
  const budget = costsSomething ? ofBudget(amountFen, diner, limits) : null;
  if (budget !== null) return budget;
  if (offlineTooLong(till, limits)) return "offline-too-long";
  const ofPersonFen = addFen(diner.unacknowledgedOfPersonFen, amountFen);
  if (costsSomething && ofPersonFen > limits.offlinePerPersonFenMax) return "offline-person-limit";
  const ofAllFen = addFen(till.unacknowledgedFen, amountFen);
  if (costsSomething && ofAllFen > limits.offlineTotalFenMax) return "offline-total-limit";
  return till.unacknowledgedEntries >= limits.offlineEntriesMax ? "offline-total-limit" : null;
}

function ofBudget(
  amountFen: Fen,
  { person, spentTodayFen, balanceFen }: DinerFacts & { readonly person: Person },
  limits: ChargeLimits,
): RefusalReason | null {
  const own = person.limits;
  if (amountFen > (own.perChargeFenMax ?? limits.perChargeFenMax)) return "charge-limit";
  if (addFen(spentTodayFen, amountFen) > (own.perDayFenMax ?? limits.perDayFenMax)) return "day-limit";
  const lowestFen = subtractFen(fen(0), own.overdraftFenMax ?? limits.overdraftFenMax);
  return subtractFen(balanceFen, amountFen) < lowestFen ? "balance-too-low" : null;
}

function offlineTooLong({ oldestUnacknowledgedAgeMs }: TillFacts, limits: ChargeLimits): boolean {
  return oldestUnacknowledgedAgeMs !== null && oldestUnacknowledgedAgeMs > limits.offlineMsMax;
}
