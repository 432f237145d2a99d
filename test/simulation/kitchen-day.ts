import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { WrittenOrder } from "../../scripts/reference-cloud/order-desk.ts";
import type { Chance } from "./chance.ts";
import { Kitchen } from "./kitchen.ts";
import { KitchenModel } from "./kitchen-model.ts";
import { CABINET, KitchenThings } from "./kitchen-things.ts";
import { PHOTO_BYTES_MAX, TEMPERATURE_BYTES_MAX, TEMPERATURE_FILE } from "./school.ts";
import type { SimulatedCloud } from "./simulated-cloud.ts";
import type { SimulatedTerminal } from "./simulated-terminal.ts";
import type { KitchenBehind } from "./terminal-life.ts";
import { broken } from "./violation.ts";
import { count, type World } from "./world.ts";

const MS_PER_HOUR = 3_600_000;
const TROUBLE_MS = { least: 30_000, most: 1_800_000 };
/** What may come between two looks at the budget: two pages of readings, and two of minutes. */
const TEMPERATURE_SLACK_BYTES = 4 * 4096;
const LINES = ["potato", "tofu", "chicken"];
/** Small ones cost a run nothing; large ones fill their budget within a day of bad network. */
const PHOTO_BYTES = [400, 400, 400, 300_000];

export interface KitchenDayOptions {
  readonly world: World;
  readonly chance: Chance;
  readonly device: string;
  readonly cloud: () => SimulatedCloud;
  readonly advance: (ms: number, grainMs?: number) => Promise<void>;
}

/** A kitchen behind one terminal: what there is, what people do, what goes wrong, and the rules over it. */
export class KitchenDay {
  readonly #options: KitchenDayOptions;
  readonly #chance: Chance;
  readonly model: KitchenModel;
  readonly things: KitchenThings;
  readonly behind: KitchenBehind;
  #kitchen: Kitchen | null = null;
  #terminal: SimulatedTerminal | null = null;
  readonly #orders = new Map<string, WrittenOrder>();
  readonly #troubles: { readonly untilMs: number; readonly end: () => void }[] = [];
  /** How much goes wrong in this one. */
  readonly #troublesPerHour: number;
  /** How often somebody does something in the kitchen. */
  readonly #actsPerDay: number;
  /** The same, of the turns of diners. */
  #actShare = 0;

  constructor(options: KitchenDayOptions) {
    this.#options = options;
    const { chance, world, device } = options;
    this.#chance = chance;
    this.things = new KitchenThings(chance.branch());
    this.model = new KitchenModel(device, {
      nowMs: () => world.time.nowMs,
      lastColdMs: () => this.things.lastColdMs,
      cloudHasPhoto: (sha256) => options.cloud().hasPhoto(device, sha256),
    });
    this.behind = { things: this.things, chance: chance.branch(), photoBytes: chance.pick(PHOTO_BYTES) };
    this.#troublesPerHour = chance.pick([0, 2, 8]);
    this.#actsPerDay = chance.pick([30, 80, 200]);
  }

  standsBehind(terminal: SimulatedTerminal): void {
    const { world, advance } = this.#options;
    this.#terminal = terminal;
    const { things, model } = this;
    this.#kitchen = new Kitchen({ world, terminal, things, model, advance, chance: this.#chance.branch() });
  }

