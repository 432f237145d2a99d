import type { FaceEngine } from "./face-engine-port.ts";

export interface RestartingEngineOptions {
  /** Makes a fresh engine with an empty gallery. */
  readonly create: () => Promise<FaceEngine>;
  /** Fills the fresh engine before it is used: load the gallery. */
  readonly prepare: (engine: FaceEngine) => Promise<void>;
  /** Waits before attempt `attempt` (1, 2, …); aborts by rejecting when the terminal closes. */
  readonly waitBeforeAttempt: (attempt: number) => Promise<void>;
  readonly onState: (state: "running" | "restarting", code: string | null) => void;
}

/**
 * An engine that outlives its worker: after `engine-crashed` it makes a new one behind the same object.
 * While there is none, calls reject as the crashed engine's do, so the diner is offered card or PIN.
 */
export class RestartingEngine implements FaceEngine {
  readonly #options: RestartingEngineOptions;
  #engine: FaceEngine;
  #restarting: Promise<void> | null = null;
  #closed = false;
  /** Who was expected last: a fresh engine is told again. */
  #expected: readonly string[] | null = null;

  private constructor(engine: FaceEngine, options: RestartingEngineOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  static async start(options: RestartingEngineOptions): Promise<RestartingEngine> {
    const engine = await options.create();
    await options.prepare(engine);
    options.onState("running", null);
    return new RestartingEngine(engine, options);
  }

  get model(): string {
    return this.#engine.model;
  }

  get embeddingLength(): number {
    return this.#engine.embeddingLength;
  }

  get sideModels(): readonly string[] {
    return this.#engine.sideModels;
  }

  observe: FaceEngine["observe"] = (image) => this.#guard(this.#engine.observe(image));
  analyze: FaceEngine["analyze"] = (image) => this.#guard(this.#engine.analyze(image));
  detect: FaceEngine["detect"] = (image) => this.#guard(this.#engine.detect(image));
  search: FaceEngine["search"] = (embedding, options) => this.#guard(this.#engine.search(embedding, options));
  loadGallery: FaceEngine["loadGallery"] = (templates, options) =>
    this.#guard(this.#engine.loadGallery(templates, options));
  replacePerson: FaceEngine["replacePerson"] = (personId, templates) =>
    this.#guard(this.#engine.replacePerson(personId, templates));
  setExpected: FaceEngine["setExpected"] = (personIds) => {
    this.#expected = personIds;
    return this.#guard(this.#engine.setExpected(personIds));
  };
  takeEmbedding: FaceEngine["takeEmbedding"] = (observationId, faceIndex) =>
    this.#guard(this.#engine.takeEmbedding(observationId, faceIndex));
  gallerySize: FaceEngine["gallerySize"] = () => this.#guard(this.#engine.gallerySize());

  async close(): Promise<void> {
    this.#closed = true;
    await this.#restarting;
    await this.#engine.close();
  }

  async #guard<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : null;
      if (code === "engine-crashed" && !this.#closed) this.#restarting ??= this.#restart(code);
      throw error;
    }
  }

  async #restart(code: string): Promise<void> {
    this.#options.onState("restarting", code);
    const crashed = this.#engine;
    await crashed.close().catch(() => {
      // Its worker is gone already: there is nothing left to close.
    });
    for (let attempt = 1; !this.#closed; attempt++) {
      try {
        await this.#options.waitBeforeAttempt(attempt);
        const fresh = await this.#options.create();
        await this.#options.prepare(fresh);
        await fresh.setExpected(this.#expected);
        this.#engine = fresh;
        this.#options.onState("running", null);
        break;
      } catch (error) {
        this.#options.onState(
          "restarting",
          error instanceof Error && "code" in error ? String(error.code) : "unknown",
        );
      }
    }
    this.#restarting = null;
  }
}
