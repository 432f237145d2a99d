import { createHash } from "node:crypto";
import type { Journal, JournalEntry } from "../journal/journal-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { EpochMs, MonoMs } from "../platform/units.ts";
import { LanePace } from "./lane-pace.ts";
import { BATCH_BYTES_MAX, type JournalBatchMessage, type ReceiptMessage } from "./messages.ts";
import type { PublishOutcome } from "./mqtt-connection.ts";
import { stepUplink } from "./uplink-core.ts";
import {
  type Conflict,
  initialUplink,
  type Refusal,
  refusedEntry,
  type UplinkEffect,
  type UplinkInput,
  type UplinkLimits,
  type UplinkState,
} from "./uplink-state.ts";

/** What a receipt says about the cloud's clock. */
export interface CloudTime {
  readonly cloudNowMs: EpochMs;
  /** How old the cloud's time may be: from the question's way out to the answer's arrival. */
  readonly roundTripMs: number;
}

/** `up/journal` as it is sent: the journal's own entries, read-only. */
export type OutgoingBatch = Omit<JournalBatchMessage, "entries"> & {
  readonly entries: readonly JournalEntry[];
};

export interface UplinkOptions {
  readonly journal: Journal;
  readonly publish: (batch: OutgoingBatch) => Promise<PublishOutcome>;
  /** Tells the cloud what it asks for in vain. Said again with each receipt that lies before it. */
  readonly sayGone?: (toSeq: number, checkpoint: JournalEntry) => void;
  readonly limits: UplinkLimits;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** Called after each change; must not throw. */
  readonly onChanged: () => void;
  readonly onCloudTime: (time: CloudTime) => void;
}

/** Between the connection and the last seq in the token of a batch. */
const BATCH_MARK = ":b";
const ZERO_HASH = "0".repeat(64);
/** Room for the envelope around the entries and the commas between them. */
const ENTRIES_BYTES_MAX = BATCH_BYTES_MAX - 2048;
/** Questions and batches whose way out is remembered, to tell how old the cloud's clock in their receipt is. */
const SENT_AT_MAX = 32;

/**
 * Carries the journal to the cloud. At any time it holds at most `batchesInFlightMax` batches in memory, however
 * long the backlog is: entries are read from the journal when they are sent, and read again when sent again.
 */
export class UplinkPump {
  readonly #options: UplinkOptions;
  readonly #inputs: UplinkInput[] = [];
  readonly #sentAtMs = new Map<string, MonoMs>();
  readonly #pace = new LanePace(ENTRIES_BYTES_MAX);
  readonly #unsubscribe: () => void;
  #state: UplinkState;
  #stepping = false;
  #closed = false;
  #timer: { readonly dueMs: MonoMs; readonly timer: Timer } | null = null;
  #lastReceiptAtMs: EpochMs | null = null;
  #refused: Refusal | null = null;

