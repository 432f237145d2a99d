/** Messages between the engine (any thread) and its worker. Buffers are transferred, never copied. */

import type { FaceEngineErrorWire } from "./face-engine-error.ts";
import type {
  FacePlaces,
  FrameObservation,
  GalleryLoad,
  GallerySize,
  ImageAnalysis,
  SearchResult,
  TakenEmbedding,
} from "./face-engine-port.ts";
import type { TemplateChunk } from "./gallery-set.ts";
import type { ModelPack } from "./manifest.ts";

export interface WorkerSetUp {
  readonly artifactsFolder: string;
  readonly manifestFile: string;
  readonly packId: string | null;
  readonly sidePackIds: readonly string[];
  readonly keepsEmbeddings: boolean;
  readonly threadCount: number;
  readonly faceCountMax: number;
  readonly frameLiveness: boolean;
}

export type PackShape = Pick<ModelPack, "id" | "embeddingLength">;

export type WorkerRequest =
  | { readonly kind: "observe"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "analyze"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "detect"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "search"; readonly embedding: Float32Array; readonly excludePersonId: string | null }
  /** Starts a new gallery beside the live one. */
  | { readonly kind: "gallery-begin"; readonly peopleCount: number }
  | { readonly kind: "gallery-append"; readonly chunks: readonly TemplateChunk[] }
  /** Puts the new gallery in the live one's place. */
  | { readonly kind: "gallery-commit" }
  | {
      readonly kind: "replace-person";
      readonly personId: string;
      readonly chunks: readonly TemplateChunk[];
    }
  | { readonly kind: "set-expected"; readonly personIds: readonly string[] | null }
  | { readonly kind: "take-embedding"; readonly observationId: string; readonly faceIndex: number }
  | { readonly kind: "gallery-size" };

/** What each request is answered with. */
export interface WorkerAnswers {
  readonly observe: FrameObservation;
  readonly analyze: ImageAnalysis;
  readonly detect: FacePlaces;
  readonly search: SearchResult;
  readonly "gallery-begin": null;
  readonly "gallery-append": GalleryLoad;
  readonly "gallery-commit": null;
  readonly "replace-person": GalleryLoad;
  readonly "set-expected": null;
  readonly "take-embedding": TakenEmbedding | null;
  readonly "gallery-size": GallerySize;
}

export type RequestKind = WorkerRequest["kind"];
export type RequestOf<K extends RequestKind> = Extract<WorkerRequest, { readonly kind: K }>;

export interface NumberedRequest {
  readonly id: number;
  readonly request: WorkerRequest;
}

/** `end`: what is under way is finished, and the worker ends itself. */
export type ToWorker = NumberedRequest | "end";

export type WorkerMessage =
  /** The primary pack and the side packs, by id. */
  | { readonly kind: "ready"; readonly primary: PackShape; readonly sides: readonly PackShape[] }
  | { readonly kind: "start-failed"; readonly error: FaceEngineErrorWire }
  | { readonly kind: "answer"; readonly id: number; readonly value: WorkerAnswers[RequestKind] }
  | { readonly kind: "failed"; readonly id: number; readonly error: FaceEngineErrorWire };
