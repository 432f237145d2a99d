import type { CheckoutView, Receipt } from "../../device/serving-line/serving-line-port.ts";
import type { Chance } from "./chance.ts";
import { type MealOfDay, PIN } from "./school.ts";
import type { SchoolModel } from "./school-model.ts";
import type { SimulatedTerminal } from "./simulated-terminal.ts";
import type { TerminalLife } from "./terminal-life.ts";
import { count, type World } from "./world.ts";

export interface CanteenOptions {
  readonly world: World;
  readonly model: SchoolModel;
  readonly chance: Chance;
  /** Moves simulated time on; everything that is due happens meanwhile. */
  readonly advance: (ms: number, grainMs?: number) => Promise<void>;
}

const FRAMES_MAX = 14;
const FRAME_MS = 200;
const AWAY_FRAMES = 4;

type Way = "face" | "card" | "pin";

/**
 * What people do at a till: they pay by face, card or PIN, come twice, walk away in the middle, say "that's not me",
 * and an operator takes back a charge or allows a further meal.
 */
export class Canteen {
  readonly #options: CanteenOptions;
  readonly #chance: Chance;
  /** Who stands at which till. */
  readonly visitors = new Map<string, string>();
  /** What the present visitor was shown. */
  readonly #receipts = new Map<string, Receipt>();
  readonly #former = new Set<string>();

  constructor(options: CanteenOptions) {
    this.#options = options;
    this.#chance = options.chance;
  }

  /** A screen changed: whoever stands before it sees that they have paid, or reads on. */
  seen(device: string, view: CheckoutView): void {
    const isMine = view.kind === "paid" && view.receipt.personId === this.visitors.get(device);
    if (isMine && !this.#former.has(view.receipt.chargeId)) this.#receipts.set(device, view.receipt);
    if (isMine) this.#former.add(view.receipt.chargeId);
  }

  /** One diner comes, tries to pay, and goes. */
  async visit(terminal: SimulatedTerminal, personId: string, meal: MealOfDay): Promise<void> {
    const { life } = terminal;
    if (life === null) return;
    const { world } = this.#options;
    this.visitors.set(terminal.device, personId);
    const way = this.#chance.pick<Way>(["face", "face", "face", "card", "pin"]);
    world.trace.add(`${personId} at ${terminal.device} by ${way}`);
    count(world, "visits");
    this.#receipts.delete(terminal.device);
    await this.#present(terminal, life, personId, way);
    await this.#answer(terminal, life);
    if (this.#isSentAway(terminal, life)) await this.#tryAnotherWay(terminal, life, personId);
    const receipt = this.#receipts.get(terminal.device);
    const view = this.#view(terminal, life);
    if (receipt !== undefined) {
      count(world, "meals");
      if (view !== null) await this.#afterPaying(terminal, life, meal, receipt);
    } else if (view !== null) count(world, `not paid: ${view.kind === "refused" ? view.reason : view.kind}`);
    await this.#leave(terminal, life);
    this.visitors.delete(terminal.device);
  }

  /** Null: the terminal has lost its power meanwhile. */
  #view(terminal: SimulatedTerminal, life: TerminalLife): CheckoutView | null {
    return terminal.life === life ? life.line.status().view : null;
  }

  async #present(terminal: SimulatedTerminal, life: TerminalLife, personId: string, way: Way): Promise<void> {
    const { advance } = this.#options;
    const number = String(1000 + Number(personId.slice(2)));
    switch (way) {
      case "card":
        await life.line.command({ kind: "card", cardToken: `card-${personId}` });
        return;
      case "pin": {
        const pin = this.#chance.happens(0.02) ? "0000" : PIN;
        await life.line.command({ kind: "pin", number, pin });
        return;
      }
      case "face":
        if (terminal.activation === "touch") await life.line.command({ kind: "activate" });
        for (let frame = 0; frame < FRAMES_MAX; frame++) {
          await advance(FRAME_MS);
          const view = this.#view(terminal, life);
          if (view === null || (view.kind !== "looking" && view.kind !== "idle")) return;
          life.camera.show(personId, life.clock.mono());
        }
    }
  }

