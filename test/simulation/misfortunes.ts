import type { Chance } from "./chance.ts";
import { SITE } from "./simulated-cloud.ts";
import type { SimulatedTerminal } from "./simulated-terminal.ts";
import { count, type World } from "./world.ts";

const MS_PER_HOUR = 3_600_000;
const MS_PER_DAY = 24 * MS_PER_HOUR;
const OUTAGE_MS = { least: 2000, most: 360_000 };
const WRONG_CLOCK_MS = [-3 * MS_PER_DAY, -2 * MS_PER_HOUR, -300_000, 300_000, 5 * MS_PER_HOUR, MS_PER_DAY];
/** A meal is minutes long here: rates are of hours in which people are served. */
const SERVED_SHARE = 10;

/** What goes wrong for a while, or once, between two diners. */
export class Misfortunes {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #terminals: readonly SimulatedTerminal[];
  readonly #cloud: { readonly restart: () => void; readonly restore: () => void };
  readonly #outages: { readonly untilMs: number; readonly end: () => void }[] = [];

  constructor(
    world: World,
    chance: Chance,
    terminals: readonly SimulatedTerminal[],
    cloud: { readonly restart: () => void; readonly restore: () => void },
  ) {
    this.#world = world;
    this.#chance = chance;
    this.#terminals = terminals;
    this.#cloud = cloud;
  }

  /** Ends what has lasted long enough, and draws what begins. */
  strike(passedMs: number): void {
    for (const outage of this.#outages.splice(0)) {
      if (outage.untilMs <= this.#world.time.nowMs) outage.end();
      else this.#outages.push(outage);
    }
    const share = (passedMs / MS_PER_HOUR) * SERVED_SHARE;
    const comes = (perHour: number): boolean => this.#chance.happens(Math.min(1, perHour * share));
    const { shares } = this.#world;
    const terminal = this.#chance.pick(this.#terminals);
    this.#strikeNetwork(terminal, comes);
    this.#strikeTerminal(terminal, comes);
    if (comes(shares.cloudRestartPerHour)) this.#cloud.restart();
    if (comes(shares.cloudRestoredPerHour)) this.#cloud.restore();
  }

  /** Everything that lasts is over. */
  end(): void {
    for (const outage of this.#outages.splice(0)) outage.end();
  }

  #strikeNetwork(terminal: SimulatedTerminal, comes: (perHour: number) => boolean): void {
    const { shares, broker } = this.#world;
    if (comes(shares.brokerDownPerHour)) this.#during("broker down", (on) => broker.setUp(!on));
    if (comes(shares.networkDownPerHour)) {
      const clientId = `canteen-${SITE}-${terminal.device}`;
      this.#during("network down", (on) => broker.setReachable(clientId, !on));
    }
  }

  #strikeTerminal(terminal: SimulatedTerminal, comes: (perHour: number) => boolean): void {
    const { shares, ntp } = this.#world;
    if (comes(shares.diskFullPerHour)) this.#during("disk full", (on) => terminal.setDiskFull(on));
    if (comes(shares.cameraLostPerHour)) {
      const { life } = terminal;
      this.#during("camera lost", (on) => {
        if (terminal.life === life) life?.camera.setLost(on);
      });
    }
    // Of a clock that is set while the terminal is off, and stays plausible, nobody could know without network.
    if (!ntp && terminal.life !== null && comes(shares.clockStepPerHour)) {
      const aheadMs = this.#chance.pick(WRONG_CLOCK_MS);
      this.#world.trace.add(`${terminal.device}: clock set ${aheadMs / 1000} s ahead`);
      this.#during("clock wrong", (on) => terminal.setClock(on ? aheadMs : 0));
    }
  }

  #during(what: string, set: (on: boolean) => void): void {
    const { time, trace } = this.#world;
    count(this.#world, what);
    trace.add(what);
    set(true);
    this.#outages.push({
      untilMs: time.nowMs + this.#chance.between(OUTAGE_MS.least, OUTAGE_MS.most),
      end: () => {
        trace.add(`${what}: over`);
        set(false);
      },
    });
  }
}
