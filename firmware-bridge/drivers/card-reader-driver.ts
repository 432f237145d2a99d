import type { CardEvent, CardReader } from "../ports/card-reader.ts";
import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Codec, Dialect, OptionBag } from "../ports/dialect.ts";
import type { Reading } from "../ports/reading.ts";
import type { Transport } from "../ports/transport.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { formatHint } from "./top-bit.ts";
import { UnreadWatch } from "./unread-watch.ts";

export interface CardReaderDriverOptions {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions?: OptionBag;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  /** The same card again counts as new after so long without it. */
  readonly repeatMsMin?: number;
  /** For modules that only answer; they are asked so often. */
  readonly pollEveryMs?: number;
  /** What came and could not be read is told after so long. */
  readonly unreadMsMax?: number;
}

const REPEAT_MS_MIN = 1500;
const POLL_EVERY_MS = 200;
/** A card number without a terminator ends after so long without a byte. */
const NUMBER_END_MS = 100;

/** A card reader: one event for each time that a card is held to it. */
export class CardReaderDriver extends DeviceBase implements CardReader {
  readonly #options: CardReaderDriverOptions;
  readonly #codec: Codec;
  readonly #repeats: RepeatFilter;
  readonly #listeners = new Set<(card: CardEvent) => void>();
  readonly #unread: UnreadWatch;
  #timer: BridgeTimer | undefined;

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: CardReaderDriverOptions) {
    const codec = options.dialect.open(options.dialectOptions ?? {});
    const label = `${options.dialect.key} ${options.transport.label}`;
    super(label, { ...options, codec, endAfterSilenceMs: NUMBER_END_MS });
    this.#options = options;
    this.#codec = codec;
    this.#repeats = new RepeatFilter(options.repeatMsMin ?? REPEAT_MS_MIN);
    this.#unread = new UnreadWatch({
      clock: options.clock,
      bytesIn: () => this.line.counters().bytesIn,
      onUnread: () => this.#blame(),
      ...(options.unreadMsMax === undefined ? {} : { lookEveryMs: options.unreadMsMax }),
    });
  }

  onCard(listener: (card: CardEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected override onOpen(): void {
    super.onOpen();
    this.#unread.begin();
    this.#poll();
  }

  protected override onAway(): void {
    this.#timer?.cancel();
    this.#unread.stop();
  }

  protected override onFrame({ reading }: DecodedFrame): void {
    if (reading.type === "card") this.#onReadable();
    const uid = uidOf(reading);
    const receivedMonoMs = this.#options.clock.mono();
    if (uid === null || !this.#repeats.isNew(uid, receivedMonoMs)) return;
    for (const listener of [...this.#listeners]) listener({ uid, receivedMonoMs });
  }

  #onReadable(): void {
    this.#unread.stop();
    this.enter({ kind: "live" });
  }

  #blame(): void {
    const hint = formatHint(this.line.recentBytes(), this.#codec, this.#options.dialect);
    const fault = deviceFault("device-unreadable", `${this.label}: device-unreadable`, hint);
    this.enter({ kind: "faulty", fault });
  }

  #poll(): void {
    const question = this.#codec.commands.read;
    if (question === undefined) return;
    void this.line.write(question);
    this.#timer = this.#options.clock.after(this.#options.pollEveryMs ?? POLL_EVERY_MS, () => this.#poll());
  }
}

function uidOf(reading: Reading): string | null {
  if (reading.type !== "card") return null;
  if (reading.facility !== undefined && reading.number !== undefined)
    return `${reading.facility}-${reading.number}`;
  return reading.uid ?? null;
}
