import type { BridgeClock, BridgeEntropy, BridgeTimer } from "../ports/clock.ts";
import type { Codec, Dialect, OptionBag } from "../ports/dialect.ts";
import type { FaultHint } from "../ports/fault.ts";
import type { Reading, WeightReading } from "../ports/reading.ts";
import type { Scale, ScaleCommand, ScaleCommandOutcome, ScaleHealth, ScaleReading } from "../ports/scale.ts";
import type { Transport } from "../ports/transport.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";
import { exactGrams, resolutionOf } from "./grams.ts";
import { POLL_OF_DIALECT, type PollPlan } from "./polling.ts";
import { DEFAULT_STABILITY, type StabilityRule, StabilityWindow } from "./stability.ts";
import { formatHint } from "./top-bit.ts";

export interface ScaleDriverOptions {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions?: OptionBag;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  readonly stability?: StabilityRule;
  /** null never asks; without it, dialects that are silent until asked are polled as their manual allows. */
  readonly poll?: PollPlan | null;
  /** Another pace than the plan's. */
  readonly pollEveryMs?: number;
  /** Above this the reading has no value: for dialects that have no overload on the wire. In grams. */
  readonly capacityG?: number;
  /** null for scales that speak only at a key press. */
  readonly silenceMsMax?: number | null;
  readonly commandWaitMsMax?: number;
}

const SILENCE_MS_MAX = 3000;
/** Dialects whose frame ends only with what follows it, where nothing follows. Longer than the gaps of USB adapters. */
const FRAME_END_MS = 60;
const COMMAND_WAIT_MS_MAX = 1500;
/** Of the frames since the last look, this share must be damaged before the wiring is blamed. */
const DAMAGED_SHARE_MIN = 0.2;

