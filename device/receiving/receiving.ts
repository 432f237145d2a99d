import type { Scanner } from "../../firmware-bridge/ports/scanner.ts";
import type { Thermometer } from "../../firmware-bridge/ports/thermometer.ts";
import type { Journal } from "../journal/journal-port.ts";
import type { PhotoStore } from "../photos/photo-port.ts";
import type { PhotoStudio } from "../photos/studio-port.ts";
import { assertNever } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { SignatureDesk, SignOutcome } from "../signatures/signature-port.ts";
import { lineOfTarget, orderInUse } from "./delivery-facts.ts";
import { bodyOf, photoHashes } from "./entries.ts";
import { type GoodsCode, type ReadGoodsCode, refusedCode } from "./goods-code.ts";
import type { GoodsLedger } from "./goods-ledger.ts";
import type { OrderBook } from "./order-port.ts";
import { captionOf } from "./photo-caption.ts";
import { packsOf, softwareTare } from "./receiving-acts.ts";
import { step } from "./receiving-machine.ts";
import type {
  LiveReceiving,
  Receiving,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "./receiving-port.ts";
import { secondPerson } from "./receiving-signing.ts";
import {
  type Facts,
  type InnerAnswer,
  type PhotoOutcome,
  type ReceivingEffect,
  type ReceivingEvent,
  type ReceivingState,
  START,
} from "./receiving-types.ts";
import { type ReceivingLists, ViewMaker } from "./receiving-view.ts";
import { type BenchScale, ScaleBench } from "./scale-bench.ts";
import { deliveryOf } from "./step-parts.ts";
import type { SoftwareTare } from "./weight-gate.ts";

export interface ReceivingOptions {
  readonly scales: ReadonlyMap<string, BenchScale>;
  readonly thermometers: ReadonlyMap<string, Thermometer>;
  /** Those whose use is receiving. */
  readonly scanners: readonly Scanner[];
  readonly readCode: ReadGoodsCode;
  readonly orders: OrderBook;
  readonly journal: Journal;
  readonly ledger: GoodsLedger;
  readonly photos: Pick<PhotoStore, "claim">;
  /** Null where the terminal has no camera: every photo is then missing, and somebody has to allow that. */
  readonly studio: PhotoStudio | null;
  readonly desk: SignatureDesk;
  /** Who is signed in at the receiving page: a scanner's code is theirs. */
  readonly operatorAtPage: () => string | null;
  /** For the page; null for somebody whom this terminal does not know. */
  readonly operatorName: (operatorId: string) => string | null;
  readonly lists: ReceivingLists;
  readonly priceFree: boolean;
  /** The school's day of a stamp, YYYY-MM-DD, and its local time, HH:MM:SS. */
  readonly localTime: (atMs: number) => { readonly day: string; readonly time: string };
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

/** A studio that never answers must not hold the person: the photo then counts as missing. */
const PHOTO_WAIT_MS_MAX = 10_000;
const FACE_WAIT_MS_MAX = 20_000;

/**
 * Receiving over real devices: runs the machine, one event at a time, and what it wants done. What is on record is in
 * the journal alone, so a restart goes on from there: an open delivery is chosen again and shows what was taken.
 */
export function createReceiving(options: ReceivingOptions): Receiving {
  return new ReceivingLoop(options);
}

class ReceivingLoop implements Receiving {
  readonly #options: ReceivingOptions;
  readonly #bench: ScaleBench;
  readonly #facts: Facts;
  readonly #views: ViewMaker;
  readonly #viewListeners = new Set<(view: ReceivingView) => void>();
  readonly #liveListeners = new Set<(live: LiveReceiving) => void>();
  readonly #waiting = new Map<number, (answer: ReceivingAnswer) => void>();
  readonly #stops: (() => void)[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #state: ReceivingState;
  #token = 0;
  #signing: AbortController | null = null;
  #isClosed = false;

  constructor(options: ReceivingOptions) {
    this.#options = options;
    const { scales, thermometers, clock, orders, journal, priceFree, lists, operatorName } = options;
    this.#bench = new ScaleBench({
      scales,
      thermometers,
      clock,
      tareOn: (scaleId) => this.#tareOn(scaleId),
      onLive: () => this.#tellLive(),
      onEmptied: (scaleId) => {
        if (scaleId === this.#state.scaleId) this.#dispatch({ kind: "pan-emptied" });
      },
    });
    this.#state = { ...START, scaleId: this.#bench.firstScaleId() };
    this.#facts = this.#factsOf(options);
    this.#views = new ViewMaker({ facts: this.#facts, orders, journal, priceFree, lists, operatorName });
    this.#stops.push(orders.onChanged(() => this.#tellView()));
    for (const scanner of options.scanners)
      this.#stops.push(
        scanner.onScan(({ text, ais }) => this.#onCode(text, () => options.readCode({ text, ais }))),
        scanner.onRefused(({ reason }) => this.#onCode("", () => refusedCode(reason))),
      );
  }

  view(): ReceivingView {
    return this.#views.view(this.#state);
  }

  onView(listener: (view: ReceivingView) => void): () => void {
    this.#viewListeners.add(listener);
    return () => void this.#viewListeners.delete(listener);
  }

  isAtGoods(): boolean {
    return this.#state.place.kind !== "choosing";
  }

  live(): LiveReceiving {
    const { studio } = this.#options;
    return {
      scales: this.#bench.scales(),
      temperatures: this.#bench.temperatures(),
      camera: studio === null ? { kind: "none" } : studio.ready(),
    };
  }

  onLive(listener: (live: LiveReceiving) => void): () => void {
    this.#liveListeners.add(listener);
    return () => void this.#liveListeners.delete(listener);
  }

  command(operatorId: string, command: ReceivingCommand): Promise<ReceivingAnswer> {
    if (this.#isClosed) return Promise.resolve({ kind: "refused", reason: "not-now" });
    const token = ++this.#token;
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve);
      const code =
        command.kind === "scan" ? this.#options.readCode({ text: command.text, ais: null }) : undefined;
      const id = this.#options.ids.next();
      this.#dispatch({
        kind: "command",
        token,
        id,
        operatorId,
        command,
        ...(code === undefined ? {} : { code }),
      });
    });
  }

  signers(what: "override" | "delivery"): ReturnType<Receiving["signers"]> {
    const { desk, operatorAtPage } = this.#options;
    const delivery = deliveryOf(this.#state.place);
    if (what === "override" || delivery === null)
      return desk.signers({ right: "override", notOperatorIds: [] });
    const operatorId = operatorAtPage();
    const request = secondPerson(this.#facts, delivery.deliveryId, operatorId ?? "");
    return desk.signers(request);
  }

  stock(): ReturnType<Receiving["stock"]> {
    return this.#options.ledger.stock();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#bench.close();
    this.#signing?.abort();
    for (const [, resolve] of this.#waiting) resolve({ kind: "refused", reason: "not-now" });
    this.#waiting.clear();
    await Promise.allSettled(this.#underWay);
  }

  #factsOf({ orders, ledger, desk, lists, clock, localTime }: ReceivingOptions): Facts {
    const idsOf = (named: readonly { readonly id: string }[]): ReadonlySet<string> =>
      new Set(named.map(({ id }) => id));
    return {
      get day() {
        return localTime(clock.now()).day;
      },
      ledger,
      orders,
      mayKeep: (operatorId) =>
        desk
          .signers({ right: "keep", notOperatorIds: [] })
          .some((signer) => signer.operatorId === operatorId),
      scale: (scaleId) => this.#bench.identity(scaleId),
      gate: (scaleId, tare) => this.#bench.judge(scaleId, tare),
      temperature: (thermometerId, probe) => this.#bench.temperature(thermometerId, probe),
      containers: new Map(lists.containers.map((container) => [container.id, container])),
      reasons: {
        override: idsOf(lists.overrideReasons),
        reject: idsOf(lists.rejectReasons),
        strike: idsOf(lists.strikeReasons),
        bin: idsOf(lists.binReasons),
      },
    };
  }

  /** The tare chosen here is for the chosen scale; the boxes are those of the goods on it. */
  #tareOn(scaleId: string): SoftwareTare {
    const { place } = this.#state;
    if (scaleId !== this.#state.scaleId) return { containerG: 0, packsG: 0 };
    const count = place.kind === "weighing" || place.kind === "issuing" ? place.goods.packCount : null;
    if (count === null || place.kind !== "weighing") return softwareTare(this.#state, null, this.#facts);
    const order = orderInUse(this.#facts, place.delivery)?.inUse;
    const line = order === undefined ? null : (lineOfTarget(order, place.target) ?? null);
    return softwareTare(this.#state, packsOf(line, count), this.#facts);
  }

  #onCode(text: string, read: () => GoodsCode): void {
    const operatorId = this.#options.operatorAtPage();
    // Nobody is signed in: goods that nobody receives are not scanned either.
    if (operatorId === null) return;
    const code = read();
    const token = ++this.#token;
    const id = this.#options.ids.next();
    this.#dispatch({ kind: "command", token, id, operatorId, command: { kind: "scan", text }, code });
  }

  #dispatch(event: ReceivingEvent): void {
    const before = this.#state;
    const { state, effects } = step(before, event, this.#facts);
    this.#state = state;
    // Answers last: whoever hears one sees the view that goes with it.
    const answers = effects.filter((effect) => effect.kind === "answer");
    for (const effect of effects) if (effect.kind !== "answer") this.#run(effect);
    if (this.#state !== before) this.#tellView();
    for (const { token, answer } of answers) this.#settle(token, answer);
  }

  #run(effect: Exclude<ReceivingEffect, { readonly kind: "answer" }>): void {
    switch (effect.kind) {
      case "photo":
        this.#start(effect.token, () => this.#photograph(effect));
        break;
      case "sign":
        this.#start(effect.token, () => this.#sign(effect));
        break;
      case "stop-signing":
        this.#signing?.abort();
        break;
      case "record":
        this.#record(effect);
        break;
      case "command-scale":
        this.#start(effect.token, () => this.#commandScale(effect));
        break;
      default:
        assertNever(effect);
    }
  }

  async #commandScale({
    token,
    scaleId,
    command,
  }: Extract<ReceivingEffect, { readonly kind: "command-scale" }>): Promise<void> {
    const outcome = await this.#bench.command(scaleId, command);
    this.#answer(token, { kind: "scale-answered", outcome });
  }

  /** A bug in what was started goes up as one; the person's command is answered in any case. */
  #start(token: number, work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => {
      this.#answer(token, { kind: "refused", reason: "not-recorded" });
      throw error;
    });
    this.#underWay.add(running);
    void running.finally(() => this.#underWay.delete(running));
  }

  async #photograph({
    token,
    atMono,
    caption,
  }: Extract<ReceivingEffect, { readonly kind: "photo" }>): Promise<void> {
    const { clock, localTime } = this.#options;
    const now = clock.now();
    const moment = { atMono: atMono ?? clock.mono(), caption: captionOf(caption, localTime(now)) };
    const outcome = await this.#takePhoto(moment, caption.contentCode);
    this.#dispatch({ kind: "photo", token, outcome });
  }

  async #takePhoto(moment: Parameters<PhotoStudio["take"]>[0], contentCode: string): Promise<PhotoOutcome> {
    const { studio, clock, logger } = this.#options;
    if (studio === null) return { kind: "none", why: "no-camera" };
    const waited = Promise.withResolvers<PhotoOutcome>();
    const timer = clock.after(PHOTO_WAIT_MS_MAX, () => waited.resolve({ kind: "none", why: "no-frame" }));
    const taken = studio.take(moment).then(
      (outcome): PhotoOutcome => {
        if (outcome.kind === "taken") {
          const { offMs, ...photo } = outcome.photo;
          return { kind: "taken", ...photo, offMs: Math.round(offMs), contentCode };
        }
        return outcome.reason === "busy" ? { kind: "busy" } : { kind: "none", why: outcome.reason };
      },
      (error: unknown): PhotoOutcome => {
        if (!isFault(error)) throw error;
        logger.error({ code: error.code }, "a photo of goods could not be kept");
        if (error.code === "photo-worker-failed") return { kind: "none", why: "picture-unreadable" };
        // The disk: the entry would fail as well, and says so itself.
        return { kind: "none", why: "photo-space-full" };
      },
    );
    try {
      return await Promise.race([taken, waited.promise]);
    } finally {
      timer.cancel();
    }
  }

  async #sign({
    token,
    request,
    signer,
  }: Extract<ReceivingEffect, { readonly kind: "sign" }>): Promise<void> {
    const { desk, logger } = this.#options;
    const signing = new AbortController();
    this.#signing = signing;
    const { signal } = signing;
    try {
      const outcome: SignOutcome =
        signer.by === "pin"
          ? await desk.byPin({ ...request, operatorId: signer.operatorId, pin: signer.pin })
          : await desk.byFace({ ...request, waitMsMax: FACE_WAIT_MS_MAX, signal });
      const cancelled: SignOutcome = { kind: "not-recognised", reason: "cancelled" };
      // A PIN that was right a moment after "cancel" signs nothing.
      this.#dispatch({ kind: "sign-outcome", token, outcome: signal.aborted ? cancelled : outcome });
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.error({ code: error.code }, "nobody could sign for goods");
      this.#dispatch({ kind: "sign-failed", token });
    } finally {
      if (this.#signing === signing) this.#signing = null;
    }
  }

  /** One transaction: the entry, what follows from it, and its photos' claim to be kept. */
  #record({ token, id, record, disarm }: Extract<ReceivingEffect, { readonly kind: "record" }>): void {
    const { journal, photos, logger } = this.#options;
    try {
      journal.transact(() => {
        journal.append({ id, kind: record.kind, body: bodyOf(record) });
        const hashes = photoHashes(record);
        if (hashes.length > 0) photos.claim(hashes);
      });
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.error({ code: error.code, kind: record.kind }, "goods were not recorded");
      this.#dispatch({ kind: "not-recorded", token });
      return;
    }
    if (disarm !== null) this.#bench.disarm(disarm);
    this.#dispatch({ kind: "recorded", token });
  }

  #settle(token: number, inner: InnerAnswer): void {
    if (inner.kind !== "taken") {
      this.#answer(token, inner);
      return;
    }
    const weighIn = this.#views.weighIn(inner.weighInId);
    this.#answer(token, weighIn === undefined ? { kind: "done" } : { kind: "taken", weighIn });
  }

  #answer(token: number, answer: ReceivingAnswer): void {
    const resolve = this.#waiting.get(token);
    this.#waiting.delete(token);
    resolve?.(answer);
  }

  #tellView(): void {
    if (this.#viewListeners.size === 0) return;
    const view = this.view();
    for (const listener of this.#viewListeners) listener(view);
  }

  #tellLive(): void {
    if (this.#liveListeners.size === 0) return;
    const live = this.live();
    for (const listener of this.#liveListeners) listener(live);
  }
}
