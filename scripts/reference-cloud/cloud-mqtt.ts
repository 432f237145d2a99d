import type { z } from "zod";
import type { Clock } from "../../device/platform/clock.ts";
import type { Entropy, IdSource } from "../../device/platform/entropy.ts";
import type { Logger } from "../../device/platform/logger.ts";
import type { JournalGoneMessage } from "../../device/sync/journal-gone.ts";
import {
  MESSAGE_BYTES_MAX,
  type MealPlanMessage,
  type OnlineMessage,
  parseMessage,
  type ReceiptMessage,
  type ReportedMessage,
} from "../../device/sync/messages.ts";
import type { IncomingMessage } from "../../device/sync/mqtt-connection.ts";
import {
  type BrokerSettings,
  type Link,
  type LinkState,
  type MakeLink,
  MqttLink,
} from "../../device/sync/mqtt-link.ts";
import type { OrdersMessage } from "../../device/sync/order-messages.ts";
import { Outbox } from "../../device/sync/outbox.ts";
import {
  ALARM_CHANNEL,
  CHANNELS,
  type Channel,
  type ChannelName,
  CLOUD_FILTERS,
  type ParsedTopic,
  parseAlarmSuffix,
  parsePhotoSuffix,
  parseTopic,
  type TerminalAddress,
  TOPIC_ROOT,
  topicOf,
} from "../../device/sync/topics.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import { refusalOf } from "./batch-refusal.ts";
import type { DeviceBook } from "./device-book.ts";
import type { JournalIntake } from "./journal-intake.ts";
import type { OrderDesk } from "./order-desk.ts";
import type { PhotoIntake } from "./photo-intake.ts";
import type { PhotoQuotes } from "./photo-quotes.ts";
import type { SealedTemplates } from "./template-store.ts";

/** Where the roster's messages come from. */
export interface RosterFeed {
  version(): number;
  /** Whether a terminal with this version has the newest, or a delta brings it there. */
  fits(version: number): boolean;
  /** Whether consent covers giving this person's templates to other terminals. */
  mayShare(personId: string): boolean;
  /** What brings this terminal from `have` to the newest version, in order; empty when it is there. */
  messagesSince(address: TerminalAddress, have: number): readonly object[];
}

export interface CloudMqttOptions {
  readonly broker: BrokerSettings;
  readonly intake: JournalIntake;
  /** Whether an entry is a checkpoint that the terminal's registered key signed. */
  readonly vouches?: (address: TerminalAddress, entry: JournalGoneMessage["checkpoint"]) => boolean;
  readonly devices: DeviceBook;
  readonly roster: RosterFeed;
  readonly templates: SealedTemplates;
  readonly photos: PhotoIntake;
  /** Left out, no photo is asked for. */
  readonly quotes?: PhotoQuotes;
  readonly alarms: AlarmBoard;
  readonly orders: Pick<OrderDesk, "messagesSince">;
  readonly mealPlan: () => MealPlanMessage | null;
  /** Called after anything that the page shows has changed; must not throw. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** For the simulation: another line than MQTT's. */
  readonly makeLink?: MakeLink;
}

const OUTBOX = { inFlightMax: 12, waitingMax: 10_000 };

/** The cloud's side of the sync contract, for all terminals of all sites at one broker. */
export class CloudMqtt {
  readonly #options: CloudMqttOptions;
  readonly #link: Link;
  readonly #outbox: Outbox;
  /** What each terminal comes to with what it was sent. */
  readonly #rosterVersions = new Map<string, number>();
  /** What each terminal said last that it has. */
  readonly #rosterHeard = new Map<string, number>();
  /** What was sent to each terminal that is online. */
  readonly #ordersRevisions = new Map<string, number>();
  /** Whether a terminal takes orders without prices; without its birth nobody knows, and it is sent none. */
  readonly #priceFree = new Map<string, boolean>();
  #malformedCount = 0;

