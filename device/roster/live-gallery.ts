import type { FaceEngine, GalleryLoad, GalleryTemplate } from "../../models/face-engine-port.ts";
import type { Logger } from "../platform/logger.ts";
import type { StoredTemplate, TemplateStore } from "./roster-port.ts";

export interface LiveGalleryOptions {
  readonly engine: Pick<FaceEngine, "model" | "sideModels" | "loadGallery" | "replacePerson">;
  readonly templates: Pick<TemplateStore, "loadInParts" | "onChanged">;
  readonly logger: Logger;
  /** While everybody is loaded, some times a second; must not throw. */
  readonly onProgress?: (progress: GalleryProgress) => void;
}

/** People of the engine's own model. */
export interface GalleryProgress {
  readonly loadedCount: number;
  readonly totalCount: number;
}

export interface GalleryHealth {
  readonly acceptedCount: number;
  /** Ciphertexts that could not be opened or whose content is not an embedding. */
  readonly damagedCount: number;
}

/** So often a person sees the number move, and twenty thousand people are not a thousand messages. */
const PROGRESS_PARTS = 16;

/**
 * Keeps the engine's gallery equal to the template store: all at the start, then one person at a time.
 * Changes are applied in the order in which they happened; a withdrawn person is gone before `settled` resolves.
 */
export class LiveGallery {
  readonly #options: LiveGalleryOptions;
  readonly #unsubscribe: () => void;
  #queue: Promise<void> = Promise.resolve();
  #health: GalleryHealth = { acceptedCount: 0, damagedCount: 0 };

  constructor(options: LiveGalleryOptions) {
    this.#options = options;
    this.#unsubscribe = options.templates.onChanged(({ personId, templates }) => {
      this.#enqueue(() => this.#replace(personId, templates));
    });
  }

  /**
   * Loads every template of the engine's models, after the changes so far.
   * @throws of the database, or of the engine where it is gone: the gallery is then what it was before.
   */
  async load(): Promise<GalleryHealth> {
    const loaded = this.#queue.then(() => this.#loadAll());
    this.#enqueue(() => loaded);
    await loaded;
    return this.#health;
  }

  health(): GalleryHealth {
    return this.#health;
  }

  /** Resolves when every change so far has reached the engine. */
  settled(): Promise<void> {
    return this.#queue;
  }

  close(): void {
    this.#unsubscribe();
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      // The engine's restart loads everything again, so a change that failed here is not lost.
      this.#options.logger.error({ error: String(error) }, "the gallery could not be changed");
    });
  }

  async #loadAll(): Promise<void> {
    const { engine, templates, logger, onProgress } = this.#options;
    const { peopleCount, parts } = templates.loadInParts(engine.model);
    const sides = engine.sideModels.map((model) => templates.loadInParts(model).parts);
    let damagedCount = 0;
    let partCount = 0;
    let loadedCount = 0;
    const opened = function* (): Generator<GalleryTemplate, void> {
      for (const ofModel of [parts, ...sides]) {
        for (const part of ofModel) {
          if (ofModel === parts) loadedCount += new Set(part.templates.map(({ personId }) => personId)).size;
          if (partCount++ % PROGRESS_PARTS === 0) onProgress?.({ loadedCount, totalCount: peopleCount });
          for (const { templateId, code } of part.damaged) {
            damagedCount += 1;
            logger.warn({ templateId, code }, "a template could not be opened");
          }
          for (const template of part.templates) yield galleryTemplate(template);
        }
      }
    };
    const load = await engine.loadGallery(opened(), { peopleCount, givenAway: true });
    this.#warnRefused(load);
    this.#health = { acceptedCount: load.accepted, damagedCount: damagedCount + load.refused.length };
  }

  async #replace(personId: string, templates: readonly StoredTemplate[]): Promise<void> {
    const { engine } = this.#options;
    const models = new Set([engine.model, ...engine.sideModels]);
    const ofTheseModels = templates.filter(({ modelId }) => models.has(modelId));
    this.#warnRefused(await engine.replacePerson(personId, ofTheseModels.map(galleryTemplate)));
  }

  #warnRefused(load: GalleryLoad): void {
    for (const { templateId, reason } of load.refused) {
      this.#options.logger.warn({ templateId, reason }, "a template was refused by the engine");
    }
  }
}

function galleryTemplate({ templateId, personId, modelId, embedding }: StoredTemplate): GalleryTemplate {
  return { templateId, personId, model: modelId, embedding };
}
