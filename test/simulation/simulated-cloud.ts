import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { immediately, prepared } from "../../device/journal/prepared.ts";
import type { Timer } from "../../device/platform/clock.ts";
import { type IdSource, idSource } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { AlarmBoard } from "../../scripts/reference-cloud/alarm-board.ts";
import { openCloudDatabase } from "../../scripts/reference-cloud/cloud-database.ts";
import { CloudMqtt } from "../../scripts/reference-cloud/cloud-mqtt.ts";
import { DeviceBook } from "../../scripts/reference-cloud/device-book.ts";
import { JournalIntake } from "../../scripts/reference-cloud/journal-intake.ts";
import { OrderDesk, type WrittenOrder } from "../../scripts/reference-cloud/order-desk.ts";
import { PeopleLedger } from "../../scripts/reference-cloud/people-ledger.ts";
import { PhotoIntake } from "../../scripts/reference-cloud/photo-intake.ts";
import { SealedTemplates } from "../../scripts/reference-cloud/template-store.ts";
import type { Chance } from "./chance.ts";
import type { PlantedBug } from "./planted-bug.ts";
import type { SimulatedBroker, SimulatedLink } from "./simulated-broker.ts";
import { MachineClock, type SimulatedTime } from "./simulated-time.ts";

/** As `startReferenceCloud` has it: changes of many accounts within this time go down in one delta. */
const ROSTER_PUSH_WAIT_MS = 150;
const CLIENT_ID = "canteen-reference-cloud";

export interface CloudWorld {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly broker: SimulatedBroker;
  readonly bug: PlantedBug;
}

/** One run of the cloud's process. */
interface CloudLife {
  readonly db: Database;
  readonly clock: MachineClock;
  readonly people: PeopleLedger;
  readonly orders: OrderDesk;
  readonly alarms: AlarmBoard;
  readonly mqtt: CloudMqtt;
  readonly link: SimulatedLink;
}

/**
 * The reference cloud's own intake, accounts and roster on their own SQLite, on the simulated network. Its disk is
 * a good one; what happens to a cloud is that it starts again, or is put back from an older copy.
 */
export class SimulatedCloud {
  readonly #world: CloudWorld;
  readonly #folder: string;
  #life: CloudLife;

  constructor(world: CloudWorld, folder: string) {
    this.#world = world;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#life = this.#start();
  }

  get db(): Database {
    return this.#life.db;
  }

  get people(): PeopleLedger {
    return this.#life.people;
  }

  /** The seq through which it has a terminal's journal without a hole. */
  hasThrough(device: string): number {
    const row = prepared<[string, string], { acked_seq: number }>(
      this.db,
      "SELECT acked_seq FROM device WHERE site = ? AND device = ?",
    ).get(SITE, device);
    return row?.acked_seq ?? 0;
  }

  /** In one transaction: nobody hears of a part of it. */
  atOnce(works: readonly (() => void)[]): void {
    immediately(this.db, () => {
      for (const work of works) work();
    });
  }

  send(device: string, id: string, name: string): void {
    const now = this.#life.clock.now();
    const command = { v: 1, id, name, args: {}, issuedAtMs: now, expiresAtMs: now + 3_600_000 };
    this.#life.mqtt.send({ site: SITE, device }, "command", command);
  }

  get orders(): OrderDesk {
    return this.#life.orders;
  }

  /** The buyer writes or changes an order. */
  order(written: WrittenOrder): void {
    this.#life.orders.put(written);
    this.#life.mqtt.pushOrders();
  }

  /** The bytes lie in the cloud; its table goes with a copy that is put back, the files do not. */
  hasPhoto(device: string, sha256: string): boolean {
    return existsSync(join(this.#folder, "photos", SITE, device, `${sha256}.photo`));
  }

  /** Ids of the alarms that the cloud shows of a cabinet; null before it has heard of it. */
  alarmIds(device: string, cabinetId: string): readonly (string | null)[] | null {
    const found = this.#life.alarms
      .all()
      .find((state) => state.device === device && state.cabinetId === cabinetId);
    return found === undefined ? null : found.state.alarms.map(({ alarmId }) => alarmId);
  }

  /** Keeps a copy to be put back some day. */
  backUp(): void {
    const copy = join(this.#folder, "backup.db");
    rmSync(copy, { force: true });
    this.#life.db.prepare("VACUUM INTO ?").run(copy);
  }

  restart(): void {
    this.#stop();
    this.#life = this.#start();
  }

  /** @returns false where there is no backup. */
  restore(): boolean {
    const copy = join(this.#folder, "backup.db");
    if (!existsSync(copy)) return false;
    this.#stop();
    for (const end of ["", "-wal", "-shm"]) rmSync(`${this.#file}${end}`, { force: true });
    copyFileSync(copy, this.#file);
    this.#life = this.#start();
    return true;
  }

  close(): void {
    this.#stop();
  }

  get #file(): string {
    return join(this.#folder, "cloud.db");
  }

  #stop(): void {
    this.#life.clock.powerOff();
    this.#life.link.die();
    this.#life.db.close();
  }

  #start(): CloudLife {
    const { time, chance, broker, bug } = this.#world;
    const { entropy } = chance;
    const clock = new MachineClock(time);
    const now = (): number => clock.now();
    const db = openCloudDatabase(this.#file);
    // The cloud's disk is not what is tried here: no process of it ends in the middle of a transaction.
    db.pragma("synchronous = OFF");
    // Nobody else reads its file: without this each read takes and gives back locks by system calls.
    db.pragma("locking_mode = EXCLUSIVE");
    // Its log would be summed up and written twice for a power cut that never comes.
    db.pragma("journal_mode = MEMORY");
    const ids: IdSource = idSource(clock, entropy);
    const devices = new DeviceBook(db, now);
    devices.forgetOnline();
    const templates = new SealedTemplates(db, now);
    const pushing: { timer: Timer | null } = { timer: null };
    const people = new PeopleLedger({
      db,
      now,
      onChanged: () => {
        pushing.timer ??= clock.after(ROSTER_PUSH_WAIT_MS, () => {
          pushing.timer = null;
          mqtt.pushRoster();
        });
      },
      onConsentWithdrawn: (personId) => templates.forget(personId),
    });
    const intake = new JournalIntake(db, now, (address, entry) => bug.post(people, address, entry));
    let link: SimulatedLink | undefined;
    const [orders, alarms] = [new OrderDesk(db, now), new AlarmBoard(now)];
    const mqtt: CloudMqtt = new CloudMqtt({
      broker: {
        url: "mqtt://simulated",
        protocolVersion: 5,
        keepAliveMs: 30_000,
        reconnectWaitMsMin: 500,
        reconnectWaitMsMax: 5000,
      },
      intake,
      devices,
      roster: people,
      templates,
      photos: new PhotoIntake(db, join(this.#folder, "photos"), now),
      orders,
      alarms,
      mealPlan: () => null,
      onChanged: () => {},
      clock,
      entropy,
      ids,
      logger: silentLogger,
      makeLink: (options, listener) => {
        link = broker.makeLink(options, listener);
        return link;
      },
    });
    mqtt.start();
    if (link === undefined) throw new Error("the cloud has made its line");
    return { db, clock, people, orders, alarms, mqtt, link };
  }
}

/** The one school of a run. */
export const SITE = "school";
export const CLOUD_CLIENT_ID = CLIENT_ID;