  /** The buyer orders for the day. */
  begin(businessDate: string, dinersPerDay: number): void {
    this.#actShare = Math.min(0.5, this.#actsPerDay / dinersPerDay);
    const orderId = `po-${businessDate}`;
    const quantity = (): string => String(this.#chance.pick([20, 60, 120]));
    this.#order({
      orderId,
      supplier: { supplierId: "s-1", name: "绿源蔬菜" },
      dueDate: businessDate,
      status: "open",
      lines: LINES.map((productId, index) => orderLine(String(index + 1), productId, quantity())),
    });
  }

  /** Between two diners. */
  async turn(passedMs: number): Promise<void> {
    this.#strike(passedMs);
    if (this.#chance.happens(0.01)) this.#changeOrder();
    if (this.#chance.happens(this.#actShare)) await this.#kitchen?.act();
  }

  observe(): void {
    this.#kitchen?.observe();
  }

  /** Everything is put right. */
  end(): void {
    for (const trouble of this.#troubles.splice(0)) trouble.end();
  }

  /** The cloud was put back from a copy: the buyer sends again what it lacks. */
  cloudRestored(): void {
    for (const order of this.#orders.values()) this.#put(order);
  }

  /** What the cloud has to have once everything is put right; null when it has. */
  missingInCloud(): string | null {
    const { cloud, device } = this.#options;
    const life = this.#terminal?.life;
    if (life === undefined || life === null || life.kitchen === null) return "off";
    const photos = this.model.photosMissing();
    if (photos > 0) return `${photos} photos`;
    if (life.store.orders.revision() !== cloud().orders.revision()) return "orders";
    const shown = cloud().alarmIds(device, CABINET);
    const alarms = life.kitchen.cabinets.view(CABINET)?.alarms.map(({ alarmId }) => alarmId) ?? [];
    return JSON.stringify(shown) === JSON.stringify(alarms) ? null : `alarms: ${JSON.stringify(shown)}`;
  }

  /** Each evening. */
  check(): void {
    this.#kitchen?.check();
    const store = this.#terminal?.life?.store;
    if (store === undefined) return;
    const { bytes } = store.photos.usage();
    if (bytes > PHOTO_BYTES_MAX) throw broken("disk-budget", `photos take ${bytes} bytes`);
    this.#checkTemperatures();
  }

  /** With what its log has for it: what was freed in it is used again before it grows. Old rows go once a minute. */
  #checkTemperatures(): void {
    const folder = this.#terminal?.dataFolder;
    if (folder === undefined) return;
    const file = new Sqlite(join(folder, TEMPERATURE_FILE), { readonly: true });
    const [pages, pageBytes] = ["page_count", "page_size"].map((name) => file.pragma(name, { simple: true }));
    file.close();
    const size = Number(pages) * Number(pageBytes);
    if (size > TEMPERATURE_BYTES_MAX + TEMPERATURE_SLACK_BYTES)
      throw broken("disk-budget", `temperatures take ${size} bytes`);
  }

  #order(order: WrittenOrder): void {
    this.#orders.set(order.orderId, order);
    this.#put(order);
  }

  #put(order: WrittenOrder): void {
    const { version: _version, ...there } = this.#options.cloud().orders.find(order.orderId) ?? {
      version: 0,
    };
    if (JSON.stringify(there) !== JSON.stringify(order)) this.#options.cloud().order(order);
  }

  #changeOrder(): void {
    const order = [...this.#orders.values()].at(-1);
    const [first, ...rest] = order?.lines ?? [];
    if (order === undefined || first === undefined) return;
    count(this.#options.world, "orders changed");
    const quantity = String(this.#chance.pick([10, 40, 80]));
    this.#order({ ...order, lines: [...rest, { ...first, quantity }] });
  }

  #strike(passedMs: number): void {
    const { world } = this.#options;
    for (const trouble of this.#troubles.splice(0)) {
      if (trouble.untilMs <= world.time.nowMs) trouble.end();
      else this.#troubles.push(trouble);
    }
    if (!this.#chance.happens((passedMs / MS_PER_HOUR) * this.#troublesPerHour)) return;
    const { things } = this;
    const kind = this.#chance.pick(["warm", "warm", "cold", "probe", "line", "scale"]);
    if (kind === "warm") this.#during("cabinet warm", (on) => (things.airGoesToMilliC = on ? 14_000 : 4000));
    if (kind === "cold") this.#during("cabinet cold", (on) => (things.airGoesToMilliC = on ? -3000 : 4000));
    if (kind === "probe") this.#during("probe broken", (on) => (things.probeFault = on ? "open" : null));
    if (kind === "line")
      this.#during("probe's line away", (on) => (things.probeFault = on ? "line-lost" : null));
    if (kind === "scale") this.#during("scale unplugged", (on) => things.plugScale(!on));
  }

  #during(what: string, set: (on: boolean) => void): void {
    const { world } = this.#options;
    count(world, what);
    world.trace.add(what);
    set(true);
    const untilMs = world.time.nowMs + this.#chance.between(TROUBLE_MS.least, TROUBLE_MS.most);
    this.#troubles.push({
      untilMs,
      end: () => {
        world.trace.add(`${what}: over`);
        set(false);
      },
    });
  }
}

function orderLine(lineId: string, productId: string, quantity: string): WrittenOrder["lines"][number] {
  return {
    ...{ lineId, product: { productId, name: productId }, unit: "kg", quantity },
    ...{ packTareG: null, tolerance: { underBp: 1000, overBp: 1000 }, priceFen: 500, gtins: [] },
    ...{ temperatureMilliCMax: null, lotRequired: false, shelfDaysMin: null },
  };
}