/** A scale from transport, framing, protocol and settings. */
export class ScaleDriver extends DeviceBase implements Scale {
  readonly #options: ScaleDriverOptions;
  readonly #codec: Codec;
  readonly #plan: PollPlan | null;
  readonly #window: StabilityWindow;
  readonly #readingListeners = new Set<(reading: ScaleReading) => void>();
  readonly #timers = new Set<BridgeTimer>();
  #invalidReadings = 0;
  /** The first frame of a connection may be the tail of one, or a stale report. */
  #distrustsNext = false;
  #lastGoodMonoMs = 0;
  /** Of this connection, for scales that speak at a key press. */
  #hasRead = false;
  #isUnread = false;
  #seen = { bytesIn: 0, badChecksum: 0, frames: 0 };
  #pending: ((outcome: ScaleCommandOutcome) => void) | undefined;

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ScaleDriverOptions) {
    const codec = options.dialect.open(options.dialectOptions ?? {});
    const { framing } = codec;
    const endsAtSilence = "endsAtSilence" in framing && framing.endsAtSilence === true;
    super(`${options.dialect.key} ${options.transport.label}`, {
      ...options,
      codec,
      ...(endsAtSilence ? { endAfterSilenceMs: FRAME_END_MS } : {}),
    });
    this.#options = options;
    this.#codec = codec;
    this.#plan = options.poll === undefined ? (POLL_OF_DIALECT[options.dialect.key] ?? null) : options.poll;
    this.#window = new StabilityWindow(options.stability ?? DEFAULT_STABILITY);
  }

  onReading(listener: (reading: ScaleReading) => void): () => void {
    this.#readingListeners.add(listener);
    return () => this.#readingListeners.delete(listener);
  }

  async command(command: ScaleCommand): Promise<ScaleCommandOutcome> {
    const bytes = this.#codec.commands[command];
    if (bytes === undefined) return { kind: "refused", reason: "unsupported" };
    if (this.#pending !== undefined) return { kind: "refused", reason: "busy" };
    const outcome = this.#awaitAnswer();
    this.#window.forget();
    const written = await this.line.write(bytes);
    if (written.kind === "refused") {
      const reason = written.reason === "busy" ? "busy" : "not-open";
      this.#settle({ kind: "refused", reason });
    }
    return outcome;
  }

  health(): ScaleHealth {
    const { connections, bytesIn, floodBytes, framing } = this.line.counters();
    return { framing, connections, bytesIn, floodBytes, invalidReadings: this.#invalidReadings };
  }

  protected override onAway(): void {
    this.#cancelTimers();
    this.#settle({ kind: "refused", reason: "not-open" });
  }

  protected override onOpen(): void {
    this.#lastGoodMonoMs = this.#options.clock.mono();
    this.enter({ kind: "connecting" });
    if (this.#plan !== null) this.#poll(this.#plan);
    this.#hasRead = false;
    this.#isUnread = false;
    this.#watch(this.#options.silenceMsMax ?? SILENCE_MS_MAX);
  }

  /** Silence is no fault of a scale that speaks only at a key press. */
  get #isTalker(): boolean {
    return this.#options.silenceMsMax !== null && this.#options.dialect.trust.stability !== "none";
  }

  #poll(plan: PollPlan): void {
    for (const [index, step] of plan.steps.entries()) {
      const bytes = typeof step === "string" ? this.#codec.commands[step] : step;
      // A command of a person goes first: its answer must not be taken for that of a question.
      const send = (): void => {
        if (bytes !== undefined && this.#pending === undefined) void this.line.write(bytes);
      };
      if (index === 0) send();
      else this.#after(index * plan.stepMs, send);
    }
    this.#after(this.#options.pollEveryMs ?? plan.everyMs, () => this.#poll(plan));
  }

  #watch(silenceMsMax: number): void {
    this.#after(silenceMsMax, () => {
      this.#judge(silenceMsMax);
      this.#watch(silenceMsMax);
    });
  }

  /** Once each silence time: says in one fault why no reading comes, or that too many frames are damaged. */
  #judge(silenceMsMax: number): void {
    const { bytesIn } = this.line.counters();
    const { badChecksum, frames } = this.health().framing;
    const [newBytes, newBad, newFrames] = [
      bytesIn - this.#seen.bytesIn,
      badChecksum - this.#seen.badChecksum,
      frames - this.#seen.frames,
    ];
    this.#seen = { bytesIn, badChecksum, frames };
    const isQuiet = this.#options.clock.mono() - this.#lastGoodMonoMs >= silenceMsMax;
    if (newBad > 2 && newBad >= DAMAGED_SHARE_MIN * (newBad + newFrames)) this.#blame("device-checksums");
    else if (!this.#isTalker) this.#judgeUnread(newBytes);
    else if (isQuiet && newBytes === 0) this.#blame("device-silent");
    else if (isQuiet) this.#blame("device-unreadable", this.#formatHint());
  }

  /** A print-out has lines around its weight: only when nothing of it is read a whole silence time later, never yet. */
  #judgeUnread(newBytes: number): void {
    if (this.#hasRead) return;
    if (this.#isUnread) this.#blame("device-unreadable", this.#formatHint());
    this.#isUnread ||= newBytes > 0;
  }

  #blame(code: Parameters<typeof deviceFault>[0], hint?: FaultHint): void {
    this.#window.forget();
    this.enter({ kind: "faulty", fault: deviceFault(code, `${this.label}: ${code}`, hint) });
  }

  #formatHint(): FaultHint | undefined {
    return formatHint(this.line.recentBytes(), this.#codec, this.#options.dialect);
  }

  protected override onBegun(): void {
    this.#window.forget();
    const { dialect, silenceMsMax } = this.#options;
    const isTailPossible = dialect.trust.check === "none";
    // A scale that speaks once at a key press would lose that press; one that answers begins with a whole line.
    const streams = this.#plan === null && silenceMsMax !== null && dialect.trust.stability !== "none";
    this.#distrustsNext = streams && (isTailPossible || dialect.serial === null);
  }

  protected override onFrame({ reading, raw }: DecodedFrame): void {
    const isDistrusted = this.#distrustsNext;
    this.#distrustsNext = false;
    if (isDistrusted) return;
    switch (reading.type) {
      case "weight":
        this.#onWeight(reading, raw);
        return;
      case "ack":
      case "tare":
        if (this.#pending === undefined) this.#onAck(reading);
        else this.#answer(reading);
        return;
      case "status":
        this.#onStatus(reading, raw);
        return;
      case "error":
        if (this.#pending !== undefined) this.#answer(reading);
        else if (reading.retry !== true) this.#blame("device-fault");
        return;
      case "invalid":
        this.#invalidReadings += 1;
        return;
      default:
        return;
    }
  }

  /** The scale is ready to be asked: it acknowledged the first half of the question. */
  #onAck(reading: Extract<Reading, { type: "ack" | "tare" }>): void {
    const next = this.#plan?.onAck;
    const bytes = next === undefined ? undefined : this.#codec.commands[next];
    if (reading.type === "ack" && reading.ok && bytes !== undefined) void this.line.write(bytes);
  }

  /** A scale that answers its status instead of a weight moves, or is out of range: a reading without a value. */
  #onStatus(status: Extract<Reading, { type: "status" }>, raw: Uint8Array): void {
    const known = { type: "weight", value: null, unit: null, stable: false, mode: null } as const;
    const isOver = status.overCapacity === true || status.meaning === "overload";
    const isUnder = status.underZero === true || status.meaning === "underload-or-negative";
    this.#onWeight(
      { ...known, ...(isOver ? { overload: true } : {}), ...(isUnder ? { underload: true } : {}) },
      raw,
    );
  }

  #onWeight(weight: WeightReading, raw: Uint8Array): void {
    const receivedMonoMs = this.#options.clock.mono();
    this.#lastGoodMonoMs = receivedMonoMs;
    this.#hasRead = true;
    if (weight.notZeroed === true) this.#blame("device-not-zeroed");
    else this.enter({ kind: "live" });
    const reading = this.#readingOf(weight, raw, receivedMonoMs);
    for (const listener of [...this.#readingListeners]) listener(reading);
  }

  #readingOf(weight: WeightReading, raw: Uint8Array, receivedMonoMs: number): ScaleReading {
    const grams =
      weight.value === null || weight.unit === null ? null : exactGrams(weight.value, weight.unit);
    const isOver = weight.overload === true || isAbove(grams, this.#options.capacityG);
    const value = isOver || weight.underload === true || weight.notZeroed === true ? null : weight.value;
    const { trust, isAlwaysNet } = this.#options.dialect;
    const stableFrom = trust.stability === "wire" ? "wire" : "software";
    return {
      value,
      resolution: value === null ? null : resolutionOf(value),
      unit: weight.unit,
      grams: value === null ? null : grams,
      mode: weight.mode === "net" && weight.tare === undefined && isAlwaysNet === true ? null : weight.mode,
      gross: weight.gross ?? (weight.mode === "gross" ? value : null),
      tare: weight.tare ?? (weight.mode === "tare" ? value : null),
      net: weight.mode === "net" ? value : null,
      stable: this.#isStable(weight, value, stableFrom, receivedMonoMs),
      stableFrom,
      overload: isOver,
      underload: weight.underload === true,
      zero: weight.zero === true,
      deviceTime: weight.deviceTime ?? null,
      receivedMonoMs,
      raw,
    };
  }

  #isStable(weight: WeightReading, value: string | null, from: "wire" | "software", monoMs: number): boolean {
    if (value === null || weight.stable === false) {
      this.#window.forget();
      return false;
    }
    const isSteady = this.#window.observe(value, monoMs);
    // A dialect may know stability in general and yet not say it in this frame.
    return from === "wire" && weight.stable !== null ? weight.stable : isSteady;
  }

  #awaitAnswer(): Promise<ScaleCommandOutcome> {
    const waitMs = this.#options.commandWaitMsMax ?? COMMAND_WAIT_MS_MAX;
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(waitMs, () => this.#settle({ kind: "sent" }));
      this.#pending = (outcome) => {
        timer.cancel();
        resolve(outcome);
      };
    });
  }

  #answer(reading: Extract<Reading, { type: "ack" | "tare" | "error" }>): void {
    if (reading.type === "tare" || (reading.type === "ack" && reading.ok)) this.#settle({ kind: "done" });
    else
      this.#settle({
        kind: "refused",
        reason: "by-the-scale",
        ...(reading.code === undefined ? {} : { code: reading.code }),
      });
  }

  #settle(outcome: ScaleCommandOutcome): void {
    const settle = this.#pending;
    this.#pending = undefined;
    settle?.(outcome);
  }

  #after(waitMs: number, task: () => void): void {
    const timer = this.#options.clock.after(waitMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

function isAbove(grams: number | null, capacityG: number | undefined): boolean {
  return grams !== null && capacityG !== undefined && Math.abs(grams) > capacityG;
}
