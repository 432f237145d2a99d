import type { Journal } from "../journal/journal-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy, IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import { type AlarmSource, AlarmUplink } from "./alarm-uplink.ts";
import type { CommandLog } from "./command-log.ts";
import { answerCommand, type CommandHandler } from "./commands.ts";
import { Downlink } from "./downlink.ts";
import type { MealPlanDownlink, OrdersDownlink, RosterDownlink, TemplateExchange } from "./downlink-port.ts";
import {
  BATCH_ENTRIES_MAX,
  CONTRACT_VERSIONS,
  type HealthMessage,
  MESSAGE_BYTES_MAX,
  type OnlineMessage,
} from "./messages.ts";
import type { IncomingMessage, OutgoingMessage } from "./mqtt-connection.ts";
import { type BrokerSettings, type Link, type LinkWaits, type MakeLink, MqttLink } from "./mqtt-link.ts";
import { Outbox } from "./outbox.ts";
import { type PhotoSource, PhotoUplink } from "./photo-uplink.ts";
import { RosterRequests } from "./roster-requests.ts";
import type { Sync, SyncStatus } from "./sync-port.ts";
import { TemplateUplink } from "./template-uplink.ts";
import {
  alarmTopic,
  CHANNELS,
  type ChannelName,
  downFilter,
  photoTopic,
  type TerminalAddress,
  topicOf,
} from "./topics.ts";
import { type CloudTime, UplinkPump } from "./uplink-pump.ts";
import type { UplinkLimits } from "./uplink-state.ts";

export interface SyncOptions {
  readonly address: TerminalAddress;
  /** Name and version of the program, for the cloud's list of terminals. */
  readonly software: string;
  readonly broker: BrokerSettings;
  readonly receiptWaitMsMax: number;
  readonly batchesInFlightMax: number;
  readonly journal: Journal;
  readonly roster: RosterDownlink;
  readonly mealPlan?: MealPlanDownlink;
  readonly orders?: OrdersDownlink;
  /** Left out where sharing is off. */
  readonly templates?: TemplateExchange;
  readonly photos?: PhotoSource;
  /** The cabinets; left out where there are none. */
  readonly alarms?: AlarmSource;
  readonly commands?: {
    readonly log: CommandLog;
    readonly handlers: Readonly<Record<string, CommandHandler>>;
  };
  /** Further facts for `state/health`: short names, numbers or codes; never a person's data. */
  readonly facts?: () => HealthMessage["facts"];
  /** Each fresh receipt carries the cloud's clock; whoever judges this terminal's clock wants it. */
  readonly onCloudTime?: (time: CloudTime) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** For the simulation: another line than MQTT's. */
  readonly makeLink?: MakeLink;
  /** For tests: shorter waits. */
  readonly waits?: Partial<LinkWaits> & {
    readonly healthPeriodMs?: number;
    readonly receiptWaitMsLimit?: number;
    readonly photoReceiptWaitMsMin?: number;
    readonly stallWaitMsMin?: number;
  };
}

const HEALTH_PERIOD_MS = 60_000;
/** The longest wait for a receipt after many misses, and how often a conflict is asked about. */
const RECEIPT_WAIT_MS_LIMIT = 300_000;
/** The shortest pause once a second round has brought nothing; they grow up to `RECEIPT_WAIT_MS_LIMIT`. */
const STALL_WAIT_MS_MIN = 1000;
const OUTBOX_WAITING_MAX = 256;
const OUTBOX_IN_FLIGHT_MAX = 4;

/** The terminal's side of the sync contract. */
export function createSync(options: SyncOptions): Sync {
  return new TerminalSync(options);
}

class TerminalSync implements Sync {
  readonly #options: SyncOptions;
  readonly #link: Link;
  readonly #pump: UplinkPump;
  readonly #outbox: Outbox;
  readonly #downlink: Downlink;
  readonly #rosterRequests: RosterRequests;
  readonly #templates: TemplateUplink | null;
  readonly #photos: PhotoUplink | null;
  readonly #alarms: AlarmUplink | null;
  readonly #listeners = new Set<(status: SyncStatus) => void>();
  readonly #startedMs: number;
  #connectionId = "";
  #health: Timer | null = null;
  #told: SyncStatus | null = null;

