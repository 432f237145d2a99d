import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { Config } from "../../device/config/schema.ts";
import { isFault } from "../../device/platform/errors.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { GalleryBounds } from "../../device/roster/identity-bounds.ts";
import { createServingLine } from "../../device/serving-line/serving-line.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import { servingLineSettings } from "../../device/serving-line/settings.ts";
import { createSync } from "../../device/sync/sync.ts";
import { alarmSource } from "../../device/terminal-cabinets.ts";
import { openTerminalStore, type TerminalStore } from "../../device/terminal-store.ts";
import type { Chance } from "./chance.ts";
import { type KitchenLife, openKitchen } from "./kitchen-life.ts";
import { terminalConfig } from "./school.ts";
import type { SimulatedLink } from "./simulated-broker.ts";
import { SimulatedCamera } from "./simulated-camera.ts";
import { SITE } from "./simulated-cloud.ts";
import { type DiskImage, SimulatedDisk } from "./simulated-disk.ts";
import { MachineClock } from "./simulated-time.ts";
import {
  type Durable,
  headSeq,
  type KitchenBehind,
  noteCommand,
  PowerGone,
  type TerminalLife,
  type TerminalWatch,
  takeForItself,
} from "./terminal-life.ts";
import { withTrackedPhotos } from "./tracked-photos.ts";
import { WatchedJournal, type WriteFate } from "./watched-journal.ts";
import { count, type World } from "./world.ts";

const DISK_FULL_SPARE_PAGES = 2;
/** The database is made at the first start and migrated in one transaction: worth a try of its own. */
const FIRST_OPENING_CUT = 0.1;
/** A later start is as likely to be cut short as so many transactions. */
const OPENING_WRITES = 10;

/**
 * A terminal as `device/main.ts` builds it, without page, camera and face engine: its own store, serving line, sync,
 * receiving and sample cabinet on a simulated disk, clock and line.
 */
export class SimulatedTerminal {
  readonly device: string;
  readonly #world: World;
  readonly #watch: TerminalWatch;
  readonly #chance: Chance;
  readonly #root: string;
  readonly #disk: SimulatedDisk;
  readonly #activation: "touch" | "presence";
  readonly #kitchen: KitchenBehind | null;
  readonly #durable: Durable = { committedSeq: 0, doubtfulSeq: null };
  #life: TerminalLife | null = null;
  #link: SimulatedLink | null = null;
  /** The process whose power is gone while its code is still on the stack: nothing that it does counts. */
  #ghosts: TerminalLife[] = [];
  #image: DiskImage | null = null;
  /** Counts starts: a process that is dead must not be taken for the one after it. */
  #generation = 0;
  #cutNow = false;
  #opening = false;
  #restartWanted = false;
  #full = false;
  #guardNoticed = false;
  #batteryClockAheadMs = 0;

  constructor(
    world: World,
    watch: TerminalWatch,
    { device, root, kitchen }: { device: string; root: string; kitchen: KitchenBehind | null },
  ) {
    this.#kitchen = kitchen;
    this.#world = world;
    this.#watch = watch;
    this.device = device;
    this.#root = root;
    this.#chance = world.chance.branch();
    this.#activation = this.#chance.pick(["touch", "presence"]);
    this.#disk = new SimulatedDisk(root, "terminal.db", this.#chance.branch());
    writeFileSync(join(root, "ntp-synchronized"), "");
  }

  get life(): TerminalLife | null {
    return this.#life;
  }

  get activation(): "touch" | "presence" {
    return this.#activation;
  }

  get dataFolder(): string {
    return this.#disk.folder;
  }

  observe(): void {
    this.#watch.observe();
  }

  /** The journal has ended itself after the disk failed: a person has to start the terminal again. */
  get restartWanted(): boolean {
    return this.#restartWanted;
  }