  constructor(options: CloudMqttOptions) {
    this.#options = options;
    const { broker, clock, entropy, ids, logger } = options;
    const makeLink: MakeLink = options.makeLink ?? ((...of) => new MqttLink(...of));
    this.#link = makeLink(
      {
        broker,
        clientId: "canteen-reference-cloud",
        filters: CLOUD_FILTERS,
        will: (connectionId) => ({
          topic: `${TOPIC_ROOT}/cloud/reference/state/online`,
          payload: JSON.stringify({ v: 1, online: false, connectionId }),
          retain: false,
        }),
        messageBytesMax: MESSAGE_BYTES_MAX,
        clock,
        entropy,
        ids,
        logger,
      },
      {
        onUp: () => options.onChanged(),
        onDown: () => this.#onDown(),
        onMessage: (message) => this.#onMessage(message),
        onState: () => options.onChanged(),
      },
    );
    this.#outbox = new Outbox({ ...OUTBOX, publish: (message) => this.#link.publish(message), logger });
  }

  start(): void {
    this.#link.start();
  }

  state(): LinkState {
    return this.#link.state();
  }

  get malformedCount(): number {
    return this.#malformedCount;
  }

  /** Sends every terminal that is online what it lacks of the roster. */
  pushRoster(): void {
    for (const row of this.#options.devices.all()) {
      if (row.online === 1) this.#sendRoster(row, this.#rosterVersions.get(keyOf(row)) ?? row.roster_version);
    }
  }

  pushMealPlan(): void {
    for (const row of this.#options.devices.all()) {
      if (row.online === 1) this.#sendMealPlan(row, row.meal_plan_version);
    }
  }

  pushOrders(): void {
    for (const row of this.#options.devices.all()) {
      if (row.online === 1) this.#sendOrders(row, this.#ordersRevisions.get(keyOf(row)) ?? 0);
    }
  }

  send(address: TerminalAddress, name: ChannelName, message: object): void {
    this.#outbox.send({
      topic: topicOf(address, name),
      payload: JSON.stringify(message),
      retain: CHANNELS[name].retain,
    });
  }

  async close(): Promise<void> {
    this.#outbox.clear();
    await this.#link.close({ waitMsMax: 1000 });
  }

  #onDown(): void {
    // Wills that were due meanwhile are never heard when the broker itself went away.
    this.#options.devices.forgetOnline();
    this.#outbox.clear();
    this.#rosterVersions.clear();
    this.#rosterHeard.clear();
    this.#ordersRevisions.clear();
    this.#priceFree.clear();
    this.#options.onChanged();
  }

  #onMessage({ topic, payload }: IncomingMessage): void {
    const address = parseTopic(topic);
    if (address === undefined || (payload.byteLength === 0 && topic.includes("/state/"))) return;
    const { intake, devices, templates } = this.#options;
    switch (address.name) {
      case "journal":
        this.#with(CHANNELS.journal, address, payload, (batch) => {
          this.send(address, "receipt", intake.take(address, batch));
        });
        break;
      case "journalGone":
        this.#with(CHANNELS.journalGone, address, payload, (gone) => {
          if (this.#options.vouches?.(address, gone.checkpoint) === true)
            this.send(address, "receipt", intake.takeGone(address, gone));
        });
        break;
      case "journalRequest":
        this.#with(CHANNELS.journalRequest, address, payload, (request) => {
          this.send(address, "journalPage", intake.page(address, request));
        });
        break;
      case "online":
        this.#with(CHANNELS.online, address, payload, (message) => this.#onOnline(address, message));
        break;
      case "health":
        this.#with(CHANNELS.health, address, payload, (message) => devices.health(address, message));
        break;
      case "rosterRequest":
        this.#with(CHANNELS.rosterRequest, address, payload, ({ have }) => {
          this.#rosterHeard.set(keyOf(address), have);
          this.#sendRoster(address, have);
        });
        break;
      case "templateUp":
        this.#with(CHANNELS.templateUp, address, payload, (share) => {
          // The consent's entry may still be on its way: without an echo the terminal sends the share again.
          if (!this.#options.roster.mayShare(share.personId)) return;
          templates.take(address, share);
          this.#forwardTemplates(address.site);
        });
        break;
      case "reported":
        this.#with(CHANNELS.reported, address, payload, (report) => this.#onReported(address, report));
        break;
      case "photoAnswer":
        this.#with(CHANNELS.photoAnswer, address, payload, (answer) => {
          this.#options.quotes?.answered(address, answer);
        });
        break;
      case "commandResult":
        this.#with(CHANNELS.commandResult, address, payload, ({ id, status }) => {
          this.#options.logger.info({ ...plain(address), id, status }, "a command was answered");
        });
        break;
      default:
        if (!this.#takeAlarm(address, payload)) this.#takePhoto(address, address.suffix, payload);
    }
  }

  /** @returns whether the topic is a cabinet's. */
  #takeAlarm(address: ParsedTopic, payload: Uint8Array): boolean {
    const cabinetId = parseAlarmSuffix(address.suffix);
    if (cabinetId === undefined) return false;
    this.#with(ALARM_CHANNEL, address, payload, (state) =>
      this.#options.alarms.take(address, cabinetId, state),
    );
    return true;
  }

  #takePhoto(address: TerminalAddress, suffix: string, payload: Uint8Array): void {
    const photo = parsePhotoSuffix(suffix);
    if (photo === undefined) {
      this.#options.logger.debug({ topic: suffix.slice(0, 64) }, "unknown topic");
      return;
    }
    const receipt = this.#options.photos.take(address, photo.sha256, photo.offset, payload);
    this.send(address, "photoReceipt", receipt);
    if (!receipt.complete) return;
    this.#options.onChanged();
    if (this.#options.quotes?.arrived(address, photo.sha256) === true) this.#askForPhotos(address);
  }

  #askForPhotos(address: TerminalAddress): void {
    const request = this.#options.quotes?.request(address);
    if (request !== undefined) this.send(address, "photoRequest", request);
  }

  #with<T>(
    channel: Pick<Channel<z.ZodType<T>>, "schema" | "suffix">,
    address: TerminalAddress,
    payload: Uint8Array,
    take: (message: T) => void,
  ): void {
    const parsed = parseMessage(channel.schema, payload);
    if (parsed.kind === "malformed") {
      this.#malformedCount += 1;
      const { code, at } = parsed;
      this.#options.logger.warn({ ...plain(address), topic: channel.suffix, code, at }, "message refused");
      if (channel.suffix === CHANNELS.journal.suffix)
        this.#refuseBatch(address, refusalOf(payload, code, at));
      return;
    }
    this.#options.devices.seen(address);
    take(parsed.message);
    this.#options.onChanged();
  }

  #refuseBatch(address: TerminalAddress, refused: NonNullable<ReceiptMessage["refused"]>): void {
    if (refused.length > 0)
      this.send(address, "receipt", { ...this.#options.intake.receipt(address, null), refused });
  }

  #onOnline(address: TerminalAddress, message: OnlineMessage): void {
    this.#options.devices.online(address, message);
    if (!message.online) return;
    this.#rosterVersions.set(keyOf(address), message.rosterVersion);
    this.#rosterHeard.set(keyOf(address), message.rosterVersion);
    // An empty terminal asks by itself; sending it twice would cost a snapshot.
    if (message.rosterVersion > 0) this.#sendRoster(address, message.rosterVersion);
    this.#sendMealPlan(address, message.mealPlanVersion);
    this.#priceFree.set(keyOf(address), message.priceFree === true);
    this.#sendOrders(address, message.ordersRevision);
    this.#sendTemplates(address);
    // The birth is repeated each minute: what is due then is asked for.
    this.#askForPhotos(address);
  }

  #onReported(address: TerminalAddress, report: ReportedMessage): void {
    if (report.what === "template" && report.status !== "not-saved") {
      this.#options.templates.delivered(address, report.shareId, report.code ?? report.status);
    } else if (report.what === "roster") {
      this.#onRosterVersion(address, report.version);
      if (report.status !== "applied") return;
      // A share can overtake the consent that it needs: roster and templates travel on topics of their own.
      this.#options.templates.offerAgain(address);
      this.#sendTemplates(address);
    } else if (report.what === "orders" && report.status === "gap") {
      this.#sendOrders(address, report.version);
    } else if (report.what === "malformed") {
      const { topic, code } = report;
      this.#options.logger.warn({ ...plain(address), topic, code }, "the terminal refused a message");
    }
  }

  /** What a cloud had sent before it was put back may have reached the terminal after its birth. */
  #onRosterVersion(address: TerminalAddress, version: number): void {
    // Each part of a snapshot is reported and but the last leaves the version as it was: all of them are on their way.
    if (this.#rosterHeard.get(keyOf(address)) === version) return;
    this.#rosterHeard.set(keyOf(address), version);
    this.#rosterVersions.set(keyOf(address), version);
    if (version > 0 && !this.#options.roster.fits(version)) this.#sendRoster(address, version);
  }

  #sendRoster(address: TerminalAddress, have: number): void {
    const messages = this.#options.roster.messagesSince(address, have);
    for (const message of messages) this.send(address, "roster", message);
    if (messages.length > 0) this.#rosterVersions.set(keyOf(address), this.#options.roster.version());
  }

  #sendMealPlan(address: TerminalAddress, have: string | null): void {
    const plan = this.#options.mealPlan();
    if (plan !== null && plan.version !== have) this.send(address, "mealPlan", plan);
  }

  #sendOrders(address: TerminalAddress, have: number): void {
    const priceFree = this.#priceFree.get(keyOf(address));
    if (priceFree === undefined) return;
    const messages = this.#options.orders.messagesSince(have);
    for (const message of messages)
      this.send(address, "orders", priceFree ? withoutPrices(message) : message);
    this.#ordersRevisions.set(keyOf(address), messages.at(-1)?.revision ?? have);
  }

  #sendTemplates(address: TerminalAddress): void {
    for (const share of this.#options.templates.undelivered(address))
      this.send(address, "templateDown", share);
  }

  #forwardTemplates(site: string): void {
    for (const row of this.#options.devices.all()) {
      if (row.site === site && row.online === 1) this.#sendTemplates(row);
    }
  }
}

function withoutPrices(message: OrdersMessage): OrdersMessage {
  const orders = message.orders.map((order) => ({
    ...order,
    lines: order.lines.map((line) => ({ ...line, priceFen: null })),
  }));
  return { ...message, orders };
}

const keyOf = ({ site, device }: TerminalAddress): string => `${site}/${device}`;
const plain = ({ site, device }: TerminalAddress): TerminalAddress => ({ site, device });
