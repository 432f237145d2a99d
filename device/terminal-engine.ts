import type { GalleryCalibration } from "../models/calibration/calibration-port.ts";
import { calibrate } from "../models/calibration/gallery-calibrator.ts";
import {
  disputedSimilarityMax,
  errorRateOf,
  samePersonMin,
  targetOf,
  uncalibratedThresholds,
} from "../models/calibration/pack-bounds.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { packOf, readManifest } from "../models/manifest.ts";
import { RestartingEngine } from "../models/restarting-engine.ts";
import type { Config } from "./config/schema.ts";
import type { PartHealth } from "./kiosk/kiosk-ports.ts";
import { present } from "./platform/assert.ts";
import { Backoff } from "./platform/backoff.ts";
import type { Clock } from "./platform/clock.ts";
import type { Entropy } from "./platform/entropy.ts";
import type { Logger } from "./platform/logger.ts";
import { GalleryCalibrationLoop } from "./roster/gallery-calibration.ts";
import type { RecognitionStatus, ShownPair } from "./roster/gallery-calibration-port.ts";
import { GalleryBounds, NO_DISPUTES } from "./roster/identity-bounds.ts";
import type { DisputeBook } from "./roster/identity-bounds-port.ts";
import { type GalleryProgress, LiveGallery } from "./roster/live-gallery.ts";
import type { TemplateStore } from "./roster/roster-port.ts";
import { livenessSettings } from "./serving-line/liveness-check.ts";

