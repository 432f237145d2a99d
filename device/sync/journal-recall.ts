import type { JournalEntry } from "../journal/journal-port.ts";
import { assert } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy, IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import type { EpochMs } from "../platform/units.ts";
import { type JournalPageMessage, journalPageSchema, MESSAGE_BYTES_MAX, parseMessage } from "./messages.ts";
import { type BrokerSettings, MqttLink } from "./mqtt-link.ts";
import { downFilter, type TerminalAddress, topicOf } from "./topics.ts";

/** The journal that is being put back. */
export interface RecalledJournal {
  head(): { readonly seq: number };
  /** Where it begins: what lies before was pruned. */
  base(): { readonly seq: number };
  hashAt(seq: number): string | undefined;
  /** Checks that they follow the head. @throws CanteenError `journal-parted`, or of the disk. */
  take(entries: readonly JournalEntry[]): void;
}

export interface RecallOptions {
  readonly address: TerminalAddress;
  readonly broker: BrokerSettings;
  readonly journal: RecalledJournal;
  /** What to throw when the cloud's chain is not this journal's. */
  readonly parted: (seq: number) => Error;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Gives up: the terminal is being stopped. */
  readonly signal: AbortSignal;
  readonly answerWaitMs?: number;
  /** Called at each change of what is waited for; must not throw. */
  readonly onState?: (state: RecallState) => void;
}

export interface RecallState {
  readonly connection: "connected" | "connecting" | "offline" | "refused";
  readonly reason: string | null;
  readonly haveSeq: number;
  /** Null before the first answer. */
  readonly cloudSeq: number | null;
  /** What the cloud does not have and was asked for in vain; null while it may still come. */
  readonly hole: { readonly fromSeq: number; readonly toSeq: number } | null;
}

const ANSWER_WAIT_MS = 15_000;
/** Answers without the next entry, one after another, until it is taken for gone. */
const FRUITLESS_ANSWERS_MAX = 3;
/** And is asked for again only so that a cloud that was mended in the meantime ends the wait. */
const HOLE_WAIT_MS = 300_000;

/**
 * Learns from the cloud how far this terminal's journal went, and fetches what is missing here. Waits as long as it
 * takes: until the cloud has spoken, nobody knows which numbers are taken and who has paid. A cloud that lacks the very
 * next entry (it was put back from an old backup after this terminal had pruned it) is a `hole` in the state: it is then
 * asked every five minutes and not at each answer.
 * The broker hands messages of one topic on in order; so what this terminal published before its database broke has
 * reached the cloud before the question, and the answer counts it.
 * @returns the cloud's `ackedSeq`. @throws what `parted` gives, what `take` throws, or the signal's reason.
 */
export function recallJournal(options: RecallOptions): Promise<number> {
  return new JournalRecall(options).run();
}

class JournalRecall {
  readonly #options: RecallOptions;
  readonly #link: MqttLink;
  readonly #settled = Promise.withResolvers<number>();
  #question: string | null = null;
  #timer: Timer | null = null;
  #cloudSeq: number | null = null;
  #fruitlessCount = 0;
  #hole: RecallState["hole"] = null;

  constructor(options: RecallOptions) {
    this.#options = options;
    const { address, broker, clock, entropy, ids, logger } = options;
    this.#link = new MqttLink(
      {
        broker,
        clientId: `canteen-${address.site}-${address.device}`,
        filters: [downFilter(address)],
        // Retained by the terminal's ordinary connections too; nobody is born here.
        will: (connectionId) => ({
          topic: topicOf(address, "online"),
          payload: JSON.stringify({ v: 1, online: false, connectionId }),
          retain: true,
        }),
        messageBytesMax: MESSAGE_BYTES_MAX,
        ...{ clock, entropy, ids, logger },
      },
      {
        onUp: () => this.#ask(),
        onDown: () => this.#hush(),
        onMessage: ({ topic, payload }) => {
          if (topic === topicOf(address, "journalPage")) this.#receive(payload);
        },
        onState: () => this.#tell(),
      },
    );
  }

  async run(): Promise<number> {
    const { signal } = this.#options;
    const stop = (): void => this.#settled.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    else this.#link.start();
    try {
      return await this.#settled.promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#hush();
      await this.#link.close({ waitMsMax: 500 });
    }
  }

  #ask(): void {
    const { address, journal, ids, clock, answerWaitMs = ANSWER_WAIT_MS } = this.#options;
    this.#hush();
    this.#question = ids.next();
    const message = { v: 1, ask: this.#question, after: journal.head().seq };
    // Whether the broker took it does not matter: only the answer does, and without one it is asked again.
    void this.#link.publish({
      topic: topicOf(address, "journalRequest"),
      payload: JSON.stringify(message),
      retain: false,
    });
    this.#timer = clock.after(answerWaitMs, () => this.#ask());
    this.#tell();
  }

  #hush(): void {
    this.#question = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #receive(payload: Uint8Array): void {
    const parsed = parseMessage(journalPageSchema, payload);
    if (parsed.kind === "malformed") {
      this.#options.logger.warn({ code: parsed.code, at: parsed.at }, "message refused");
      return;
    }
    if (this.#question === null || parsed.message.ask !== this.#question) return;
    this.#hush();
    try {
      this.#take(parsed.message);
    } catch (error) {
      this.#settled.reject(error);
    }
  }

  #take({ ackedSeq, headHash, entries }: JournalPageMessage): void {
    const { journal, parted } = this.#options;
    this.#cloudSeq = ackedSeq;
    const have = journal.head().seq;
    const [first] = entries;
    // What was pruned here has nothing to be held against; the cloud is told of it when the terminal runs.
    const canCompare = ackedSeq <= have && ackedSeq >= journal.base().seq;
    if (canCompare && journal.hashAt(ackedSeq) !== headHash) throw parted(ackedSeq);
    // Behind a hole in the cloud, which this journal fills, there may be entries that only the cloud has.
    const goesOn = first?.seq === have + 1 && (ackedSeq > have || first.prevHash === journal.hashAt(have));
    if (ackedSeq <= have && !goesOn) {
      this.#settled.resolve(ackedSeq);
      return;
    }
    if (goesOn) {
      journal.take(entries.map((entry) => ({ ...entry, atMs: entry.atMs as EpochMs }) as JournalEntry));
      assert(journal.head().seq > have, "what was taken is there");
      this.#fruitlessCount = 0;
      this.#hole = null;
      this.#ask();
      return;
    }
    this.#fruitlessCount += 1;
    const isHole = this.#fruitlessCount >= FRUITLESS_ANSWERS_MAX;
    if (isHole)
      this.#hole = { fromSeq: have + 1, toSeq: Math.max(have + 1, (first?.seq ?? ackedSeq + 1) - 1) };
    const { clock, answerWaitMs = ANSWER_WAIT_MS } = this.#options;
    this.#timer = clock.after(isHole ? HOLE_WAIT_MS : answerWaitMs, () => this.#ask());
    this.#tell();
  }

  #tell(): void {
    const { connection, reason } = this.#link.state();
    this.#options.onState?.({
      connection,
      reason,
      haveSeq: this.#options.journal.head().seq,
      cloudSeq: this.#cloudSeq,
      hole: this.#hole,
    });
  }
}
