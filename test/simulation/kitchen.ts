import { join } from "node:path";
import type {
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../../device/receiving/receiving-port.ts";
import { photoFolder } from "../../device/terminal-database.ts";
import type { Chance } from "./chance.ts";
import { KEEPER, type KitchenLife, MANAGER, SECOND } from "./kitchen-life.ts";
import { HIGH_MILLI_C, type KitchenModel } from "./kitchen-model.ts";
import { CABINET, type KitchenThings, type Load } from "./kitchen-things.ts";
import { PIN } from "./school.ts";
import type { SimulatedTerminal } from "./simulated-terminal.ts";
import type { TerminalLife } from "./terminal-life.ts";
import { count, type World } from "./world.ts";

export interface KitchenOptions {
  readonly world: World;
  readonly chance: Chance;
  readonly terminal: SimulatedTerminal;
  readonly things: KitchenThings;
  readonly model: KitchenModel;
  readonly advance: (ms: number, grainMs?: number) => Promise<void>;
}

const PRINT_MS = 120;
const signedBy = (operatorId: string) => ({ by: "pin", operatorId, pin: PIN }) as const;
/** Above the high limit by more than the probe's noise, for the configured delay and a reading or two. */
const SURELY_WARM_MILLI_C = HIGH_MILLI_C + 200;
const WARM_MS_MAX = 240_000;

type At = { readonly life: TerminalLife; readonly kitchen: KitchenLife };

/**
 * What people do in the kitchen: weigh deliveries in and goods out, strike what was wrong, close and sign, keep
 * samples and throw them away, answer alarms. Whoever lost an answer to a power cut looks at the page and does what
 * is not on record again.
 */
export class Kitchen {
  readonly #options: KitchenOptions;
  readonly #chance: Chance;
  #loadCount = 0;
  #portionCount = 0;
  /** What lies on the pan while somebody works: a load of goods, or a portion. */
  #portion: Load | null = null;
  #readingsSeen = 0;
  #lifeSeen: TerminalLife | null = null;
  #warmSinceMs: number | null = null;

  constructor(options: KitchenOptions) {
    this.#options = options;
    this.#chance = options.chance;
  }

  /** Between two diners. */
  async act(): Promise<void> {
    const at = this.#at();
    if (at === null) return;
    const act = this.#chance.pick([
      "weigh",
      "weigh",
      "weigh",
      "finish",
      "issue",
      "strike",
      "sample",
      "alarms",
      "leave",
    ]);
    count(this.#options.world, `kitchen: ${act}`);
    try {
      if (act === "weigh") await this.#weighIn(at);
      else if (act === "finish") await this.#finish(at);
      else if (act === "issue") await this.#issue(at);
      else if (act === "strike") await this.#strike(at);
      else if (act === "sample") await this.#sample(at);
      else if (act === "alarms") this.#answerAlarms(at);
      else await this.#leave(at);
    } catch (error) {
      // A fault of the disk is an answer too.
      if (!(error instanceof Error) || error.name !== "CanteenError") throw error;
      count(this.#options.world, "faults answered");
    }
    this.check();
  }

  /** After each turn in which the probe has spoken or a process has started. */
  observe(): void {
    const { terminal, things } = this.#options;
    const { life } = terminal;
    if (life !== this.#lifeSeen) this.#warmSinceMs = null;
    if (life === this.#lifeSeen && things.readingCount === this.#readingsSeen) return;
    const isRead = things.readingCount !== this.#readingsSeen;
    this.#lifeSeen = life;
    this.#readingsSeen = things.readingCount;
    const at = this.#at();
    const view = at?.kitchen.cabinets.view(CABINET);
    if (view === undefined) return;
    this.#options.model.checkAlarms(view);
    if (isRead && this.#isSurelyWarm()) this.#options.model.mustAlarm(view);
  }

  /** What is summed up, and what lies on the disk. */
  check(): void {
    const { terminal, model } = this.#options;
    const { life } = terminal;
    if (life === null) return;
    terminal.observe();
    model.checkStock(life.db);
    const folder = photoFolder(terminal.dataFolder);
    model.checkPhotos((sha256) => join(folder, sha256.slice(0, 2), `${sha256}.jpg`));
  }

  #isSurelyWarm(): boolean {
    const { things, world } = this.#options;
    const milliC = things.probeFault === null ? (things.lastSaid?.milliC ?? null) : null;
    if (milliC === null || milliC < SURELY_WARM_MILLI_C) this.#warmSinceMs = null;
    else this.#warmSinceMs ??= world.time.nowMs;
    return this.#warmSinceMs !== null && world.time.nowMs - this.#warmSinceMs > WARM_MS_MAX;
  }

  #at(): At | null {
    const { life } = this.#options.terminal;
    return life === null || life.kitchen === null ? null : { life, kitchen: life.kitchen };
  }

  /** The power has not gone meanwhile. */
  #isOn({ life }: At): boolean {
    return this.#options.terminal.life === life;
  }

  async #print(isStable = true): Promise<void> {
    this.#options.things.pressPrint(isStable);
    await this.#options.advance(this.#chance.between(1, PRINT_MS));
  }

  async #do({ kitchen }: At, command: ReceivingCommand): Promise<ReceivingAnswer> {
    return kitchen.receiving.command(KEEPER, command);
  }

  /** Goes to the delivery that is open or due. @returns null where there is none. */
  async #delivery(at: At): Promise<Extract<ReceivingView["step"], { kind: "delivery" }>["delivery"] | null> {
    const view = (): ReceivingView => at.kitchen.receiving.view();
    if (view().activity.kind === "asking") await this.#do(at, { kind: "cancel" });
    if (view().step.kind === "issuing") await this.#do(at, { kind: "leave-issue" });
    if (view().step.kind === "weighing") await this.#do(at, { kind: "leave-line" });
    if (view().step.kind === "choosing") {
      const due = view().deliveries.filter(({ state }) => state === "due" || state === "open");
      if (due.length === 0) return null;
      await this.#do(at, { kind: "choose-delivery", orderId: this.#chance.pick(due).orderId });
    }
    const { step } = view();
    if (step.kind !== "delivery") return null;
    const { orderChange } = step.delivery;
    if (orderChange !== null) {
      const { version } = this.#chance.pick([orderChange.inUse, orderChange.newest]);
      await this.#do(at, { kind: "choose-order-version", version });
    }
    return step.delivery;
  }

  async #weighIn(at: At): Promise<void> {
    const delivery = await this.#delivery(at);
    const open = (delivery?.lines ?? []).filter(
      ({ decision, lineId }) => decision === null && lineId !== null,
    );
    if (open.length === 0) return;
    const lineId = this.#chance.pick(open).lineId ?? "";
    await this.#do(at, { kind: "choose-line", lineId });
    await this.#weigh(at);
  }

  /** A load that was left on the pan by a power cut comes first: it may be on record, and nobody knows. */
  async #weigh(at: At): Promise<void> {
    const { things, model } = this.#options;
    const step = at.kitchen.receiving.view().step;
    if ((step.kind === "weighing" || step.kind === "issuing") && step.goods.scaleId === null)
      await this.#do(at, { kind: "choose-scale", scaleId: "bench" });
    const left = things.pan;
    if (left !== null && this.#chance.happens(0.5)) {
      await this.#print();
      if (!this.#isOn(at)) return;
      await this.#take(at, left);
      if (!this.#isOn(at)) return;
    }
    things.put(null);
    await this.#print();
    const again = left !== null && left !== this.#portion && !model.hasLoad(left.grams);
    things.put(again ? left : this.#newLoad());
    this.#portion = null;
    await this.#print(false);
    await this.#print();
    if (!this.#isOn(at) || things.pan === null) return;
    await this.#take(at, things.pan);
    // A second press, with the goods still on the pan.
    if (this.#isOn(at) && this.#chance.happens(0.3)) await this.#take(at, things.pan);
    if (!this.#isOn(at) || this.#chance.happens(0.1)) return;
    things.put(null);
    await this.#print();
  }

  async #take(at: At, load: Load): Promise<void> {
    let answer = await this.#do(at, { kind: "take" });
    if (answer.kind === "asked" && this.#isOn(at)) {
      await this.#options.advance(this.#chance.between(1, 500));
      if (!this.#isOn(at)) return;
      const signer = signedBy(this.#chance.pick([MANAGER, SECOND]));
      answer = this.#chance.happens(0.9)
        ? await this.#do(at, { kind: "override", reasonId: "needed-today", signer })
        : await this.#do(at, { kind: "cancel" });
    }
    if (!this.#isOn(at)) return;
    if (answer.kind === "taken") {
      count(this.#options.world, "weigh-ins");
      this.#options.terminal.observe();
      this.#options.model.shownTaken(answer.weighIn.weighInId, load.grams);
    } else if (answer.kind === "refused") {
      count(this.#options.world, `not taken: ${answer.gate ?? answer.reason}`);
    }
  }

  /** Each load has a weight of its own, so that it is known wherever it turns up. */
  #newLoad(): Load {
    this.#loadCount += 1;
    return { grams: 1000 + ((this.#loadCount * 20) % 58_000) };
  }

  async #finish(at: At): Promise<void> {
    const delivery = await this.#delivery(at);
    if (delivery === null) return;
    const open = delivery.lines.filter(({ decision, lineId }) => decision === null && lineId !== null);
    const weighed = open.filter(({ weighIns }) => weighIns.length > 1);
    if (open.length === 0) {
      const signer = signedBy(this.#chance.pick([SECOND, MANAGER]));
      const answer = await this.#do(at, { kind: "close-delivery", signer });
      if (answer.kind === "closed") count(this.#options.world, "deliveries closed");
      return;
    }
    const lineId = this.#chance.pick(weighed.length > 0 ? weighed : open).lineId ?? "";
    await this.#do(at, { kind: "choose-line", lineId });
    const decision = weighed.length > 0 ? "accept" : "missing";
    const reasonId = decision === "missing" ? "not-delivered" : null;
    const answer = await this.#do(at, { kind: "finish-line", decision, reasonId });
    if (answer.kind === "asked" && this.#isOn(at))
      await this.#do(at, { kind: "override", reasonId: "needed-today", signer: signedBy(MANAGER) });
  }

  async #issue(at: At): Promise<void> {
    await this.#delivery(at);
    if (at.kitchen.receiving.view().step.kind === "delivery") await this.#do(at, { kind: "leave-delivery" });
    const stock = at.kitchen.receiving.stock();
    if (stock.length === 0) return;
    const { product } = this.#chance.pick(stock);
    const target = { kind: "bin", reasonId: "spoiled" } as const;
    await this.#do(at, { kind: "start-issue", productId: product.productId, target });
    if (at.kitchen.receiving.view().step.kind === "issuing") await this.#weigh(at);
    if (this.#isOn(at)) await this.#do(at, { kind: "leave-issue" });
  }

  /** Twice, as somebody does who is not sure whether it was taken. */
  async #strike(at: At): Promise<void> {
    const delivery = await this.#delivery(at);
    const weighIns = (delivery?.lines ?? []).flatMap((line) => line.weighIns);
    if (weighIns.length === 0) return;
    const { weighInId } = this.#chance.pick(weighIns);
    for (let press = 0; press < 2 && this.#isOn(at); press++) {
      const signer = signedBy(MANAGER);
      const answer = await this.#do(at, { kind: "strike", weighInId, reasonId: "wrong-line", signer });
      if (answer.kind === "done") count(this.#options.world, "strikes");
      await this.#options.advance(this.#chance.between(1, 300));
    }
  }

  async #sample(at: At): Promise<void> {
    const { samples } = at.kitchen;
    const { things, model, world } = this.#options;
    if (samples.view().taking.step !== "idle") await samples.take({ kind: "cancel" });
    const { missing } = samples.view();
    if (missing.length === 0) return;
    const { meal, dish } = this.#chance.pick(missing);
    const what = { date: meal.date, periodId: meal.periodId, dishId: dish.dishId, containerId: "tared" };
    const left = things.pan;
    if (left === null || left !== this.#portion || this.#chance.happens(0.5)) {
      things.put(null);
      await this.#print();
      this.#portion =
        left !== null && left === this.#portion && !model.hasPortion(left.grams) ? left : this.#newPortion();
      things.put(this.#portion);
    }
    await this.#print();
    const portion = this.#portion;
    if (!this.#isOn(at) || portion === null) return;
    if ((await samples.take({ kind: "start", ...what })).kind !== "ok") return;
    await this.#print();
    if (!this.#isOn(at)) return;
    const weighed = await samples.take({ kind: "take-weight" });
    if (weighed.kind === "refused") return void count(world, `no sample: ${weighed.reason}`);
    await this.#options.advance(this.#chance.between(20, 500));
    if (!this.#isOn(at)) return;
    if (samples.view().taking.step === "photo-failed") await samples.take({ kind: "go-on-without-photo" });
    if ((await samples.take({ kind: "sign-by-pin", operatorId: KEEPER, pin: PIN })).kind !== "ok") return;
    await this.#options.advance(this.#chance.between(20, 500));
    const { taking } = samples.view();
    const slot = taking.step === "choosing-slot" ? taking.freeSlots[0] : undefined;
    if (!this.#isOn(at) || slot === undefined) return;
    const { cabinetId, slotIds } = slot;
    const stored = await samples.take({ kind: "choose-slot", cabinetId, slotId: slotIds[0] ?? "" });
    if (stored.kind !== "ok" || !this.#isOn(at)) return;
    count(world, "samples");
    this.#options.terminal.observe();
    model.shownStored(portion.grams);
    // Into the cabinet, or forgotten on the pan.
    if (this.#chance.happens(0.7)) things.put(null);
  }

  #newPortion(): Load {
    this.#portionCount += 1;
    return { grams: 130 + (this.#portionCount % 800) };
  }

  /** Tries to throw away whatever lies there; only what is due, or what two people sign, may go. */
  async #leave({ kitchen }: At): Promise<void> {
    const { samples } = kitchen;
    const kept = samples.view().cabinets.flatMap(({ slots }) => slots.flatMap(({ sample }) => sample ?? []));
    if (kept.length === 0) return;
    const { sampleId } = this.#chance.pick(kept);
    const first = signedBy(KEEPER);
    const how = this.#chance.pick(["after-hours", "after-hours", "after-hours", "early", "alone", "struck"]);
    const second = signedBy(how === "alone" ? KEEPER : MANAGER);
    const answer =
      how === "after-hours"
        ? await samples.dispose({ sampleIds: [sampleId], first })
        : how === "struck"
          ? await samples.void({ sampleId, reason: "wrong-slot", note: "", first, second })
          : await samples.disposeEarly({ sampleIds: [sampleId], first, second, reason: "spoiled", note: "" });
    count(this.#options.world, `sample ${how}: ${answer.kind === "refused" ? answer.reason : answer.kind}`);
  }

  #answerAlarms({ kitchen }: At): void {
    const { cabinets } = kitchen;
    const signature = { operatorId: SECOND, displayName: SECOND, by: "pin" } as const;
    for (const { alarmId, key, acknowledged, shelved } of cabinets.view(CABINET)?.alarms ?? []) {
      if (shelved === null && this.#chance.happens(0.1))
        cabinets.shelve({ key, durationMs: 600_000, reason: "known", signature });
      if (alarmId === null || acknowledged !== null || !this.#chance.happens(0.5)) continue;
      const done = cabinets.acknowledge({ alarmId, signature, action: { code: "watched", text: null } });
      if (done.kind === "done") count(this.#options.world, "alarms acknowledged");
    }
  }
}