  constructor(options: UplinkOptions) {
    this.#options = options;
    const { journal, limits } = options;
    this.#state = initialUplink(journal.head().seq, journal.ackedSeq(), limits);
    this.#unsubscribe = journal.onAppended(() => {
      this.#input({ kind: "appended", headSeq: journal.head().seq });
    });
  }

  get state(): UplinkState {
    return this.#state;
  }

  get waitingCount(): number {
    return this.#state.headSeq - this.#state.ackedSeq;
  }

  /** The entry at which the cloud has stopped for good; see `refusedEntry` of the core. */
  get refusedEntry(): Refusal | null {
    return this.#refused;
  }

  /** Entries wait that will not be sent before somebody has done something about it. */
  get hasStopped(): boolean {
    return this.#refused !== null || this.#state.phase === "blocked";
  }

  get lastReceiptAtMs(): EpochMs | null {
    return this.#lastReceiptAtMs;
  }

  connected(connectionId: string): void {
    this.#pace.reset();
    this.#input({ kind: "connected", connectionId, nowMs: this.#options.clock.mono() });
  }

  disconnected(): void {
    this.#sentAtMs.clear();
    this.#input({ kind: "disconnected" });
  }

  /** Asks for a fresh receipt when nothing else is under way. */
  ask(): void {
    this.#input({ kind: "ask", nowMs: this.#options.clock.mono() });
  }

  receive(receipt: ReceiptMessage): void {
    if (this.#closed) return;
    const { clock, entropy } = this.#options;
    this.#lastReceiptAtMs = clock.now();
    this.#tellTime(receipt);
    this.#input({
      kind: "receipt",
      nowMs: clock.mono(),
      ask: receipt.ask,
      ackedSeq: receipt.ackedSeq,
      batchTo: batchToOf(receipt.ask),
      gap: receipt.missing.length > 0,
      conflict: this.#conflictIn(receipt),
      refusal: receipt.refused?.find(({ seq }) => seq > receipt.ackedSeq) ?? null,
      uniform: entropy.uniform(),
    });
    this.#tellGone(receipt);
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#timer?.timer.cancel();
    this.#timer = null;
  }

  /** Runs inputs one after the other, also those that effects of the first cause. */
  #input(input: UplinkInput): void {
    if (this.#closed) return;
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = stepUplink(this.#state, next, this.#options.limits);
        this.#state = state;
        for (const effect of effects) this.#attempt(effect);
      }
    } finally {
      this.#stepping = false;
    }
    this.#arm();
    this.#noteRefusal();
    this.#options.onChanged();
  }

  /** An event once for each entry, not for each try. */
  #noteRefusal(): void {
    const refused = refusedEntry(this.#state);
    const { logger } = this.#options;
    if (refused !== null && refused.seq !== this.#refused?.seq)
      logger.error(
        { seq: refused.seq, code: refused.code },
        "the cloud does not take an entry of the journal",
      );
    else if (refused === null && this.#refused !== null)
      logger.info({ ackedSeq: this.#state.ackedSeq }, "the cloud takes the journal again");
    if (refused?.seq !== this.#refused?.seq || refused?.code !== this.#refused?.code) this.#refused = refused;
  }

  /**
   * A full or failed disk stops the sales, not the pump. An unsaved receipt is asked for again after the next start;
   * what could not be read is tried again like what could not be sent.
   */
  #attempt(effect: UplinkEffect): void {
    try {
      this.#run(effect);
    } catch (error) {
      if (!isFault(error)) throw error;
      const { clock, entropy, logger } = this.#options;
      logger.error({ code: error.code, effect: effect.kind }, "the journal could not be used by the uplink");
      this.#input({ kind: "send-failed", nowMs: clock.mono(), uniform: entropy.uniform() });
    }
  }

  #run(effect: UplinkEffect): void {
    switch (effect.kind) {
      case "send":
        this.#send(effect.afterSeq, effect.entriesMax);
        break;
      case "ask":
        this.#publish(this.#batch(effect.token, this.#state.ackedSeq, []), false);
        break;
      case "acknowledge":
        this.#options.journal.acknowledge(effect.ackedSeq);
        break;
      case "report-conflict":
        this.#report(effect.conflict);
        break;
    }
  }

  #send(afterSeq: number, entriesMax: number): void {
    const { journal, clock } = this.#options;
    const limits = { countMax: entriesMax, bytesMax: this.#pace.bytes };
    const entries = journal.readAfter(afterSeq, limits);
    const last = entries.at(-1);
    if (last === undefined) return;
    const token = `${this.#state.connectionId}${BATCH_MARK}${last.seq}`;
    this.#publish(this.#batch(token, afterSeq, entries), true);
    this.#input({ kind: "sent", range: { from: afterSeq + 1, to: last.seq }, nowMs: clock.mono() });
  }

  #batch(token: string, afterSeq: number, entries: readonly JournalEntry[]): OutgoingBatch {
    const prevHash = entries[0]?.prevHash ?? this.#hashAt(afterSeq) ?? ZERO_HASH;
    return {
      v: 1,
      ask: token,
      from: afterSeq + 1,
      to: afterSeq + entries.length,
      prevHash,
      entries,
    };
  }

  #publish(batch: OutgoingBatch, watched: boolean): void {
    const { clock, entropy, publish } = this.#options;
    const [sentAtMs, bytes] = [clock.mono(), this.#pace.bytes];
    this.#sentAtMs.set(batch.ask, sentAtMs);
    if (this.#sentAtMs.size > SENT_AT_MAX) {
      for (const oldest of this.#sentAtMs.keys()) {
        this.#sentAtMs.delete(oldest);
        break;
      }
    }
    const { connectionId } = this.#state;
    void publish(batch).then((outcome) => {
      if (outcome.kind === "acked" && connectionId === this.#state.connectionId)
        this.#pace.answered(batch.entries.length === 0 ? 0 : bytes, clock.mono() - sentAtMs);
      // A question that was not taken is put again when its wait is over; a lost connection has its own input.
      const taken = outcome.kind === "acked" || outcome.kind === "connection-lost";
      if (taken || !watched || connectionId !== this.#state.connectionId) return;
      if (outcome.kind === "busy") {
        this.#input({ kind: "send-busy", from: batch.from, nowMs: clock.mono() });
        return;
      }
      this.#options.logger.debug({ outcome: outcome.kind }, "the broker did not take a batch");
      this.#input({ kind: "send-failed", nowMs: clock.mono(), uniform: entropy.uniform() });
    });
  }

  #hashAt(seq: number): string | undefined {
    const base = this.#options.journal.base();
    return seq === base.seq ? base.hash : this.#options.journal.entryBySeq(seq)?.hash;
  }

  #tellGone({ ackedSeq }: ReceiptMessage): void {
    const { journal, sayGone } = this.#options;
    const { seq: baseSeq } = journal.base();
    const checkpoint = ackedSeq < baseSeq ? journal.entryBySeq(baseSeq + 1) : undefined;
    if (checkpoint !== undefined) sayGone?.(baseSeq, checkpoint);
  }

  #conflictIn(receipt: ReceiptMessage): Conflict | null {
    const { seq: headSeq } = this.#options.journal.head();
    if (receipt.ackedSeq > headSeq) {
      return { kind: "ahead", seq: receipt.ackedSeq, localHash: null, cloudHash: receipt.headHash };
    }
    const base = this.#options.journal.base();
    if (receipt.ackedSeq < base.seq)
      return { kind: "pruned", seq: base.seq, localHash: base.hash, cloudHash: receipt.headHash };
    const localHash = this.#hashAt(receipt.ackedSeq);
    if (localHash !== undefined && localHash !== receipt.headHash) {
      return { kind: "chain", seq: receipt.ackedSeq, localHash, cloudHash: receipt.headHash };
    }
    for (const { seq, storedHash } of receipt.conflicts) {
      const ours = this.#hashAt(seq) ?? null;
      if (seq < base.seq) continue; // Nothing here to compare it with; the cloud keeps both.
      // Where the stored one is ours, somebody else sent under this terminal's name; the cloud shows that.
      if (ours !== storedHash) return { kind: "entry", seq, localHash: ours, cloudHash: storedHash };
    }
    return null;
  }

  /** Once for each conflict, also over restarts: the entry's id follows from what it says. */
  #report(conflict: Conflict): void {
    const { journal, logger } = this.#options;
    const { kind, seq, localHash, cloudHash } = conflict;
    logger.error({ conflict: kind, seq }, "the cloud's journal of this terminal differs from its own");
    const body = { area: "sync", code: `sync-conflict-${kind}`, seq, localHash, cloudHash };
    journal.append({ id: idFrom(JSON.stringify(body)), kind: "device.fault", body });
  }

  #tellTime(receipt: ReceiptMessage): void {
    const sentAtMs = receipt.ask === null ? undefined : this.#sentAtMs.get(receipt.ask);
    if (receipt.ask === null || sentAtMs === undefined) return;
    this.#sentAtMs.delete(receipt.ask);
    const roundTripMs = this.#options.clock.mono() - sentAtMs;
    this.#options.onCloudTime({ cloudNowMs: receipt.cloudNowMs as EpochMs, roundTripMs });
  }

  #arm(): void {
    const { dueMs } = this.#state;
    if (this.#timer?.dueMs === dueMs) return;
    this.#timer?.timer.cancel();
    this.#timer = null;
    if (dueMs === null) return;
    const { clock, entropy } = this.#options;
    const waitMs = Math.max(0, dueMs - clock.mono());
    const timer = clock.after(waitMs, () => {
      this.#timer = null;
      this.#input({ kind: "due", nowMs: clock.mono(), uniform: entropy.uniform() });
    });
    this.#timer = { dueMs, timer };
  }
}

function batchToOf(token: string | null): number | null {
  const seq = token?.split(BATCH_MARK)[1];
  return seq === undefined ? null : Number(seq);
}

/** A UUID of version 8 (RFC 9562) out of a hash. */
function idFrom(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
