import type { GalleryCalibration, LookAlikePair } from "../../models/calibration/calibration-port.ts";
import type { FaceEngine, GalleryTemplate } from "../../models/face-engine-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { CalibrationState } from "./gallery-calibration-port.ts";
import type { GalleryBounds } from "./identity-bounds.ts";
import type { StoredTemplate, TemplateStore } from "./roster-port.ts";

export interface CalibrationJob {
  readonly model: string;
  readonly peopleCount: number;
  /** Read from the disk as they are taken, so that the gallery is never in memory a second time. */
  readonly parts: Iterable<readonly GalleryTemplate[]>;
  readonly signal: AbortSignal;
}

export interface GalleryCalibrationOptions {
  /** Of the engine that runs now; `search` may reject while it is being restarted. */
  readonly engine: Pick<FaceEngine, "model" | "search">;
  /** Packs that are matched beside the engine's own: each has its gallery and its thresholds. */
  readonly sideModels?: readonly string[];
  readonly templates: Pick<TemplateStore, "loadInParts" | "onChanged">;
  readonly bounds: GalleryBounds;
  /** The calibration itself: a thread that takes seconds. */
  readonly calibrate: (job: CalibrationJob) => Promise<GalleryCalibration>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told after every run; no names and no ids. */
  readonly onCalibrated?: (calibration: GalleryCalibration) => void;
}

/** After the last change: an enrolment of a class is one run, not thirty. */
const QUIET_MS = 20_000;
/** But no longer than this after the first of them. */
const WAIT_MS_MAX = 120_000;
const RETRY_MS = 60_000;

/**
 * Keeps the bounds equal to the gallery: a changed person's look-alikes at once, by searching for them, and
 * everything again once the gallery is quiet.
 */
export class GalleryCalibrationLoop {
  readonly #options: GalleryCalibrationOptions;
  readonly #closing = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: Timer | null = null;
  #run: Promise<void> | null = null;
  /** Monotonic time of the first change that no run has seen; null when there is none. */
  #changedMono: number | null = null;
  #finishedAtMs: number | null = null;
  #tookMs: number | null = null;
  #failure: string | null = null;
  #searches: Promise<void> = Promise.resolve();
  /** Who came or changed while the engine could not search, and was in no run since: nobody knows whom they look like. */
  readonly #unsearched = new Set<string>();

