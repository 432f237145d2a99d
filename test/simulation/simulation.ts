import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyJournal } from "../../device/journal/verify.ts";
import { createPinHasher } from "../../device/security/pin-hash.ts";
import { TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { Canteen } from "./canteen.ts";
import { Chance } from "./chance.ts";
import { KitchenDay } from "./kitchen-day.ts";
import { Misfortunes } from "./misfortunes.ts";
import { NO_BUG } from "./planted-bug.ts";
import { dateAt, MEALS, type Meal, mealAt, PIN, personRecord, START_EPOCH_MS } from "./school.ts";
import { SchoolModel } from "./school-model.ts";
import { SimulatedBroker } from "./simulated-broker.ts";
import { SimulatedCloud } from "./simulated-cloud.ts";
import { SimulatedTerminal } from "./simulated-terminal.ts";
import { SimulatedTime } from "./simulated-time.ts";
import type { SimulationOptions, SimulationResult } from "./simulation-port.ts";
import { Trace } from "./trace.ts";
import { broken, Violation } from "./violation.ts";
import { count, drawFaults, type World } from "./world.ts";

const MS_PER_DAY = 86_400_000;
const MS_PER_HOUR = 3_600_000;
const MS_PER_MINUTE = 60_000;
/** Longer than the longest wait of the uplink and of a request for the roster, which are five minutes. */
const CALM_WITHOUT_PROGRESS_MS_MAX = 11 * MS_PER_MINUTE;
/** Between meals and at night nobody is there, and timers may be late: what they do is done less often. */
const IDLE_GRAIN_MS = 5 * MS_PER_MINUTE;
const CALM_STEP_MS = 30_000;
const CALM_GRAIN_MS = 2000;
/** People of a school; three meals a day each. Most canteens that have such a terminal serve some hundred at a meal. */
const DINERS = [60, 250, 500, 500];
/** How many schools have receiving and a sample cabinet. */
const KITCHEN_SHARE = 0.4;
const KITCHEN_SALT = 0x5eed;

/** Runs one school for some days under the faults that its seed draws. @returns what it found; never throws for that. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const folder = mkdtempSync(join(simulationRoot(), "canteen-simulation-"));
  const run = new Run(options, folder);
  let violation: Violation | null = null;
  try {
    await run.begin();
    for (let day = 0; day < options.days && !run.over(); day++) await run.day();
  } catch (error) {
    violation =
      error instanceof Violation ? error : new Violation("bug-thrown", messageOf(error), { cause: error });
  } finally {
    await run.end();
    rmSync(folder, { recursive: true, force: true });
  }
  const { seed, days } = options;
  return {
    seed,
    days,
    violation,
    lastEvents: run.trace.last(),
    counts: run.counts,
    fingerprint: run.fingerprint(),
  };
}

/** In memory where there is such a folder: the disk model decides what survives, not this machine's disk. */
export function simulationRoot(): string {
  return existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

class Run {
  readonly trace: Trace;
  readonly counts = new Map<string, number>();
  readonly #options: SimulationOptions;
  readonly #time = new SimulatedTime(START_EPOCH_MS);
  readonly #chance: Chance;
  readonly #world: World;
  readonly #model: SchoolModel;
  readonly #cloud: SimulatedCloud;
  readonly #terminals: SimulatedTerminal[] = [];
  readonly #canteen: Canteen;
  readonly #people: string[] = [];
  /** What the office did, to be done again on a cloud that was put back. */
  readonly #office: (() => void)[] = [];
  readonly #misfortunes: Misfortunes;
  readonly #kitchen: KitchenDay | null;
  #pinHash = "";
  #topUpCount = 0;
  #commandCount = 0;
  #failure: unknown;

  constructor(options: SimulationOptions, folder: string) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.trace = new Trace(() => this.#time.nowMs);
    const shares = options.shares ?? drawFaults(this.#chance.branch());
    const broker = new SimulatedBroker(this.#time, this.#chance.branch(), shares.message, {
      sent: (...of) => this.#checked(() => this.#model.sent(...of)),
    });
    this.#world = {
      time: this.#time,
      chance: this.#chance.branch(),
      broker,
      bug: options.bug ?? NO_BUG,
      trace: this.trace,
      shares,
      ntp: true,
      faultsOn: false,
      counts: this.counts,
    };
    this.#model = new SchoolModel(() => this.#time.nowMs);
    this.#cloud = new SimulatedCloud(
      { ...this.#world, chance: this.#chance.branch() },
      join(folder, "cloud"),
    );
    this.#canteen = new Canteen({
      world: this.#world,
      model: this.#model,
      chance: this.#chance.branch(),
      advance: (ms, grainMs) => this.#advance(ms, grainMs),
    });
    this.#misfortunes = new Misfortunes(this.#world, this.#chance, this.#terminals, {
      restart: () => this.#restartCloud(),
      restore: () => this.#restoreCloud(),
    });
    this.#kitchen = this.#makeKitchen(options);
    for (let index = 1; index <= this.#chance.pick([1, 1, 2]); index++)
      this.#addTerminal(folder, `till-${index}`);
  }

  over(): boolean {
    return this.#options.isOver?.() ?? false;
  }

  async begin(): Promise<void> {
    const hasher = createPinHasher({ entropy: this.#chance.entropy, cost: { n: 2, r: 1, p: 1 } });
    this.#pinHash = await hasher.hash(PIN);
    const drawn = this.#chance.pick(DINERS);
    const peopleCount = this.#options.diners ?? drawn;
    this.#cloud.atOnce(Array.from({ length: peopleCount }, (_, index) => () => this.#enrol(index + 1)));
    // Time 0 is midnight; the terminals are set up before breakfast and get their people.
    await this.#advance(6 * MS_PER_HOUR, IDLE_GRAIN_MS);
    for (const terminal of this.#terminals) await terminal.powerOn();
    await this.#calm("set-up");
    this.#cloud.backUp();
  }

  async day(): Promise<void> {
    this.#kitchen?.begin(dateAt(this.#time.nowMs), MEALS.length * this.#people.length);
    for (const meal of MEALS) {
      if (this.over()) return;
      await this.#meal(meal);
    }
    await this.#calm("evening");
    if (this.#chance.happens(0.5)) this.#cloud.backUp();
    this.#deepCheck();
    await this.#night();
  }

  async end(): Promise<void> {
    for (const terminal of this.#terminals) terminal.close();
    await new Promise((resolve) => setImmediate(resolve));
    this.#cloud.close();
  }

  fingerprint(): string {
    const hash = createHash("sha256");
    for (const journal of this.#model.journals.values()) hash.update(journal.hashAt(journal.headSeq) ?? "");
    return hash.digest("hex").slice(0, 16);
  }

  /** From a chance of its own, so that a school without kitchen goes as it would. */
  #makeKitchen({ seed, kitchen }: SimulationOptions): KitchenDay | null {
    const chance = new Chance(seed ^ KITCHEN_SALT);
    if (!(kitchen ?? chance.happens(KITCHEN_SHARE))) return null;
    return new KitchenDay({
      ...{ world: this.#world, chance, device: "till-1", cloud: () => this.#cloud },
      advance: (ms, grainMs) => this.#advance(ms, grainMs),
    });
  }

  #addTerminal(folder: string, device: string): void {
    const kitchen = device === "till-1" ? this.#kitchen : null;
    const journal = this.#model.addTerminal(device, (row) => kitchen?.model.take(row));
    const root = join(folder, device);
    mkdirSync(root);
    const watch = {
      shown: (view: Parameters<SchoolModel["shown"]>[1]) =>
        this.#checked(() => {
          this.#model.shown(device, view, this.#canteen.visitors.get(device) ?? null);
          this.#canteen.seen(device, view);
        }),
      opened: (...of: Parameters<SchoolModel["opened"]> extends [string, ...infer Rest] ? Rest : never) =>
        this.#checked(() => this.#model.opened(device, ...of)),
      observe: () => this.#checked(() => journal.observe()),
      off: (committedSeq: number) => this.#checked(() => this.#model.off(device, committedSeq)),
    };
    const behind = kitchen?.behind ?? null;
    const terminal = new SimulatedTerminal(this.#world, watch, { device, root, kitchen: behind });
    this.#terminals.push(terminal);
    kitchen?.standsBehind(terminal);
  }

  /** A rule that fails deep inside product code must not be taken for a fault of theirs. */
  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  async #advance(ms: number, grainMs = 0): Promise<void> {
    await this.#time.advance(ms, grainMs, () => this.#settled());
  }

  #settled(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { shares, faultsOn } = this.#world;
    this.#model.observe(this.#cloud.db);
    for (const terminal of this.#terminals) {
      terminal.settle();
      if (faultsOn && this.#chance.happens(shares.cutAtTurn)) terminal.cutPower();
    }
    this.#kitchen?.observe();
  }

  #enrol(number: number): void {
    const record = personRecord(number, this.#pinHash);
    const openingFen = this.#chance.pick([0, 2000, 20_000, 100_000, 100_000, 100_000]);
    this.#people.push(record.personId);
    this.#model.paidIn(`opening-${record.personId}`, record.personId, openingFen);
    this.#doInOffice(() => this.#cloud.people.put(record, openingFen));
  }

  #doInOffice(work: () => void): void {
    this.#office.push(work);
    work();
  }

  async #meal(meal: Meal): Promise<void> {
    const dayMs = Math.floor(this.#time.nowMs / MS_PER_DAY) * MS_PER_DAY;
    const beginMs = dayMs + meal.fromMinute * MS_PER_MINUTE;
    await this.#advance(Math.max(0, beginMs - MS_PER_MINUTE - this.#time.nowMs), IDLE_GRAIN_MS);
    this.#world.faultsOn = true;
    this.#world.ntp = this.#chance.happens(0.7);
    for (const terminal of this.#terminals) await terminal.powerOn();
    await this.#advance(Math.max(0, beginMs - this.#time.nowMs) + 1000, 1000);
    const endMs = dayMs + meal.toMinute * MS_PER_MINUTE - 60_000;
    for (const personId of this.#chance.shuffled(this.#people)) {
      if (this.#time.nowMs >= endMs || this.over()) break;
      await this.#turn(personId);
    }
    this.#world.faultsOn = false;
  }

  /** One diner, and whatever goes wrong in the meantime. */
  async #turn(personId: string): Promise<void> {
    const startMs = this.#time.nowMs;
    const terminal = this.#chance.pick(this.#terminals);
    const meal = mealAt(this.#time.nowMs);
    if (terminal.life === null || terminal.restartWanted) await this.#restart(terminal);
    if (meal !== null && terminal.life !== null) await this.#canteen.visit(terminal, personId, meal);
    if (this.#chance.happens(0.01)) await this.#advance(this.#chance.between(0, 5 * MS_PER_MINUTE), 5000);
    this.#misfortunes.strike(this.#time.nowMs - startMs);
    await this.#kitchen?.turn(this.#time.nowMs - startMs);
    this.#workInOffice();
  }

  async #restart(terminal: SimulatedTerminal): Promise<void> {
    terminal.cutPower();
    await this.#advance(this.#chance.between(1000, 60_000), 1000);
    await terminal.powerOn();
    await this.#advance(1000);
  }

  #restartCloud(): void {
    count(this.#world, "cloud restarted");
    this.trace.add("the cloud starts again");
    this.#cloud.restart();
  }

  #restoreCloud(): void {
    if (!this.#cloud.restore()) return;
    count(this.#world, "cloud restored");
    this.trace.add("the cloud is put back from its copy");
    this.#model.cloudRestored();
    this.#cloud.atOnce(this.#office);
    this.#kitchen?.cloudRestored();
  }

  #workInOffice(): void {
    if (this.#chance.happens(0.15)) {
      const personId = this.#chance.pick(this.#people);
      const id = `top-up-${this.#topUpCount++}`;
      const amountFen = this.#chance.pick([500, 2000, 5000]);
      this.trace.add(`${amountFen} fen are paid in for ${personId}`);
      this.#model.paidIn(id, personId, amountFen);
      this.#doInOffice(() => void this.#cloud.people.topUp(id, personId, amountFen));
    }
    if (this.#chance.happens(0.01)) {
      const personId = this.#chance.pick(this.#people);
      this.trace.add(`the guardian of ${personId} withdraws the face`);
      this.#doInOffice(() => void this.#cloud.people.withdrawFace(personId));
    }
    if (this.#chance.happens(0.02)) this.#command();
  }

  /** The same command is sent twice: the first answer may have been lost. */
  #command(): void {
    const { device } = this.#chance.pick(this.#terminals);
    const id = `0190c0de-0000-7000-8000-${String(this.#commandCount++).padStart(12, "0")}`;
    for (let sent = 0; sent < 2; sent++) this.#cloud.send(device, id, "note");
  }

  /** Nothing new goes wrong and everything is put right: now it has to come to an end by itself. */
  async #calm(what: string): Promise<void> {
    this.#world.faultsOn = false;
    this.#world.ntp = true;
    const { broker } = this.#world;
    const faults = broker.faults;
    broker.faults = {
      acknowledgeThenLose: 0,
      duplicate: 0,
      delay: 0,
      loseAcknowledgement: 0,
      cutConnection: 0,
    };
    this.#misfortunes.end();
    this.#kitchen?.end();
    this.trace.add(`${what}: everything is put right`);
    let progress = "";
    for (let stillMs = 0; !this.#isDrained(); stillMs += CALM_STEP_MS) {
      const reached = this.#reached();
      if (reached !== progress) stillMs = 0;
      progress = reached;
      if (stillMs > CALM_WITHOUT_PROGRESS_MS_MAX) this.#failDrain();
      for (const terminal of this.#terminals) {
        if (terminal.restartWanted) terminal.cutPower();
        if (!(await terminal.powerOn())) throw broken("stuck", `${terminal.device} does not start`);
        terminal.setClock(0);
      }
      await this.#advance(CALM_STEP_MS, CALM_GRAIN_MS);
    }
    this.#model.checkMoney(this.#cloud.db, this.#people);
    this.#kitchen?.check();
    broker.faults = faults;
  }

  #isDrained(): boolean {
    const cloudVersion = this.#cloud.people.version();
    if (this.#kitchen !== null && this.#kitchen.missingInCloud() !== null) return false;
    return this.#terminals.every(({ device, life }) => {
      const journal = this.#model.journals.get(device);
      if (life === null || journal === undefined) return false;
      // A cloud that was just put back has less than the terminal still believes.
      const isThere =
        journal.ackedSeq === journal.headSeq && this.#cloud.hasThrough(device) === journal.headSeq;
      return isThere && life.store.roster.version() === cloudVersion;
    });
  }

  #reached(): string {
    const acked = this.#terminals.map(({ device, life }) => [
      this.#model.journals.get(device)?.ackedSeq,
      life?.store.roster.version(),
    ]);
    return JSON.stringify(acked);
  }

  #failDrain(): never {
    const states = this.#terminals.map(({ device, life }) => {
      const journal = this.#model.journals.get(device);
      return `${device}: ${journal?.ackedSeq} of ${journal?.headSeq}, roster ${life?.store.roster.version()} of ${this.#cloud.people.version()}, ${JSON.stringify(life?.sync.status())}`;
    });
    const kitchen = this.#kitchen?.missingInCloud() ?? "nothing";
    throw broken("not-drained", `${states.join("; ")}; the kitchen lacks ${kitchen}`);
  }

  #deepCheck(): void {
    for (const terminal of this.#terminals) {
      this.#model.journals.get(terminal.device)?.recheck();
      const verification = terminal.letOthersRead((file) => verifyJournal(file, TERMINAL_PROJECTIONS));
      count(this.#world, "journals verified");
      if (!verification.ok)
        throw broken("verify-failed", `${terminal.device}: ${JSON.stringify(verification)}`);
    }
  }

  /** Terminals are switched off, or stay on. */
  async #night(): Promise<void> {
    for (const terminal of this.#terminals) if (this.#chance.happens(0.8)) terminal.cutPower();
    const nextDayMs = (Math.floor(this.#time.nowMs / MS_PER_DAY) + 1) * MS_PER_DAY;
    await this.#advance(nextDayMs - this.#time.nowMs, IDLE_GRAIN_MS);
  }
}
