/** The face engine as the rest of the program sees it: promises on this side, one worker thread on the other. */

import { Worker } from "node:worker_threads";
import { embeddingRefusal, templateRefusal } from "./embedding-check.ts";
import { FaceEngineError } from "./face-engine-error.ts";
import type {
  EncodedImage,
  FaceEngine,
  FacePlaces,
  FrameObservation,
  GalleryLoad,
  GallerySize,
  GalleryTemplate,
  ImageAnalysis,
  SearchResult,
  TakenEmbedding,
  TemplateRefusal,
} from "./face-engine-port.ts";
import type {
  NumberedRequest,
  PackShape,
  RequestKind,
  RequestOf,
  ToWorker,
  WorkerAnswers,
  WorkerMessage,
  WorkerRequest,
  WorkerSetUp,
} from "./face-worker-protocol.ts";
import { joinedLoads } from "./gallery-load.ts";
import type { TemplateChunk } from "./gallery-set.ts";
import { giveBack } from "./give-back.ts";
import { manifestFileDefault } from "./manifest.ts";
import { buffersOf, chunkOf, partsOf } from "./template-chunks.ts";

export interface FaceEngineOptions {
  readonly artifactsFolder: string;
  readonly manifestFile?: string;
  /** Default: the manifest's default pack. */
  readonly packId?: string;
  /** Packs whose templates are matched too, each in a gallery of its own; none by default. */
  readonly sidePackIds?: readonly string[];
  /** Whether observations leave embeddings behind for `takeEmbedding`; not by default, for faces are personal data. */
  readonly keepsEmbeddings?: boolean;
  /** Threads of one inference. */
  readonly threadCount?: number;
  /** Faces of one picture that are embedded, largest first. */
  readonly faceCountMax?: number;
  /** Whether `observe` measures liveness (default); without it `liveness` is null. `analyze` always does. */
  readonly frameLiveness?: boolean;
  /** Camera frames that may wait; a newer one drops the oldest. */
  readonly frameQueueMax?: number;
  /** Photos (`analyze`) that may wait; a newer one is refused. */
  readonly photoQueueMax?: number;
  /** Only for tests: another worker, to see that a crash settles every waiter. */
  readonly workerUrl?: URL;
}

/**
 * The worker makes few objects, and pixels and tensors are outside of V8's heap: a small young generation will do.
 * One run each with 20,000 enrolled: 491 MB resident instead of 517. What it costs in time was not measured.
 */
const workerYoungGenerationMb = 12;

/** Two, so that the next picture is decoded while the models run on this one. */
const picturesInWorkerMax = 2;
/**
 * Templates that cross at once: a short pause of this thread, and little that is garbage at the same time. With 32
 * (and as small parts from the disk) 20,000 enrolled took 404 MB resident instead of 491 with 500, one run each;
 * probably because a buffer of under 128 KiB does not make glibc raise its threshold for giving memory back.
 */
const templatesPerChunk = 32;
/** A picture under way is finished first: a thread ended in the middle of a model's run aborts the whole process. */
const endMsMax = 10_000;
/** With one, each thread waits for the other's waking up; more would keep this thread from its events for longer. */
const chunksUnderWayMax = 4;

/**
 * Starts the engine: checks the hash of every weight, opens the models, and is ready for the first frame.
 * @throws FaceEngineError `weights-missing`, `weights-changed`, `manifest-unreadable` or `engine-crashed`.
 */
