import { databaseFault } from "../journal/database-fault.ts";
import { assertNever } from "../platform/assert.ts";
import type { IdentityBounds } from "../roster/identity-bounds-port.ts";
import { type Cashier, createCashier } from "./cashier.ts";
import { tillRefusal } from "./charge-rules.ts";
import { type CheckoutLoop, createCheckoutLoop } from "./checkout-loop.ts";
import type { Offer } from "./checkout-types.ts";
import { viewOf } from "./checkout-view.ts";
import { createDisputeDesk } from "./dispute-desk.ts";
import { createDinerNotice, type DinerNotice, withoutDiners } from "./expected-diners.ts";
import { boundsOfFrame } from "./frame-bounds.ts";
import { type ObservedFrame, watchFaces } from "./frame-source.ts";
import { choicesOf } from "./look-alike-choices.ts";
import { type MealMoment, mealMoment, mealPlanProblems } from "./meal-plan.ts";
import { ORDER_ITEMS_MAX, priceOrder } from "./order-price.ts";
import { createSalesGate, type SalesGate } from "./sales-gate.ts";
import type { CameraUse, MealPlanResult, ServingLineControl, TillHold } from "./serving-line-control.ts";
import { lineClosed, mealPlanUnusable } from "./serving-line-faults.ts";
import type { ServingLineOptions } from "./serving-line-options.ts";
import type {
  Choice,
  ListedCharge,
  MealPlan,
  OverrideResult,
  RefusalReason,
  ServingLine,
  ServingLineCommand,
  ServingLineStatus,
  VoidResult,
} from "./serving-line-port.ts";
import { checkSettings } from "./settings.ts";
import { TillHolds } from "./till-holds.ts";

export type { CameraUse, MealPlanResult, ServingLineControl, TillHold } from "./serving-line-control.ts";

/**
 * @throws InvariantBroken for settings that cannot be; CanteenError `meal-plan-unusable`.
 */
export function createServingLine(options: ServingLineOptions): ServingLineControl {
  checkSettings(options.settings);
  const problems = mealPlanProblems(options.mealPlan, options.settings.checkout.activation);
  if (problems.length > 0) throw mealPlanUnusable(problems);
  return new TerminalServingLine(options);
}

/** How often the till looks at the clock, the plan and the disk without being asked. */
const TILL_PERIOD_MS = 1000;
const RECENT_CHARGES_MAX = 500;
const NO_ORDER = { itemIds: [], keyedFen: null };

/** The port around the checkout loop: what is sold now, what people do, what they see. */
class TerminalServingLine implements ServingLineControl {
  readonly #options: ServingLineOptions;
  readonly #cashier: Cashier;
  readonly #gate: SalesGate;
  readonly #loop: CheckoutLoop;
  readonly #listeners = new Set<(status: ServingLineStatus) => void>();
  readonly #stops: (() => void)[] = [];
  #plan: MealPlan;
  /** A plan that came while a diner was being served. */
  #nextPlan: MealPlan | null = null;
  #tillOpen = true;
  readonly #holds = new TillHolds();
  #closed = false;
  readonly #expectDiners: DinerNotice;
  #status: ServingLineStatus;
  #statusKey = "";

