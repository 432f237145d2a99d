/** The worker thread: models, pipeline and gallery live here, so that the main thread's event loop stays free. */

import { randomUUID } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { FaceEngineError, type FaceEngineErrorWire } from "./face-engine-error.ts";
import type { FacePlaces, FrameObservation, ImageAnalysis, TakenEmbedding } from "./face-engine-port.ts";
import type {
  ToWorker,
  WorkerAnswers,
  WorkerMessage,
  WorkerRequest,
  WorkerSetUp,
} from "./face-worker-protocol.ts";
import { GallerySet, type TemplateChunk } from "./gallery-set.ts";
import { type ModelPack, packOf, readManifest } from "./manifest.ts";
import { analyzeImage } from "./pipeline/analyze.ts";
import { decodeImage, frameLimits, photoLimits } from "./pipeline/decode.ts";
import { detectFaces } from "./pipeline/detect.ts";
import type { GreyPicture } from "./pipeline/motion.ts";
import { checkPack, type FaceModels, openModels } from "./pipeline/sessions.ts";
import { SidePacks } from "./pipeline/side-packs.ts";
import { RecentEmbeddings } from "./recent-embeddings.ts";

const dropEmbeddingsPeriodMs = 5000;

/** Two frames further apart show two moments, not one motion. */
const motionMsMax = 700;

/** Of a photo in which faces are only looked for: those that are smaller than the detector sees at this size tell nobody. */
const detectSidePxMax = 1280;

class FaceWorker {
  private readonly models: FaceModels;
  private readonly sidePacks: SidePacks;
  private readonly galleries: GallerySet;
  private readonly faceCountMax: number;
  private readonly frameLiveness: boolean;
  /** Null where nobody is going to take one. */
  private readonly recent: RecentEmbeddings | null;
  private lastFrame: { readonly grey: GreyPicture; readonly atMs: number } | null = null;

  constructor(models: FaceModels, sidePacks: SidePacks, setUp: WorkerSetUp) {
    this.models = models;
    this.sidePacks = sidePacks;
    this.galleries = new GallerySet(models.pack, sidePacks.packs);
    this.faceCountMax = setUp.faceCountMax;
    this.frameLiveness = setUp.frameLiveness;
    this.recent = setUp.keepsEmbeddings ? new RecentEmbeddings(() => performance.now()) : null;
    const { recent } = this;
    if (recent !== null) setInterval(() => recent.dropOld(), dropEmbeddingsPeriodMs).unref();
  }

  async answer(request: WorkerRequest): Promise<WorkerAnswers[WorkerRequest["kind"]]> {
    switch (request.kind) {
      case "observe":
        return this.observe(request.bytes);
      case "analyze":
        return this.analyze(request.bytes);
      case "detect":
        return this.detect(request.bytes);
      case "search":
        return this.galleries
          .of(this.models.pack.id)
          .search(
            request.embedding,
            request.excludePersonId === null ? {} : { excludePersonId: request.excludePersonId },
          );
      case "gallery-begin":
        this.galleries.begin(request.peopleCount);
        return null;
      case "gallery-append":
        await this.openSides(request.chunks);
        return this.galleries.append(request.chunks);
      case "gallery-commit":
        this.galleries.commit();
        return null;
      case "replace-person":
        await this.openSides(request.chunks);
        return this.galleries.replacePerson(request.personId, request.chunks);
      case "set-expected":
        this.galleries.setExpected(request.personIds);
        return null;
      case "take-embedding":
        return this.takeEmbedding(request.observationId, request.faceIndex);
      case "gallery-size":
        return this.galleries.size;
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
      limits: frameLimits,
    };
    const sides = this.sidePacks.opened(this.galleries.sidesInUse());
    const { faces, sideEmbeddings, stageMs, grey, ...frame } = await analyzeImage(
      this.models,
      bytes,
      options,
      sides,
    );
    this.lastFrame = grey && { grey, atMs: arrivedMs };
    const observationId = randomUUID();
    const beganMs = performance.now();
    const primary = this.galleries.of(this.models.pack.id);
    const observed = faces.map(({ embedding, ...face }, i) => ({
      ...face,
      search: primary.observe(embedding),
      otherSearches: this.galleries.searchSides(sideEmbeddings[i] ?? []),
    }));
    const searchMs = performance.now() - beganMs;
    this.recent?.keep(
      observationId,
      faces.map(({ embedding }) => embedding),
    );
    return {
      observationId,
      ...frame,
      faces: observed,
      stageMs: { ...stageMs, search: searchMs, total: stageMs.total + searchMs },
    };
  }