export async function createFaceEngine(options: FaceEngineOptions): Promise<FaceEngine> {
  const setUp: WorkerSetUp = {
    artifactsFolder: options.artifactsFolder,
    manifestFile: options.manifestFile ?? manifestFileDefault,
    packId: options.packId ?? null,
    sidePackIds: options.sidePackIds ?? [],
    keepsEmbeddings: options.keepsEmbeddings ?? false,
    threadCount: options.threadCount ?? 1,
    faceCountMax: options.faceCountMax ?? 5,
    frameLiveness: options.frameLiveness ?? true,
  };
  // From 1.29 on the Linux library reports to its maker unless this is set when it is loaded. It is set here and not
  // in the worker, whose environment is a copy that native code does not see.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  const worker = new Worker(options.workerUrl ?? new URL("face-worker.ts", import.meta.url), {
    workerData: setUp,
    resourceLimits: { maxYoungGenerationSizeMb: workerYoungGenerationMb },
  });
  const packs = await started(worker);
  return new WorkerFaceEngine(worker, packs, {
    frameQueueMax: options.frameQueueMax ?? 2,
    photoQueueMax: options.photoQueueMax ?? 32,
  });
}

const pictureKinds: ReadonlySet<RequestKind> = new Set(["observe", "analyze", "detect"]);

interface Packs {
  readonly primary: PackShape;
  readonly sides: readonly PackShape[];
}

function started(worker: Worker): Promise<Packs> {
  return new Promise((resolve, reject) => {
    const fail = (error: FaceEngineError) => {
      settle();
      void worker.terminate().then(() => reject(error));
    };
    const onError = (cause: unknown) =>
      fail(new FaceEngineError("engine-crashed", "the face worker failed to start", { cause }));
    const onExit = (exitCode: number) =>
      fail(new FaceEngineError("engine-crashed", `the face worker ended with ${exitCode}`));
    const onMessage = (message: WorkerMessage) => {
      if (message.kind === "ready") {
        settle();
        resolve(message);
      } else if (message.kind === "start-failed") {
        fail(new FaceEngineError(message.error.code, message.error.message));
      }
    };
    // Named listeners: removeAllListeners() on a Worker also silences its messages for good.
    const settle = () => {
      worker.off("error", onError).off("exit", onExit).off("message", onMessage);
      // Between this and the engine's own listeners, or while a failed worker ends, an error has no other reader.
      worker.on("error", () => undefined);
    };
    worker.on("error", onError).on("exit", onExit).on("message", onMessage);
  });
}

interface Waiter {
  readonly settle: (message: WorkerMessage) => void;
  readonly reject: (error: FaceEngineError) => void;
}

interface WaitingPicture extends Waiter {
  readonly request: RequestOf<"observe"> | RequestOf<"analyze"> | RequestOf<"detect">;
}

class WorkerFaceEngine implements FaceEngine {
  readonly model: string;
  readonly embeddingLength: number;
  readonly sideModels: readonly string[];
  /** Length of an embedding, by pack id. */
  private readonly lengths: ReadonlyMap<string, number>;
  private readonly worker: Worker;
  private readonly exited: Promise<unknown>;
  private readonly limits: { readonly frameQueueMax: number; readonly photoQueueMax: number };
  private readonly frames: WaitingPicture[] = [];
  private readonly photos: WaitingPicture[] = [];
  private readonly inWorker = new Map<number, Waiter & { readonly kind: RequestKind }>();
  private lastId = 0;
  /** Set once; from then on every call is refused with it. */
  private ended: FaceEngineError | null = null;
  /** Gallery changes run one after another: a whole load takes several messages. */
  private galleryTurn: Promise<unknown> = Promise.resolve();

  constructor(
    worker: Worker,
    { primary, sides }: Packs,
    limits: { readonly frameQueueMax: number; readonly photoQueueMax: number },
  ) {
    this.worker = worker;
    this.exited = new Promise((resolve) => worker.once("exit", resolve));
    this.model = primary.id;
    this.embeddingLength = primary.embeddingLength;
    this.sideModels = sides.map(({ id }) => id);
    this.lengths = new Map([primary, ...sides].map(({ id, embeddingLength }) => [id, embeddingLength]));
    this.limits = limits;
    worker.on("message", (message: WorkerMessage) => this.onMessage(message));
    worker.on("error", (cause) =>
      this.end(new FaceEngineError("engine-crashed", "the face worker crashed", { cause })),
    );
    worker.on("exit", (exitCode) =>
      this.end(new FaceEngineError("engine-crashed", `the face worker ended with ${exitCode}`)),
    );
  }