  constructor(options: GalleryCalibrationOptions) {
    this.#options = options;
    this.#unsubscribe = options.templates.onChanged(({ personId, templates }) => {
      const { engine, sideModels = [], bounds } = options;
      for (const model of [engine.model, ...sideModels]) {
        if (templates.some(({ modelId }) => modelId === model)) bounds.changed(personId, model);
        else bounds.forget(personId, model);
      }
      this.#searches = this.#searches.then(() => this.#search(personId, templates));
      this.#wait(QUIET_MS);
    });
  }

  /** The first run, or one more; resolves when it is over, whatever it gave. */
  calibrate(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#run ??= this.#calibrate().finally(() => {
      this.#run = null;
      // What changed while it ran has set its timer already.
    });
    return this.#run;
  }

  /** Resolves with whether everybody there is now was compared with everybody else. */
  async isCompared(): Promise<boolean> {
    await this.#searches;
    return this.#finishedAtMs !== null && this.#unsearched.size === 0;
  }

  /** Whether somebody came while the engine could not search, whom no run has seen since. */
  get hasUnsearched(): boolean {
    return this.#unsearched.size > 0;
  }

  /** As many runs as it takes until `isCompared`; fewer where one fails. */
  async compareAll(): Promise<void> {
    while (!(await this.isCompared())) {
      await this.calibrate();
      if (this.#failure !== null || this.#closing.signal.aborted) return;
    }
  }

  state(): CalibrationState {
    const kind = this.#run !== null ? "running" : this.#timer !== null ? "waiting" : "idle";
    return { kind, finishedAtMs: this.#finishedAtMs, tookMs: this.#tookMs, failure: this.#failure };
  }

  /** Resolves when the look-alikes of every change so far have been searched for. */
  settled(): Promise<void> {
    return this.#searches;
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#timer = null;
    this.#closing.abort(new Error("the terminal closes"));
    await this.#run;
    await this.#searches;
  }

  #wait(quietMs: number): void {
    if (this.#closing.signal.aborted) return;
    const { clock } = this.#options;
    this.#changedMono ??= clock.mono();
    const leftMs = this.#changedMono + WAIT_MS_MAX - clock.mono();
    this.#timer?.cancel();
    this.#timer = clock.after(Math.max(0, Math.min(quietMs, leftMs)), () => {
      this.#timer = null;
      // A run that began before the change is not cut short; another follows it.
      if (this.#run === null) void this.calibrate();
      else void this.#run.then(() => this.calibrate());
    });
  }

  async #calibrate(): Promise<void> {
    const { engine, sideModels = [], bounds, clock, logger } = this.#options;
    const beganMono = clock.mono();
    this.#changedMono = null;
    const unsearched = [...this.#unsearched];
    this.#unsearched.clear();
    try {
      for (const model of [engine.model, ...sideModels]) await this.#calibrateModel(model);
      this.#finishedAtMs = clock.now();
      this.#tookMs = clock.mono() - beganMono;
      this.#failure = null;
      const found = bounds.calibration(engine.model);
      if (found !== null) this.#tell(found);
    } catch (error) {
      for (const personId of unsearched) this.#unsearched.add(personId);
      if (this.#closing.signal.aborted) return;
      this.#failure = codeOf(error);
      logger.error(
        { code: this.#failure },
        "the face thresholds could not be calibrated; those before it stay",
      );
      this.#wait(RETRY_MS);
    }
  }

  async #calibrateModel(model: string): Promise<void> {
    const { templates, bounds } = this.#options;
    const changed = new Set<string>();
    const came = new Set<string>();
    const unsubscribe = templates.onChanged(({ personId, templates: now }) => {
      changed.add(personId);
      if (now.some(({ modelId }) => modelId === model)) came.add(personId);
    });
    try {
      const { peopleCount, parts } = templates.loadInParts(model);
      const signal = this.#closing.signal;
      const found = await this.#options.calibrate({ model, peopleCount, parts: galleryParts(parts), signal });
      // Whoever changed while it ran is judged by the search for them until the next run.
      const isChanged = ({ personIds }: LookAlikePair) => personIds.some((personId) => changed.has(personId));
      const searched = bounds.pairs(model).filter(isChanged);
      const known = found.lookAlikes.filter((pair) => !isChanged(pair));
      bounds.calibrated({ ...found, lookAlikes: [...known, ...searched] }, came);
    } finally {
      unsubscribe();
    }
  }

  #tell(found: GalleryCalibration): void {
    const { model, similarityMin, marginMin, targetMet, peopleCount } = found;
    this.#options.logger.info(
      {
        model,
        similarityMin,
        marginMin,
        targetMet,
        peopleCount,
        fpir: found.fpir.value,
        lookAlikePairs: found.lookAlikes.length,
        tookMs: Math.round(this.#tookMs ?? 0),
      },
      "the face thresholds were calibrated",
    );
    this.#options.onCalibrated?.(found);
  }

  /**
   * The two nearest people to each template of somebody who came or changed. What was known of them holds until it is
   * over: a twin who is enrolled anew is no stranger meanwhile.
   */
  async #search(personId: string, templates: readonly StoredTemplate[]): Promise<void> {
    const { engine, bounds, logger } = this.#options;
    const { model } = engine;
    const level = bounds.lookAlikeMin(model);
    try {
      const pairs: LookAlikePair[] = [];
      for (const { modelId, embedding } of templates) {
        if (this.#closing.signal.aborted) return;
        if (modelId !== model) continue;
        const { best, runnerUp } = await engine.search(embedding, { excludePersonId: personId });
        for (const near of [best, runnerUp]) {
          if (near === null || !(near.similarity >= level)) continue;
          const [a, b] = [personId, near.personId];
          pairs.push({ personIds: a < b ? [a, b] : [b, a], similarity: near.similarity });
        }
      }
      bounds.forget(personId, model);
      for (const pair of pairs) bounds.addPair(model, pair);
      this.#unsearched.delete(personId);
    } catch (error) {
      // The whole run that follows finds them too.
      this.#unsearched.add(personId);
      logger.warn({ code: codeOf(error) }, "look-alikes of a changed person could not be searched for yet");
    }
  }
}

function* galleryParts(
  parts: Iterable<ReturnType<TemplateStore["loadAll"]>>,
): Generator<readonly GalleryTemplate[], void> {
  for (const { templates } of parts) {
    yield templates.map(({ templateId, personId, modelId, embedding }) => ({
      templateId,
      personId,
      model: modelId,
      embedding,
    }));
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
