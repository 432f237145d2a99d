import { epochMs, type Fen, fen } from "../platform/units.ts";
import type {
  CheckoutView,
  MealPeriod,
  Receipt,
  ServingLine,
  ServingLineCommand,
  ServingLineStatus,
  VoidResult,
} from "../serving-line/serving-line-port.ts";
import { Listeners } from "./fake-listeners.ts";

/** Stand-in of the serving line; see fake-world.ts. */

export const fakeLunch: MealPeriod = {
  id: "lunch",
  name: { zh: "午餐", en: "Lunch" },
  fromMinute: 660,
  toMinute: 810,
  pricing: { kind: "fixed", priceFen: fen(1200) },
  subsidyFen: { student: fen(300), staff: fen(0), guest: fen(0) },
};

export function fakeReceipt(change: Partial<Receipt> = {}): Receipt {
  return {
    chargeId: "0198c0de-0000-7000-8000-000000000001",
    seq: 41,
    personId: "p1",
    displayName: "甲同学",
    groupName: "三年级（1）班",
    period: { id: "lunch", name: fakeLunch.name },
    businessDate: "2026-09-01",
    priceFen: fen(1200),
    subsidyFen: fen(300),
    amountFen: fen(900),
    balanceFen: fen(8640),
    method: "face",
    atMs: epochMs(Date.UTC(2026, 8, 1, 4, 2)),
    timeTrust: "synced",
    allergyWarning: [],
    ...change,
  };
}

export class FakeServingLine implements ServingLine {
  readonly commands: ServingLineCommand[] = [];
  readonly voids: { chargeId: string; operatorId: string; reason: string }[] = [];
  readonly chargedAgain: { chargeId?: string; personId: string; operatorId: string; reason: string }[] = [];
  charges: (Receipt & { voided: boolean; disputed: boolean })[] = [];
  /** What a test wants to happen at a command. */
  onCommand: (command: ServingLineCommand) => void | Promise<void> = () => {};
  readonly #listeners = new Listeners<ServingLineStatus>();
  #status: ServingLineStatus = {
    view: { kind: "idle" },
    activation: "touch",
    mealPeriod: fakeLunch,
    businessDate: "2026-09-01",
    menu: [
      { id: "rice", name: { zh: "米饭", en: "Rice" }, priceFen: fen(100), allergens: [] },
      {
        id: "kungpao",
        name: { zh: "宫保鸡丁", en: "Kung pao chicken" },
        priceFen: fen(850),
        allergens: ["peanut"],
      },
      { id: "soup", name: { zh: "番茄蛋汤", en: "Tomato egg soup" }, priceFen: fen(250), allergens: ["egg"] },
    ],
    order: { itemIds: [], keyedFen: null, totalFen: fen(1200) },
    servedCount: 0,
  };

  status = (): ServingLineStatus => this.#status;
  onStatus = (listener: (status: ServingLineStatus) => void): (() => void) => this.#listeners.add(listener);

  set(change: Partial<ServingLineStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#listeners.tell(this.#status);
  }

  show(view: CheckoutView): void {
    this.set({ view });
  }

  async command(command: ServingLineCommand): Promise<void> {
    this.commands.push(command);
    if (command.kind === "set-order") {
      const { itemIds, keyedFen } = command;
      const prices = itemIds.map(
        (id) => this.#status.menu.find((item) => item.id === id)?.priceFen ?? fen(0),
      );
      const total: Fen = fen(prices.reduce((sum, price) => sum + price, keyedFen ?? 0));
      this.set({ order: { itemIds, keyedFen, totalFen: total } });
    }
    await this.onCommand(command);
  }

  recentCharges = (countMax: number) => this.charges.slice(0, countMax);

  voidCharge(request: { chargeId: string; operatorId: string; reason: string }): VoidResult {
    this.voids.push(request);
    const charge = this.charges.find(({ chargeId }) => chargeId === request.chargeId);
    if (charge === undefined) return { kind: "refused", reason: "charge-unknown" };
    if (charge.voided) return { kind: "refused", reason: "already-voided" };
    charge.voided = true;
    return { kind: "voided", seq: 99, balanceFen: fen(charge.balanceFen + charge.amountFen) };
  }

  chargeAgain(request: { chargeId?: string; personId: string; operatorId: string; reason: string }) {
    this.chargedAgain.push(request);
    return { kind: "paid", receipt: fakeReceipt({ personId: request.personId }) } as const;
  }

  async close(): Promise<void> {}
}