  async #answer(terminal: SimulatedTerminal, life: TerminalLife): Promise<void> {
    const { advance } = this.#options;
    for (let press = 0; press < 2; press++) {
      await advance(this.#chance.between(1, 500));
      const view = this.#view(terminal, life);
      if (view?.kind === "confirm") {
        const { chargeId } = view;
        await life.line.command(
          this.#chance.happens(0.95) ? { kind: "confirm", chargeId } : { kind: "cancel" },
        );
      } else if (view?.kind === "asking") await life.line.command({ kind: "cancel" });
      else return;
    }
  }

  /** The page asks for another way: the camera is gone, or it is not sure. */
  #isSentAway(terminal: SimulatedTerminal, life: TerminalLife): boolean {
    return this.#view(terminal, life)?.kind === "other-way";
  }

  /** Nearly everybody has a card or knows a PIN, and wants to eat. */
  async #tryAnotherWay(terminal: SimulatedTerminal, life: TerminalLife, personId: string): Promise<void> {
    const { advance, world } = this.#options;
    await advance(this.#chance.between(500, 3000));
    if (terminal.life !== life || !this.#chance.happens(0.9)) return;
    count(world, "another way");
    await this.#present(terminal, life, personId, this.#chance.pick<Way>(["card", "card", "pin"]));
    await this.#answer(terminal, life);
  }

  async #afterPaying(
    terminal: SimulatedTerminal,
    life: TerminalLife,
    meal: MealOfDay,
    receipt: Receipt,
  ): Promise<void> {
    const { personId } = receipt;
    const { world, advance } = this.#options;
    if (this.#chance.happens(0.01) && receipt.method === "face") {
      world.trace.add(`${personId} says that it is not them`);
      await life.line.command({ kind: "not-me", chargeId: receipt.chargeId });
    } else if (this.#chance.happens(0.02)) {
      world.trace.add(`an operator takes back the meal of ${personId}`);
      this.#try(() => {
        const request = { chargeId: receipt.chargeId, operatorId: "operator", reason: "spilt" };
        const voided = life.line.voidCharge(request);
        if (voided.kind === "voided") this.#checkBalance(terminal, personId, voided.balanceFen);
      });
    } else if (this.#chance.happens(0.03)) {
      await this.#furtherMeal(terminal, life, personId, meal);
    } else if (this.#chance.happens(0.05)) {
      await advance(3000);
      if (terminal.life === life) await this.#present(terminal, life, personId, "card");
    }
  }

  /** An operator presses twice, or the page sends the same wish again because no answer came. */
  async #furtherMeal(
    terminal: SimulatedTerminal,
    life: TerminalLife,
    personId: string,
    meal: MealOfDay,
  ): Promise<void> {
    const { world, model, advance } = this.#options;
    const chargeId = life.store.ids.next();
    model.operatorWishes(personId, meal);
    world.trace.add(`an operator allows ${personId} a further meal`);
    for (let press = 0; press < 2 && terminal.life === life; press++) {
      this.#try(() => {
        life.line.chargeAgain({ personId, chargeId, operatorId: "operator", reason: "hungry" });
      });
      await advance(this.#chance.between(50, 500));
    }
  }

  #checkBalance(terminal: SimulatedTerminal, personId: string, shownFen: number): void {
    if (terminal.life === null) return;
    this.#options.model.journals.get(terminal.device)?.observe();
    this.#options.model.checkShownBalance(terminal.device, personId, shownFen);
  }

  /** A fault of the disk is an answer too. */
  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "CanteenError") throw error;
      count(this.#options.world, "faults answered");
    }
  }

  async #leave(terminal: SimulatedTerminal, life: TerminalLife): Promise<void> {
    const { advance } = this.#options;
    await advance(this.#chance.between(600, 2500));
    if (terminal.life !== life) return;
    const { kind } = life.line.status().view;
    if (kind !== "idle" && kind !== "closed") await life.line.command({ kind: "cancel" });
    for (let frame = 0; frame < AWAY_FRAMES && terminal.activation === "presence"; frame++) {
      await advance(100);
      if (terminal.life !== life) return;
      life.camera.show(null, life.clock.mono());
    }
  }
}