  constructor(options: SyncOptions) {
    this.#options = options;
    this.#startedMs = options.clock.mono();
    this.#link = this.#makeLink();
    this.#outbox = new Outbox({
      publish: (message) => this.#link.publish(message),
      inFlightMax: OUTBOX_IN_FLIGHT_MAX,
      waitingMax: OUTBOX_WAITING_MAX,
      logger: options.logger,
    });
    this.#pump = this.#makePump();
    this.#rosterRequests = new RosterRequests({
      version: () => options.roster.version(),
      send: (request) => this.#send("rosterRequest", request),
      clock: options.clock,
      entropy: options.entropy,
    });
    this.#templates = this.#makeTemplates();
    this.#photos = this.#makePhotos();
    this.#alarms = this.#makeAlarms();
    this.#downlink = this.#makeDownlink();
  }

  start(): void {
    this.#link.start();
  }

  status(): SyncStatus {
    const { connection, reason } = this.#link.state();
    return {
      connection,
      reason: connection === "connected" ? this.#cloudTrouble() : reason,
      waitingCount: this.#pump.waitingCount,
      lastReceiptAtMs: this.#pump.lastReceiptAtMs,
      rosterVersion: this.#options.roster.version(),
      refusedEntry: this.#pump.refusedEntry,
    };
  }

  onStatus(listener: (status: SyncStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close({ waitMsMax }: { readonly waitMsMax: number }): Promise<void> {
    this.#health?.cancel();
    this.#pump.close();
    this.#templates?.close();
    this.#photos?.close();
    this.#alarms?.close();
    this.#rosterRequests.disconnected();
    this.#outbox.clear();
    // A goodbye suppresses the will, so its word is said here.
    if (this.#connectionId !== "") void this.#link.publish(this.#death(this.#connectionId));
    await this.#link.close({ waitMsMax });
  }

  #makeLink(): Link {
    const { address, broker, clock, entropy, ids, logger, waits } = this.#options;
    const makeLink: MakeLink = this.#options.makeLink ?? ((...of) => new MqttLink(...of));
    return makeLink(
      {
        broker,
        clientId: `canteen-${address.site}-${address.device}`,
        filters: [downFilter(address)],
        will: (connectionId) => this.#death(connectionId),
        messageBytesMax: MESSAGE_BYTES_MAX,
        clock,
        entropy,
        ids,
        logger,
        ...(waits === undefined ? {} : { waits }),
      },
      {
        onUp: (connectionId) => this.#onUp(connectionId),
        onDown: () => this.#onDown(),
        onMessage: (message) => this.#onMessage(message),
        onState: () => this.#tell(),
      },
    );
  }

  #makePump(): UplinkPump {
    const { journal, clock, entropy, logger, onCloudTime = () => {} } = this.#options;
    const receiptWaitMsMax = this.#options.waits?.receiptWaitMsLimit ?? RECEIPT_WAIT_MS_LIMIT;
    const limits: UplinkLimits = {
      batchesInFlightMax: this.#options.batchesInFlightMax,
      batchEntriesMax: BATCH_ENTRIES_MAX,
      stallWaitMsMin: this.#options.waits?.stallWaitMsMin ?? STALL_WAIT_MS_MIN,
      receiptWaitMs: this.#options.receiptWaitMsMax,
      receiptWaitMsMax,
      conflictWaitMs: receiptWaitMsMax,
    };
    return new UplinkPump({
      journal,
      publish: (batch) => this.#link.publish(this.#message("journal", batch)),
      sayGone: (toSeq, checkpoint) =>
        void this.#link.publish(this.#message("journalGone", { v: 1, toSeq, checkpoint })),
      ...{ limits, clock, entropy, logger },
      onChanged: () => this.#tell(),
      onCloudTime,
    });
  }

  #makeTemplates(): TemplateUplink | null {
    const { templates, clock, entropy } = this.#options;
    if (templates === undefined) return null;
    return new TemplateUplink({
      exchange: templates,
      send: (share) => this.#send("templateUp", { v: 1, ...share }),
      clock,
      entropy,
    });
  }

  #makePhotos(): PhotoUplink | null {
    const { photos, address, clock, entropy, logger, waits } = this.#options;
    if (photos === undefined) return null;
    return new PhotoUplink({
      source: photos,
      publish: ({ sha256, offset, bytes }) =>
        this.#link.publish({ topic: photoTopic(address, sha256, offset), payload: bytes, retain: false }),
      // Money first: while entries wait for the cloud, no new photo begins. They wait in vain where it refuses one.
      mayGo: () => this.#pump.waitingCount === 0 || this.#pump.hasStopped,
      clock,
      entropy,
      logger,
      ...(waits?.photoReceiptWaitMsMin === undefined
        ? {}
        : { receiptWaitMsMin: waits.photoReceiptWaitMsMin }),
    });
  }

  #makeAlarms(): AlarmUplink | null {
    const { alarms, address, clock } = this.#options;
    if (alarms === undefined) return null;
    return new AlarmUplink({
      source: alarms,
      publish: (cabinetId, message) =>
        this.#link.publish({
          topic: alarmTopic(address, cabinetId),
          payload: JSON.stringify(message),
          retain: true,
        }),
      clock,
    });
  }

  #makeDownlink(): Downlink {
    const { address, roster, mealPlan, orders, templates, photos, clock, logger } = this.#options;
    const commands = {
      log: this.#options.commands?.log ?? noCommands,
      handlers: this.#options.commands?.handlers ?? {},
      clock,
      logger,
    };
    return new Downlink({
      ...{ address, roster, mealPlan, orders, templates, photos },
      onReceipt: (receipt) => this.#pump.receive(receipt),
      onPhotoReceipt: (receipt) => this.#photos?.receive(receipt),
      onCommand: (command) => answerCommand(command, commands),
      onRosterNeeded: (reason) => this.#rosterRequests.need(reason),
      onRosterFits: () => this.#rosterRequests.satisfied(),
      onShareConfirmed: (shareId) => this.#templates?.confirmed(shareId),
      report: (message) => this.#send("reported", message),
      answerCommand: (message) => this.#send("commandResult", message),
      answerPhotos: (message) => this.#send("photoAnswer", message),
      now: () => clock.now(),
      logger,
    });
  }

  #onUp(connectionId: string): void {
    this.#connectionId = connectionId;
    // Before the birth: a window that the backlog has filled must not hold an alarm up.
    this.#alarms?.connected();
    this.#announce();
    this.#pump.connected(connectionId);
    this.#rosterRequests.connected();
    this.#templates?.connected();
    this.#photos?.connected();
    const periodMs = this.#options.waits?.healthPeriodMs ?? HEALTH_PERIOD_MS;
    this.#health = this.#options.clock.every(periodMs, () => {
      this.#alarms?.repeat();
      this.#announce();
      this.#pump.ask();
    });
  }

  #onDown(): void {
    this.#connectionId = "";
    this.#health?.cancel();
    this.#outbox.clear();
    this.#pump.disconnected();
    this.#rosterRequests.disconnected();
    this.#templates?.disconnected();
    this.#photos?.disconnected();
    this.#alarms?.disconnected();
  }

  #onMessage(message: IncomingMessage): void {
    this.#downlink.receive(message);
    // Perhaps the journal has just become free.
    this.#photos?.go();
    this.#tell();
  }

  /** Birth and health, repeated: a will that comes late would otherwise leave a living terminal marked dead. */
  #announce(): void {
    this.#send("online", this.#birth());
    this.#send("health", this.#healthNow());
  }

  #birth(): OnlineMessage {
    const { clock, software, roster, mealPlan, orders } = this.#options;
    return {
      v: 1,
      online: true,
      connectionId: this.#connectionId,
      contract: [...CONTRACT_VERSIONS],
      software,
      atMs: clock.now(),
      headSeq: this.#pump.state.headSeq,
      ackedSeq: this.#pump.state.ackedSeq,
      rosterVersion: roster.version(),
      mealPlanVersion: mealPlan?.version() ?? null,
      ordersRevision: orders?.revision() ?? 0,
      ...(orders?.priceFree === true ? { priceFree: true } : {}),
    };
  }

  #death(connectionId: string): OutgoingMessage {
    return this.#message("online", { v: 1, online: false, connectionId });
  }

  #healthNow(): HealthMessage {
    const { clock, roster, facts } = this.#options;
    const refused = this.#pump.refusedEntry;
    return {
      v: 1,
      connectionId: this.#connectionId,
      atMs: clock.now(),
      uptimeMs: Math.round(clock.mono() - this.#startedMs),
      headSeq: this.#pump.state.headSeq,
      ackedSeq: this.#pump.state.ackedSeq,
      waitingCount: this.#pump.waitingCount,
      rosterVersion: roster.version(),
      conflict: this.#pump.state.conflict !== null,
      malformedCount: this.#downlink.refusedCount,
      // This lane still works where the journal's has stopped: the cloud's people can see it too.
      facts: {
        ...facts?.(),
        ...(refused === null ? {} : { refusedSeq: refused.seq, refusedCode: refused.code }),
      },
    };
  }

  /** The broker is there; is the cloud? That receipts come is also the only proof that our subscription works. */
  #cloudTrouble(): string | null {
    const { conflict, misses } = this.#pump.state;
    if (conflict !== null) return "journal-conflict";
    if (this.#pump.refusedEntry !== null) return "entry-refused";
    return misses > 0 ? "cloud-silent" : null;
  }

  #send(name: ChannelName, message: object): void {
    this.#outbox.send(this.#message(name, message));
  }

  #message(name: ChannelName, message: object): OutgoingMessage {
    return {
      topic: topicOf(this.#options.address, name),
      payload: JSON.stringify(message),
      retain: CHANNELS[name].retain,
    };
  }

  #tell(): void {
    const status = this.status();
    const told = this.#told;
    const same =
      told !== null &&
      (Object.keys(status) as (keyof SyncStatus)[]).every((key) => told[key] === status[key]);
    if (same) return;
    this.#told = status;
    for (const listener of this.#listeners) listener(status);
  }
}

/** Where no commands are wired, each is answered `unknown`, so nothing is ever recorded. */
const noCommands: CommandLog = {
  outcomeOf: () => undefined,
  applyOnce: (_id, _atMs, work) => work(),
};