  /** @returns false where the terminal could not start: its disk is full, or the power went meanwhile. */
  async powerOn(): Promise<boolean> {
    if (this.#life !== null) return true;
    this.#sweep();
    const { world, clock } = { world: this.#world, clock: this.#bootClock() };
    const options = { activation: this.#activation, hasKitchen: this.#kitchen !== null };
    const config = terminalConfig(this.device, this.#disk.folder, options);
    this.#generation += 1;
    const generation = this.#generation;
    let db: Database | undefined;
    const opening = this.#openingCut();
    this.#opening = true;
    try {
      const store = await openTerminalStore({
        config,
        clock,
        entropy: this.#chance.entropy,
        logger: silentLogger,
        ntpSynchronizedFile: join(this.#root, world.ntp ? "ntp-synchronized" : "none"),
        makeBackups: () => ({ make: () => Promise.resolve("simulated"), close: () => Promise.resolve() }),
        wrapJournal: (journal, opened) => {
          db = opened;
          if (opening !== null) throw new PowerGone(this.#disk.image());
          world.bug.opened(opened);
          this.#disk.opened(opened);
          takeForItself(opened);
          this.#watch.opened(opened, { ...this.#durable });
          this.#noteCommitted(opened);
          const watched = new WatchedJournal(journal, {
            fate: () => (generation === this.#generation ? this.#fate() : "written"),
            before: (fate) => this.#beforeWrite(fate),
            after: (fate) => {
              if (generation === this.#generation) this.#afterWrite(fate, opened);
            },
          });
          return world.bug.journal(watched, opened);
        },
      });
      if (db === undefined) throw new Error("the store has opened its database");
      this.#life = this.#build(config, clock, db, world.bug.store(withTrackedPhotos(store, world.time)));
    } catch (error) {
      if (error instanceof PowerGone) {
        clock.powerOff();
        db?.close();
        this.#disk.cut(opening, error.written);
        this.#disk.forgetFormer();
        return false;
      }
      if (!isFault(error)) throw error;
      world.trace.add(`${this.device} does not start: ${error.code}`);
      db?.close();
      return false;
    } finally {
      this.#opening = false;
    }
    world.trace.add(`${this.device} starts${clock.wallAheadMs < -1e9 ? ", its clock at 1970" : ""}`);
    return true;
  }

  /** The power goes at a moment when nothing is being written. */
  cutPower(): void {
    if (this.#life === null) return;
    this.#world.trace.add(`${this.device} loses power`);
    this.#die(null);
  }

  /** After each turn: closes what a dead process left open. */
  settle(): void {
    if (this.#cutNow) {
      this.#cutNow = false;
      this.#sweep();
    }
  }

  /** Sets the clock, now and for the next start: the battery-backed one keeps what the system's was set to. */
  setClock(aheadMs: number): void {
    this.#batteryClockAheadMs = aheadMs;
    this.#life?.clock.setWall(aheadMs);
  }

  setDiskFull(full: boolean): void {
    this.#full = full;
    this.#guardNoticed = full && !this.#chance.happens(this.#world.shares.fullUnnoticed);
    const db = this.#life?.db;
    if (db === undefined) return;
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.pragma(`max_page_count = ${full ? pages + DISK_FULL_SPARE_PAGES : 1_073_741_823}`);
  }

  /** While another connection reads the database's file, as `journal verify` does. */
  letOthersRead<T>(read: (file: string) => T): T {
    const db = this.#life?.db;
    if (db === undefined) return read(this.#disk.file);
    db.pragma("locking_mode = NORMAL");
    // SQLite gives its lock back with the next access.
    headSeq(db);
    try {
      return read(this.#disk.file);
    } finally {
      takeForItself(db);
    }
  }

  close(): void {
    if (this.#life !== null) {
      this.#life.clock.powerOff();
      this.#link?.die();
      this.#ghosts.push(this.#life);
      this.#life = null;
    }
    this.#sweep();
  }

  #bootClock(): MachineClock {
    const { time, shares, ntp, faultsOn } = this.#world;
    const dead = faultsOn && !ntp && this.#chance.happens(shares.deadRtc);
    const driftPpm = this.#chance.between(-shares.driftPpmMax, shares.driftPpmMax);
    if (ntp) this.#batteryClockAheadMs = 0;
    return new MachineClock(time, {
      wallAheadMs: dead ? -time.trueEpochMs : this.#batteryClockAheadMs,
      driftPpm,
    });
  }

  #build(config: Config, clock: MachineClock, db: Database, store: TerminalStore): TerminalLife {
    const { bug, broker } = this.#world;
    store.journal.append({
      id: store.ids.next(),
      kind: "device.started",
      body: { appVersion: "simulated", node: process.versions.node },
    });
    const camera = new SimulatedCamera();
    const kitchen = this.#openKitchen(config, clock, store, camera);
    const line = bug.line(
      createServingLine({
        clock,
        ids: store.ids,
        logger: silentLogger,
        journal: store.journal,
        ledger: store.ledger,
        roster: store.roster,
        pinVerifier: store.pinVerifier,
        timeTrust: store.timeTrust,
        frames: camera,
        bounds: new GalleryBounds({
          disputes: store.disputes,
          uncalibrated: () => ({ similarityMin: 0.5, marginMin: 0.1 }),
          disputedSimilarityMax: () => 0.85,
        }),
        disputes: store.disputes,
        operatorAtTill: () => "operator",
        settings: servingLineSettings(config),
        mealPlan: store.mealPlan(),
        diskSafe: () => !this.#guardNoticed,
      }),
    );
    const sync = createSync({
      clock,
      entropy: this.#chance.entropy,
      logger: silentLogger,
      address: { site: SITE, device: this.device },
      software: "simulated",
      broker: config.mqtt,
      receiptWaitMsMax: config.mqtt.receiptWaitMsMax,
      batchesInFlightMax: config.mqtt.batchesInFlightMax,
      journal: store.journal,
      ids: store.ids,
      roster: store.roster,
      photos: store.photos,
      orders: store.orders,
      ...(kitchen === null ? {} : { alarms: alarmSource(kitchen.cabinets) }),
      commands: { log: store.commandLog, handlers: { note: noteCommand(store) } },
      onCloudTime: (time) => store.takeCloudTime(time),
      makeLink: bug.link((options, listener) => {
        this.#link = broker.makeLink(options, listener);
        return this.#link;
      }, store),
    });
    const life: TerminalLife = { clock, db, store, line, sync, camera, kitchen };
    line.onStatus(({ view }) => {
      if (this.#life === life || this.#life === null) this.#shown(life, view);
    });
    sync.start();
    if (this.#full) this.setDiskFull(true);
    return life;
  }

  #openKitchen(
    config: Config,
    clock: MachineClock,
    store: TerminalStore,
    camera: SimulatedCamera,
  ): KitchenLife | null {
    if (this.#kitchen === null) return null;
    const { bug, time } = this.#world;
    const diskSafe = (): boolean => !this.#guardNoticed;
    return bug.kitchen(
      openKitchen({ ...this.#kitchen, config, clock, store, time, camera, diskSafe }),
      store,
    );
  }

  #shown(life: TerminalLife, view: CheckoutView): void {
    if (!this.#ghosts.includes(life)) this.#watch.shown(view);
  }

  /**
   * Whether the power is to go when the database is open, migrated and its projections are looked through, and before
   * anything else. @returns the disk from before; null: it does not go.
   */
  #openingCut(): DiskImage | null {
    const { shares, faultsOn } = this.#world;
    const share =
      this.#generation === 1 ? FIRST_OPENING_CUT : faultsOn ? shares.cutAtWrite * OPENING_WRITES : 0;
    if (!this.#chance.happens(share)) return null;
    count(this.#world, "cut while opening");
    this.#world.trace.add(`${this.device} loses power while it opens its database`);
    return this.#disk.image();
  }

  #fate(): WriteFate {
    const { shares, faultsOn } = this.#world;
    if (!faultsOn || this.#opening || this.#life === null) return "written";
    if (this.#chance.happens(shares.cutAtWrite))
      return this.#chance.pick(["cut-before", "cut-during", "cut-after"]);
    if (this.#chance.happens(shares.syncFails))
      return this.#chance.pick(["sync-fails", "sync-fails-later-there"]);
    return "written";
  }

  #beforeWrite(fate: WriteFate): void {
    if (fate === "written") return;
    count(this.#world, fate);
    this.#world.trace.add(`${this.device}: ${fate}`);
    if (fate === "cut-before") this.#die(null);
    if (fate === "cut-during" || fate === "sync-fails-later-there") this.#image = this.#disk.image();
    if (fate === "sync-fails") this.#restartWanted = true;
  }

  #afterWrite(fate: WriteFate, db: Database): void {
    // The process is dead already, or this is the first one's own past.
    if (this.#life === null && !this.#opening) return;
    if (fate === "cut-during" || fate === "sync-fails-later-there") {
      this.#durable.doubtfulSeq = headSeq(db);
      this.#die(this.#image);
      return;
    }
    this.#disk.committed();
    this.#noteCommitted(db);
    if (fate === "cut-after") this.#die(null);
  }

  #noteCommitted(db: Database): void {
    this.#durable.committedSeq = headSeq(db);
    this.#durable.doubtfulSeq = null;
  }

  #die(before: DiskImage | null): void {
    const life = this.#life;
    if (life === null) return;
    count(this.#world, "power cuts");
    this.#life = null;
    this.#ghosts.push(life);
    this.#disk.cut(before);
    this.#image = null;
    this.#restartWanted = false;
    life.clock.powerOff();
    this.#link?.die();
    this.#cutNow = true;
    this.#watch.off(this.#durable.committedSeq);
  }

  #sweep(): void {
    for (const { store, kitchen } of this.#ghosts) {
      const closed = (kitchen?.close() ?? Promise.resolve()).then(() => store.close());
      void this.#world.time.track(closed.then(() => this.#disk.forgetFormer()));
    }
    this.#ghosts = [];
  }
}
