import { createFaceEngine } from "../models/face-engine.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { RestartingEngine } from "../models/restarting-engine.ts";
import type { Config } from "./config/schema.ts";
import type { PartHealth } from "./kiosk/kiosk-ports.ts";
import { present } from "./platform/assert.ts";
import { Backoff } from "./platform/backoff.ts";
import type { Clock } from "./platform/clock.ts";
import type { Entropy } from "./platform/entropy.ts";
import type { Logger } from "./platform/logger.ts";
import { LiveGallery } from "./roster/live-gallery.ts";
import type { TemplateStore } from "./roster/roster-port.ts";

export interface TerminalEngineOptions {
  readonly settings: Config["face"];
  readonly templates: TemplateStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface TerminalEngine {
  readonly engine: FaceEngine;
  /** The gallery of the engine that runs now. */
  gallery(): LiveGallery;
  health(): PartHealth;
  close(): Promise<void>;
}

/** Faces that are looked at in one frame: the diner, and enough others to say "one at a time". */
const FACE_COUNT_MAX = 5;
const FRAME_QUEUE_MAX = 2;
const RESTART_WAIT_MS = { waitMsMin: 500, waitMsMax: 30_000, stableMsMin: 60_000 };

/** Whether visits may leave templates: only where there is a pack to come from. */
export function renewsTemplates({ sidePacks, renewTemplates }: Config["face"]): boolean {
  return renewTemplates && sidePacks.length > 0;
}

/**
 * The face engine with the enrolled people in it, restarted when its worker dies.
 * @throws FaceEngineError `weights-missing`, `weights-changed` and the like: nothing starts with wrong weights.
 */
export async function startTerminalEngine(options: TerminalEngineOptions): Promise<TerminalEngine> {
  const { settings, templates, clock, entropy, logger } = options;
  const closing = new AbortController();
  const backoff = new Backoff(RESTART_WAIT_MS, entropy);
  let health: PartHealth = { ok: false, reason: "engine-starting" };
  let startedMono = clock.mono();
  let gallery: LiveGallery | null = null;
  const engine = await RestartingEngine.start({
    create: () =>
      createFaceEngine({
        artifactsFolder: settings.modelsFolder,
        threadCount: settings.threadCount,
        sidePackIds: settings.sidePacks,
        keepsEmbeddings: renewsTemplates(settings),
        faceCountMax: FACE_COUNT_MAX,
        // Nobody looks at the number while the check is off.
        frameLiveness: settings.livenessMin > 0,
        frameQueueMax: FRAME_QUEUE_MAX,
      }),
    prepare: async (fresh) => {
      gallery?.close();
      gallery = new LiveGallery({ engine: fresh, templates, logger });
      await gallery.load();
    },
    waitBeforeAttempt: (attempt) =>
      clock.delay(backoff.nextWaitMs(attempt === 1 ? clock.mono() - startedMono : 0), {
        signal: closing.signal,
      }),
    onState: (state, code) => {
      if (state === "running") startedMono = clock.mono();
      health = { ok: state === "running", reason: code };
      if (state === "restarting") logger.error({ code }, "the face engine is being restarted");
    },
  });
  return {
    engine,
    gallery: () => present(gallery, "the gallery of a started engine"),
    health: () => health,
    close: async () => {
      closing.abort(new Error("the terminal closes"));
      gallery?.close();
      await engine.close();
    },
  };
}
