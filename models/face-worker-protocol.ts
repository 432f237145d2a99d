/** Messages between the engine (any thread) and its worker. Buffers are transferred, never copied. */

import type { FaceEngineErrorWire } from "./face-engine-error.ts";
import type { FrameObservation, GalleryLoad, ImageAnalysis, SearchResult } from "./face-engine-port.ts";

export interface WorkerSetUp {
  readonly artifactsFolder: string;
  readonly manifestFile: string;
  readonly packId: string | null;
  readonly threadCount: number;
  readonly faceCountMax: number;
  readonly frameLiveness: boolean;
}

/** Templates on their way: row i of `embeddings` (each `embeddingLength` long) is the i-th template. */
export interface TemplateChunk {
  readonly templateIds: readonly string[];
  readonly personIds: readonly string[];
  readonly embeddings: Float32Array<ArrayBuffer>;
}

export type WorkerRequest =
  | { readonly kind: "observe"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "analyze"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "search"; readonly embedding: Float32Array; readonly excludePersonId: string | null }
  /** Starts a new gallery beside the live one. */
  | { readonly kind: "gallery-begin"; readonly peopleCount: number }
  | { readonly kind: "gallery-append"; readonly chunk: TemplateChunk }
  /** Puts the new gallery in the live one's place. */
  | { readonly kind: "gallery-commit" }
  | { readonly kind: "replace-person"; readonly personId: string; readonly chunk: TemplateChunk }
  | { readonly kind: "gallery-size" };

/** What each request is answered with. */
export interface WorkerAnswers {
  readonly observe: FrameObservation;
  readonly analyze: ImageAnalysis;
  readonly search: SearchResult;
  readonly "gallery-begin": null;
  readonly "gallery-append": GalleryLoad;
  readonly "gallery-commit": null;
  readonly "replace-person": GalleryLoad;
  readonly "gallery-size": { readonly people: number; readonly templates: number };
}

export type RequestKind = WorkerRequest["kind"];
export type RequestOf<K extends RequestKind> = Extract<WorkerRequest, { readonly kind: K }>;

export interface NumberedRequest {
  readonly id: number;
  readonly request: WorkerRequest;
}

export type WorkerMessage =
  | { readonly kind: "ready"; readonly model: string; readonly embeddingLength: number }
  | { readonly kind: "start-failed"; readonly error: FaceEngineErrorWire }
  | { readonly kind: "answer"; readonly id: number; readonly value: WorkerAnswers[RequestKind] }
  | { readonly kind: "failed"; readonly id: number; readonly error: FaceEngineErrorWire };