  constructor(options: ServingLineOptions) {
    const { journal, ledger, roster, ids, clock, logger, settings, diskSafe, frames } = options;
    this.#options = options;
    this.#plan = options.mealPlan;
    this.#expectDiners = createDinerNotice(roster, options.expectDiners ?? (() => {}));
    this.#gate = createSalesGate({ journal, ids, clock, logger });
    this.#cashier = createCashier({
      journal,
      ledger,
      disputes: options.disputes,
      roster,
      ids,
      clock,
      gate: this.#gate,
      limits: settings.limits,
      kindsServed: settings.kindsServed,
      tillOpen: () => this.#tillOpen && !this.#loop.broken(),
      cameraFree: () => this.#holds.isFree(),
      clockTrusted: () => this.#moment().clockTrusted,
      diskSafe,
    });
    this.#loop = createCheckoutLoop({
      clock,
      cashier: this.#cashier,
      disputes: createDisputeDesk({ journal, ledger, disputes: options.disputes, ids, gate: this.#gate }),
      choicesOf: (personIds) => this.#choices(personIds),
      gate: this.#gate,
      pinVerifier: options.pinVerifier,
      settings: settings.checkout,
      onSettled: () => this.#settle(),
    });
    this.#status = this.#readStatus();
    this.#stops.push(
      watchFaces(frames, (lost) => this.#loop.dispatch({ kind: "camera", lost, atMono: clock.mono() })),
    );
    this.#refreshTill();
    this.#stops.push(frames.onFrame((frame) => this.#onFrame(frame)));
    const till = clock.every(TILL_PERIOD_MS, () => {
      this.#gate.tryResume();
      this.#refreshTill();
    });
    this.#stops.push(() => till.cancel());
  }

  status(): ServingLineStatus {
    return this.#status;
  }

  onStatus(listener: (status: ServingLineStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async command(command: ServingLineCommand): Promise<void> {
    this.#assertOpen();
    const atMono = this.#options.clock.mono();
    switch (command.kind) {
      case "activate":
        return this.#loop.dispatch({ kind: "activate", offer: this.#offer(), atMono });
      case "confirm":
        return this.#loop.dispatch({ kind: "confirm", chargeId: command.chargeId, atMono });
      case "cancel":
        return this.#loop.dispatch({ kind: "cancel", atMono });
      case "not-me": {
        const disputeId = this.#options.ids.next();
        this.#loop.dispatch({ kind: "not-me", chargeId: command.chargeId, disputeId, atMono });
        return this.#refreshTill();
      }
      case "choose": {
        const { personId, operatorId } = command;
        return this.#loop.dispatch({ kind: "choose", personId, operatorId, atMono });
      }
      case "set-order": {
        // One more than allowed is kept, so that the price says that it is too many.
        const itemIds = command.itemIds.slice(0, ORDER_ITEMS_MAX + 1);
        return this.#loop.dispatch({
          kind: "set-order",
          order: { itemIds, keyedFen: command.keyedFen },
          atMono,
        });
      }
      case "card":
        return this.#readCard(command.cardToken);
      case "pin": {
        const { number, pin } = command;
        this.#loop.dispatch({ kind: "pin-entered", offer: this.#offer(), atMono }, { number, pin });
        await this.#loop.pinsChecked();
        return;
      }
      default:
        return assertNever(command);
    }
  }

  recentCharges(countMax: number): readonly ListedCharge[] {
    return this.#cashier.recentCharges(Math.max(0, Math.min(countMax, RECENT_CHARGES_MAX)));
  }

  voidCharge(request: Parameters<ServingLine["voidCharge"]>[0]): VoidResult {
    this.#assertOpen();
    try {
      return this.#cashier.void(request, this.#moment());
    } finally {
      this.#refreshTill();
    }
  }

  chargeAgain(request: Parameters<ServingLine["chargeAgain"]>[0]): OverrideResult {
    this.#assertOpen();
    const { personId, operatorId, reason } = request;
    const { ids, clock, journal } = this.#options;
    const offer = this.#offer();
    const headSeq = journal.head().seq;
    const outcome = this.#cashier.charge({
      chargeId: request.chargeId ?? ids.next(),
      identity: { personId, method: "staff", activation: "touch", decision: null, question: null },
      offer,
      // The operator has the person and the dishes before them, and signs for both.
      agreed: null,
      furtherMeal: { operatorId, reason },
    });
    // A repeated request is answered with its first charge: the order on the screen may be the next diner's by now.
    const isNew = outcome.kind === "paid" && outcome.receipt.seq > headSeq;
    if (isNew && this.#loop.checkout().order.revision === offer.orderRevision)
      this.#loop.dispatch({ kind: "set-order", order: NO_ORDER, atMono: clock.mono() });
    this.#refreshTill();
    if (outcome.kind === "paid") return outcome;
    return { kind: "refused", reason: outcome.kind === "refused" ? outcome.reason : "disk-unsafe" };
  }

  setMealPlan(plan: MealPlan): MealPlanResult {
    const problems = mealPlanProblems(plan, this.#options.settings.checkout.activation);
    if (problems.length > 0) return { kind: "refused", problems };
    this.#nextPlan = plan;
    this.#settle();
    return { kind: "accepted" };
  }

  setTillOpen(open: boolean): void {
    this.#tillOpen = open;
    this.#refreshTill();
  }

  hold(use: CameraUse): TillHold | null {
    this.#assertOpen();
    const { kind } = this.#loop.checkout().phase;
    const free = kind === "idle" || kind === "cooling-down" || kind === "closed";
    const hold = free ? this.#holds.give(use, (bystander) => this.#reopen(bystander)) : null;
    if (hold !== null) this.#refreshTill();
    return hold;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#options.frames.setWanted(false);
    this.#listeners.clear();
    await this.#loop.close();
  }

  #onFrame({ observation, capturedMono }: ObservedFrame): void {
    const { clock, bounds } = this.#options;
    let known: IdentityBounds;
    try {
      known = boundsOfFrame(observation, bounds);
    } catch (error) {
      this.#stopAfter(error);
      this.#refreshTill();
      return;
    }
    const offer = this.#offer();
    const atMono = clock.mono();
    this.#loop.dispatch({ kind: "frame", observation, capturedMono, offer, bounds: known, atMono });
  }

  #choices(personIds: readonly string[]): readonly Choice[] | null {
    const { roster, operatorAtTill } = this.#options;
    try {
      return choicesOf(personIds, roster, operatorAtTill());
    } catch (error) {
      this.#stopAfter(error);
      return null;
    }
  }

  #readCard(cardToken: string): void {
    const { roster, clock } = this.#options;
    let personId: string | null;
    try {
      personId = roster.personByCard(cardToken)?.personId ?? null;
    } catch (error) {
      this.#stopAfter(error);
      this.#refreshTill();
      return;
    }
    this.#loop.dispatch({ kind: "card", personId, offer: this.#offer(), atMono: clock.mono() });
  }

  #reopen(bystander: { readonly personId: string | null }): void {
    if (this.#closed) return;
    const closedReason = this.#closedReason();
    this.#loop.dispatch({ kind: "till", closedReason, bystander, atMono: this.#options.clock.mono() });
  }

  /** Between two inputs: a waiting plan, the camera, the listeners. */
  #settle(): void {
    if (this.#closed) return;
    this.#takeNextPlan();
    this.#options.frames.setWanted(this.#wantsFrames());
    this.#publish();
  }

  #takeNextPlan(): void {
    const { kind } = this.#loop.checkout().phase;
    const free = kind === "idle" || kind === "closed" || kind === "cooling-down";
    if (this.#nextPlan === null || !free) return;
    this.#plan = this.#nextPlan;
    this.#nextPlan = null;
    this.#refreshTill();
  }

  #wantsFrames(): boolean {
    const { phase } = this.#loop.checkout();
    const { activation } = this.#options.settings.checkout;
    const watches = activation === "presence" && (phase.kind === "idle" || phase.kind === "cooling-down");
    return watches || ["looking", "asking", "confirming"].includes(phase.kind);
  }

  #publish(): void {
    const status = this.#readStatus();
    const { menu: _menu, ...changing } = status;
    const key = JSON.stringify([changing, this.#plan.version]);
    if (key === this.#statusKey) return;
    this.#status = status;
    this.#statusKey = key;
    for (const listener of this.#listeners) {
      try {
        listener(this.#status);
      } catch (error) {
        // The charge behind this status is committed whatever a listener does; its bug surfaces on its own.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #readStatus(): ServingLineStatus {
    const { settings } = this.#options;
    const { businessDate, period } = this.#moment();
    const { itemIds, keyedFen } = this.#loop.checkout().order;
    const { priced } = this.#offer();
    return {
      view: viewOf(this.#loop.checkout(), settings.checkout.activation),
      activation: settings.checkout.activation,
      mealPeriod: period === null ? null : withoutDiners(period),
      businessDate,
      menu: this.#plan.menu,
      order: { itemIds, keyedFen, totalFen: priced.kind === "priced" ? priced.priceFen : null },
      servedCount: period === null ? 0 : this.#servedCount(businessDate, period.id),
    };
  }

  /** The last count that could be read: a screen needs it less than a till needs to stay up. */
  #servedCount(businessDate: string, periodId: string): number {
    try {
      return this.#options.ledger.servedCount(businessDate, periodId);
    } catch (error) {
      this.#stopAfter(error);
      return this.#status?.servedCount ?? 0;
    }
  }

  #refreshTill(): void {
    this.#tellExpected();
    const closedReason = this.#closedReason();
    const { clock } = this.#options;
    if (closedReason !== this.#loop.checkout().closedReason)
      this.#loop.dispatch({ kind: "till", closedReason, atMono: clock.mono() });
    else this.#settle();
  }

  #tellExpected(): void {
    try {
      this.#expectDiners(this.#moment().period, this.#plan.version);
    } catch (error) {
      this.#stopAfter(error);
    }
  }

  #closedReason(): RefusalReason | null {
    try {
      return tillRefusal(this.#cashier.tillFacts(this.#moment()), this.#options.settings.limits);
    } catch (error) {
      this.#stopAfter(error);
      return "disk-unsafe";
    }
  }

  /** A fault of the disk stops sales; anything else goes on up. */
  #stopAfter(error: unknown): void {
    const fault = databaseFault(error);
    if (fault === undefined) throw error;
    this.#gate.stop(fault, null);
  }

  #moment(): MealMoment {
    const { clock, timeTrust } = this.#options;
    return mealMoment(this.#plan, clock.now(), timeTrust.current());
  }

  #offer(): Offer {
    const { businessDate, period } = this.#moment();
    const { order } = this.#loop.checkout();
    return {
      businessDate,
      period,
      priced:
        period === null
          ? { kind: "unpriced", reason: "amount-missing" }
          : priceOrder(period.pricing, this.#plan.menu, order),
      mealPlanVersion: this.#plan.version,
      orderRevision: order.revision,
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw lineClosed();
  }
}