  observe({ bytes }: EncodedImage): Promise<FrameObservation> {
    if (this.frames.length >= this.limits.frameQueueMax) {
      this.frames
        .shift()
        ?.reject(new FaceEngineError("queue-full", "a newer camera frame took this one's place"));
    }
    return this.enqueue(this.frames, { kind: "observe", bytes });
  }

  analyze({ bytes }: EncodedImage): Promise<ImageAnalysis> {
    return this.enqueuePhoto({ kind: "analyze", bytes });
  }

  detect({ bytes }: EncodedImage): Promise<FacePlaces> {
    return this.enqueuePhoto({ kind: "detect", bytes });
  }

  async search(
    embedding: Float32Array,
    options: { readonly excludePersonId?: string } = {},
  ): Promise<SearchResult> {
    const reason = embeddingRefusal(embedding, this.embeddingLength);
    if (reason !== null) throw new FaceEngineError("embedding-refused", `the embedding is ${reason}`);
    return this.ask({ kind: "search", embedding, excludePersonId: options.excludePersonId ?? null });
  }

  loadGallery(
    templates: Iterable<GalleryTemplate>,
    options: { readonly peopleCount?: number; readonly givenAway?: boolean } = {},
  ): Promise<GalleryLoad> {
    return this.inGalleryTurn(async () => {
      const peopleCount = options.peopleCount ?? (Array.isArray(templates) ? templates.length : 0);
      await this.ask({ kind: "gallery-begin", peopleCount });
      const loads: GalleryLoad[] = [];
      // Some parts are in the worker while the next comes from the disk.
      const underWay: Promise<GalleryLoad>[] = [];
      for (const part of partsOf(templates, templatesPerChunk)) {
        const { chunks, refused } = this.packed(part);
        loads.push({ accepted: 0, refused });
        if (options.givenAway === true) for (const { embedding } of part) giveBack(embedding);
        const [oldest] = underWay;
        if (oldest !== undefined && underWay.length >= chunksUnderWayMax) {
          loads.push(await oldest);
          underWay.shift();
        }
        underWay.push(this.ask({ kind: "gallery-append", chunks }, buffersOf(chunks)));
        // It is awaited some turns later, or never where the next part can't be read.
        underWay.at(-1)?.catch(() => undefined);
      }
      loads.push(...(await Promise.all(underWay)));
      await this.ask({ kind: "gallery-commit" });
      return joinedLoads(loads);
    });
  }

  replacePerson(personId: string, templates: readonly GalleryTemplate[]): Promise<GalleryLoad> {
    return this.inGalleryTurn(async () => {
      const { chunks, refused } = this.packed(templates);
      const load = await this.ask({ kind: "replace-person", personId, chunks }, buffersOf(chunks));
      return joinedLoads([load, { accepted: 0, refused }]);
    });
  }

  async setExpected(personIds: readonly string[] | null): Promise<void> {
    await this.inGalleryTurn(() => this.ask({ kind: "set-expected", personIds }));
  }

  takeEmbedding(observationId: string, faceIndex: number): Promise<TakenEmbedding | null> {
    return this.ask({ kind: "take-embedding", observationId, faceIndex });
  }

  gallerySize(): Promise<GallerySize> {
    return this.ask({ kind: "gallery-size" });
  }

  async close(): Promise<void> {
    this.end(new FaceEngineError("engine-closed", "the face engine was closed"));
    const farewell: ToWorker = "end";
    this.worker.postMessage(farewell);
    const timer = setTimeout(() => void this.worker.terminate(), endMsMax);
    await this.exited;
    clearTimeout(timer);
  }