  private async analyze(bytes: Uint8Array): Promise<ImageAnalysis> {
    const options = {
      faceCountMax: this.faceCountMax,
      smallFaces: true,
      liveness: true,
      limits: photoLimits,
    };
    const sides = this.sidePacks.opened(this.galleries.sidesInUse());
    const {
      faceCountDropped: _,
      sideEmbeddings,
      grey: __,
      ...analysis
    } = await analyzeImage(this.models, bytes, options, sides);
    const otherSearches = sideEmbeddings.map((ofFace) => this.galleries.searchSides(ofFace));
    return { ...analysis, otherSearches };
  }

  private async detect(bytes: Uint8Array): Promise<FacePlaces> {
    const image = await decodeImage(bytes, { ...photoLimits, sidePxMax: detectSidePxMax });
    const found = await detectFaces(this.models.detector, image, true);
    return { widthPx: image.widthPx, heightPx: image.heightPx, boxes: found.map(({ box }) => box) };
  }

  private takeEmbedding(observationId: string, faceIndex: number): TakenEmbedding | null {
    const embedding = this.recent?.take(observationId, faceIndex) ?? null;
    return embedding && { model: this.models.pack.id, embedding };
  }

  /** A side pack's models are opened with its first template; a terminal that has none pays nothing. */
  private async openSides(chunks: readonly TemplateChunk[]): Promise<void> {
    for (const { model, templateIds } of chunks)
      if (model !== this.models.pack.id && templateIds.length > 0) await this.sidePacks.open(model);
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
  const sides = setUp.sidePackIds.map((id) => packOf(manifest, id));
  if (new Set([pack, ...sides]).size <= sides.length)
    throw new FaceEngineError("manifest-unreadable", "a model pack is named twice, as primary or side pack");
  const { artifactsFolder, threadCount } = setUp;
  const models = await openModels(manifest, pack, artifactsFolder, threadCount);
  // Opened later, but what is missing is to be known now and not in the middle of a meal.
  for (const side of sides) await checkPack(manifest, side, artifactsFolder);
  const sidePacks = new SidePacks(models, sides, (side) =>
    openModels(manifest, side, artifactsFolder, threadCount),
  );
  send({ kind: "ready", primary: shapeOf(pack), sides: sides.map(shapeOf) });
  return new FaceWorker(models, sidePacks, setUp);
}

const shapeOf = ({ id, embeddingLength }: ModelPack) => ({ id, embeddingLength });

try {
  // Written by face-engine.ts of the same release: trusted, not parsed.
  const setUp: WorkerSetUp = workerData;
  const worker = await openWorker(setUp);
  let underWayCount = 0;
  let isEnding = false;
  const endIfDone = (): void => {
    if (isEnding && underWayCount === 0) process.exit();
  };
  port.on("message", async (received: ToWorker) => {
    if (received === "end") {
      isEnding = true;
      endIfDone();
      return;
    }
    const { id, request } = received;
    underWayCount += 1;
    // Anything but a named fault is a bug: it ends the worker, and the engine settles every waiter.
    const message: WorkerMessage = await worker.answer(request).then(
      (value) => ({ kind: "answer", id, value }),
      (error: unknown) => ({ kind: "failed", id, error: wireOf(error) }),
    );
    send(message);
    underWayCount -= 1;
    endIfDone();
  });
} catch (error) {
  send({ kind: "start-failed", error: wireOf(error) });
}
