import { FaceEngineError } from "./face-engine-error.ts";
import type { FaceEngine } from "./face-engine-port.ts";

export interface RestartingEngineOptions {
  /** Makes a fresh engine with an empty gallery. */
  readonly create: () => Promise<FaceEngine>;
  /** Fills the fresh engine before it is used: load the gallery. */
  readonly prepare: (engine: FaceEngine) => Promise<void>;
  /** Waits before attempt `attempt` (1, 2, …); aborts by rejecting when the terminal closes. */
  readonly waitBeforeAttempt: (attempt: number) => Promise<void>;
  readonly onState: (state: "loading" | "running" | "restarting", code: string | null) => void;
}

/**
 * An engine that is there before its gallery is, and that outlives its worker: after `engine-crashed` it makes a new one behind the same object.
 * While there is none, calls reject as the crashed engine's do, so the diner is offered card or PIN. Until the first
 * one is prepared, whatever searches rejects with `gallery-loading`: against a part of the people a look-alike would
 * pass as somebody else.
 */
export class RestartingEngine implements FaceEngine {
  readonly #options: RestartingEngineOptions;
  #engine: FaceEngine;
  #restarting: Promise<void> | null = null;
  #loading: Promise<void> | null = null;
  #isLoaded = false;
  #closed = false;
  /** Who was expected last: a fresh engine is told again. */
  #expected: readonly string[] | null = null;

  private constructor(engine: FaceEngine, options: RestartingEngineOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** @throws what `create` throws: nothing starts with wrong weights. `load` is to be called next. */
  static async start(options: RestartingEngineOptions): Promise<RestartingEngine> {
    const engine = await options.create();
    options.onState("loading", null);
    return new RestartingEngine(engine, options);
  }

  /** Prepares the first engine, or another one where that fails; resolves when one runs or this is closed. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
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

  observe: FaceEngine["observe"] = (image) => this.#searched(() => this.#engine.observe(image));
  analyze: FaceEngine["analyze"] = (image) => this.#searched(() => this.#engine.analyze(image));
  detect: FaceEngine["detect"] = (image) => this.#guard(this.#engine.detect(image));
  search: FaceEngine["search"] = (embedding, options) =>
    this.#searched(() => this.#engine.search(embedding, options));
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
    // A load that is under way ends with its engine.
    await this.#engine.close();
    await this.#loading;
    await this.#restarting;
    await this.#engine.close();
  }

  #searched<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isLoaded) return this.#guard(call());
    return Promise.reject(new FaceEngineError("gallery-loading", "the gallery is not loaded yet"));
  }

  async #load(): Promise<void> {
    try {
      await this.#options.prepare(this.#engine);
      this.#runs();
    } catch (error) {
      if (this.#closed) return;
      this.#restarting ??= this.#restart(codeOf(error));
      await this.#restarting;
    }
  }

  #runs(): void {
    this.#isLoaded = true;
    this.#options.onState("running", null);
  }

  async #guard<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      const code = codeOf(error);
      if (code === "engine-crashed" && !this.#closed) this.#restarting ??= this.#restart(code);
      throw error;
    }
  }

  async #restart(code: string): Promise<void> {
    this.#isLoaded = false;
    this.#options.onState("restarting", code);
    for (let attempt = 1; !this.#closed; attempt++) {
      // Crashed, or made by the last attempt and not prepared.
      await this.#engine.close().catch(() => {
        // Its worker is gone already: there is nothing left to close.
      });
      try {
        await this.#options.waitBeforeAttempt(attempt);
        this.#engine = await this.#options.create();
        await this.#options.prepare(this.#engine);
        await this.#engine.setExpected(this.#expected);
        this.#runs();
        break;
      } catch (error) {
        this.#options.onState("restarting", codeOf(error));
      }
    }
    this.#restarting = null;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
