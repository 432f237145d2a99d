import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { ModbusMessage } from "../ports/reading.ts";
import type { Transport } from "../ports/transport.ts";
import { withModbusCrc } from "../protocol/modbus-rtu/modbus-frame.ts";
import { modbusRtu } from "../protocol/modbus-rtu/modbus-rtu.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";

export interface ModbusQuestion {
  /** Modbus address, 1…247. */
  readonly unit: number;
  readonly functionCode: 1 | 2 | 3 | 4 | 5 | 6;
  readonly address: number;
  /** How many registers or coils; of a write the value. */
  readonly quantity: number;
  readonly replyWaitMsMax?: number;
}

export type ModbusAnswer =
  | { readonly kind: "answered"; readonly message: ModbusMessage; readonly raw: Uint8Array }
  | { readonly kind: "exception"; readonly code: number; readonly raw: Uint8Array }
  /** Bytes came, none of them an answer. */
  | { readonly kind: "damaged" }
  /** An answer with a right CRC came, of another length than was asked for: wrong registers, or two devices. */
  | { readonly kind: "unfitting" }
  | { readonly kind: "silent" }
  | { readonly kind: "refused"; readonly reason: "not-open" | "busy" };

export interface ModbusBusOptions {
  readonly transport: Transport;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  readonly replyWaitMsMax?: number;
}

const REPLY_WAIT_MS_MAX = 500;
/** One more try: a relay's greeting at power-up is known to have destroyed the first exchange. */
const TRIES_MAX = 2;
/** Silence that the standard wants between frames, at 4800 baud and with room. */
const GAP_MS = 20;
/** More waiting questions than any line answers in time. */
const WAITING_MAX = 64;

interface Pending {
  readonly question: ModbusQuestion;
  readonly settle: (answer: ModbusAnswer) => void;
  tries: number;
  damaged: boolean;
  unfitting: boolean;
  /** A try of it went by without an answer, which may still come. */
  late: boolean;
}

/**
 * One RS-485 line and all that hangs on it: probes and relays share it, one question at a time. A device that does not
 * answer costs the others its time-out, twice, and no more. One that answers late is asked nothing for as long again, and
 * the others go first: two probes of one unit have answers of one shape, and a late one would count for the other probe.
 */
export class ModbusBus extends DeviceBase {
  readonly #options: ModbusBusOptions;
  readonly #waiting: Pending[] = [];
  #current: Pending | undefined;
  #timer: BridgeTimer | undefined;
  /** Runs while all who wait are of units whose late answer may still come. */
  #lateTimer: BridgeTimer | undefined;
  readonly #lateUntilMs = new Map<number, number>();
  #isOpen = false;
  #users = 0;

  constructor(options: ModbusBusOptions) {
    super(`modbus-rtu ${options.transport.label}`, { ...options, codec: modbusRtu.open({}) });
    this.#options = options;
  }

  /** Several devices open the line; it opens with the first. */
  override open(options: { readonly signal: AbortSignal }): void {
    this.#users += 1;
    if (this.#users === 1) super.open(options);
  }

  /** The line closes with the last of its devices. */
  override async close(): Promise<void> {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users === 0) await super.close();
  }

  /** @returns the answer, or why there is none; it never rejects, and every question is settled. */
  ask(question: ModbusQuestion): Promise<ModbusAnswer> {
    if (!this.#isOpen) return Promise.resolve({ kind: "refused", reason: "not-open" });
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve({ kind: "refused", reason: "busy" });
    return new Promise((settle) => {
      this.#waiting.push({ question, settle, tries: 0, damaged: false, unfitting: false, late: false });
      if (this.#current === undefined && this.#timer === undefined) this.#next();
    });
  }

  protected override onOpen(): void {
    this.#isOpen = true;
    super.onOpen();
  }

  protected override onAway(): void {
    this.#isOpen = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#lateTimer?.cancel();
    this.#lateTimer = undefined;
    this.#lateUntilMs.clear();
    const unanswered = [this.#current, ...this.#waiting.splice(0)];
    this.#current = undefined;
    for (const pending of unanswered) pending?.settle({ kind: "refused", reason: "not-open" });
  }

  protected override onFrame({ reading, raw }: DecodedFrame): void {
    const current = this.#current;
    if (current === undefined) return;
    if (reading.type === "invalid") current.damaged = true;
    if (reading.type !== "modbus" || reading.unit !== current.question.unit) return;
    if (reading.fc !== current.question.functionCode) return;
    if (reading.kind === "exception") this.#finish({ kind: "exception", code: reading.code ?? 0, raw });
    else if (isAnswerTo(current.question, reading)) this.#finish({ kind: "answered", message: reading, raw });
    else if (reading.kind === "response" || reading.kind === "bits") current.unfitting = true;
  }

  #next(): void {
    this.#timer = undefined;
    // What came in the pause answers nobody; left in the buffer it would swallow the answer to the next question.
    this.line.endMessage();
    this.#lateTimer?.cancel();
    this.#lateTimer = undefined;
    const waits = this.#waiting.map(({ question }) => this.#lateMsOf(question.unit));
    const at = waits.findIndex((waitMs) => waitMs <= 0);
    this.#current = at === -1 ? undefined : this.#waiting.splice(at, 1)[0];
    if (this.#current !== undefined) this.#send(this.#current);
    else if (waits.length > 0)
      this.#lateTimer = this.#options.clock.after(Math.min(...waits), () => this.#next());
  }

  #lateMsOf(unit: number): number {
    return (this.#lateUntilMs.get(unit) ?? 0) - this.#options.clock.mono();
  }

  #send(pending: Pending): void {
    pending.tries += 1;
    const { unit, functionCode, address, quantity } = pending.question;
    const words = [address, quantity].flatMap((word) => [word >> 8, word & 0xff]);
    void this.line.write(withModbusCrc([unit, functionCode, ...words]));
    this.#timer = this.#options.clock.after(this.#waitMsOf(pending), () => this.#onNoAnswer(pending));
  }

  #waitMsOf({ question }: Pending): number {
    return question.replyWaitMsMax ?? this.#options.replyWaitMsMax ?? REPLY_WAIT_MS_MAX;
  }

  #onNoAnswer(pending: Pending): void {
    // Two devices at one address leave half a frame that would wait for bytes of the next probe's answer.
    this.line.endMessage();
    // It may have been the answer after all.
    if (this.#current !== pending) return;
    pending.late = true;
    if (pending.tries < TRIES_MAX) this.#send(pending);
    else this.#finish({ kind: pending.unfitting ? "unfitting" : pending.damaged ? "damaged" : "silent" });
  }

  #finish(answer: ModbusAnswer): void {
    const pending = this.#current;
    this.#current = undefined;
    if (pending?.late === true)
      this.#lateUntilMs.set(pending.question.unit, this.#options.clock.mono() + this.#waitMsOf(pending));
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(GAP_MS, () => this.#next());
    pending?.settle(answer);
  }
}

/** Our own question comes back on lines with an echo; a read is told from its answer, a write is not. */
function isAnswerTo({ functionCode, address, quantity }: ModbusQuestion, message: ModbusMessage): boolean {
  switch (functionCode) {
    case 1:
    case 2:
      return message.kind === "bits" && message.bytes?.length === Math.ceil(quantity / 8);
    case 3:
    case 4:
      return message.kind === "response" && message.registers?.length === quantity;
    case 5:
    case 6:
      return message.address === address && message.value === quantity;
  }
}