export interface TerminalEngineOptions {
  readonly settings: Config["face"];
  readonly templates: TemplateStore;
  /** Left out: nobody was ever charged for somebody else here. */
  readonly disputes?: DisputeBook;
  /** After every calibration; must not throw. */
  readonly onCalibrated?: (calibration: GalleryCalibration) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface TerminalEngine {
  readonly engine: FaceEngine;
  /** The gallery of the engine that runs now. */
  gallery(): LiveGallery;
  /** How sure a match must be; from the first calibration on, by this gallery. */
  readonly bounds: GalleryBounds;
  readonly calibration: GalleryCalibrationLoop;
  health(): PartHealth;
  readonly faces: FacesLoading;
  /** Resolves when faces are searched for, or the terminal was closed before. */
  ready(): Promise<void>;
  /** For the operator's page. */
  recognition(): RecognitionStatus;
  close(): Promise<void>;
}

/** How far the faces are, while nobody can be recognised: at the start, and when the engine's thread had to be made again. */
export interface FacesLoading {
  /** Null when faces are searched for. `comparing`: all are there, and look-alikes are being found. */
  state(): (GalleryProgress & { readonly step: "loading" | "comparing" }) | null;
  /** @returns a function that unsubscribes. */
  onChange(listener: () => void): () => void;
}

/** Faces that are looked at in one frame: the diner, and enough others to say "one at a time". */
const FACE_COUNT_MAX = 5;
const FRAME_QUEUE_MAX = 2;
const RESTART_WAIT_MS = { waitMsMin: 500, waitMsMax: 30_000, stableMsMin: 60_000 };

/** Whether visits may leave templates: only where there is a pack to come from. */
export function renewsTemplates({ sidePacks, renewTemplates }: Config["face"]): boolean {
  return renewTemplates && sidePacks.length > 0;
}

/** A school of 17,000 takes some ten seconds, on a slow terminal a minute; card and PIN are served meanwhile. */
const FIRST_CALIBRATION_WAIT_MS_MAX = 120_000;

/**
 * Faces are searched for when it is known who looks like whom: before that a twin could be charged without a question.
 * So at the start, and at a restart for whoever came while there was no engine to search with.
 * After too long they are, with the stricter thresholds of an unknown gallery; the page says what failed.
 */
async function everybodyCompared(loop: GalleryCalibrationLoop, clock: Clock): Promise<void> {
  const calibrated = new AbortController();
  const tooLong = clock.delay(FIRST_CALIBRATION_WAIT_MS_MAX, { signal: calibrated.signal }).catch(() => {});
  await Promise.race([loop.compareAll(), tooLong]);
  calibrated.abort();
}

/**
 * The face engine, restarted when its worker dies. The enrolled people come into it behind this call, so that the till
 * opens for card and PIN meanwhile; until all are there and compared, nobody is searched for.
 * @throws FaceEngineError `weights-missing`, `weights-changed` and the like: nothing starts with wrong weights.
 */
export async function startTerminalEngine(options: TerminalEngineOptions): Promise<TerminalEngine> {
  const { settings, templates, clock, entropy, logger } = options;
  const manifest = await readManifest();
  const closing = new AbortController();
  const backoff = new Backoff(RESTART_WAIT_MS, entropy);
  const faces = new FacesProgress();
  let health: PartHealth = { ok: false, reason: "engine-starting" };
  let startedMono = clock.mono();
  let gallery: LiveGallery | null = null;
  let calibration: GalleryCalibrationLoop | null = null;
  const engine = await RestartingEngine.start({
    create: () =>
      createFaceEngine({
        artifactsFolder: settings.modelsFolder,
        threadCount: settings.threadCount,
        sidePackIds: settings.sidePacks,
        keepsEmbeddings: renewsTemplates(settings),
        faceCountMax: FACE_COUNT_MAX,
        // Nobody looks at the number while the check is off.
        frameLiveness: livenessSettings(settings).level !== "off",
        frameQueueMax: FRAME_QUEUE_MAX,
      }),
    prepare: async (fresh) => {
      gallery?.close();
      gallery = new LiveGallery({
        ...{ engine: fresh, templates, logger },
        onProgress: (progress) => faces.set({ ...progress, step: "loading" }),
      });
      const { acceptedCount } = await gallery.load();
      if (calibration === null || (await calibration.isCompared())) return;
      faces.set({ loadedCount: acceptedCount, totalCount: acceptedCount, step: "comparing" });
      await everybodyCompared(calibration, clock);
    },
    waitBeforeAttempt: (attempt) =>
      clock.delay(backoff.nextWaitMs(attempt === 1 ? clock.mono() - startedMono : 0), {
        signal: closing.signal,
      }),
    onState: (state, code) => {
      const isRunning = state === "running";
      if (isRunning) startedMono = clock.mono();
      // Whoever came in the moment between the comparison and this one.
      if (isRunning && calibration?.hasUnsearched === true) void calibration.compareAll();
      health = { ok: isRunning, reason: state === "loading" ? "faces-loading" : code };
      faces.set(isRunning ? null : { loadedCount: 0, totalCount: 0, step: "loading" });
      if (state === "restarting") logger.error({ code }, "the face engine is being restarted");
    },
  });
  const bounds = new GalleryBounds({
    disputes: options.disputes ?? NO_DISPUTES,
    uncalibrated: (model) => uncalibratedThresholds(model, settings),
    disputedSimilarityMax,
  });
  const loop = new GalleryCalibrationLoop({
    engine,
    sideModels: settings.sidePacks,
    templates,
    bounds,
    calibrate: ({ model, ...job }) =>
      calibrate({
        ...job,
        model,
        embeddingLength: packOf(manifest, model).embeddingLength,
        givenAway: true,
        target: targetOf(model, settings),
      }),
    clock,
    logger,
    ...(options.onCalibrated === undefined ? {} : { onCalibrated: options.onCalibrated }),
  });
  calibration = loop;
  void engine.load();
  return {
    engine,
    bounds,
    calibration: loop,
    recognition: () => ({
      thresholds: bounds.thresholds(engine.model),
      fpirMax: settings.fpirMax,
      calibration: bounds.calibration(engine.model),
      lookAlikes: shownPairs(bounds, [engine.model, ...engine.sideModels]),
      state: loop.state(),
      errorRate: errorRateOf(engine.model),
    }),
    gallery: () => present(gallery, "the gallery of a started engine"),
    health: () => health,
    faces,
    ready: () => engine.load(),
    close: async () => {
      closing.abort(new Error("the terminal closes"));
      await loop.close();
      gallery?.close();
      await engine.close();
    },
  };
}

class FacesProgress implements FacesLoading {
  readonly #listeners = new Set<() => void>();
  #state: ReturnType<FacesLoading["state"]> = null;

  state(): ReturnType<FacesLoading["state"]> {
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  set(state: ReturnType<FacesLoading["state"]>): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** A pair that several packs find is shown once, as the first of them sees it. */
function shownPairs(bounds: GalleryBounds, models: readonly string[]): readonly ShownPair[] {
  const shown = new Map<string, ShownPair>();
  for (const model of models) {
    for (const pair of bounds.pairs(model)) {
      const key = JSON.stringify(pair.personIds);
      const isProbablySame = pair.similarity >= samePersonMin(model);
      if (!shown.has(key)) shown.set(key, { ...pair, isProbablySame });
    }
  }
  const [same, alike] = [true, false].map((wanted) =>
    [...shown.values()].filter(({ isProbablySame }) => isProbablySame === wanted),
  );
  return [...(same ?? []), ...(alike ?? [])];
}