  /** Packs what is fit into one buffer for each model; a template that is not fit never leaves this thread. */
  private packed(templates: readonly GalleryTemplate[]): {
    readonly chunks: readonly TemplateChunk[];
    readonly refused: GalleryLoad["refused"];
  } {
    const refused: { templateId: string; reason: TemplateRefusal }[] = [];
    const fit = new Map<string, GalleryTemplate[]>();
    for (const template of templates) {
      const reason = templateRefusal(template, this.lengths);
      if (reason !== null) {
        refused.push({ templateId: template.templateId, reason });
        continue;
      }
      const ofModel = fit.get(template.model) ?? [];
      ofModel.push(template);
      fit.set(template.model, ofModel);
    }
    const chunks = [...fit].map(([model, all]) => chunkOf(model, this.lengths.get(model) ?? 0, all));
    return { chunks, refused };
  }

  private inGalleryTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.galleryTurn.then(work, work);
    this.galleryTurn = turn.catch(() => undefined);
    return turn;
  }

  private enqueuePhoto<K extends "analyze" | "detect">(
    request: RequestOf<K> & WaitingPicture["request"],
  ): Promise<WorkerAnswers[K]> {
    if (this.photos.length >= this.limits.photoQueueMax) {
      return Promise.reject(new FaceEngineError("queue-full", `${this.photos.length} photos wait already`));
    }
    return this.enqueue<K>(this.photos, request);
  }

  private enqueue<K extends WaitingPicture["request"]["kind"]>(
    queue: WaitingPicture[],
    request: RequestOf<K> & WaitingPicture["request"],
  ): Promise<WorkerAnswers[K]> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      queue.push({ request, settle: settler<K>(resolve, reject), reject });
      this.feed();
    });
  }

  /** Gives the worker what it may hold: frames first, one at a time, because a line of people waits for them. */
  private feed(): void {
    for (;;) {
      const pictures = [...this.inWorker.values()].filter(({ kind }) => pictureKinds.has(kind));
      if (pictures.length >= picturesInWorkerMax) return;
      const next = this.frames.shift() ?? this.photos.shift();
      if (next === undefined) return;
      const bytes = ownBytes(next.request.bytes);
      this.post({ ...next.request, bytes }, next, [bytes.buffer]);
    }
  }

  private ask<K extends RequestKind>(
    request: RequestOf<K> & WorkerRequest,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerAnswers[K]> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.post(request, { settle: settler<K>(resolve, reject), reject }, transfer);
    });
  }

  private post(request: WorkerRequest, waiter: Waiter, transfer: readonly ArrayBuffer[]): void {
    this.lastId += 1;
    const message: NumberedRequest = { id: this.lastId, request };
    try {
      this.worker.postMessage(message, transfer);
      this.inWorker.set(this.lastId, { settle: waiter.settle, reject: waiter.reject, kind: request.kind });
    } catch (cause) {
      // A buffer that was given to the engine before is detached and can't be transferred again.
      waiter.reject(new FaceEngineError("image-unreadable", "the buffer was given away before", { cause }));
    }
  }

  private onMessage(message: WorkerMessage): void {
    if (message.kind !== "answer" && message.kind !== "failed") return;
    const waiter = this.inWorker.get(message.id);
    this.inWorker.delete(message.id);
    waiter?.settle(message);
    this.feed();
  }

  private end(error: FaceEngineError): void {
    if (this.ended !== null) return;
    this.ended = error;
    const waiters = [...this.inWorker.values(), ...this.frames, ...this.photos];
    this.inWorker.clear();
    this.frames.length = 0;
    this.photos.length = 0;
    for (const { reject } of waiters) reject(error);
  }
}

function settler<K extends RequestKind>(
  resolve: (value: WorkerAnswers[K]) => void,
  reject: (error: FaceEngineError) => void,
): (message: WorkerMessage) => void {
  return (message) => {
    // The worker answers each id with the value of its request's kind; this cast is the border.
    if (message.kind === "answer") resolve(message.value as WorkerAnswers[K]);
    else if (message.kind === "failed")
      reject(new FaceEngineError(message.error.code, message.error.message));
  };
}

/** Bytes whose whole buffer may be given away: a view into a larger one (such as Node's Buffer pool) is copied. */
function ownBytes(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const ownsBuffer = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return ownsBuffer ? bytes : Uint8Array.from(bytes);
}
