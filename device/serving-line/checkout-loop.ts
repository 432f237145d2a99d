import { databaseFault } from "../journal/database-fault.ts";
import { assertNever } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { PinVerifier } from "../roster/roster-port.ts";
import type { Cashier } from "./cashier.ts";
import { deadlineOf, INITIAL_CHECKOUT, step } from "./checkout-machine.ts";
import type {
  Checkout,
  CheckoutEffect,
  CheckoutInput,
  CheckoutSettings,
  PinOutcome,
} from "./checkout-types.ts";
import type { DisputeDesk } from "./dispute-desk.ts";
import type { SalesGate } from "./sales-gate.ts";
import type { Choice } from "./serving-line-port.ts";

export interface PinEntry {
  readonly number: string;
  readonly pin: string;
}

/** Runs the checkout machine: one input at a time, its effects, and their outcomes before the next input. */
export interface CheckoutLoop {
  checkout(): Checkout;
  /** @param pinEntry what was typed, with `pin-entered`: it is handed on and never kept in the machine's state. */
  dispatch(input: CheckoutInput, pinEntry?: PinEntry): void;
  /** Resolves when no PIN is being checked; rejects with a bug that came up in one. */
  pinsChecked(): Promise<void>;
  /** A bug left the machine in a state that nobody foresaw: this line sells nothing until the process starts again. */
  broken(): boolean;
  close(): Promise<void>;
}

export interface CheckoutLoopOptions {
  readonly clock: Clock;
  readonly cashier: Pick<Cashier, "assess" | "charge">;
  readonly disputes: DisputeDesk;
  readonly gate: Pick<SalesGate, "stop">;
  readonly pinVerifier: PinVerifier;
  readonly settings: CheckoutSettings;
  /** Names to choose from, if somebody with an eye on it is there. */
  readonly choicesOf: (personIds: readonly string[]) => readonly Choice[] | null;
  /** Called after the machine has come to rest; may dispatch. */
  readonly onSettled: () => void;
}

export function createCheckoutLoop(options: CheckoutLoopOptions): CheckoutLoop {
  return new MachineLoop(options);
}

/** Inputs wait only while a listener of the loop dispatches from inside of it; more than this is a circle. */
const QUEUE_MAX = 100;
/** A timer may fire a little early; this keeps its repetition from spinning. */
const TIMER_WAIT_MS_MIN = 1;

const CLOSED_BY_BUG = {
  phase: { kind: "closed", reason: "till-closed", bystander: null },
  closedReason: "till-closed",
} as const;

class MachineLoop implements CheckoutLoop {
  readonly #options: CheckoutLoopOptions;
  readonly #queue: { readonly input: CheckoutInput; readonly pinEntry: PinEntry | null }[] = [];
  readonly #pinChecks = new Set<Promise<void>>();
  #checkout: Checkout = INITIAL_CHECKOUT;
  #running = false;
  #broken = false;
  readonly #closing = new AbortController();
  #deadline: { readonly atMono: number; readonly timer: Timer } | null = null;

  constructor(options: CheckoutLoopOptions) {
    this.#options = options;
  }

  checkout(): Checkout {
    return this.#checkout;
  }

  broken(): boolean {
    return this.#broken;
  }

  dispatch(input: CheckoutInput, pinEntry: PinEntry | null = null): void {
    if (this.#closing.signal.aborted || this.#broken) return;
    if (this.#queue.length >= QUEUE_MAX)
      throw this.#breakDown(new Error("inputs to the checkout go in a circle"));
    this.#queue.push({ input, pinEntry });
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#advance(next.input, next.pinEntry);
      }
    } catch (error) {
      throw this.#breakDown(error);
    } finally {
      this.#running = false;
    }
    this.#armDeadline();
    this.#options.onSettled();
  }

