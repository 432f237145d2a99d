/** The worker thread: models, pipeline and gallery live here, so that the main thread's event loop stays free. */

import { parentPort, workerData } from "node:worker_threads";
import { FaceEngineError, type FaceEngineErrorWire } from "./face-engine-error.ts";
import type { Face, FrameObservation, GalleryTemplate, ImageAnalysis } from "./face-engine-port.ts";
import type {
  NumberedRequest,
  TemplateChunk,
  WorkerAnswers,
  WorkerMessage,
  WorkerRequest,
  WorkerSetUp,
} from "./face-worker-protocol.ts";
import { Gallery } from "./gallery.ts";
import { packOf, readManifest } from "./manifest.ts";
import { analyzeImage } from "./pipeline/analyze.ts";
import type { GreyPicture } from "./pipeline/motion.ts";
import { type FaceModels, openModels } from "./pipeline/sessions.ts";

/** Two frames further apart show two moments, not one motion. */
const motionMsMax = 700;

class FaceWorker {
  private readonly models: FaceModels;
  private readonly faceCountMax: number;
  private readonly frameLiveness: boolean;
  private gallery: Gallery;
  /** The gallery that is being loaded, until its commit. */
  private incoming: Gallery | null = null;
  private lastFrame: { readonly grey: GreyPicture; readonly atMs: number } | null = null;

  constructor(models: FaceModels, { faceCountMax, frameLiveness }: WorkerSetUp) {
    this.models = models;
    this.faceCountMax = faceCountMax;
    this.frameLiveness = frameLiveness;
    this.gallery = this.newGallery(0);
  }

  async answer(request: WorkerRequest): Promise<WorkerAnswers[WorkerRequest["kind"]]> {
    switch (request.kind) {
      case "observe":
        return this.observe(request.bytes);
      case "analyze":
        return this.analyze(request.bytes);
      case "search":
        return this.gallery.search(
          request.embedding,
          request.excludePersonId === null ? {} : { excludePersonId: request.excludePersonId },
        );
      case "gallery-begin":
        this.incoming = this.newGallery(request.peopleCount);
        return null;
      case "gallery-append":
        return (this.incoming ?? this.gallery).add(this.unpack(request.chunk));
      case "gallery-commit":
        this.gallery = this.incoming ?? this.gallery;
        this.incoming = null;
        return null;
      case "replace-person":
        return this.gallery.replacePerson(request.personId, this.unpack(request.chunk));
      case "gallery-size":
        return this.gallery.size;
    }
  }

  private async observe(bytes: Uint8Array): Promise<FrameObservation> {
    const arrivedMs = performance.now();
    const { lastFrame } = this;
    const previous = lastFrame && arrivedMs - lastFrame.atMs <= motionMsMax ? lastFrame.grey : null;
    const options = {
      faceCountMax: this.faceCountMax,
      smallFaces: false,
      liveness: this.frameLiveness,
      previous,
    };
    const { faces, stageMs, grey, ...frame } = await analyzeImage(this.models, bytes, options);
    this.lastFrame = grey && { grey, atMs: arrivedMs };
    const beganMs = performance.now();
    const observed = faces.map(({ embedding, ...face }: Face) => ({
      ...face,
      search: this.gallery.search(embedding),
    }));
    const searchMs = performance.now() - beganMs;
    return {
      ...frame,
      faces: observed,
      stageMs: { ...stageMs, search: searchMs, total: stageMs.total + searchMs },
    };
  }

  private async analyze(bytes: Uint8Array): Promise<ImageAnalysis> {
    const options = { faceCountMax: this.faceCountMax, smallFaces: true, liveness: true };
    const { faceCountDropped: _, grey: __, ...analysis } = await analyzeImage(this.models, bytes, options);
    return analysis;
  }

  private newGallery(peopleCount: number): Gallery {
    const { id, embeddingLength } = this.models.pack;
    return new Gallery(id, embeddingLength, peopleCount);
  }

  private unpack({ templateIds, personIds, embeddings }: TemplateChunk): readonly GalleryTemplate[] {
    const { id: model, embeddingLength } = this.models.pack;
    return templateIds.map((templateId, i) => ({
      templateId,
      personId: personIds[i] ?? "",
      model,
      embedding: embeddings.subarray(i * embeddingLength, (i + 1) * embeddingLength),
    }));
  }
}

/** What crosses to the engine: never the cause, which may quote bytes of a picture. */
function wireOf(error: unknown): FaceEngineErrorWire {
  if (error instanceof FaceEngineError) return { code: error.code, message: error.message };
  throw error;
}

const port = parentPort;
if (port === null) throw new Error("face-worker.ts runs as a worker thread");

const send = (message: WorkerMessage) => port.postMessage(message);

async function openWorker(setUp: WorkerSetUp): Promise<FaceWorker> {
  const manifest = await readManifest(setUp.manifestFile);
  const pack = packOf(manifest, setUp.packId ?? manifest.defaultPack);
  const models = await openModels(manifest, pack, setUp.artifactsFolder, setUp.threadCount);
  send({ kind: "ready", model: pack.id, embeddingLength: pack.embeddingLength });
  return new FaceWorker(models, setUp);
}

try {
  // Written by face-engine.ts of the same release: trusted, not parsed.
  const setUp: WorkerSetUp = workerData;
  const worker = await openWorker(setUp);
  port.on("message", async ({ id, request }: NumberedRequest) => {
    // Anything but a named fault is a bug: it ends the worker, and the engine settles every waiter.
    const message: WorkerMessage = await worker.answer(request).then(
      (value) => ({ kind: "answer", id, value }),
      (error: unknown) => ({ kind: "failed", id, error: wireOf(error) }),
    );
    send(message);
  });
} catch (error) {
  send({ kind: "start-failed", error: wireOf(error) });
}
