import { isFault } from "../platform/errors.ts";
import { DishCheck } from "./dish-check.ts";
import { labelOf } from "./label.ts";
import { SampleBook } from "./sample-book.ts";
import { SampleClock } from "./sample-clock.ts";
import { SampleCounter } from "./sample-counter.ts";
import { SampleLeaving } from "./sample-leaving.ts";
import type { SamplesOptions } from "./sample-options.ts";
import { SampleScale } from "./sample-scale.ts";
import { SampleViews } from "./sample-view.ts";
import type { LabelView, Samples, SamplesView } from "./samples-port.ts";

const TICK_MS = 60_000;
const SEIZED_SHOWN_MAX = 50;
const HISTORY_MAX = 500;

/** Food samples of one terminal. Nothing here waits for the network. */
export function createSamples(options: SamplesOptions): Samples {
  return new TerminalSamples(options);
}

class TerminalSamples implements Samples {
  readonly #options: SamplesOptions;
  readonly #book: SampleBook;
  readonly #views: SampleViews;
  readonly #sampleClock: SampleClock;
  readonly #scale: SampleScale | null;
  readonly #counter: SampleCounter;
  readonly #leaving: SampleLeaving;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #ticking: { cancel(): void };
  #check: DishCheck | null = null;

  constructor(options: SamplesOptions) {
    const { settings, db, clock, scale } = options;
    this.#options = options;
    this.#sampleClock = new SampleClock(options);
    this.#book = new SampleBook(db);
    this.#views = new SampleViews({ ...options, book: this.#book, sampleClock: this.#sampleClock });
    const onChanged = (): void => this.#tell();
    this.#scale =
      scale === null || settings.scaleId === null
        ? null
        : new SampleScale({ scale, scaleId: settings.scaleId, rules: settings, clock, onChanged });
    const parts = { book: this.#book, views: this.#views, sampleClock: this.#sampleClock };
    this.#counter = new SampleCounter(options, {
      ...parts,
      scale: this.#scale,
      label: (sampleId) => this.label(sampleId),
      onChanged,
      onStored: () => this.#lookAfter(),
    });
    this.#leaving = new SampleLeaving(options, { ...parts, signal: this.#closing.signal });
    this.#ticking = clock.every(TICK_MS, () => this.#tick());
    this.#tick();
  }

  view(): SamplesView {
    const { settings, clock, timeTrust } = this.#options;
    const clockTrusted = timeTrust.current() !== "unknown";
    const { gramsMin, keepHours, graceMs, containers, authorities, label } = settings;
    return {
      cabinets: this.#views.cabinets(),
      missing: clockTrusted
        ? this.#views.missing(clock.now(), this.#check?.notBeforeMs(clock.now()) ?? clock.now())
        : [],
      toDispose: this.#views.toDispose(),
      seized: this.#views.seized(SEIZED_SHOWN_MAX),
      taking: this.#counter.view(),
      rules: { gramsMin, keepHours, graceMs, containers, authorities, label },
      clockTrusted,
    };
  }

  history(limits: { readonly beforeSeq: number | null; readonly countMax: number }): SamplesView["seized"] {
    return this.#book
      .history(limits.beforeSeq, Math.min(limits.countMax, HISTORY_MAX))
      .map((record) => this.#views.sample(record));
  }

  hasPhoto(sha256: string): boolean {
    return this.#book.hasPhoto(sha256);
  }

  take(command: Parameters<Samples["take"]>[0]): ReturnType<Samples["take"]> {
    return this.#counter.take(command);
  }

  isTaking(): boolean {
    return this.#counter.view().step !== "idle";
  }

  dispose(request: Parameters<Samples["dispose"]>[0]): ReturnType<Samples["dispose"]> {
    return this.#left(this.#leaving.dispose(request));
  }

  disposeEarly(request: Parameters<Samples["disposeEarly"]>[0]): ReturnType<Samples["disposeEarly"]> {
    return this.#left(this.#leaving.disposeEarly(request));
  }

  seize(request: Parameters<Samples["seize"]>[0]): ReturnType<Samples["seize"]> {
    return this.#left(this.#leaving.seize(request));
  }

  void(request: Parameters<Samples["void"]>[0]): ReturnType<Samples["void"]> {
    return this.#left(this.#leaving.void(request));
  }

  label(sampleId: string): LabelView | null {
    const entry = this.#options.journal.entryById(sampleId);
    const record = this.#book.find(sampleId);
    if (entry === undefined || record === undefined) return null;
    const { settings } = this.#options;
    const { label, ...place } = settings;
    const person = this.#views.person(record.operatorId);
    const cabinet = settings.cabinets.find(({ cabinetId }) => cabinetId === record.cabinetId);
    return labelOf(entry, person.displayName ?? person.operatorId, cabinet?.name.zh ?? record.cabinetId, {
      ...place,
      ...label,
    });
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#ticking.cancel();
    this.#counter.close();
    this.#scale?.close();
    try {
      this.#sampleClock.save();
    } catch (error) {
      // A disk that failed before: the minute that is not saved only keeps samples longer.
      if (!isFault(error)) throw error;
      this.#options.logger.warn({ code: error.code }, "the running time was not saved");
    }
  }

  async #left(leaving: ReturnType<Samples["dispose"]>): ReturnType<Samples["dispose"]> {
    const answer = await leaving;
    if (answer.kind === "done") {
      this.#lookAfter();
      this.#tell();
    }
    return answer;
  }

  #tick(): void {
    this.#lookAfter();
    this.#tell();
  }

  /** What is not done at once is tried at the next tick: a full disk must not take the terminal down. */
  #lookAfter(): void {
    const { clock, timeTrust, settings, logger } = this.#options;
    if (settings.cabinets.length === 0) return;
    try {
      this.#sampleClock.tick();
      if (timeTrust.current() === "unknown") return;
      const nowMs = clock.now();
      this.#check ??= new DishCheck({
        ...this.#options,
        book: this.#book,
        views: this.#views,
        sinceMs: nowMs,
      });
      this.#check.checkMeals(nowMs);
      this.#check.reconcileAlarms(nowMs);
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.error({ code: error.code }, "samples could not be looked after");
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