  async pinsChecked(): Promise<void> {
    await Promise.all(this.#pinChecks);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#deadline?.timer.cancel();
    await Promise.allSettled(this.#pinChecks);
  }

  #advance(input: CheckoutInput, pinEntry: PinEntry | null): void {
    const { checkout, effects } = step(this.#checkout, input, this.#options.settings);
    this.#checkout = checkout;
    for (const effect of effects) this.#run(effect, pinEntry);
  }

  #run(effect: CheckoutEffect, pinEntry: PinEntry | null): void {
    const { clock, cashier, disputes } = this.#options;
    switch (effect.kind) {
      case "assess": {
        const assessment = cashier.assess(effect.identity, effect.offer);
        this.#advance({ kind: "assessed", assessment, atMono: clock.mono() }, null);
        break;
      }
      case "commit": {
        const { chargeId, identity, offer, agreed } = effect;
        const outcome = cashier.charge({ chargeId, identity, offer, agreed, furtherMeal: null });
        this.#advance({ kind: "charged", outcome, atMono: clock.mono() }, null);
        break;
      }
      case "find-choices": {
        const choices = this.#options.choicesOf(effect.personIds);
        this.#advance({ kind: "choices", choices, atMono: clock.mono() }, null);
        break;
      }
      case "dispute": {
        const outcome = disputes.dispute(effect);
        this.#advance({ kind: "disputed", outcome, atMono: clock.mono() }, null);
        break;
      }
      case "name-payer":
        disputes.namePayer(effect);
        break;
      case "check-pin": {
        const check = this.#checkPin(effect.attempt, pinEntry).finally(() => this.#pinChecks.delete(check));
        this.#pinChecks.add(check);
        break;
      }
      default:
        assertNever(effect);
    }
  }

  async #checkPin(attempt: number, entry: PinEntry | null): Promise<void> {
    const { gate, clock } = this.#options;
    let outcome: PinOutcome | null = null;
    try {
      outcome = await this.#pinOutcome(entry);
    } catch (error) {
      const fault = databaseFault(error);
      if (fault === undefined) throw this.#breakDown(error);
      gate.stop(fault, null);
      outcome = { kind: "failed" };
    }
    if (outcome !== null) this.dispatch({ kind: "pin-checked", attempt, outcome, atMono: clock.mono() });
  }

  /** Null when the answer did not come in time or the line was closed; the machine has its own time-out for that. */
  async #pinOutcome(entry: PinEntry | null): Promise<PinOutcome | null> {
    if (entry === null) return { kind: "failed" };
    const { pinVerifier, clock, settings } = this.#options;
    const answered = new AbortController();
    const closing = this.#closing.signal;
    const signal = AbortSignal.any([answered.signal, closing]);
    const givenUp = clock.delay(settings.pinMsMax, { signal }).then(
      () => null,
      () => null,
    );
    try {
      return await Promise.race([pinVerifier.check(entry.number, entry.pin), givenUp]);
    } finally {
      answered.abort();
    }
  }

  #armDeadline(): void {
    const { clock, settings } = this.#options;
    const atMono = deadlineOf(this.#checkout, settings);
    if (atMono === (this.#deadline?.atMono ?? null)) return;
    this.#deadline?.timer.cancel();
    this.#deadline = null;
    if (atMono === null) return;
    const waitMs = Math.max(TIMER_WAIT_MS_MIN, atMono - clock.mono());
    const timer = clock.after(waitMs, () => {
      // Forgotten first, so that a timer that fired too early is set again.
      this.#deadline = null;
      this.dispatch({ kind: "time-passed", atMono: clock.mono() });
    });
    this.#deadline = { atMono, timer };
  }

  /** @returns `error`, to be thrown on. */
  #breakDown(error: unknown): unknown {
    this.#broken = true;
    this.#queue.length = 0;
    this.#checkout = { ...this.#checkout, ...CLOSED_BY_BUG };
    this.#deadline?.timer.cancel();
    this.#options.onSettled();
    return error;
  }
}
