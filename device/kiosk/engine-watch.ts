import type { FaceEngine } from "../../models/face-engine-port.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { FaceSighting } from "./kiosk-ports.ts";

/** More boxes than this help nobody on the screen. */
const BOX_COUNT_MAX = 5;

export interface WatchedEngine {
  /** The same engine, to be given to the serving line and the enrolment. */
  readonly engine: FaceEngine;
  /** @returns a function that unsubscribes. */
  onSighting(listener: (sighting: FaceSighting) => void): () => void;
}

/** Looks over the engine's shoulder: stage times go to the metrics, face boxes to the pay page; nothing else leaves. */
export function watchEngine(engine: FaceEngine, metrics: Metrics): WatchedEngine {
  const listeners = new Set<(sighting: FaceSighting) => void>();
  return {
    engine: {
      model: engine.model,
      embeddingLength: engine.embeddingLength,
      sideModels: engine.sideModels,
      async observe(image) {
        try {
          const observation = await engine.observe(image);
          metrics.frameObserved({ ...observation.stageMs }, observation.faces.length);
          const { widthPx, heightPx } = observation;
          const boxes = observation.faces.slice(0, BOX_COUNT_MAX).map((face) => face.box);
          for (const listener of listeners) listener({ widthPx, heightPx, boxes });
          return observation;
        } catch (error) {
          if (isQueueFull(error)) metrics.frameDropped();
          throw error;
        }
      },
      analyze: (image) => engine.analyze(image),
      detect: (image) => engine.detect(image),
      search: (embedding, options) => engine.search(embedding, options),
      loadGallery: (templates, options) => engine.loadGallery(templates, options),
      replacePerson: (personId, templates) => engine.replacePerson(personId, templates),
      setExpected: (personIds) => engine.setExpected(personIds),
      takeEmbedding: (observationId, faceIndex) => engine.takeEmbedding(observationId, faceIndex),
      gallerySize: () => engine.gallerySize(),
      close: () => engine.close(),
    },
    onSighting(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function isQueueFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "queue-full";
}
