import type { Clock } from "../../../device/platform/clock.ts";
import type { Entropy, IdSource } from "../../../device/platform/entropy.ts";
import type { Logger } from "../../../device/platform/logger.ts";
import {
  type JournalBatchMessage,
  MESSAGE_BYTES_MAX,
  parseMessage,
  type ReceiptMessage,
} from "../../../device/sync/messages.ts";
import type { IncomingMessage } from "../../../device/sync/mqtt-connection.ts";
import { type BrokerSettings, type LinkState, MqttLink } from "../../../device/sync/mqtt-link.ts";
import { Outbox } from "../../../device/sync/outbox.ts";
import {
  CHANNELS,
  parseTopic,
  type TerminalAddress,
  TOPIC_ROOT,
  topicOf,
} from "../../../device/sync/topics.ts";

/** Batches that wait for the database, 16 MiB at most. What finds no room is passed over: its terminal asks again. */
const WAITING_MAX = 128;
const OUTBOX = { inFlightMax: 12, waitingMax: 1024 };

export interface IngestWorkerOptions {
  readonly broker: BrokerSettings;
  /** Of this worker among all; the broker knows it by it. */
  readonly name: string;
  /** The broker gives each message to one worker of this group; null where this one is to get them all. */
  readonly group: string | null;
  readonly intake: { take(address: TerminalAddress, batch: JournalBatchMessage): Promise<ReceiptMessage> };
  /** How many batches are with the database at a time. */
  readonly concurrency: number;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Must not throw. */
  readonly onState?: (state: LinkState) => void;
}

/**
 * One of several that take the journals of all terminals: parses a batch, stores it, answers with the receipt.
 *
 * The broker is told that a batch has come before it is stored. That loses nothing: only the receipt closes an entry,
 * and a terminal whose batch died with a worker asks, and sends it again.
 */
export class IngestWorker {
  readonly #options: IngestWorkerOptions;
  readonly #link: MqttLink;
  readonly #outbox: Outbox;
  readonly #waiting: IncomingMessage[] = [];
  #working = 0;
  #closed = false;
  #passedOverCount = 0;
  #entryCount = 0;

  constructor(options: IngestWorkerOptions) {
    this.#options = options;
    const { broker, name, group, clock, entropy, ids, logger, onState = () => {} } = options;
    const filter = `${TOPIC_ROOT}/+/+/${CHANNELS.journal.suffix}`;
    this.#link = new MqttLink(
      {
        ...{ broker, clientId: `canteen-ingest-${name}`, messageBytesMax: MESSAGE_BYTES_MAX },
        filters: [group === null ? filter : `$share/${group}/${filter}`],
        will: (connectionId) => ({
          topic: `${TOPIC_ROOT}/cloud/${name}/state/online`,
          payload: JSON.stringify({ v: 1, online: false, connectionId }),
          retain: false,
        }),
        ...{ clock, entropy, ids, logger },
      },
      {
        onUp: () => {},
        onDown: () => this.#outbox.clear(),
        onMessage: (message) => this.#onMessage(message),
        onState,
      },
    );
    this.#outbox = new Outbox({ ...OUTBOX, publish: (message) => this.#link.publish(message), logger });
  }

  start(): void {
    this.#link.start();
  }

  get passedOverCount(): number {
    return this.#passedOverCount;
  }

  /** Entries in batches that were answered, repetitions included. */
  get entryCount(): number {
    return this.#entryCount;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#outbox.clear();
    await this.#link.close({ waitMsMax: 500 });
  }

  #onMessage(message: IncomingMessage): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#passedOverCount += 1;
      return;
    }
    this.#waiting.push(message);
    this.#go();
  }

  #go(): void {
    while (this.#working < this.#options.concurrency && !this.#closed) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#working += 1;
      void this.#take(message).finally(() => {
        this.#working -= 1;
        this.#go();
      });
    }
  }

  async #take({ topic, payload }: IncomingMessage): Promise<void> {
    const { intake, logger } = this.#options;
    const address = parseTopic(topic);
    if (address === undefined) return;
    const parsed = parseMessage(CHANNELS.journal.schema, payload);
    if (parsed.kind === "malformed") {
      logger.warn(
        { site: address.site, device: address.device, code: parsed.code, at: parsed.at },
        "refused",
      );
      return;
    }
    try {
      const receipt = await intake.take(address, parsed.message);
      this.#entryCount += parsed.message.entries.length;
      if (this.#closed) return;
      const topicBack = topicOf(address, "receipt");
      this.#outbox.send({ topic: topicBack, payload: JSON.stringify(receipt), retain: false });
    } catch (error) {
      // Nothing was stored and nothing is answered: the terminal asks again.
      logger.error({ error: String(error) }, "a batch could not be stored");
    }
  }
}
